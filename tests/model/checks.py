"""What must hold: in every state, and after the sweeper ran alone from it.

Each check yields the kind of a violation; tests name these kinds.
"""

from collections.abc import Iterator

from tests.model.items import (
    ABSENT,
    ALL,
    BACKORDER,
    ENDED,
    EXPIRED,
    HANDED_OVER,
    HELD,
    HOLDS_CARD,
    LINE,
    MONEY,
    ONE,
    RESERVED,
    ROOMS,
    WAITING,
    Store,
    Unit,
    World,
)
from tests.model.refunding import ANSWERED, CHOSEN, ITS_REFUND

HOMES = "a card has no home, or two"
RESOLD = "a card that was shown is for sale again"
SHOWN_TWICE = "a card that was shown belongs to another unit"
UNPAID = "allocated without a payment"
TOO_EARLY = "allocated before the release"
UNAPPROVED = "allocated while the order was held"
AFTER_REFUND = "allocated after its refund was complete"
NOT_REFUNDED = "a unit ended that nobody refunded"
COUNTED_TWICE = "more units are to end than were refunded"
FORGOTTEN = "a paid unit is forgotten"
IDLE = "a unit waits although there is a card for it"
NO_ROOM = "a unit waits where no timer will look"
KEPT = "a refunded unit did not end"
TIMER_LEFT = "a timer is left for ever"
TOO_SOON = "a reserved card was taken back before its promised end"
KEPT_UNPAID = "a card is kept for an order that nobody paid"
ROOM_LEFT = "a room is left without anybody waiting"
ON_SALE = "a card of a frozen batch is for sale"
SET_ASIDE = "a card stays in quarantine though its batch is not frozen"
MONEY_TWICE = "more money is booked as given back than was told"
HASTY = "allocated while a person is asked what ends"
UNASKED = "nobody is asked what a refund by amount ends"
HALF = "a part of an all-or-nothing order has cards, another has none"
RESTLESS = "the sweeper never comes to rest"


def broken(world: World, store: Store) -> str | None:
    """What this store must never look like."""
    return next((kind for check in SAFETY for kind in check(world, store)), None)


def money_is_of_facts(world: World, store: Store) -> Iterator[str]:
    if any(what == LINE for facts in store.facts for _, what in facts):
        yield MONEY_TWICE


def cards_have_one_home(world: World, store: Store) -> Iterator[str]:
    homes = [*store.pool, *store.burnt, *store.quarantine]
    homes += [unit.card for units in store.units for unit in units if unit.card]
    if sorted(homes) != sorted(store.vault):
        yield HOMES


def shown_cards_stay(world: World, store: Store) -> Iterator[str]:
    for card, order, number in store.shown:
        if card in store.pool:
            yield RESOLD
        for other, units in enumerate(store.units):
            for n, unit in enumerate(units):
                if unit.card == card and (other, n) != (order, number):
                    yield SHOWN_TWICE


def nothing_is_allocated_that_may_not_be(world: World, store: Store) -> Iterator[str]:
    for order, units in enumerate(store.units):
        header = store.headers[order]
        for number, unit in enumerate(units):
            if unit.state not in HOLDS_CARD:
                continue
            if not header.paid:
                yield UNPAID
            if not store.open:
                yield TOO_EARLY
            if world.held and not header.approved:
                yield UNAPPROVED
            if (order, number) in store.kept and header.asked:
                yield HASTY
            if (order, number) in store.settled:
                yield AFTER_REFUND


def only_refunded_units_end(world: World, store: Store) -> Iterator[str]:
    for order, units in enumerate(store.units):
        told, header = refunds(store, order), store.headers[order]
        ended = {number for number, unit in enumerate(units) if unit.state in ENDED}
        if not told and not ended:
            continue
        if ALL not in told and ONE not in told and ended - set(told):
            yield NOT_REFUNDED
        told = [what for what in told if what != MONEY]
        pieces = sum(len(units) if what == ALL else 1 for what in told) - cancelled_before(store, order)
        if max(len(ended), len(header.stop) + max(0, header.owed - header.credit)) > pieces:
            yield COUNTED_TWICE


def promises_are_kept(world: World, store: Store) -> Iterator[str]:
    if store.early:
        yield TOO_SOON


def whole_orders_are_served_together(world: World, store: Store) -> Iterator[str]:
    for header, units in zip(store.headers, store.units, strict=True):
        open_ = [unit.state for number, unit in enumerate(units) if number not in header.stop]
        left = any(state in WAITING or state == ABSENT for state in open_)
        if world.whole and left and any(unit.state in HOLDS_CARD for unit in units):
            yield HALF


