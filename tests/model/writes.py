"""Every write of the protocol as one atomic step: its condition, its effect, and what a failure shows.

`apply` gives the store after a write, and the answer: DONE, GONE (the marker is not there), or the item that
stood in the way. A write that fails changes nothing. The numbers are those of docs/protocol.md.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from tests.model.items import (
    ABSENT,
    ALL,
    ALLOCATED,
    CANCELLED,
    DELIVERED,
    DISPUTED,
    HOLDS_CARD,
    LINE,
    ONE,
    REFUNDED,
    RESERVED,
    RETURNED,
    REVEALED,
    UNSEEN,
    Header,
    Store,
    Unit,
    World,
    stored,
)
from tests.model.rules import Rule

DONE, GONE, FROZEN = "done", "marker gone", "the batch is frozen"
Outcome = tuple[Store, Any]


class Write(NamedTuple):
    """A request: the number of the write and what it names."""

    number: str
    args: tuple

    def __str__(self) -> str:
        return f"{self.number}({', '.join(map(str, self.args))})"


WRITES: dict[str, Callable[..., Outcome]] = {}


def write(number: str) -> Callable:
    """Make a function the write of this number."""

    def named(function: Callable[..., Outcome]) -> Callable[..., Write]:
        WRITES[number] = function
        return lambda *args: Write(number, args)

    return named


def apply(world: World, store: Store, request: Write) -> Outcome:
    return WRITES[request.number](world, store, *request.args)


def with_work(header: Header) -> Header:
    """New work: the timer, and a new `ver`, so that whoever removes the timer has seen it."""
    return header._replace(ver=header.ver + 1, timer=True)


def is_frozen(world: World, store: Store, card: int) -> bool:
    """Whether this card must not be put on sale; planned, and never so in a world without a batch."""
    return store.batch.frozen and card in world.batch


# -- headers and facts ------------------------------------------------------------------------------


@write("W1")
def pay(world: World, store: Store, order: int, payment: int) -> Outcome:
    """W1: the first payment, an update of the header."""
    header = store.headers[order]
    if header.paid:
        return store, header
    if world.without is Rule.PAYMENT_UPDATES:
        header = Header()
    header = with_work(header._replace(paid=payment))
    if world.without is Rule.TIMER_WITH_PAYMENT:
        header = header._replace(timer=False)
    return store.with_header(order, header), DONE


@write("W2")
def pay_again(world: World, store: Store, order: int, payment: int) -> Outcome:
    """W2: a further payment, a fact alone."""
    fact = (f"payment {payment}", "")
    return (store, fact) if fact in store.facts[order] else (store.with_fact(order, fact), DONE)


@write("W3")
def refund(world: World, store: Store, order: int, fact: str, what: str | int) -> Outcome:
    """W3: the fact and the header's stop, both or neither."""
    told = (fact, what) in store.facts[order]
    if told and world.without is not Rule.COUNTED_ONCE:
        return store, fact
    return stopped(store.with_fact(order, (fact, what)), order, what), DONE


@write("W3 fact alone")
def refund_fact(world: World, store: Store, order: int, fact: str, what: str | int) -> Outcome:
    """Half of W3, for the world without rule 2."""
    told = (fact, what) in store.facts[order]
    return (store, fact) if told else (store.with_fact(order, (fact, what)), DONE)


@write("W3 stop alone")
def refund_stop(world: World, store: Store, order: int, fact: str, what: str | int) -> Outcome:
    """The other half."""
    return stopped(store, order, what), DONE


def stopped(store: Store, order: int, what: str | int) -> Store:
    header = with_work(store.headers[order])
    if what == ONE:
        return store.with_header(order, header._replace(owed=header.owed + 1))
    units = range(len(store.units[order])) if what == ALL else (what,)
    return store.with_header(order, header._replace(stop=header.stop | set(units)))


@write("W4")
def choose(world: World, store: Store, order: int, ver: int, chosen: frozenset[int]) -> Outcome:
    """W4: all that is owed becomes stops, in one write."""
    header = store.headers[order]
    if header.ver != ver:
        return store, header
    return store.with_header(order, with_work(header._replace(stop=header.stop | chosen, owed=0))), DONE


