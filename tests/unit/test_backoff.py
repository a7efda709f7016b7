"""Laws of waiting for the next attempt."""

from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.backoff import HOUR, MINUTE, SECOND, SPREAD, WEBHOOKS, BackOff

WAITS = st.lists(st.integers(1, 10**9), min_size=1, max_size=12).map(tuple)
JITTER = st.floats(0, 1, exclude_max=True)
NOW = 1_700_000_000_000


@given(WAITS, JITTER, st.integers(0, 2 * 10**9), st.data())
def test_a_wait_is_never_shorter_than_planned_nor_much_longer(waits, jitter, asked, data):
    failures = data.draw(st.integers(1, len(waits)))

    wait = BackOff(waits).next_due(failures, NOW, jitter, asked) - NOW

    assert wait >= max(waits[failures - 1], min(asked, max(waits)))
    assert wait <= (1 + SPREAD) * max(waits)


@given(WAITS, JITTER)
def test_there_is_one_attempt_more_than_waits(waits, jitter):
    plan = BackOff(waits)
    made = next(n for n in range(1, 20) if plan.next_due(n, NOW, jitter) is None)

    assert made == plan.attempts == len(waits) + 1


@given(WAITS, st.data())
def test_more_chance_waits_longer(waits, data):
    one, two = sorted([data.draw(JITTER), data.draw(JITTER)])

    assert BackOff(waits).next_due(1, NOW, one) <= BackOff(waits).next_due(1, NOW, two)


def test_webhooks_are_tried_ten_times_in_three_to_four_days():
    dues = [WEBHOOKS.next_due(failures, 0, 0.0) for failures in range(1, 11)]

    assert dues[:3] == [5 * SECOND, 5 * MINUTE, 30 * MINUTE] and dues[-1] is None
    assert 72 * HOUR < sum(due for due in dues if due) < 80 * HOUR


def test_who_asks_for_patience_gets_it_within_the_schedule():
    assert WEBHOOKS.next_due(1, 0, 0.0, asked=90 * SECOND) == 90 * SECOND
    assert WEBHOOKS.next_due(3, 0, 0.0, asked=90 * SECOND) == 30 * MINUTE
    assert WEBHOOKS.next_due(1, 0, 0.0, asked=1000 * HOUR) == 24 * HOUR
