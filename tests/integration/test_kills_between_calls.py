"""What a function does is killed before and after each request that changes something, then done again.

The product's own parts run with their real clients against the local cloud, whose clockwork stands still.
Each end comes to an order of its own; whoever sent the work sends it again, as queues, shops and people do.
"""

from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables import keys
from cardcourier.clock import now_ms
from cardcourier.domain.endpoints import Endpoint
from cardcourier.domain.facts import ALL
from cardcourier.domain.kept import Act
from cardcourier.domain.outbox import Message, MessageKey, Sending
from cardcourier.errors import CardCourierError
from cardcourier.services.bulk_jobs import Wanted
from cardcourier.services.handling_orders import Who
from tests.integration.by_hand import (
    allocate,
    changes_of,
    deliver,
    notification,
    pay,
    receive,
    show,
)
from tests.integration.killing import dying
from tests.integration.receiver import Receiver
from tests.integration.shop import (
    acting,
    change_item,
    merchant_of,
    paid,
    raw_items,
    secret_text,
    still,
    taken,
)

OWNER = Who("mei", "owner", "request-1")


@pytest.fixture(scope="module")
def merchant(cloud):
    with acting(cloud), still(cloud), merchant_of(cloud) as merchant:
        merchant.sell("MONTH", cards=200)
        yield merchant


class Work:
    """What is done to one order: `prepare` it, then `do` it, once more after a death."""

    def __init__(self, prepare, do):
        self.prepare, self.do = prepare, do

    def dies_everywhere(self, name):
        """Gives each order after its work was killed and done again, until a life was long enough."""
        for how in ("before", "after"):
            for end in count(1):
                order = f"{name}-{how}-{end}"
                given = self.prepare(order)
                with dying(end, how) as life:
                    self.do(order, given)
                if not life.over:
                    assert end > 1, "it changes nothing at all"
                    break
                with suppress(CardCourierError):
                    self.do(order, given)
                yield order


def allocated(merchant):
    def prepare(order):
        pay(merchant, order)
        allocate(merchant, order)

    return prepare


# -- killed -----------------------------------------------------------------------------------------------


@pytest.mark.fault("kills: webhook")
def test_a_payment_that_is_being_taken(merchant):
    def prepare(order):
        return notification("order.paid", paid(order, ("MONTH", 2)))

    for order in Work(prepare, lambda _, body: receive(merchant, body)).dies_everywhere("paid"):
        header, units, facts = merchant.order(order)
        assert (header.amount, header.ver, facts, units) == (5000, 1, [], [])
        assert header.due, "the sweeper finds it, whether a message was sent or not"


@pytest.mark.fault("kills: webhook")
def test_a_refund_that_is_being_taken(merchant):
    def prepare(order):
        pay(merchant, order)
        return notification("order.refunded", {"order_id": order, "refund_id": "r", "full": True})

    for order in Work(prepare, lambda _, body: receive(merchant, body)).dies_everywhere("refund"):
        header = merchant.order(order)[0]
        assert (header.stops, header.ver, merchant.facts(order)) == (ALL, 2, [("refund", "r")])
        assert header.due


@pytest.mark.fault("kills: pass")
def test_a_pass_over_an_order_of_two(merchant):
    left = merchant.pool("MONTH")
    work = Work(lambda order: pay(merchant, order), lambda order, _: allocate(merchant, order))
    for order in work.dies_everywhere("pass"):
        assert merchant.counts(order) == {"ALLOCATED": 2}
        assert merchant.order(order)[0].due, "until it is delivered"
        left -= 2
    assert merchant.pool("MONTH") == left - 2 * 2, "both that lived to the end took two more"


@pytest.mark.fault("kills: delivery")
def test_a_delivery(merchant):
    def do(order, _):
        """A worker that claimed a mail and died gives way after a while."""
        for note in wiring.notifications().of_order(merchant.key_of(order)):
            change_item(keys.notification(note.key, note.id), until={"N": "1"})
        deliver(merchant, order)

    for order in Work(allocated(merchant), do).dies_everywhere("deliver"):
        assert merchant.counts(order) == {"DELIVERED": 2}
        assert merchant.order(order)[0].due is None
        mails = merchant.mails(order)
        assert 1 <= len(mails) <= 2 and len({mail["text"] for mail in mails}) == 1


@pytest.mark.fault("kills: dispatch")
def test_changes_that_are_being_handed_on(merchant):
    def prepare(order):
        allocated(merchant)(order)
        return changes_of(merchant, order)

    asked = set()
    work = Work(prepare, lambda _, changes: wiring.dispatcher().dispatch(changes))
    for order in work.dies_everywhere("dispatch"):
        asked |= {body["order"] for body in taken(merchant.cloud, "Delivery")}
        assert order in asked


@pytest.mark.fault("kills: projection")
def test_changes_that_are_being_booked(merchant):
    def prepare(order):
        allocated(merchant)(order)
        return changes_of(merchant, order)

    def booked(order):
        lines = [
            item for item in raw_items("JOURNAL_TABLE", f"J#{merchant.id}#") if order in item["line"]["S"]
        ]
        return sorted((item["pk"]["S"], item["sk"]["S"], item["line"]["S"]) for item in lines)

    work = Work(prepare, lambda _, changes: wiring.projector().project(changes))
    for order in work.dies_everywhere("book"):
        lines = booked(order)
        assert len(lines) == 3 and sum('"amount"' in line for *_, line in lines)
        wiring.projector().project(changes_of(merchant, order))
        assert booked(order) == lines
        rows = wiring.views().orders(merchant.id, None, now_ms() - 60_000, now_ms() + 1)
        assert [row.status for row in rows if row.key.order == order] == ["delivering"]


