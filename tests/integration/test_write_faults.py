"""Every write of the order protocol meets every fault of the network and of the table service.

The product's own functions send through a real client with the product's settings to a real engine; what goes
wrong goes wrong below the SDK, so that its repeats take part. Whatever it is, the write takes effect once or
not at all, its caller is told the truth or that nobody knows, and asking again settles it.
"""

from dataclasses import dataclass

import pytest

from cardcourier.errors import Unavailable
from tests.integration import sdk_faults as faults
from tests.integration.order_ground import client, network, no_request_tokens, through
from tests.integration.write_ground import ME, YOU, new_ground
from tests.integration.write_table import WRITES, Write

TRANSACTIONS = [write for write in WRITES if write.parts > 1]
REQUESTS = [write for write in WRITES if write.parts == 1]


@dataclass(frozen=True)
class Case:
    """A write with the tables just before and just after it; the worker makes it and the ground looks on."""

    write: Write
    ground: object
    worker: object
    seen: object
    before: tuple
    after: tuple

    def meets(self, trouble, *, tokens=True):
        about = f"{self.write.name} {trouble.name}"
        known, self.ground.known = self.ground.known or self.ground.snapshot(), None
        self.ground.restore(self.before, known)
        wire, shared = faults.Wire(), self.worker.table.client
        script = [through] * self.write.before + trouble.requests(wire)

        with network(shared, *script) as left:
            outcome = self.make(ME) if tokens else self.without_tokens()
            assert left == [] or not trouble.heard, about
            assert self.now() == (self.after if trouble.done else self.before), about
            self.check(outcome, trouble, tokens, about)
            if trouble.lands:
                wire.land()
                assert self.now() == self.after, about
            settled = self.settle(YOU if trouble.done or trouble.lands else ME)

        assert self.now() == self.after, f"{about}: a repeat settles it"
        assert self.write.won(settled) or trouble.done or trouble.lands, about
        self.ground.known = self.after

    def now(self):
        return self.ground.items(), self.ground.sealed() if self.after[1] else {}

    def make(self, actor):
        try:
            return self.write.make(self.worker, self.seen, actor)
        except Unavailable as unknown:
            return unknown

    def without_tokens(self):
        with no_request_tokens(self.worker.table.client):
            return self.make(ME)

    def check(self, outcome, trouble, tokens, about):
        """Nobody is told that a write took effect which did not, nor that it failed while nobody knows."""
        if isinstance(outcome, Unavailable):
            assert not trouble.heard, f"{about}: a repeat was answered"
        elif self.write.won(outcome):
            assert trouble.heard, f"{about}: nobody said so"
        elif trouble.heard:
            assert self.write.forgets or not tokens, f"{about}: its own success was taken for another's"
        else:
            assert outcome == faults.PASSED_OVER, about

    def settle(self, actor):
        for _ in range(3):
            outcome = self.make(actor)
            if not isinstance(outcome, Unavailable):
                return outcome
        raise AssertionError("it never settles")


@pytest.fixture(scope="module")
def ground(engine_endpoint, real_template):
    return new_ground(engine_endpoint, real_template)


@pytest.fixture(scope="module")
def cases():
    return {}


@pytest.fixture
def case(write, ground, cases, engine_endpoint, monkeypatch):
    """A write that is about to be made; the SDK makes no pauses between its repeats."""
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    if write.name not in cases:
        ground.clear()
        seen, before = write.prepare(ground), ground.snapshot()
        assert write.won(write.make(ground, seen, ME))
        assert ground.snapshot() != before
        # A client for each write: the SDK allows each client only so many repeats.
        worker = ground.through(client(engine_endpoint))
        ground.known = None
        cases[write.name] = Case(write, ground, worker, seen, before, ground.snapshot())
    return cases[write.name]


each = pytest.mark.parametrize("write", WRITES, ids=lambda write: write.name)
each_transaction = pytest.mark.parametrize("write", TRANSACTIONS, ids=lambda write: write.name)
each_request = pytest.mark.parametrize("write", REQUESTS, ids=lambda write: write.name)


@pytest.mark.fault("answers: once")
@each
def test_an_answer_that_is_lost_once_changes_nothing_more(case):
    for trouble in faults.LOST:
        case.meets(trouble)


@pytest.mark.fault("answers: again")
@each
def test_however_often_the_answer_is_lost_the_write_happens_once(case):
    for trouble in faults.LOST_AGAIN:
        case.meets(trouble)


@pytest.mark.fault("answers: late")
@each
def test_a_request_may_arrive_after_its_repeat_was_sent(case):
    for trouble in faults.LATE:
        case.meets(trouble)


@pytest.mark.fault("answers: forgotten")
@each_transaction
def test_conditions_alone_recognise_a_repeat_that_lost_its_token(case):
    """A token is known for ten minutes; whoever was frozen for longer comes without one."""
    for trouble in (*faults.LOST, *faults.LOST_AGAIN, *faults.LATE):
        case.meets(trouble, tokens=False)


@pytest.mark.fault("requests: unsent")
@each
def test_a_request_that_does_not_reach_the_server(case):
    for trouble in faults.UNSENT:
        case.meets(trouble)


@pytest.mark.fault("requests: reset")
@each
def test_a_connection_is_reset_before_or_after_the_write(case):
    for trouble in faults.RESET:
        case.meets(trouble)


@pytest.mark.fault("requests: 5xx")
@each
def test_the_server_fails_before_or_after_the_write(case):
    for trouble in faults.FAILED:
        case.meets(trouble)


@pytest.mark.fault("requests: in progress")
@each_transaction
def test_a_transaction_is_still_in_progress_when_it_is_asked_for_again(case):
    for trouble in faults.IN_FLIGHT:
        case.meets(trouble)


@pytest.mark.fault("requests: partition")
@each
def test_a_partition_is_throttled(case):
    for trouble in faults.bursts("partition"):
        case.meets(trouble)


@pytest.mark.fault("requests: index")
@each
def test_an_index_is_throttled(case):
    for trouble in faults.bursts("index"):
        case.meets(trouble)


@pytest.mark.fault("requests: table")
@each
def test_a_table_is_throttled(case):
    for trouble in faults.bursts("table"):
        case.meets(trouble)


@pytest.mark.fault("requests: part")
@each_transaction
def test_a_transaction_is_cancelled_because_a_part_of_it_was_throttled(case):
    for code in ("ThrottlingError", "ProvisionedThroughputExceeded"):
        for trouble in faults.stopped(case.write.parts, code):
            case.meets(trouble)


@pytest.mark.fault("conflicts: marker", "conflicts: unit", "conflicts: both", "conflicts: each")
@each_transaction
def test_each_part_of_a_transaction_and_all_of_them_meet_another_transaction(case):
    for trouble in faults.stopped(case.write.parts, "TransactionConflict"):
        case.meets(trouble)


@pytest.mark.fault("conflicts: each")
@each_request
def test_a_single_write_meets_a_transaction(case):
    case.meets(faults.undone("in the way", faults.CONFLICT))
