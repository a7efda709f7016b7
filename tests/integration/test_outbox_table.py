"""The outbox and its endpoints on a real engine: lost answers, two workers at once, and time to live."""

import threading
from dataclasses import replace

import pytest

from cardcourier.adapters.tables.catalogue import CatalogueTable
from cardcourier.adapters.tables.endpoints import EndpointsTable
from cardcourier.adapters.tables.outbox import EARLY, TIMER, OutboxTable
from cardcourier.adapters.tables.waiting import WaitingTable
from cardcourier.domain.catalogue import Job
from cardcourier.domain.endpoints import Endpoint
from cardcourier.domain.outbox import GRACE, KEEP, LEASE, Answer, Message, MessageKey, Sending, Wanted
from cardcourier.errors import Conflict, NotFound
from tests.integration.order_ground import answer_lost, main_table, network

NOW = 1_790_000_000_000
KEY = MessageKey("t", "we-1", f"evt_{NOW:013d}_aaaaaaaaaaaaaaaaaaaa")
MESSAGE = Message(key=KEY, type="order.paid", at=NOW, body='{"type":"order.paid"}')
ENDPOINT = Endpoint(id="we-1", tenant="t", url="https://a.example/", secrets=(b"sealed",), created_at=NOW)
EVERYTHING = Wanted(since=0, until=NOW + KEEP)
ALL_PARTS = range(32)


@pytest.fixture(scope="module")
def table(engine_endpoint, real_template):
    return main_table(engine_endpoint, real_template)


@pytest.fixture
def outbox(table):
    yield OutboxTable(table)
    for item in table.client.scan(TableName=table.name)["Items"]:
        table.client.delete_item(TableName=table.name, Key={"pk": item["pk"], "sk": item["sk"]})


@pytest.fixture
def endpoints(outbox):
    return EndpointsTable(CatalogueTable(outbox.table))


@pytest.fixture
def lost(table):
    """The answer of the next request is lost, and the SDK asks again."""
    return lambda: network(table.client, answer_lost)


def timers(table, until):
    return [t for part in ALL_PARTS for t in WaitingTable(table).due_timers(TIMER, part, until, 9)]


def claimed(outbox, token="one", now=NOW):
    outbox.put_new(MESSAGE, NOW)
    found = outbox.claim(KEY, token, now)
    assert found is not None
    return found


def tried(message, status=500):
    return message.tried(Answer(status, "", 12), NOW)


# ---------------------------------------------------------------- lost answers


def test_a_put_is_repeated_by_the_sdk_and_changes_nothing_twice(outbox, lost):
    with lost():
        outbox.put_new(MESSAGE, NOW)
    found = outbox.claim(KEY, "one", NOW)
    outbox.sent(found, tried(found, 200), "one")
    outbox.put_new(MESSAGE, NOW + 1)

    assert outbox.message(KEY, NOW).state is Sending.SENT


def test_a_claim_whose_answer_is_lost_is_ones_own(outbox, lost):
    outbox.put_new(MESSAGE, NOW)
    with lost():
        found = outbox.claim(KEY, "one", NOW)

    assert (found.key, found.body, found.next) == (KEY, MESSAGE.body, NOW + LEASE)
    assert outbox.claim(KEY, "two", NOW) is None


@pytest.mark.parametrize("end", ["sent", "failed", "skipped", "try_again"])
def test_what_came_of_an_attempt_is_kept_once_though_the_answer_is_lost(outbox, lost, end):
    message = claimed(outbox)
    with lost():
        match end:
            case "sent":
                outbox.sent(message, tried(message, 200), "one")
            case "failed":
                outbox.failed(message, tried(message), "one", "given up")
            case "skipped":
                outbox.skipped(message, "one", "disabled")
            case "try_again":
                outbox.try_again(message, tried(message), "one", NOW + 5_000, by_queue=True)
    kept = outbox.message(KEY, NOW)

    states = {"sent": "sent", "failed": "failed", "skipped": "skipped", "try_again": "pending"}
    assert kept.state == states[end]
    assert kept.failures == (1 if end == "try_again" else 0)
    assert len(kept.attempts) == (0 if end == "skipped" else 1)
    due = [GRACE + NOW + 5_000] if end == "try_again" else []
    assert [timer.due for timer in timers(outbox.table, NOW + 10 * GRACE)] == due


