"""One attempt for each message: what is recorded, what is asked for again, what stops an endpoint."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest

from cardcourier.domain.backoff import MINUTE, SECOND, WEBHOOKS
from cardcourier.domain.changes import Changed
from cardcourier.domain.endpoints import DISABLED, GIVEN_UP, Endpoint
from cardcourier.domain.journal import lines_of
from cardcourier.domain.outbox import Answer, Message, MessageKey, Sending
from cardcourier.errors import Unavailable
from cardcourier.services.announcing import Announcer
from cardcourier.services.sending_events import EventSender, Outcome

NOW = 1_790_000_000_000
ENDPOINT = Endpoint(id="we-1", tenant="t", url="https://a.example/", secrets=(b"sealed",))
OK = Answer(200)
KEY = MessageKey("t", "we-1", f"evt_{NOW:013d}_0")


@dataclass
class World:
    """An outbox, endpoints, a key service, a queue and a receiver, all in memory."""

    endpoint: Endpoint | None = ENDPOINT
    answer: Answer = OK
    failures: int = 0
    claimable: bool = True
    away: set = field(default_factory=set)
    kept: list = field(default_factory=list)
    queued: list = field(default_factory=list)
    posted: list = field(default_factory=list)
    noted: list = field(default_factory=list)

    def _there(self, name):
        if name in self.away:
            raise Unavailable("away", name)

    # -- the outbox

    def put_new(self, message, now):
        self._there("table")
        self.kept.append(message)

    def claim(self, key, token, now):
        self._there("table")
        message = Message(key=key, type="x", at=NOW, body="{}", failures=self.failures)
        return message if self.claimable else None

    def sent(self, message, attempts, token):
        self.kept.append((Sending.SENT, attempts[-1].status))

    def failed(self, message, attempts, token, reason):
        self.kept.append((Sending.FAILED, reason))

    def skipped(self, message, token, reason):
        self.kept.append((Sending.SKIPPED, reason))

    def try_again(self, message, attempts, token, due, by_queue):
        self.kept.append((Sending.PENDING, due - NOW, by_queue))

    # -- endpoints

    def endpoints(self, tenant):
        return [self.endpoint] if self.endpoint and tenant == "t" else []

    def some(self, wanted):
        self._there("endpoints")
        return {(self.endpoint.tenant, self.endpoint.id): self.endpoint} if self.endpoint else {}

    def disable(self, tenant, endpoint_id, reason, now, by):
        self.noted.append(reason)
        return True

    def begins_to_fail(self, endpoint, now):
        self.noted.append("fails")

    def works_again(self, endpoint):
        self.noted.append("works")

    # -- outside

    def open(self, endpoint):
        self._there("keys")
        return ["whsec_"]

    def post(self, url, headers, body):
        self.posted.append((url, headers, body))
        return self.answer

    def events(self, wanted, delay=0):
        self._there("queue")
        self.queued += [(key.event, delay) for key in wanted]

    def send(self, *keys):
        sender = EventSender(
            outbox=self,
            endpoints=self,
            secrets=self,
            sign=lambda secrets, event, now, body: {"signed": f"{len(secrets)} {event} {now}"},
            poster=self,
            queue=self,
            clock=lambda: NOW,
            chance=lambda: 0.0,
            token=lambda: "token",
            spread=map,
        )
        return sender.send(keys or [KEY])

    def outcome(self):
        return self.send()[KEY].outcome


def test_a_good_answer_is_the_end_of_it():
    world = World(answer=Answer(204))

    assert world.outcome() is Outcome.SENT
    assert world.kept == [(Sending.SENT, 204)] and world.noted == [] and world.queued == []
    assert world.posted == [("https://a.example/", {"signed": f"1 {KEY.event} {NOW}"}, b"{}")]


def test_a_message_that_is_asked_for_twice_at_once_is_sent_once():
    world = World()

    assert set(world.send(KEY, KEY)) == {KEY} and len(world.posted) == 1


def test_what_is_done_or_somebody_elses_is_left_alone():
    world = World(claimable=False)

    assert world.outcome() is Outcome.DONE and world.posted == [] and world.kept == []


@pytest.mark.parametrize(
    ("failures", "wait", "queued"),
    [(0, 5 * SECOND, [(KEY.event, 5)]), (1, 5 * MINUTE, []), (8, WEBHOOKS.waits[8], [])],
)
@pytest.mark.parametrize("answer", [Answer(500), Answer(302), Answer(404), Answer(None, "timeout")])
def test_anything_else_is_tried_again_soon_by_the_queue_and_late_by_the_sweeper(
    answer, failures, wait, queued
):
    world = World(answer=answer, failures=failures)

    assert world.outcome() is Outcome.FAILED
    assert world.kept == [(Sending.PENDING, wait, bool(queued))] and world.queued == queued


def test_who_asks_for_patience_waits_longer():
    world = World(answer=Answer(503, asked=20 * MINUTE))
    world.outcome()

    assert world.kept == [(Sending.PENDING, 20 * MINUTE, False)]


def test_after_the_last_attempt_it_is_given_up():
    world = World(answer=Answer(500), failures=WEBHOOKS.attempts - 1)

    assert world.outcome() is Outcome.GIVEN_UP
    assert world.kept == [(Sending.FAILED, "given up after 10 attempts")]


def test_gone_and_five_days_of_failures_stop_an_endpoint():
    gone, worn = World(answer=Answer(410)), World(answer=Answer(500))
    worn.endpoint = replace(ENDPOINT, failing_since=NOW - GIVEN_UP)

    assert gone.send()[KEY].disabled == "it answered 410 Gone"
    assert worn.send()[KEY].disabled == "it only failed for five days"
    assert [state for state, _ in (*gone.kept, *worn.kept)] == [Sending.FAILED] * 2


def test_failing_is_noted_when_it_begins_and_when_it_ends():
    failing = replace(ENDPOINT, failing_since=NOW - 1)
    first, later, well = World(answer=Answer(500)), World(failing, Answer(500)), World(failing)
    for world in (first, later, well):
        world.send()

    assert (first.noted, later.noted, well.noted) == (["fails"], [], ["works"])


@pytest.mark.parametrize("endpoint", [None, replace(ENDPOINT, state=DISABLED)])
def test_without_an_endpoint_that_listens_nothing_is_sent(endpoint):
    world = World(endpoint)

    assert world.outcome() is Outcome.SKIPPED
    assert world.posted == [] and world.kept[0][0] is Sending.SKIPPED


@pytest.mark.parametrize("name", ["table", "keys", "queue"])
def test_what_is_away_on_our_side_is_asked_for_again(name):
    world = World(away={name}, answer=Answer(500))

    assert world.outcome() is Outcome.BUSY
    assert bool(world.posted) == (name == "queue")


# ---------------------------------------------------------------- announcing

AFTER = {
    **{"kind": "unit", "t": "t", "shop": "s", "order": "A-1", "by": "x", "rid": "r", "at": NOW},
    **{"line": "1", "n": 1, "piece": 1, "sku": "M", "ver": 1, "st": "HELD", "why": "odd"},
}


def announce(world, after=AFTER):
    change = Changed({"pk": f"O#{after['t']}#s#A-1", "sk": "U#1#0001"}, None, after)
    told = [(change, lines_of(None, after, change.key))]
    return Announcer(world, world, world, lambda: NOW, map).announce(told, {})


def test_a_tenant_without_endpoints_costs_no_write():
    world = World(None)

    assert announce(world) == 0 and announce(World(), AFTER | {"t": "another"}) == 0
    assert world.kept == world.queued == []


def test_nobody_is_asked_about_what_is_no_event():
    asked = []
    audience = SimpleNamespace(endpoints=lambda tenant: asked.append(tenant) or [ENDPOINT])
    link = Changed({"pk": "R#5e1f", "sk": "R"}, None, {"t": "t", "shop": "s", "order": "A-1"})
    world = World()

    assert Announcer(audience, world, world, lambda: NOW, map).announce([(link, ())], {}) == 0
    assert asked == []


def test_a_queue_that_is_away_does_not_hold_up_the_journal():
    world = World(away={"queue"})

    assert announce(world) == 1 and world.kept[0].state is Sending.PENDING


def test_a_table_that_is_away_has_the_changes_told_again():
    with pytest.raises(Unavailable):
        announce(World(away={"table"}))


def test_a_disabled_endpoints_events_are_kept_and_not_queued():
    world = World(replace(ENDPOINT, state=DISABLED))

    assert announce(world) == 1 and world.queued == [] and world.kept[0].state is Sending.SKIPPED
    assert announce(World(replace(ENDPOINT, events=("order.paid",)))) == 0
