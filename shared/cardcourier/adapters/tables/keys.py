"""How each thing is named in the tables. Ids never contain `#`."""

from hashlib import sha256
from zlib import crc32

from cardcourier.domain.cards import base_of, is_content
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.outbox import LANES, MessageKey
from cardcourier.domain.states import Room
from cardcourier.domain.todo import TaskId

TIMER_PARTS = 32
ROOM_PARTS = 16

HEADER = "H"
CLAIM = "Q#"
Key = tuple[str, str]


def order_pk(key: OrderKey) -> str:
    return f"O#{key.tenant}#{key.shop}#{key.order}"


def order_of(pk: str) -> OrderKey:
    _, tenant, shop, order = pk.split("#", 3)
    return OrderKey(tenant, shop, order)


def header(key: OrderKey) -> Key:
    return order_pk(key), HEADER


def unit(key: OrderKey, line: str, n: int) -> Key:
    return order_pk(key), f"U#{line}#{n:04d}"


def fact(key: OrderKey, kind: str, fact_id: str) -> Key:
    return order_pk(key), f"F#{kind}#{fact_id}"


def notification(key: OrderKey, note_id: str) -> Key:
    return order_pk(key), f"N#{note_id}"


def mark(tenant: str, task: TaskId) -> Key:
    """What people said to a task: with its order, or with its tenant where it is of none."""
    key = task.order_of(tenant)
    if key is None:
        return catalogue(tenant), f"TASK#{task.kind}#{task.ref}"
    return order_pk(key), f"T#{task.kind}#{task.ref}"


def tasks(tenant: str, lane: int) -> str:
    return f"T#{tenant}#{lane}"


def claim(key: OrderKey, claim_id: str) -> Key:
    return order_pk(key), f"{CLAIM}{claim_id}"


def claims_room(tenant: str) -> str:
    """The to-do list of claims on which nobody has decided; empty when all is well."""
    return f"W#CLAIM#{tenant}"


def unnoticed(tenant: str) -> str:
    """The to-do list of notifications that failed for good; empty when all is well."""
    return f"W#NOTE#{tenant}"


def pool(tenant: str, sku: str, epoch: int, shard: int) -> str:
    return f"P#{tenant}#{sku}#{epoch}#{shard}"


def room(tenant: str, room: Room, ref: str) -> Key:
    return f"W#{tenant}#{ref}", f"ROOM#{room}"


def room_index(tenant: str, room: Room, ref: str, part: int) -> str:
    return f"W#{room}#{tenant}#{ref}#{part:02d}"


def timer(kind: str, pk: str) -> str:
    return timer_part(kind, crc32(pk.encode()) % TIMER_PARTS)


def timer_part(kind: str, part: int) -> str:
    return f"D#{kind}#{part:02d}"


def card_index(tenant: str, card: str) -> str:
    """Under which the units of a card are found, and those of a shared card's uses together.

    The units of a content have keys of their own, for there may be any number of them.
    """
    return f"C#{tenant}#{card if is_content(card) else base_of(card)}"


def burnt(tenant: str, card: str) -> Key:
    return f"X#{tenant}#{card}", "X"


def redemption(tenant: str, card: str) -> Key:
    """Its sort key names the card once more: by it the journal tells one card of a batch from another."""
    return f"X#{tenant}#{card}", f"R#{card}"


def supplier_claim(tenant: str, claim_id: str) -> Key:
    return catalogue(tenant), f"SUPCLAIM#{claim_id}"


def vault(tenant: str, card: str) -> str:
    return f"V#{tenant}#{base_of(card)}"


def catalogue(tenant: str) -> str:
    return f"C#{tenant}"


def gate() -> Key:
    """The gate of the whole deployment, among what belongs to no tenant."""
    return catalogue("-"), "GATE"


def retention(tenant: str) -> Key:
    """How far erasure by age has come."""
    return catalogue(tenant), "RETENTION"


def listings(tenant: str, shop: str) -> str:
    return f"L#{tenant}#{shop}"


def shop(shop_id: str) -> Key:
    return f"S#{shop_id}", "META"


def api_key(key_id: str) -> Key:
    return f"AK#{key_id}", "META"


def user(user_id: str) -> Key:
    return f"U#{user_id}", "META"


def token(token_text: str) -> Key:
    return f"R#{sha256(token_text.encode()).hexdigest()}", "R"


def batch_chunk(tenant: str, batch: str, chunk: int) -> Key:
    return f"B#{tenant}#{batch}", f"M#{chunk:06d}"


def issued(tenant: str, batch: str, card: str, stretch: int) -> Key:
    return f"B#{tenant}#{batch}", f"U#{card}#{stretch:03d}"


def gone_chunk(tenant: str, batch: str, chunk: int) -> Key:
    return f"B#{tenant}#{batch}", f"V#{chunk:06d}"


def closed(tenant: str, batch: str) -> Key:
    return f"B#{tenant}#{batch}", "VOID"


def search(tenant: str, digest: str) -> str:
    return f"K#{tenant}#{digest}"


def search_row(key: OrderKey, digest: str, at: int) -> Key:
    """Where an order lies under a hashed number or mark of its buyer, by when it was first heard of."""
    return search(key.tenant, digest), f"{at:013d}#{key.shop}#{key.order}"


def outcomes(tenant: str, batch: str) -> str:
    return f"B#{tenant}#{batch}"


def last_sale(tenant: str, sku: str) -> Key:
    return f"Q#{tenant}#{sku}", "SOLD"


def last4(tenant: str, text: str) -> str:
    return f"4#{tenant}#{text}"


def endpoints(tenant: str) -> str:
    return f"H#{tenant}"


def endpoint(tenant: str, endpoint_id: str) -> Key:
    return endpoints(tenant), f"E#{endpoint_id}"


def replay(tenant: str, job: str) -> Key:
    return endpoints(tenant), f"JOB#{job}"


def connection(tenant: str, shop_id: str) -> Key:
    """How a shop is called; apart from the shop, for whoever calls strangers may read nothing else."""
    return endpoints(tenant), f"API#{shop_id}"


def outbox_lane(tenant: str, endpoint_id: str, lane: int) -> str:
    return f"H#{tenant}#{endpoint_id}#{lane:02d}"


def message(key: MessageKey) -> Key:
    """A message of an endpoint; the id of its event begins with its time and so sorts by it."""
    lane = crc32(key.event.encode()) % LANES
    return outbox_lane(key.tenant, key.endpoint, lane), key.event


def message_of(pk: str, sk: str) -> MessageKey:
    _, tenant, endpoint_id, _ = pk.split("#")
    return MessageKey(tenant, endpoint_id, sk)