def test_asking_again_is_done_once_for_each_act_though_the_answer_is_lost(outbox, lost):
    message = claimed(outbox)
    outbox.failed(message, tried(message), "one", "given up")
    with lost():
        assert outbox.again(KEY, "act-1", NOW)
    assert outbox.message(KEY, NOW).state is Sending.PENDING
    found = outbox.claim(KEY, "two", NOW)
    outbox.sent(found, tried(found, 200), "two")

    assert outbox.again(KEY, "act-1", NOW)
    assert outbox.message(KEY, NOW).state is Sending.SENT
    assert outbox.again(KEY, "act-2", NOW)
    assert outbox.message(KEY, NOW).state is Sending.PENDING


@pytest.mark.parametrize("how", ["add", "change", "remove", "disable"])
def test_an_endpoint_is_changed_once_though_the_answer_is_lost(endpoints, lost, how):
    if how != "add":
        endpoints.add(ENDPOINT, NOW, "me")
    with lost():
        match how:
            case "add":
                endpoints.add(ENDPOINT, NOW, "me")
            case "change":
                endpoints.change(replace(ENDPOINT, description="new"), 1, NOW + 1, "me")
            case "remove":
                endpoints.remove(ENDPOINT, 1)
            case "disable":
                assert endpoints.disable("t", "we-1", "410", NOW + 1, "outbound") or how
    if how == "remove":
        with pytest.raises(NotFound):
            endpoints.endpoint("t", "we-1")
        return
    kept = endpoints.endpoint("t", "we-1")
    assert kept.ver == (1 if how == "add" else 2)
    assert kept.thing.enabled == (how != "disable")


# ---------------------------------------------------------------- who has it


def test_one_of_many_workers_gets_a_message(outbox):
    outbox.put_new(MESSAGE, NOW)
    found, start = [], threading.Barrier(8)

    def work(n):
        start.wait()
        found.append(outbox.claim(KEY, f"worker-{n}", NOW))

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sum(message is not None for message in found) == 1


def test_a_worker_that_died_gives_way_and_has_nothing_more_to_say(outbox):
    first = claimed(outbox)
    assert outbox.claim(KEY, "two", NOW + LEASE - EARLY - 1) is None
    second = outbox.claim(KEY, "two", NOW + LEASE)
    outbox.failed(first, tried(first), "one", "late")
    assert outbox.message(KEY, NOW).state is Sending.PENDING
    outbox.sent(second, tried(second, 200), "two")
    outbox.try_again(first, tried(first), "one", NOW, by_queue=True)

    assert outbox.message(KEY, NOW).state is Sending.SENT


def test_a_late_success_counts_and_a_late_failure_does_not_undo_it(outbox):
    first = claimed(outbox)
    second = outbox.claim(KEY, "two", NOW + LEASE)
    outbox.sent(first, tried(first, 200), "one")
    outbox.failed(second, tried(second), "two", "given up")

    assert outbox.message(KEY, NOW).state is Sending.SENT


def test_what_is_being_sent_is_not_asked_for_again(outbox):
    claimed(outbox)

    assert not outbox.again(KEY, "act-1", NOW)
    assert outbox.again(KEY, "act-1", NOW + LEASE)
    assert not outbox.again(replace(KEY, event=KEY.event[:-1] + "b"), "act-1", NOW)