@write("W5")
def approve(world: World, store: Store, order: int) -> Outcome:
    """W5: let a held order go."""
    header = store.headers[order]
    if not header.paid or header.approved:
        return store, header
    approved = header._replace(approved=True)
    approved = approved if world.without is Rule.APPROVAL_IS_WORK else with_work(approved)
    return store.with_header(order, approved), DONE


@write("W18")
def remove_timer(world: World, store: Store, order: int, ver: int) -> Outcome:
    """W18: nothing is left to do, as a pass saw it that began with this `ver`."""
    header = store.headers[order]
    if header.ver != ver and world.without is not Rule.TIMER_AGAINST_VER:
        return store, header
    return store.with_header(order, header._replace(timer=False)), DONE


@write("W18 and the stop")
def forget_stop(world: World, store: Store, order: int, ver: int) -> Outcome:
    """For the world without rule 3: the refund of an order that nobody paid counts as dealt with."""
    store, answer = WRITES["W18"](world, store, order, ver)
    if answer != DONE:
        return store, answer
    return store.with_header(order, store.headers[order]._replace(stop=frozenset(), owed=0)), DONE


# -- units ------------------------------------------------------------------------------------------


@write("W6")
def allocate_new(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """W6: delete the marker and put the unit ALLOCATED, with no timer of its own."""
    unit = store.unit(order, number)
    if unit.state != ABSENT:
        return store, unit
    if card not in store.pool:
        return store, GONE
    store = store._replace(pool=store.pool - {card})
    return store.with_unit(order, number, Unit(ALLOCATED, card)), DONE


@write("W7")
def park(world: World, store: Store, order: int, number: int, room: str) -> Outcome:
    """W7: put the unit waiting."""
    unit = store.unit(order, number)
    if unit.state != ABSENT:
        return store, unit
    return store.with_unit(order, number, Unit(room, fresh=world.lags)), DONE


@write("W9")
def allocate_waiting(world: World, store: Store, order: int, number: int, waiting: str, card: int) -> Outcome:
    """W9: delete the marker and move the unit to ALLOCATED; its room gives way to a timer of its own."""
    unit = store.unit(order, number)
    if stored(unit.state) != stored(waiting):
        return store, unit
    if card not in store.pool:
        return store, GONE
    store = store._replace(pool=store.pool - {card})
    own = world.without is not Rule.OWN_TIMER_SET
    return store.with_unit(order, number, Unit(ALLOCATED, card, timer=own)), DONE


@write("W10")
def change_room(
    world: World, store: Store, order: int, number: int, seen: str, room: str, ver: int
) -> Outcome:
    """W10: the unit's room and the header's timer, both or neither."""
    unit, header = store.unit(order, number), store.headers[order]
    if unit.state != seen:
        return store, unit
    if header.ver != ver and world.without is not Rule.ROOM_CHANGE_AGAINST_VER:
        return store, header
    store = store.with_unit(order, number, Unit(room, fresh=world.lags))
    return store.with_header(order, with_work(header)), DONE


@write("W10 unit alone")
def change_room_of_unit(
    world: World, store: Store, order: int, number: int, seen: str, room: str, ver: int
) -> Outcome:
    """Half of W10, for the world without rule 10."""
    unit = store.unit(order, number)
    if unit.state != seen:
        return store, unit
    return store.with_unit(order, number, Unit(room, fresh=world.lags)), DONE


@write("W10 header alone")
def change_room_of_header(world: World, store: Store, order: int, ver: int) -> Outcome:
    """The other half."""
    header = store.headers[order]
    if header.ver != ver:
        return store, header
    return store.with_header(order, with_work(header)), DONE


@write("W11")
def tombstone(world: World, store: Store, order: int, number: int) -> Outcome:
    """W11: put the unit CANCELLED, so that nobody can create it any more."""
    unit = store.unit(order, number)
    if unit.state != ABSENT:
        return store, unit
    return store.with_unit(order, number, Unit(CANCELLED)), DONE


@write("W12")
def end_waiting(world: World, store: Store, order: int, number: int, waiting: str) -> Outcome:
    """W12: a waiting unit becomes CANCELLED and leaves its room."""
    unit = store.unit(order, number)
    if stored(unit.state) != stored(waiting):
        return store, unit
    return store.with_unit(order, number, Unit(CANCELLED)), DONE


@write("W13")
def return_card(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """W13: the unit becomes RETURNED, the marker of its unseen card is put again."""
    unit = store.unit(order, number)
    may = {RESERVED} | (HOLDS_CARD if world.without is Rule.RETURN_UNSEEN else UNSEEN)
    other = unit.card != card and world.without is not Rule.END_THIS_CARD
    if unit.state not in may or other:
        return store, unit
    if card in store.pool:
        return store, GONE
    if is_frozen(world, store, card) and world.without is not Rule.RETURN_ASKS_BATCH:
        return store, FROZEN
    left = unit.timer and world.without is Rule.OWN_TIMER_DROPPED
    store = store._replace(pool=store.pool | {card})
    return store.with_unit(order, number, Unit(RETURNED, timer=left)), DONE


@write("W14")
def burn(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """W14: the unit becomes REFUNDED, its card, which was shown, burnt."""
    unit = store.unit(order, number)
    if unit.state != REVEALED or unit.card != card:
        return store, unit
    left = unit.timer and world.without is Rule.OWN_TIMER_DROPPED
    store = burnt(world, store, order, card)
    return store.with_unit(order, number, Unit(REFUNDED, timer=left)), DONE


def burnt(world: World, store: Store, order: int, card: int) -> Store:
    """The store with a burnt card, which moves no money."""
    if world.without is Rule.MONEY_BY_FACT:
        store = store.with_fact(order, (f"given back for card {card}", LINE))
    return store._replace(burnt=store.burnt | {card})


@write("W15")
def expose(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """W15: commit that the card is shown; a timer of the unit's own goes. A card stands for its `gen`."""
    unit = store.unit(order, number)
    if unit.state not in UNSEEN or unit.card != card:
        return store, unit
    return store.with_unit(order, number, Unit(REVEALED, card)), DONE


@write("W16")
def replace_card(world: World, store: Store, order: int, number: int, old: int, card: int) -> Outcome:
    """W16: another card for one that was shown, which is burnt in the same write."""
    unit = store.unit(order, number)
    may = {REVEALED, DISPUTED} if world.without is Rule.DISPUTED_IS_ENDED else {REVEALED}
    if unit.state not in may or unit.card != old:
        return store, unit
    if card not in store.pool:
        return store, GONE
    store = burnt(world, store._replace(pool=store.pool - {card}), order, old)
    return store.with_unit(order, number, Unit(ALLOCATED, card, timer=True)), DONE


@write("W17")
def hand_over(world: World, store: Store, order: int, number: int, card: int) -> Outcome:
    """W17: the unit becomes DELIVERED and drops its own timer."""
    unit = store.unit(order, number)
    if unit.state != ALLOCATED or unit.card != card:
        return store, unit
    left = unit.timer and world.without is Rule.OWN_TIMER_DROPPED
    return store.with_unit(order, number, Unit(DELIVERED, card, timer=left)), DONE


# -- rooms and stock --------------------------------------------------------------------------------


@write("W8")
def touch(world: World, store: Store, room: str, mine: int) -> Outcome:
    """W8: the room has a timer and a later time; never an earlier one."""
    touched_at = store.room(room)
    if touched_at is not None and touched_at >= mine and world.without is not Rule.TOUCH_FORWARD:
        return store, touched_at
    return store.with_room(room, mine), DONE


@write("W19")
def remove_room(world: World, store: Store, room: str, touched_at: int) -> Outcome:
    """W19: an empty room goes, unless somebody touched it since it was read."""
    now = store.room(room)
    if now is None or (now != touched_at and world.without is not Rule.REMOVE_UNTOUCHED):
        return store, now
    return store.with_room(room, None), DONE


@write("W20")
def bring(world: World, store: Store, card: int) -> Outcome:
    """W20: import one card, vault and marker together."""
    if card in store.vault:
        return store, card
    if is_frozen(world, store, card) and world.without is not Rule.IMPORT_ASKS_BATCH:
        return store, FROZEN
    return store._replace(vault=store.vault | {card}, pool=store.pool | {card}), DONE
