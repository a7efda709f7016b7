"""Each rule of the protocol left out alone: the model must find what goes wrong then, and how soon.

The trace of each is a shortest one. With the rule the same run is clean, which `test_runs.py` and
`test_larger_runs.py` show.
"""

from dataclasses import replace

import pytest

from tests.model import checks
from tests.model.rules import Rule
from tests.model.runs import RUNS
from tests.model.search import Search
from tests.model.test_larger_runs import LARGER
from tests.model.test_runs import SMALL

EXPECTED = [
    (Rule.TIMER_WITH_PAYMENT, "A1", 0, checks.FORGOTTEN, 2),
    (Rule.STOP_WITH_FACT, "A1", 0, checks.KEPT, 3),
    (Rule.COUNTED_ONCE, "C2", 1, checks.COUNTED_TWICE, 1),
    (Rule.STOP_STAYS, "A1", 1, checks.KEPT, 5),
    (Rule.UNPAID_TIMER_GOES, "A1", 0, checks.TIMER_LEFT, 2),
    (Rule.PAYMENT_UPDATES, "A1", 0, checks.KEPT, 3),
    (Rule.TOMBSTONES, "A1", 0, checks.AFTER_REFUND, 6),
    (Rule.DECIDE_ANEW, "A1", 0, checks.KEPT, 5),
    (Rule.TIMER_AGAINST_VER, "A1", 0, checks.KEPT, 5),
    (Rule.CHOICE_FIRST, "C4", 0, checks.COUNTED_TWICE, 11),
    (Rule.EXPOSE_FIRST, "A1", 0, checks.RESOLD, 7),
    (Rule.RETURN_UNSEEN, "A1", 0, checks.RESOLD, 10),
    (Rule.TOUCH_AFTER_PARKING, "B1", 0, checks.NO_ROOM, 11),
    (Rule.CLOCK_AFTER_PARKING, "B1", 0, checks.NO_ROOM, 13),
    (Rule.TOUCH_FOR_OTHERS, "B1", 0, checks.NO_ROOM, 4),
    (Rule.REMOVE_ONLY_STALE, "B1", 0, checks.NO_ROOM, 12),
    (Rule.ITEM_BEFORE_QUERY, "B1", 0, checks.NO_ROOM, 13),
    (Rule.CLOCK_BEFORE_QUERY, "B1", 0, checks.NO_ROOM, 13),
    (Rule.REMOVE_UNTOUCHED, "B2", 0, checks.NO_ROOM, 14),
    (Rule.TOUCH_FORWARD, "B4", 0, checks.NO_ROOM, 19),
    (Rule.ROOM_CHANGE_ONE_WRITE, "E1", 0, checks.NO_ROOM, 12),
    (Rule.ROOM_CHANGE_AGAINST_VER, "E3", 0, checks.KEPT, 16),
    (Rule.OWN_TIMER_SET, "H1", 0, checks.FORGOTTEN, 7),
    (Rule.OWN_TIMER_DROPPED, "H1", 0, checks.TIMER_LEFT, 4),
    (Rule.DELIVERY_LOOKS, "G1", 0, checks.NO_ROOM, 7),
    (Rule.HELD_MOVES_ON, "F1", 0, checks.FORGOTTEN, 9),
    (Rule.APPROVAL_IS_WORK, "F1", 0, checks.FORGOTTEN, 6),
    (Rule.RESERVATION_TIMER, "J1", 0, checks.KEPT_UNPAID, 3),
    (Rule.CONFIRM_RESERVED, "J2", 0, checks.HOMES, 10),
    (Rule.EXPIRE_RESERVED, "J1", 0, checks.FORGOTTEN, 8),
    (Rule.EXPIRE_AFTER_END, "J3", 0, checks.TOO_SOON, 8),
    (Rule.EXPIRED_MOVES_ON, "J1", 0, checks.FORGOTTEN, 6),
    (Rule.EXPIRED_IS_ENDED, "J1", 0, checks.KEPT, 11),
    (Rule.TOGETHER_ONE_WRITE, "K3", 0, checks.HALF, 1),
    (Rule.TOGETHER_WHATEVER_SEEN, "K3", 0, checks.HALF, 4),
    (Rule.TOGETHER_AS_SEEN, "K1", 0, checks.HOMES, 12),
    (Rule.TOGETHER_EVERY_MARKER, "K3", 0, checks.HALF, 3),
    (Rule.TOGETHER_CONFIRMS, "K7", 0, checks.HALF, 7),
    (Rule.TOGETHER_WITHOUT_STOPPED, "K1", 0, checks.IDLE, 2),
    (Rule.ASKED_WITH_FACT, "M2", 0, checks.UNASKED, 2),
    (Rule.ASKED_HOLDS, "M2", 1, checks.HASTY, 9),
    (Rule.ANSWER_AGAINST_VER, "M1", 0, checks.COUNTED_TWICE, 5),
    (Rule.ANSWER_IS_WORK, "M2", 0, checks.KEPT, 8),
    (Rule.CREDIT, "M3", 0, checks.COUNTED_TWICE, 3),
    (Rule.CREDIT_WITH_STOP, "M3", 1, checks.COUNTED_TWICE, 3),
    (Rule.CREDIT_AGAINST_VER, "M3", 0, checks.KEPT, 7),
    (Rule.CREDIT_SPENT, "M3", 0, checks.KEPT, 8),
    (Rule.FREEZE_IS_WORK, "L1", 0, checks.ON_SALE, 2),
    (Rule.QUARANTINE_ASKS_BATCH, "L2", 0, checks.SET_ASIDE, 8),
    (Rule.RETURN_ASKS_BATCH, "L2", 0, checks.ON_SALE, 6),
    (Rule.IMPORT_ASKS_BATCH, "L3", 0, checks.ON_SALE, 7),
    (Rule.PUT_BACK_ASKS_BATCH, "L3", 0, checks.ON_SALE, 10),
    (Rule.BATCH_TIMER_AGAINST_VER, "L3", 0, checks.SET_ASIDE, 7),
    (Rule.SWAP_UNSEEN, "L2", 0, checks.RESOLD, 8),
    (Rule.SWAP_OWN_TIMER, "L2", 0, checks.FORGOTTEN, 4),
    (Rule.TAKE_BACK_IS_WORK, "L2", 0, checks.NO_ROOM, 4),
    (Rule.END_THIS_CARD, "N1", 0, checks.HOMES, 8),
    (Rule.DISPUTE_THIS_CARD, "N1", 0, checks.HOMES, 8),
    (Rule.DISPUTED_IS_ENDED, "N1", 0, checks.KEPT, 10),
    (Rule.MONEY_BY_FACT, "N1", 0, checks.MONEY_TWICE, 4),
]


@pytest.mark.parametrize(
    ("rule", "run", "faults", "kind", "steps"), EXPECTED, ids=[row[0].name.lower() for row in EXPECTED]
)
def test_without_a_rule_it_goes_wrong(rule, run, faults, kind, steps):
    whole = RUNS[run]

    found = Search(replace(whole, world=replace(whole.world, without=rule), faults=faults)).go()

    print(found)
    assert (found.violation, len(found.trace)) == (kind, steps)


def test_every_rule_is_left_out_once():
    assert [row[0] for row in EXPECTED] == list(Rule)


def test_all_twelve_rules_are_there():
    numbers = {int(rule.value.split(":")[0].rstrip("a")) for rule in Rule if rule.value[0].isdigit()}
    assert numbers == set(range(1, 13))


def test_each_run_is_clean_with_all_rules():
    assert {row[1] for row in EXPECTED} <= {*SMALL, *LARGER}
    assert all(RUNS[row[1]].faults >= row[2] for row in EXPECTED)
