"""Limits on requests: many processes share one budget, most requests ask nobody, and a minute ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from cardcourier import wiring
from cardcourier.adapters.tables.limits import LimitsTable
from cardcourier.adapters.tables.writes import Table
from cardcourier.errors import Unavailable
from cardcourier.services.limiting import FREE, WINDOW, RequestLimits, TooManyRequests, budgets_of
from local.engines import client
from tests.integration.api_client import Inside, new_key, open_merchant
from tests.integration.shop import acting

NOON = 1_790_000_040_000 // WINDOW * WINDOW


class Counting:
    """The counters of the table, and how often they were asked."""

    def __init__(self, table):
        self.table, self.calls = table, 0

    def take(self, *given):
        self.calls += 1
        return self.table.take(*given)


@pytest.fixture
def counters(tables, engine_endpoint):
    return LimitsTable(Table(client("dynamodb", engine_endpoint), tables["MainTable"]))


def served(limits, tries, kind="read", who="k"):
    count = 0
    for _ in range(tries):
        try:
            limits.spend(kind, who)
            count += 1
        except TooManyRequests:
            pass
    return count


def test_many_processes_together_keep_to_one_budget_and_ask_seldom(counters):
    asked = [Counting(counters) for _ in range(8)]
    processes = [RequestLimits(each, {"read": 1_000}, lambda: NOON) for each in asked]

    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda limits: served(limits, 1_100), processes))

    assert 1_000 <= sum(counts) <= 1_000 + 8 * FREE
    assert sum(each.calls for each in asked) < 100


def test_whoever_calls_now_and_then_costs_nothing(counters):
    asked = Counting(counters)

    assert served(RequestLimits(asked, {"read": 1_000}, lambda: NOON), FREE) == FREE
    assert asked.calls == 0


def test_every_heavy_request_is_counted(counters):
    processes = [RequestLimits(counters, {"heavy": 10}, lambda: NOON) for _ in range(12)]

    assert sum(served(limits, 1, "heavy") for limits in processes) == 10


def test_the_rest_of_a_budget_is_given_too(counters):
    limits = RequestLimits(counters, {"read": 103}, lambda: NOON)

    assert served(limits, 300) == 103


def test_the_next_minute_is_a_new_budget_and_another_key_has_its_own(counters):
    now = [NOON]
    limits = RequestLimits(counters, {"read": 7, "write": 3}, lambda: now[0])

    assert served(limits, 20) == 7
    assert served(limits, 20, "write") == 3
    assert served(limits, 20, who="other") == 7
    now[0] = NOON + WINDOW - 1
    with pytest.raises(TooManyRequests) as refused:
        limits.spend("read", "k")
    assert refused.value.evidence["retry_after"] == 1
    now[0] = NOON + WINDOW
    assert served(limits, 20) == 7


def test_what_is_left_is_told(counters):
    limits = RequestLimits(counters, {"read": 100}, lambda: NOON + 15_000)

    left = [limits.spend("read", "k").remaining for _ in range(100)]

    assert left == list(range(99, -1, -1))
    assert limits.spend("read", "other").seconds == 45


def test_a_refused_caller_asks_nobody_again(counters):
    asked = Counting(counters)
    limits = RequestLimits(asked, {"read": 10}, lambda: NOON)
    served(limits, 50)
    before = asked.calls

    served(limits, 1_000)

    assert asked.calls == before


def test_a_limit_that_cannot_be_looked_up_limits_nobody():
    class Gone:
        def take(self, *given):
            raise Unavailable("table_unavailable", "Gone.")

    assert served(RequestLimits(Gone(), {"read": 10}, lambda: NOON), 50) == 50


@pytest.mark.parametrize("text", ["all=5", "read", "read=x", "read=-1", "read = 5"])
def test_limits_that_nobody_understands_fail_the_start(text):
    with pytest.raises(ValueError, match="API_LIMITS"):
        budgets_of(text)


def test_limits_are_named_by_kind():
    assert budgets_of("read=5  heavy=0") == {"read": 5, "heavy": 0}
    assert RequestLimits(None, {}, lambda: NOON).spend("read", "k") is None


# ---------------------------------------------------------------- what callers see of it


@pytest.fixture
def ask(cloud, monkeypatch):
    """Requests to the resolver in this process, under tight limits."""
    with acting(cloud):
        keys = [new_key(open_merchant(cloud).id) for _ in range(2)]
        counters = LimitsTable(wiring.main_table())
        budgets = {"read": 6, "write": 2, "heavy": 1, "unknown": 5}
        limits = RequestLimits(counters, budgets, lambda: NOON + 15_000)
        monkeypatch.setattr(wiring, "request_limits", lambda: limits)

        def call(method, path, key=keys[0], ip="192.0.2.1", body=None):
            answer = Inside(key, ip)(method, path, body)
            return answer.status, answer.headers, answer.json

        call.keys = keys
        yield call


def test_every_answer_says_what_is_left_and_the_last_one_when_to_come_back(ask):
    answers = [ask("GET", "/v1/me") for _ in range(5)] + [ask("GET", "/v1/products/none")]
    over = ask("GET", "/v1/me")

    assert [status for status, _, _ in answers] == [200] * 5 + [404]
    assert {headers["ratelimit-policy"] for _, headers, _ in answers} == {'"read";q=6;w=60'}
    assert [headers["ratelimit"] for _, headers, _ in answers] == [
        f'"read";r={n};t=45' for n in range(5, -1, -1)
    ]
    status, headers, body = over
    assert (status, body["code"], headers["retry-after"]) == (429, "too_many_requests", "45")
    assert headers["content-type"] == "application/problem+json" and body["request_id"]


def test_reading_writing_and_heavy_work_have_budgets_of_their_own(ask):
    product = {"name": "N"}
    writes = [ask("POST", "/v1/products", body=product | {"sku": f"S{n}"})[0] for n in range(3)]
    heavy = [ask("POST", "/v1/imports", body={"sku": "S0", "text": f"KM-{n}"})[0] for n in range(2)]
    bad = ask("POST", "/v1/products", body={})

    assert writes == [201, 201, 429] and heavy == [201, 429] and bad[0] == 429
    assert ask("GET", "/v1/me")[0] == 200
    assert ask("POST", "/v1/products", key=ask.keys[1], body=product | {"sku": "S"})[0] == 201


def test_a_request_that_does_not_fit_is_counted_and_told_so(ask):
    status, headers, _ = ask("POST", "/v1/products", body={})

    assert (status, headers["ratelimit"]) == (422, '"write";r=1;t=45')


def test_whoever_guesses_is_stopped_by_address_with_the_right_key_too(ask):
    guesses = [ask("GET", "/v1/me", key=f"ck_local_aaaaaaaa_{n:032}")[0] for n in range(8)]

    assert guesses == [401] * 5 + [429] * 3
    assert ask("GET", "/v1/me")[0] == 429
    assert ask("GET", "/v1/me", ip="192.0.2.2")[0] == 200
    assert {ask("GET", "/v1/health")[0] for _ in range(20)} == {200}


def test_a_network_of_ipv6_is_one_guesser(ask):
    guesses = [ask("GET", "/v1/me", key="ck", ip=f"2001:db8:0:1::{n}")[0] for n in range(1, 8)]

    assert guesses == [401] * 5 + [429] * 2
    assert ask("GET", "/v1/me", key="ck", ip="2001:db8:0:2::1")[0] == 401


def test_the_secret_of_the_first_tenant_is_not_guessed_either(ask):
    body = {"tenant": {"id": "x", "name": "X"}}
    guesses = [ask("POST", "/v1/bootstrap", body=body)[0] for _ in range(7)]

    assert guesses == [401] * 5 + [429] * 2


def test_health_is_never_counted(ask):
    assert {ask("GET", "/v1/health")[0] for _ in range(30)} == {200}
    assert "ratelimit" not in ask("GET", "/v1/health")[1]