def test_waiting_is_by_timer_and_the_sweeper_names_the_message(outbox):
    message = claimed(outbox)
    outbox.try_again(message, tried(message), "one", NOW + 300_000, by_queue=False)

    assert outbox.claim(KEY, "two", NOW + 290_000) is None
    [timer] = timers(outbox.table, NOW + 300_000)
    assert WaitingTable(outbox.table).message_of(timer) == KEY
    assert outbox.claim(KEY, "two", NOW + 300_000).failures == 1


# ---------------------------------------------------------------- reading


def test_what_is_past_its_time_is_not_there_though_it_was_not_deleted_yet(outbox):
    outbox.put_new(MESSAGE, NOW)

    assert outbox.message(KEY, NOW + KEEP - 1_000)
    assert outbox.message(KEY, NOW + KEEP) is None
    assert list(outbox.messages("t", "we-1", EVERYTHING, None, NOW + KEEP)) == []


def test_pages_of_every_lane_hold_each_message_once(outbox):
    ids = [f"evt_{NOW + n:013d}_{n:020x}" for n in range(60)]
    for event in ids:
        outbox.put_new(replace(MESSAGE, key=replace(KEY, event=event)), NOW)
    found = []
    for lane in range(16):
        after = None
        while True:
            page, after = outbox.page("t", "we-1", lane, after, EVERYTHING, 2)
            found += [message.key.event for message in page]
            if after is None:
                break

    assert sorted(found) == ids
    half = Wanted(since=NOW + 10, until=NOW + 20)
    listed = [message.key.event for message in outbox.messages("t", "we-1", half, None, NOW)]
    assert listed == ids[10:20][::-1]
    assert list(outbox.messages("t", "we-1", half, "evt_0000000000000_x", NOW)) == []
    assert list(outbox.messages("t2", "we-1", EVERYTHING, None, NOW)) == []


# ---------------------------------------------------------------- endpoints


def test_only_the_first_failure_is_noted_and_a_success_forgets_it(endpoints):
    endpoints.add(ENDPOINT, NOW, "me")
    endpoints.begins_to_fail(ENDPOINT, NOW + 1)
    endpoints.begins_to_fail(ENDPOINT, NOW + 2)
    assert endpoints.endpoint("t", "we-1").thing.failing_since == NOW + 1
    endpoints.works_again(ENDPOINT)
    endpoints.works_again(ENDPOINT)
    assert endpoints.some([("t", "we-1"), ("t", "we-2")])["t", "we-1"].failing_since == 0
    endpoints.begins_to_fail(replace(ENDPOINT, id="we-2"), NOW)
    assert endpoints.endpoints("t") == [ENDPOINT]


def test_a_change_names_what_it_saw(endpoints):
    endpoints.add(ENDPOINT, NOW, "me")
    endpoints.change(replace(ENDPOINT, description="mine"), 1, NOW + 1, "me")
    with pytest.raises(Conflict):
        endpoints.change(replace(ENDPOINT, description="yours"), 1, NOW + 1, "you")
    with pytest.raises(Conflict):
        endpoints.remove(ENDPOINT, 1)
    with pytest.raises(Conflict):
        endpoints.add(replace(ENDPOINT, description="another"), NOW + 9, "me")
    assert not endpoints.disable("t", "we-2", "410", NOW, "outbound")


def test_a_replay_is_taken_one_step_further_by_one_worker(endpoints):
    job = Job(
        tenant="t", id="rpl-1", kind="replay", state="created", created_at=NOW, by="me", data={"lane": 0}
    )
    endpoints.add_replay(job, NOW)
    endpoints.add_replay(replace(job, data={"lane": 7}), NOW)
    seen = endpoints.replay("t", "rpl-1")
    endpoints.change_replay(replace(seen, data={"lane": 1}), NOW + 1, "a")
    with pytest.raises(Conflict):
        endpoints.change_replay(replace(seen, data={"lane": 1}), NOW + 1, "b")
    assert endpoints.replay("t", "rpl-1").data == {"lane": 1}
