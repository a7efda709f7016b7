"""Take a shop's signed notification: record each fact once, ask for a pass, and answer.

Facts come in any order and any number of times. What is signed is never answered with an error: what
cannot be understood is kept sealed and counted.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cardcourier.domain.catalogue import Shop, Tenant
from cardcourier.domain.contact_keys import CHINA, ContactKey, Named, keys_of, number_key
from cardcourier.domain.disputes import DISPUTE
from cardcourier.domain.facts import ALL, Fact, FirstPayment, Paid
from cardcourier.domain.free_text import without_contacts
from cardcourier.domain.order_events import (
    Contact,
    DisputeDecided,
    Ignored,
    NotUnderstood,
    OrderEvent,
    OrderPaid,
    OrderStopped,
)
from cardcourier.domain.orders import Header, OrderKey, OrderLine
from cardcourier.domain.protocol import Actor
from cardcourier.errors import Denied, Refused

MOST_BYTES = 1_048_576
SHORTEST_NUMBER = 6
HOMES = {"CNY": CHINA}
"""The country of a shop's telephone numbers, by the currency in which it sells."""


class Channel(Protocol):
    def verify(
        self,
        secrets: Sequence[bytes | str],
        headers: Mapping[str, str],
        body: bytes,
        now_ms: int,
        shop_meta: Mapping[str, Any],
    ) -> bool: ...
    def parse(
        self, headers: Mapping[str, str], body: bytes, shop_meta: Mapping[str, Any]
    ) -> tuple[OrderEvent, ...]: ...
    def event_id(self, headers: Mapping[str, str]) -> str: ...


class Shops(Protocol):
    def find_shop(self, shop: str) -> Shop | None: ...
    def find_tenant(self, tenant: str) -> Tenant | None: ...


class Secrets(Protocol):
    def open(self, shop: Shop) -> Sequence[str]: ...


class Facts(Protocol):
    def record_payment(self, payment: FirstPayment, actor: Actor) -> Header | None: ...
    def record_fact(self, fact: Fact, actor: Actor) -> bool: ...
    def record_stop(self, fact: Fact, actor: Actor) -> bool: ...


class Refunds(Protocol):
    def ask(self, fact: Fact, actor: Actor) -> bool: ...
    def decide(self, fact: Fact, outcome: str, actor: Actor) -> bool: ...


class Passes(Protocol):
    def order(self, key: OrderKey) -> None: ...


class Contacts(Protocol):
    def seal(self, tenant: str, contact: dict[str, str], order: str) -> bytes: ...


class Digests(Protocol):
    def named(self, tenant: str, wanted: Iterable[ContactKey]) -> Named: ...


