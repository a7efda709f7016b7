"""The runs: small worlds, each chosen so that certain writes meet in every order.

`RUNS` are by name, as `python -m tests.model NAME` takes them.
"""

from tests.model.actors import (
    Approval,
    Buyer,
    Clock,
    Gate,
    Import,
    Payment,
    Refund,
    Release,
    Replacement,
    RoomSweeper,
)
from tests.model.delivering import Delivery
from tests.model.disputing import Chargeback, LostDispute
from tests.model.items import ALL, BACKORDER, ONE, PAUSED, SCHEDULED, World
from tests.model.passing import Pass
from tests.model.recalling import Mover, Recall, Turn
from tests.model.refunding import AmountRefund, Answer, Cancel
from tests.model.reserving import Checkout, Expiry, Extension
from tests.model.search import Run

BACK, PRE, PAUSE = RoomSweeper(BACKORDER), RoomSweeper(SCHEDULED), RoomSweeper(PAUSED)
TWO_PASSES = (Pass(0),) * 2
THREE_PASSES = (Pass(0),) * 3
TWO_PARTIAL = (Refund(0, ONE, "first"), Refund(0, ONE, "second"))

ALL_RUNS = (
    Run(
        "A1",
        World((1,), cards=1),
        (Payment(0), Payment(0, 2), Refund(0, ALL), Buyer(0), *TWO_PASSES),
        "one unit, one card: two payments, full refund, a buyer who looks",
    ),
    Run(
        "A2",
        World((1,), cards=2),
        (Payment(0), Refund(0, ALL), Buyer(0), *TWO_PASSES),
        "one unit, two cards: payment, full refund, a buyer, whole sweeps between",
        sweeps=True,
    ),
    Run(
        "A3",
        World((1,), cards=1),
        (Payment(0), Refund(0, ALL), Buyer(0), *TWO_PASSES),
        "as A1 with one payment and two faults",
        faults=2,
    ),
    Run(
        "B1",
        World((1,), supply=1, ticks=1),
        (Payment(0), Refund(0, ALL), Import(1), BACK, Clock(), *TWO_PASSES),
        "one unit without stock: import, refund, the room swept, the index lags",
    ),
    Run(
        "B2",
        World((1, 1), paid=True, old_room=True),
        (Pass(0), Pass(1), BACK, BACK, Clock()),
        "two orders without stock, an old empty room, two room sweepers",
    ),
    Run(
        "B3",
        World((1,), supply=1, ticks=1),
        (Payment(0), Import(1), BACK, Clock(), *TWO_PASSES),
        "one unit without stock: import, the room swept, whole sweeps between",
        sweeps=True,
    ),
    Run(
        "B4",
        World((1, 1), paid=True, old_room=True),
        (Refund(0, ALL), Pass(0), Pass(0), Pass(1), BACK, Clock()),
        "two orders without stock, an old room, refund of one",
    ),
    Run(
        "B5",
        World((1,), supply=1, paid=True, ticks=1),
        (Refund(0, ALL), Import(1), BACK, Clock(), *TWO_PASSES),
        "as B1, paid before, two faults",
        faults=2,
    ),
    Run(
        "C1",
        World((2,), cards=1, supply=1, paid=True),
        (Refund(0, ONE), Import(2), Buyer(0), *TWO_PASSES),
        "two units, one card and another to come: partial refund, a buyer",
    ),
    Run(
        "C2",
        World((2,), cards=2, paid=True),
        (Refund(0, ONE, "part"), Refund(0, ALL, "whole"), *TWO_PASSES),
        "two units, two cards: partial and full refund",
    ),
    Run(
        "C3",
        World((2,), cards=1),
        (Payment(0), *TWO_PARTIAL, *TWO_PASSES),
        "two units, one card: payment, two partial refunds",
    ),
    Run(
        "C4",
        World((2,), cards=1, paid=True),
        (Refund(0, ONE), *THREE_PASSES),
        "two units, one card: partial refund, three passes",
    ),
    Run(
        "C5",
        World((2,), cards=1, paid=True),
        (Refund(0, ONE), Buyer(0), *TWO_PASSES),
        "two units, one card: partial refund, a buyer, two faults",
        faults=2,
    ),
    Run(
        "C6",
        World((2,), cards=2, paid=True),
        (Refund(0, 0, "named"), Refund(0, ONE, "part"), Buyer(0), *TWO_PASSES),
        "two units, two cards: one refunded by name, one by number, a buyer",
    ),
    Run(
        "D1",
        World((1, 1), cards=1, paid=True, ticks=1),
        (Refund(0, ALL), Buyer(0), BACK, Clock(), *TWO_PASSES, Pass(1)),
        "two orders, one card: refund of one, a buyer, the room swept",
    ),
    Run(
        "D2",
        World((1, 1), cards=2, paid=True),
        (Refund(0, ALL), Buyer(0), *TWO_PASSES, Pass(1)),
        "two orders, two cards: refund of one, a buyer, whole sweeps between",
        sweeps=True,
    ),
    Run(
        "D3",
        World((2, 1), cards=2, paid=True),
        (Refund(0, ALL), *TWO_PASSES, Pass(1)),
        "an order of two against an order of one, two cards: refund of the larger",
    ),
    Run(
        "E1",
        World((1,), cards=1, presale=True, ticks=1),
        (Payment(0), Refund(0, ALL), PRE, Clock(), Release(), *TWO_PASSES),
        "presale, one card: payment, refund, the room swept",
    ),
    Run(
        "E2",
        World((1,), supply=1, presale=True, paid=True, ticks=1),
        (Import(1), PRE, BACK, Clock(), Release(), *TWO_PASSES),
        "presale sold short: import, both rooms swept",
    ),
    Run(
        "E3",
        World((1,), supply=1, presale=True, paid=True),
        (Refund(0, ALL), Import(1), Release(), *THREE_PASSES),
        "presale: three passes, refund, import",
    ),
    Run(
        "F1",
        World((1,), cards=1, held=True, ticks=1),
        (Payment(0), Approval(0), Refund(0, ALL), BACK, Clock(), *TWO_PASSES),
        "held: approval, payment, refund, the room swept",
    ),
    Run(
        "F2",
        World((1,), cards=1, held=True, presale=True, paid=True),
        (Approval(0), Refund(0, ALL), Release(), *TWO_PASSES),
        "held and presale: approval, refund",
    ),
    Run(
        "G1",
        World((1,), cards=1),
        (Payment(0), Refund(0, ALL), Buyer(0), *TWO_PASSES, Delivery(0)),
        "handing over: payment, refund, a buyer",
    ),
    Run(
        "G2",
        World((2,), cards=1, supply=1, paid=True),
        (Refund(0, ONE), Import(2), Pass(0), Delivery(0), Delivery(0)),
        "handing over, two units: import, partial refund, two deliveries",
    ),
    Run(
        "H1",
        World((1,), supply=1, paid=True),
        (Refund(0, ALL), Import(1), *TWO_PASSES, Delivery(0)),
        "wait, then import, then handing over; refund",
    ),
    Run(
        "H2",
        World((1,), cards=2, delivered=True, paid=True),
        (Refund(0, ALL), Buyer(0), Buyer(0), Replacement(0), *TWO_PASSES, Delivery(0)),
        "replacement against refund, two buyers' looks",
    ),
    Run(
        "I1",
        World((1,), cards=1, paid=True, gate=True, ticks=1),
        (Refund(0, ALL), PAUSE, Clock(), Gate(), *TWO_PASSES),
        "a gate closes and opens: one card, refund, its room swept",
    ),
    Run(
        "I2",
        World((1,), supply=1, paid=True, gate=True, ticks=1),
        (Import(1), PAUSE, BACK, Clock(), Gate(), *TWO_PASSES),
        "a gate closes and opens without stock: import, both rooms swept",
    ),
    Run(
        "I3",
        World((1,), cards=1, paid=True, gate=True, presale=True),
        (Refund(0, ALL), Gate(), Release(), *TWO_PASSES, Delivery(0)),
        "a presale behind a gate: refund, handing over",
    ),
    Run(
        "J1",
        World((1,), cards=1, ticks=1),
        (Checkout(0), Payment(0), Refund(0, ALL), Buyer(0), Expiry(0), Clock(), *TWO_PASSES),
        "reservation, one card: payment at its very end, refund, a buyer, whole sweeps between",
        sweeps=True,
    ),
    Run(
        "J2",
        World((1, 1), cards=1, ticks=1),
        (Checkout(0), Payment(0), Payment(1), Expiry(0), Clock(), *TWO_PASSES, Pass(1)),
        "two orders, one card: one reserves and pays late, the other buys",
    ),
    Run(
        "J3",
        World((1,), cards=1, ticks=2),
        (Checkout(0), Payment(0), Extension(0), Expiry(0), Clock(2), *TWO_PASSES),
        "a reservation that is extended while it expires",
    ),
    Run(
        "K1",
        World((2,), cards=1, supply=1, paid=True, whole=True),
        (Refund(0, ONE), Import(2), Buyer(0), *TWO_PASSES),
        "all or nothing, two units, one card and another to come: partial refund, a buyer",
    ),
    Run(
        "K2",
        World((2, 2), cards=2, whole=True),
        (Payment(0), Refund(0, ONE), Payment(1), *TWO_PASSES, Pass(1)),
        "all or nothing, two orders of two against two cards: payments, partial refund of one",
    ),
    Run(
        "K3",
        World((2,), cards=1, supply=1, paid=True, whole=True, ticks=1),
        (Import(2), BACK, Clock(), *TWO_PASSES, Delivery(0)),
        "all or nothing, two units wait for a second card: the room swept, handing over",
    ),
    Run(
        "K4",
        World((2,), cards=1, supply=1, paid=True, held=True, whole=True),
        (Approval(0), Refund(0, ONE), Import(2), *TWO_PASSES),
        "all or nothing and held: approval, partial refund, a card comes",
    ),
    Run(
        "K5",
        World((2,), cards=2, paid=True, gate=True, whole=True),
        (Refund(0, ONE), Gate(), *TWO_PASSES),
        "all or nothing, a gate closes and opens: partial refund",
    ),
    Run(
        "K6",
        World((2,), cards=1, supply=1, paid=True, presale=True, whole=True),
        (Refund(0, ONE), Import(2), Release(), *TWO_PASSES),
        "all or nothing and presale: partial refund, a card comes",
    ),
    Run(
        "K7",
        World((2,), cards=2, whole=True, ticks=1),
        (Checkout(0), Payment(0), Refund(0, ONE), Expiry(0), Clock(), *TWO_PASSES),
        "all or nothing and reserved: payment at its very end, partial refund",
    ),
    Run(
        "L1",
        World((1,), cards=1, batch=frozenset({1})),
        (Payment(0), Refund(0, ALL), Buyer(0), Turn(True), Turn(False), *TWO_PASSES, Mover()),
        "one unit, one card: its batch is frozen and thawed, payment, refund, a buyer",
    ),
    Run(
        "L2",
        World((1,), cards=2, batch=frozenset({1}), delivered=True, paid=True),
        (Refund(0, ALL), Buyer(0), Turn(True), Turn(False), Recall(0), Pass(0), Mover()),
        "a unit handed over: its batch is frozen and thawed, its card swapped, refund, a buyer",
    ),
    Run(
        "L3",
        World((1,), cards=1, supply=1, batch=frozenset({1, 2}), paid=True),
        (Turn(True), Turn(True), Turn(False), Import(2), Pass(0), Mover(), Mover()),
        "frozen, thawed, frozen again: an import, two movers",
    ),
    Run(
        "M1",
        World((2,), cards=1, supply=1),
        (Payment(0), AmountRefund(0), Answer(0, frozenset({0})), Answer(0, frozenset({1})), *TWO_PASSES),
        "refund by amount before or after the payment, two persons who choose otherwise",
    ),
    Run(
        "M2",
        World((2,), cards=2, paid=True),
        (AmountRefund(0), Answer(0, frozenset({1})), Refund(0, ONE), *TWO_PASSES),
        "refund by amount, another by number",
    ),
    Run(
        "M3",
        World((2,), cards=2, paid=True),
        (Cancel(0, 0), Cancel(0, 0, "again", refunds=False), Refund(0, ONE, "other"), Pass(0)),
        "a unit cancelled by the merchant, by two at once, then refunded by number; another refund",
    ),
    Run(
        "M4",
        World((2,), cards=1, paid=True),
        (Cancel(0, 0), Buyer(0), *TWO_PASSES),
        "a unit cancelled by the merchant, then refunded by number, a buyer",
    ),
    Run(
        "N1",
        World((1,), cards=2, delivered=True, paid=True),
        (Chargeback(0), LostDispute(0), Buyer(0), Buyer(0), Replacement(0), *TWO_PASSES),
        "replacement against chargeback, which is disputed and lost; two buyers' looks",
    ),
    Run(
        "N2",
        World((1,), cards=2, delivered=True, paid=True),
        (Chargeback(0), Refund(0, ALL), LostDispute(0), Buyer(0), Replacement(0), Pass(0), Delivery(0)),
        "replacement against chargeback and refund, a buyer, handing over",
    ),
    Run(
        "X1",
        World((2, 1), cards=1, supply=1, paid=True, ticks=1),
        (Refund(0, ONE), Buyer(0), Import(2), BACK, Clock(), *TWO_PASSES, Pass(1)),
        "orders of two and one, one card and another to come: partial refund, a buyer, the room swept",
    ),
    Run(
        "X2",
        World((1,), cards=2, paid=True),
        (Refund(0, ALL), Buyer(0), Buyer(0), *THREE_PASSES),
        "one unit, two cards: three passes, refund, two looks, two faults",
        faults=2,
    ),
    Run(
        "X3",
        World((1, 1), supply=1, paid=True),
        (Refund(0, ALL), Import(1), Buyer(0), *TWO_PASSES, Pass(1), Delivery(0)),
        "two orders, handing over: import, refund, a buyer, whole sweeps between",
        sweeps=True,
    ),
    Run(
        "X4",
        World((1,), supply=1, held=True, presale=True, paid=True),
        (Approval(0), Refund(0, ALL), Import(1), Release(), *TWO_PASSES, Delivery(0)),
        "held, presale, handing over: import, refund",
    ),
)

RUNS = {run.name: run for run in ALL_RUNS}
