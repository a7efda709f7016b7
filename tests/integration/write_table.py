"""Every write of the order protocol as several workers would make it, for tests that treat them all alike."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from cardcourier.domain.cards import Card
from cardcourier.domain.facts import Fact
from cardcourier.domain.imports import NewCard, SharedCard
from cardcourier.domain.orders import Unit
from cardcourier.domain.protocol import Actor
from cardcourier.domain.refunds import Answer
from cardcourier.domain.states import Room, State
from cardcourier.domain.waiting import Timer
from tests.integration.write_ground import (
    KEY,
    NOON,
    PIECE,
    POOL,
    SECOND_PAYMENT,
    YOU,
    gone,
    holding,
    marker,
    new_unit,
    payment,
    refund,
)

BATCH_KEY = b"k" * 32
BY_AMOUNT = {"stops": frozenset()}
"""A refund that names no pieces."""

ONE_ENDS = Answer(stops=frozenset({"l1/2"}))
CANCEL = Fact(key=KEY, kind="cancel", id="api-1", at=NOON, stops=frozenset({"l1/2"}))
LOST_DISPUTE = Fact(key=KEY, kind="lost", id="d1", at=NOON)


@dataclass(frozen=True)
class Write:
    """A write as several workers would make it: `prepare` once, then `make` by each of them.

    The name begins with its number, or its function, in docs/protocol.md. `again`: whoever repeats it has
    done it too. `forgets`: it leaves no name behind, so its own repeat is told what another's would be.
    `parts`: of a transaction, how many. The write is the request that follows `before` others.
    """

    name: str
    prepare: Callable
    make: Callable
    again: bool = False
    forgets: bool = False
    parts: int = 1
    before: int = 0

    def won(self, outcome):
        return outcome in (None, True, [], {}) or isinstance(outcome, Unit)


# -- where a write begins -------------------------------------------------------------------------------


def nothing(ground):
    return None


def paid(ground):
    return ground.paid()


def holds(ground):
    return ground.holds()


def shown(ground):
    return ground.shown()


def held_and_paid(ground):
    header = ground.paid()
    return ground.waits(State.HELD, Room.AMOUNT, ref="main"), header


def owed_one(ground):
    ground.paid()
    ground.record_stop(refund(owed=(("l1", 1),)), YOU)
    return ground.header(KEY)


def asked(ground):
    ground.paid()
    ground.refunds.ask(refund(**BY_AMOUNT), YOU)
    return ground.header(KEY)


def disputed(ground):
    seen = ground.shown()
    ground.refunds.dispute(seen, kept(seen), Actor("pass", NOON, "r0"))
    return ground.unit(KEY, "l1", 1)


def waits_with_stock(ground):
    for number in range(1, 9):
        ground.stock(number)
    return ground.waits()


def shown_with_stock(ground):
    for number in range(2, 10):
        ground.stock(number)
    return ground.shown()


def held_of_a_closed_batch(ground):
    seen = ground.holds()
    ground.exit.close("acme", "b1", Actor("undo", NOON, "r0"))
    return seen


def two_on_sale(ground):
    return [ground.stock(1), ground.stock(2)]


def timer(ground):
    header = ground.paid()
    return Timer("O#acme#main#1001", "H", header.due)


def room(ground):
    ground.touch_room("acme", Room.BACK, "A", NOON, NOON)


# -- how it is made -------------------------------------------------------------------------------------


def allocate_new_beside(ground, _, actor, number=1):
    """A unit that nobody wrote, of an order of which another unit waits."""
    return ground.allocate_new(holding(new_unit(2), marker(number)), marker(number), POOL, actor)


def allocate_waiting(ground, seen, actor, number=1):
    return ground.allocate_waiting(seen, holding(seen, marker(number)), marker(number), POOL, actor)


def change_room(ground, held, actor, _=1):
    seen, header = held
    moved = replace(seen, state=State.BACKORDER, room=Room.BACK, ref="A")
    return ground.change_room(seen, moved, header, actor)


def allocate_piece(ground, _, actor, number=1):
    return ground.allocate_new(replace(holding(new_unit(), PIECE), at=actor.now), PIECE, None, actor)


def allocate_waiting_piece(ground, seen, actor, _=1):
    return ground.allocate_waiting(seen, holding(seen, PIECE), PIECE, None, actor)


def give_back_piece(ground, seen, actor, _=1):
    return ground.return_card(seen, gone(seen, State.RETURNED), PIECE, None, actor)


def give_back(ground, seen, actor, _=1):
    return ground.return_card(seen, gone(seen, State.RETURNED), marker(), POOL, actor)


def swap(ground, seen, actor, number=1):
    new = holding(replace(seen, gen=1, exposed_at=None, views=0, viewers=()), marker(number + 1))
    return ground.replace(seen, new, marker(number + 1), POOL, actor)


def reopen(ground, seen, actor, _=1):
    opened = replace(seen, views=0, viewers=(), since=actor.now, why="opened anew")
    return ground.reopen(seen, opened, actor)


def show(ground, seen, actor, _=1):
    return ground.expose(seen, replace(seen, state=State.REVEALED, views=1, viewers=("v",)), actor)


def kept(unit):
    """The unit in a dispute: it keeps the card that was shown."""
    return replace(unit, state=State.DISPUTED, why="charged back", due=None)


def push(ground, seen, actor, _=1):
    return ground.index.push(seen, NOON + 900_000) is not None


def open_room(ground, _, actor, number=1):
    return ground.index.open_room("acme", Room.BACK, "A", NOON + 9)


def split_room(ground, _, actor, number=1):
    return ground.index.split_room("acme", Room.BACK, "A", NOON, NOON + 9)


def enter(ground, _, actor, number=1):
    first = NewCard(1, Card(code="SECRETCODE1"), marker(1), also=("c2other",))
    second = NewCard(2, Card(code="SECRETCODE2"), marker(2))
    return ground.entry.put(POOL, "b1", [first, second], BATCH_KEY, NOON)


def enter_shared(ground, _, actor, number=1):
    new = SharedCard(1, Card(code="SECRETCODE1"), marker(1), 2, ("c2other",))
    return ground.entry.put_shared(POOL, "b1", new, uses(new, (1, 2)), BATCH_KEY, NOON)


def enter_uses(ground, _, actor, number=1):
    new = SharedCard(1, Card(code="SECRETCODE1"), marker(1), 4)
    return ground.entry.put_uses(POOL, "b1", new.marker.card, 1, uses(new, (3, 4)), NOON)


def uses(new, numbers):
    return new.markers(numbers, iter([0, 0]))


WRITES = [
    Write("W1", nothing, lambda g, _, a, n=1: g.record_payment(payment(f"p{n}"), a)),
    Write("W2", paid, lambda g, _, a, n=1: g.record_fact(SECOND_PAYMENT, a), forgets=True),
    Write("W3", paid, lambda g, _, a, n=1: g.record_stop(refund(owed=(("l1", 1),)), a), parts=2),
    Write("W3 unknown order", nothing, lambda g, _, a, n=1: g.record_stop(refund(), a), parts=2),
    Write("W4", owed_one, lambda g, h, a, n=1: g.choose(h, frozenset({"l1/2"}), a)),
    Write("W5", paid, lambda g, _, a, n=1: g.approve(KEY, a)),
    Write("W6", waits_with_stock, allocate_new_beside, parts=2),
    Write("W6 fixed", nothing, allocate_piece, again=True),
    Write("W7", nothing, lambda g, _, a, n=1: g.park(new_unit(1, State.BACKORDER, Room.BACK), NOON, a)),
    Write("W8", nothing, lambda g, _, a, n=1: g.touch_room("acme", Room.BACK, "A", NOON, NOON), again=True),
    Write("W9", waits_with_stock, allocate_waiting, parts=2),
    Write("W9 fixed", lambda g: g.waits(), allocate_waiting_piece, again=True),
    Write("W10", held_and_paid, change_room, parts=2),
    Write("W11", nothing, lambda g, _, a, n=1: g.tombstone(new_unit(1, State.CANCELLED), a)),
    Write("W12", lambda g: g.waits(), lambda g, s, a, n=1: g.end_waiting(s, gone(s, State.CANCELLED), a)),
    Write("W13", holds, give_back, parts=3),
    Write("W13 closed batch", held_of_a_closed_batch, give_back, before=1, parts=2),
    Write("W13 fixed", lambda g: g.given(), give_back_piece),
    Write("W14", shown, lambda g, s, a, n=1: g.burn(s, gone(s, State.REFUNDED), a), parts=2),
    Write("W15", holds, show),
    Write("W16", shown_with_stock, swap, parts=3),
    Write("W17", holds, lambda g, s, a, n=1: g.hand_over(s, replace(s, state=State.DELIVERED), a)),
    Write("W18", paid, lambda g, h, a, n=1: g.clear_timer(KEY, h.ver), again=True),
    Write("W19", room, lambda g, _, a, n=1: g.remove_room("acme", Room.BACK, "A", NOON), forgets=True),
    Write("W20", nothing, enter, parts=5),
    Write("W21", two_on_sale, lambda g, m, a, n=1: g.exit.void(POOL, m, a), parts=4),
    Write("W22", nothing, enter_shared, parts=4),
    Write("W23", nothing, enter_uses, parts=3),
    Write("W32", paid, lambda g, _, a, n=1: g.refunds.ask(refund(**BY_AMOUNT), a), parts=2),
    Write("W32 unknown order", nothing, lambda g, _, a, n=1: g.refunds.ask(refund(**BY_AMOUNT), a), parts=2),
    Write("W33", asked, lambda g, h, a, n=1: g.refunds.answer(h, "refund/f1", ONE_ENDS, a)),
    Write("W34", paid, lambda g, h, a, n=1: g.refunds.cancel_pieces(h, CANCEL, {"l1": 1}, a), parts=2),
    Write("W35", shown, lambda g, s, a, n=1: g.refunds.dispute(s, kept(s), a)),
    Write("W36", paid, lambda g, _, a, n=1: g.refunds.decide(LOST_DISPUTE, "lost", a), parts=2),
    Write("W37", disputed, lambda g, s, a, n=1: g.refunds.lose(s, gone(s, State.REFUNDED), a), parts=2),
    Write("view_again", shown, lambda g, s, a, n=1: g.view_again(s, replace(s, views=s.views + 1), a)),
    Write("reopen", shown, reopen),
    Write("raise_seq", paid, lambda g, h, a, n=1: g.raise_seq(KEY, h.seq, a)),
    Write("push", timer, push, forgets=True),
    Write("open_room", room, open_room, again=True),
    Write("split_room", room, split_room, again=True),
]