class Unread(Protocol):
    """Keeps what was signed but not understood."""

    def keep(self, shop: Shop, event_id: str, reason: str, body: bytes, rid: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a notification: how many facts were new, and why something was not understood."""

    tenant: str
    facts: int
    not_understood: str = ""
    ignored: str = ""


@dataclass(frozen=True, slots=True)
class Intake:
    """Receives notifications of every channel."""

    channels: Mapping[str, Channel]
    shops: Shops
    secrets: Secrets
    facts: Facts
    refunds: Refunds
    passes: Passes
    contacts: Contacts
    digests: Digests
    unread: Unread
    clock: Callable[[], int]

    def receive(
        self, channel: str, shop_id: str, headers: Mapping[str, str], body: bytes, rid: str
    ) -> Received:
        """Verify the raw bytes, then record what they say.

        Raises Denied for every kind of wrong signature and for an unknown shop alike, Refused `too_large`.
        """
        if len(body) > MOST_BYTES:
            raise Refused("too_large", f"A notification may have at most {MOST_BYTES} bytes.")
        shop = self.shops.find_shop(shop_id)
        known = shop is not None and shop.channel == channel
        protocol = self.channels.get(channel) or next(iter(self.channels.values()))
        secrets = self.secrets.open(shop) if shop is not None and known else ()
        meta = {"domain": shop.domain, "test": shop.test} if shop is not None and known else {}
        signed = protocol.verify(secrets, headers, body, self.clock(), meta)
        if not (shop is not None and known and signed):
            raise Denied("bad_signature", "The signature does not fit this shop and these bytes.")
        return self._record(shop, protocol, headers, body, meta, rid)

    def _record(
        self,
        shop: Shop,
        protocol: Channel,
        headers: Mapping[str, str],
        body: bytes,
        meta: Mapping[str, Any],
        rid: str,
    ) -> Received:
        actor = Actor(f"shop:{shop.id}", self.clock(), rid)
        facts, unclear, ignored = 0, "", ""
        for event in protocol.parse(headers, body, meta):
            match event:
                case OrderPaid():
                    facts += self._paid(shop, event, actor)
                case OrderStopped():
                    facts += self._stopped(shop, event, actor)
                case DisputeDecided():
                    facts += self._decided(shop, event, actor)
                case Ignored(reason):
                    ignored = reason
                case NotUnderstood(reason):
                    unclear = reason
                    self.unread.keep(shop, protocol.event_id(headers), reason, body, rid)
        return Received(shop.tenant, facts, unclear, ignored)

    def _paid(self, shop: Shop, event: OrderPaid, actor: Actor) -> int:
        key = OrderKey(shop.tenant, shop.id, event.order)
        before = self.facts.record_payment(self._first_payment(shop, key, event), actor)
        if before is None:
            self.passes.order(key)
            return 1
        known = {before.payment, *before.payments}
        return sum(
            self.facts.record_fact(
                Fact(
                    key=key,
                    kind="pay",
                    id=payment.id,
                    at=payment.at,
                    amount=payment.amount,
                    currency=event.currency,
                    reason="further payment",
                ),
                actor,
            )
            for payment in event.payments
            if payment.id not in known
        )

    def _first_payment(self, shop: Shop, key: OrderKey, event: OrderPaid) -> FirstPayment:
        contact = _contact(event.contact)
        wanted = keys_of(event.contact, shop.id, HOMES.get(shop.currency, ""))
        # A platform without payment ids gives all its orders the same short word: it finds nothing.
        numbers = [payment.id for payment in event.payments if len(payment.id) >= SHORTEST_NUMBER]
        if event.number != event.order:
            numbers.append(event.number)
        named = self.digests.named(key.tenant, [*wanted, *map(number_key, filter(None, numbers))])
        return FirstPayment(
            key=key,
            number=event.number,
            payments=tuple(Paid(p.id, p.amount, p.at) for p in event.payments),
            paid_at=event.paid_at,
            created_at=event.created_at,
            total=event.total,
            currency=event.currency,
            lines=tuple(
                OrderLine(line.id, line.item, line.variant, line.sku, line.quantity, line.unit_price)
                for line in event.lines
            ),
            contact=self.contacts.seal(key.tenant, contact, key.order) if contact else None,
            search=named.hashes,
            kinds=named.kinds,
            language=event.contact.language or "",
            test=event.test,
        )

    def _stopped(self, shop: Shop, event: OrderStopped, actor: Actor) -> int:
        key = OrderKey(shop.tenant, shop.id, event.order)
        fact = Fact(
            key=key,
            kind=event.kind,
            id=event.fact_id,
            at=event.at,
            amount=event.amount,
            currency=event.currency,
            payment=event.payment_id,
            reason=without_contacts(event.reason),
            stops=ALL if event.everything else frozenset(),
            owed=event.pieces,
            disputed=event.kind == "chargeback" and self._disputes(shop),
        )
        if not (fact.ends_units or fact.asks):
            return int(self.facts.record_fact(fact, actor))
        new = self.facts.record_stop(fact, actor) if fact.ends_units else self.refunds.ask(fact, actor)
        if new:
            self.passes.order(key)
        return int(new)

    def _disputes(self, shop: Shop) -> bool:
        tenant = self.shops.find_tenant(shop.tenant)
        return tenant is not None and tenant.chargebacks == DISPUTE

    def _decided(self, shop: Shop, event: DisputeDecided, actor: Actor) -> int:
        key = OrderKey(shop.tenant, shop.id, event.order)
        fact = Fact(
            key=key,
            kind=event.outcome,
            id=event.fact_id,
            at=event.at,
            amount=event.amount,
            currency=event.currency,
        )
        new = self.refunds.decide(fact, event.outcome, actor)
        if new:
            self.passes.order(key)
        return int(new)


def _contact(contact: Contact) -> dict[str, str]:
    named = {
        "email": contact.email,
        "phone": contact.phone,
        "name": contact.name,
        "language": contact.language,
        "ip": contact.ip,
        "user_agent": contact.user_agent,
    }
    return {name: value for name, value in named.items() if value}
