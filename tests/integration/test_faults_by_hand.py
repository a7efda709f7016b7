"""Messages and notifications that come otherwise than sent, and a key service that refuses: done by hand."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import permutations

import pytest

from cardcourier import wiring
from cardcourier.clock import now_ms
from cardcourier.domain.facts import ALL
from cardcourier.domain.protocol import Pool
from cardcourier.errors import CardCourierError, Unavailable
from cardcourier.services.handling_orders import Who
from local.lossy import answer
from tests.integration.by_hand import allocate, deliver, notification, pay, receive, show
from tests.integration.order_ground import network
from tests.integration.shop import acting, failed, merchant_of, messages, paid, raw_items, rfc3339, still

MINUTE = 60_000
OWNER = Who("mei", "owner", "request-1")
TOLD = {
    "paid": lambda order: notification("order.paid", paid(order, ("MONTH", 1))),
    "refunded": lambda order: notification(
        "order.refunded", {"order_id": order, "refund_id": "r", "full": True}
    ),
    "cancelled": lambda order: notification("order.cancelled", {"order_id": order}),
}


@pytest.fixture(scope="module")
def merchant(cloud):
    with acting(cloud), still(cloud), merchant_of(cloud) as merchant:
        merchant.sell("MONTH", cards=60)
        yield merchant


def at_once(times, work):
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(lambda _: work(), range(times)))


# -- queues -------------------------------------------------------------------------------------------------


@pytest.mark.fault("queues: ten")
def test_ten_of_the_same_message_at_once_are_one(merchant):
    left = merchant.pool("MONTH")
    pay(merchant, "TEN", quantity=3)

    at_once(10, lambda: allocate(merchant, "TEN"))
    at_once(10, lambda: deliver(merchant, "TEN"))

    assert (merchant.counts("TEN"), merchant.pool("MONTH")) == ({"DELIVERED": 3}, left - 3)
    assert len(merchant.mails("TEN")) == 1


@pytest.mark.fault("queues: large", "queues: partial")
@pytest.mark.parametrize("function", ["allocation", "delivery"])
def test_a_message_larger_than_anybody_sends_fails_alone(merchant, function):
    """One that names an order no table could hold, and one that is merely long."""
    order = f"LARGE-{function}"
    pay(merchant, order)
    if function == "delivery":
        allocate(merchant, order)
    kind = {"allocation": "order", "delivery": "deliver"}[function]
    good = {"kind": kind, "tenant": merchant.id, "shop": merchant.own, "order": order}
    long, impossible = {**good, "more": "x" * 200_000}, {**good, "order": "x" * 200_000}

    answered = merchant.cloud.invoke(function, messages(function, impossible, long, good))

    assert failed(answered) == ["m0"]
    assert merchant.counts(order) == {{"order": "ALLOCATED", "deliver": "DELIVERED"}[kind]: 2}


# -- notifications ------------------------------------------------------------------------------------------


@pytest.mark.fault("webhooks: order")
@pytest.mark.parametrize("order", list(permutations(TOLD)), ids="-".join)
def test_facts_in_any_order_with_passes_in_between_end_alike(merchant, order):
    name, left = "-".join(order), merchant.pool("MONTH")
    for told in order:
        receive(merchant, TOLD[told](name))
        allocate(merchant, name)
        receive(merchant, TOLD[told](name))

    header, [unit], _ = merchant.order(name)
    assert (header.stops, header.amount, header.ver) == (ALL, 2500, 3)
    assert [kind for kind, _ in merchant.facts(name)] == ["cancel", "refund"]
    assert str(unit.state) == ("RETURNED" if order[0] == "paid" else "CANCELLED")
    assert (merchant.pool("MONTH"), header.due) == (left, None)


@pytest.mark.fault("webhooks: clock ahead", "webhooks: clock behind")
@pytest.mark.parametrize("minutes", [10, -10])
def test_an_order_whose_times_are_wrong_is_an_order(merchant, minutes):
    order = f"CLOCK{minutes}"
    pay(merchant, order, paid_at=rfc3339(now_ms() + minutes * MINUTE))
    allocate(merchant, order)
    deliver(merchant, order)
    assert (merchant.counts(order), merchant.order(order)[0].due) == ({"DELIVERED": 2}, None)


# -- races --------------------------------------------------------------------------------------------------


@pytest.mark.fault("races: replaced", "races: refunded", "races: refunded twice")
def test_cards_that_are_shown_replaced_and_refunded_at_once_have_one_home(merchant):
    orders = [f"RACE-{n}" for n in range(6)]
    for order in orders:
        pay(merchant, order)
        allocate(merchant, order)
        deliver(merchant, order)
        show(merchant, order)
    shown = {unit.card for order in orders for unit in merchant.order(order)[1]}

    def race(order):
        swap = partial(wiring.order_actions().replace, merchant.key_of(order), "1", 1, "invalid", OWNER)
        refund = partial(receive, merchant, TOLD["refunded"](order))
        look, end = partial(show, merchant, order), partial(allocate, merchant, order)
        with ThreadPoolExecutor(6) as pool:
            return [pool.submit(attempt, act) for act in (swap, look, refund, swap, refund, end, look)]

    seen = {block.code for order in orders for done in race(order) for block in blocks_of(done.result())}
    for order in orders:
        allocate(merchant, order)
    shown |= {card for card, code in merchant.codes.items() if code in seen}

    burnt = {item["card"]["S"] for item in raw_items(prefix=f"X#{merchant.id}#")}
    on_sale = {marker.card for marker in wiring.pools().every(Pool(merchant.id, "MONTH", 1, 1), 0, "")}
    assert shown <= burnt and not burnt & on_sale
    assert {state for order in orders for state in merchant.states(order).values()} <= {
        "REFUNDED",
        "RETURNED",
    }
    assert all(merchant.facts(order) == [("refund", "r")] for order in orders)
    assert not merchant.owners(*orders)


def attempt(act):
    with suppress(CardCourierError):
        return act()


def blocks_of(page):
    return [block for block in getattr(page, "blocks", ()) if block.code]


# -- the key service ----------------------------------------------------------------------------------------


def throttled(send, request):
    return answer(request, 400, {"__type": "ThrottlingException", "message": "Rate exceeded"})


@pytest.mark.fault("reveals: kms throttled")
def test_while_the_key_service_is_throttled_nothing_is_shown_and_later_everything_is(merchant, monkeypatch):
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    merchant.sell("YEAR", cards=1)
    body = paid("KMS", ("YEAR", 1))
    receive(merchant, notification("order.paid", body))
    allocate(merchant, "KMS")
    deliver(merchant, "KMS")
    for part in (wiring.key_ring, wiring.vault, wiring.redeem):
        part.cache_clear()

    with network(wiring.client("kms"), *[throttled] * 3), pytest.raises(Unavailable) as refused:
        show(merchant, "KMS")
    assert refused.value.code == "key_service"
    assert not any(code in str(refused.value) for code in merchant.codes.values())
    [unit] = merchant.order("KMS")[1]
    assert str(unit.state) == "REVEALED", "that it was tried is committed"

    with network(wiring.client("kms"), throttled):
        page = show(merchant, "KMS")
    assert [block.code for block in page.blocks] == [merchant.codes[unit.card]]