@pytest.mark.fault("kills: outbound")
def test_an_event_that_is_being_sent(merchant):
    receiver = Receiver()
    sealed = wiring.endpoint_secrets().seal(merchant.id, "we-1", secret_text(bytes(32)))
    endpoint = Endpoint(id="we-1", tenant=merchant.id, url=receiver.url, secrets=(sealed,))
    wiring.endpoints().add(endpoint, now_ms(), "test")

    def prepare(order):
        key = MessageKey(merchant.id, "we-1", f"evt_{now_ms():013d}_{order}")
        wiring.outbox().put_new(Message(key=key, type="webhook.test", at=now_ms(), body="{}"), now_ms())
        return key

    def do(order, key):
        """A worker that claimed it and died gives way after a while."""
        change_item(keys.message(key), next={"N": "1"})
        wiring.event_sender().send([key])
        sent.add(key)

    sent = set()
    for order in Work(prepare, do).dies_everywhere("event"):
        heard = [one.id for one in receiver.heard if one.id.endswith(order)]
        assert 1 <= len(heard) <= 2
    assert {wiring.outbox().message(key, now_ms()).state for key in sent} == {Sending.SENT}
    receiver.stop()


@pytest.mark.fault("kills: reveal")
def test_a_card_that_is_being_shown(merchant):
    def prepare(order):
        allocated(merchant)(order)
        deliver(merchant, order)

    for order in Work(prepare, lambda order, _: show(merchant, order)).dies_everywhere("show"):
        units = merchant.order(order)[1]
        assert {str(unit.state) for unit in units} == {"REVEALED"}
        told = {block.code for block in show(merchant, order).blocks}
        assert told == {merchant.codes[unit.card] for unit in units}


@pytest.mark.fault("kills: replace")
def test_a_card_that_is_being_replaced(merchant):
    def prepare(order):
        allocated(merchant)(order)
        deliver(merchant, order)
        show(merchant, order)
        return {unit.card for unit in merchant.order(order)[1] if unit.n == 1}

    def do(order, _):
        wiring.order_actions().replace(merchant.key_of(order), "1", 1, "invalid", OWNER)

    left = merchant.pool("MONTH")
    for order in Work(prepare, do).dies_everywhere("replace"):
        unit = next(unit for unit in merchant.order(order)[1] if unit.n == 1)
        assert (unit.gen, str(unit.state), unit.exposed) == (1, "ALLOCATED", False)
        left -= 3
        assert merchant.pool("MONTH") <= left


@pytest.mark.fault("kills: approve")
def test_an_order_that_is_being_approved(merchant):
    def prepare(order):
        pay(merchant, order, payments=[{"id": f"p-{order}", "amount": "1.00"}])
        allocate(merchant, order)
        assert merchant.counts(order) == {"HELD": 1}

    def do(order, _):
        wiring.order_actions().approve(merchant.key_of(order), "known buyer", OWNER)

    for order in Work(prepare, do).dies_everywhere("approve"):
        header = merchant.order(order)[0]
        assert header.approved and header.due, "the sweeper finds it, whether a message was sent or not"
        allocate(merchant, order)
        assert merchant.counts(order) == {"ALLOCATED": 2}


@pytest.mark.fault("kills: bulk")
def test_an_action_over_two_orders(merchant):
    """Whoever comes later has to wait until the lease of a run that died has ended."""
    later = count(step=3_600_000)

    def prepare(name):
        orders = [f"{name}-{letter}" for letter in "ab"]
        for order in orders:
            allocated(merchant)(order)
        named = [(merchant.own, order) for order in orders]
        wanted = Wanted(action="cancel", reason="why", orders=named, role="owner")
        return wiring.bulk_desk().create(merchant.id, wanted, Act(name, now_ms()), OWNER.by)

    def do(_, job):
        skew = next(later)
        runner = replace(wiring.bulk_runner(), clock=lambda: now_ms() + skew)
        jobs.append(runner.run(merchant.id, job.id, runner.clock() + 60_000))

    jobs = []
    for name in Work(prepare, do).dies_everywhere("bulk"):
        assert (jobs[-1].state, jobs[-1].data["done"], jobs[-1].data["refused"]) == ("done", 2, 0)
        for letter in "ab":
            header, _, facts = merchant.order(f"{name}-{letter}")
            assert (header.stops, len(facts)) == (ALL, 1) and header.due


def test_after_all_of_them_every_card_has_one_home(merchant):
    units = [item for item in raw_items(prefix=f"O#{merchant.id}#") if item["sk"]["S"].startswith("U#")]
    held = [unit["card"]["S"] for unit in units if "card" in unit]
    burnt = [item["card"]["S"] for item in raw_items(prefix=f"X#{merchant.id}#")]
    assert len(held) == len(set(held)) and not set(held) & set(burnt)
    assert len(held) + len(burnt) + merchant.pool("MONTH") == len(merchant.codes)