SAFETY = (
    money_is_of_facts,
    cards_have_one_home,
    shown_cards_stay,
    nothing_is_allocated_that_may_not_be,
    only_refunded_units_end,
    promises_are_kept,
    whole_orders_are_served_together,
)


def unfinished(world: World, store: Store) -> str | None:
    """What must not be left once the sweeper has found nothing more to do."""
    return next((kind for check in LIVENESS for kind in check(world, store)), None)


def refunded_units_ended(world: World, store: Store) -> Iterator[str]:
    """A unit that is named after it was chosen for another refund ends once."""
    for order, units in enumerate(store.units):
        told = refunds(store, order)
        if not store.headers[order].paid or not told:
            continue
        over = ENDED | {EXPIRED}
        ended = {n for n, unit in enumerate(units) if unit.state in over or (order, n) in store.settled}
        due = set(range(len(units))) if ALL in told else set(told) - {ONE, MONEY}
        chosen = sum(fact.startswith(CHOSEN) for fact, _ in store.facts[order])
        if due - ended or len(ended) < min(len(units), told.count(ONE) + chosen):
            yield KEPT


def refunds_by_amount_are_asked(world: World, store: Store) -> Iterator[str]:
    for header, facts in zip(store.headers, store.facts, strict=True):
        told = {fact for fact, what in facts if what == MONEY and not fact.startswith(ANSWERED)}
        if any((ANSWERED + fact, MONEY) not in facts for fact in told - header.asked):
            yield UNASKED


def paid_units_are_delivered_or_wait(world: World, store: Store) -> Iterator[str]:
    for order, units in enumerate(store.units):
        if store.headers[order].paid:
            for number, unit in enumerate(units):
                over = unit.state in ENDED | HANDED_OVER or (order, number) in store.settled
                if not over and not (unit.state == EXPIRED and number in store.headers[order].stop):
                    yield from waits_rightly(world, store, order, unit)


def waits_rightly(world: World, store: Store, order: int, unit: Unit) -> Iterator[str]:
    header = store.headers[order]
    held = unit.state == HELD and world.held and not header.approved
    if held or (header.asked and unit.state in WAITING):
        return
    if unit.state not in ROOMS:
        yield FORGOTTEN
    elif store.room(unit.state) is None:
        yield NO_ROOM
    elif not store.paused and store.open and (enough(world, store, order) or unit.state != BACKORDER):
        yield IDLE


def enough(world: World, store: Store, order: int) -> bool:
    """Whether there is a card for a unit of this order, or for all of them if it wants them together."""
    stop = store.headers[order].stop
    open_ = [n for n, unit in enumerate(store.units[order]) if unit.state in WAITING and n not in stop]
    return len(store.pool) >= (len(open_) if world.whole else 1)


def nothing_is_kept_unpaid(world: World, store: Store) -> Iterator[str]:
    if any(unit.state == RESERVED for units in store.units for unit in units):
        yield KEPT_UNPAID


def quarantine_is_as_the_batch_says(world: World, store: Store) -> Iterator[str]:
    if store.batch.frozen and store.pool & world.batch:
        yield ON_SALE
    if not store.batch.frozen and store.quarantine:
        yield SET_ASIDE


def no_timer_is_left(world: World, store: Store) -> Iterator[str]:
    if store.batch.timer or any(header.timer for header in store.headers):
        yield TIMER_LEFT
    if any(unit.timer for units in store.units for unit in units):
        yield TIMER_LEFT


def no_room_is_left(world: World, store: Store) -> Iterator[str]:
    waits = {unit.state for units in store.units for unit in units}
    if any(store.room(room) is not None and room not in waits for room in ROOMS):
        yield ROOM_LEFT


LIVENESS = (
    quarantine_is_as_the_batch_says,
    refunded_units_ended,
    refunds_by_amount_are_asked,
    paid_units_are_delivered_or_wait,
    nothing_is_kept_unpaid,
    no_timer_is_left,
    no_room_is_left,
)


def refunds(store: Store, order: int) -> list[str | int]:
    """What each refund, cancellation or chargeback told to us was about."""
    return [what for fact, what in store.facts[order] if not fact.startswith("payment")]


def cancelled_before(store: Store, order: int) -> int:
    """How many refunds by number are of what we had cancelled ourselves before."""
    return sum(fact == ITS_REFUND for fact, _ in store.facts[order])
