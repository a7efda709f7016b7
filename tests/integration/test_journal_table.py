"""The journal table on the local table engine, and sealing on top of it."""

import re
from random import Random

import pytest
from botocore.exceptions import ClientError

from cardcourier.adapters.tables.journal import JournalTable
from cardcourier.domain.journal import LANES, JournalLine, decode, encode, lane_of
from cardcourier.domain.segments import GENESIS, LATE_AFTER, SEAL_AFTER, Manifest, SealState
from cardcourier.errors import Conflict, Unavailable
from cardcourier.services.sealing import seal, verify_chain
from local.engines import client, create_table

NOON = 1_790_000_000_000
HOUR = 3_600_000


@pytest.fixture
def tables(each_engine_endpoint, real_template):
    """One journal table for all tests of an engine; each test has a tenant of its own."""
    tables = client("dynamodb", each_engine_endpoint)
    create_table(tables, "journal", real_template.of_type("AWS::DynamoDB::Table")["JournalTable"])
    return tables


@pytest.fixture
def journal(tables):
    return JournalTable(tables, "journal", sleep=lambda _: None)


@pytest.fixture
def tenant(request):
    return re.sub("[^a-z0-9]+", "-", request.node.name)


class Bucket:
    """Objects in memory."""

    def __init__(self):
        self.kept = {}

    def put_bytes(self, bucket, key, body, *, content_type="", if_none_match=False):
        if if_none_match and key in self.kept:
            return False
        self.kept[key] = body
        return True

    def get(self, bucket, key):
        return self.kept.get(key)


def line(tenant, at, order="1", ver=1, why=""):
    return JournalLine(
        id=f"{at:013d}#main/{order}/H#{ver:06d}",
        at=at,
        kind="order.changed",
        tenant=tenant,
        shop="main",
        order=order,
        number="季卡",
        line="",
        unit="",
        sku="",
        quantity=0,
        before="",
        after="",
        by="",
        why=why,
        request_id="",
        ver=ver,
        card="",
        batch="",
        legs=(),
    )


def test_lines_come_back_from_every_day_and_lane(journal, tenant):
    lines = [line(tenant, NOON + number * HOUR, str(number)) for number in range(60)]
    assert {lane_of("main", each.order) for each in lines} == set(range(LANES))

    journal.put_lines(lines, now=NOON)

    assert sorted(journal.lines(tenant, NOON, NOON + 60 * HOUR), key=lambda each: each.at) == lines
    assert list(journal.ordered(tenant, NOON, NOON + 60 * HOUR)) == [encode(each) for each in lines]


def test_the_end_of_a_period_is_outside_of_it(journal, tenant):
    journal.put_lines([line(tenant, at, str(at)) for at in (NOON - 1, NOON, NOON + 1)], now=NOON)

    assert [each.at for each in journal.lines(tenant, NOON, NOON + 1)] == [NOON]
    assert list(journal.lines(tenant, NOON, NOON)) == []


@pytest.mark.fault("tenants: reports")
def test_one_tenant_never_sees_another(journal, tenant):
    journal.put_lines([line(tenant, NOON), line(f"{tenant}-2", NOON)], now=NOON)

    assert [each.tenant for each in journal.lines(tenant, NOON, NOON + 1)] == [tenant]


@pytest.mark.fault("streams: twice", "streams: replayed")
def test_a_replay_writes_the_same_lines_again(journal, tenant):
    lines = [line(tenant, NOON + number, str(number)) for number in range(40)]

    for _ in range(2):
        journal.put_lines([*lines, *lines], now=NOON + HOUR)

    assert list(journal.ordered(tenant, NOON, NOON + HOUR)) == [encode(each) for each in lines]
    assert list(journal.late(tenant, 0, NOON + HOUR)) == [encode(each) for each in lines]


def test_a_line_is_late_by_its_age_when_it_is_first_written(journal, tenant):
    young, old = line(tenant, NOON + 1, "young"), line(tenant, NOON, "old")

    journal.put_lines([young, old], now=NOON + LATE_AFTER + 1)
    journal.put_lines([young, old], now=NOON + HOUR)

    assert [decode(text).order for text in journal.late(tenant, 0, NOON + HOUR)] == ["old"]
    assert journal.find([young, old, line(tenant, NOON, "unknown")]) == {
        young.id: encode(young),
        old.id: encode(old),
    }


def test_pages_of_a_query_are_followed(journal, tenant):
    lines = [line(tenant, NOON + number, "1", ver=number, why="x" * 20_000) for number in range(1, 120)]

    journal.put_lines(lines, now=NOON)

    assert list(journal.texts(tenant, NOON, NOON + HOUR)) == [encode(each) for each in lines]


def test_the_state_moves_on_for_one_sealer_only(journal, tenant):
    first, second = SealState(1, NOON, "a" * 64), SealState(2, NOON + 1, "b" * 64)

    journal.advance(tenant, None, first)
    journal.advance(tenant, None, first)
    assert journal.seal_state(tenant) == first
    journal.advance(tenant, first, second)
    journal.advance(tenant, first, second)
    with pytest.raises(Conflict):
        journal.advance(tenant, first, SealState(2, NOON + 1, "c" * 64))
    with pytest.raises(Conflict):
        journal.advance(tenant, None, first)
    assert journal.seal_state(tenant) == second


def test_a_place_in_the_chain_is_claimed_once(journal, tenant):
    mine, other = manifest(tenant, 1, NOON), manifest(tenant, 1, NOON + 5)

    assert journal.manifest(tenant, 1) is None
    assert journal.put_manifest(mine) == mine
    assert journal.put_manifest(other) == mine
    assert journal.manifest(tenant, 1) == mine


def manifest(tenant, seq, until):
    return Manifest(
        tenant=tenant,
        seq=seq,
        first_at=until - 1,
        end_at=until,
        until=until,
        count=1,
        supplements=0,
        sha256="0" * 64,
        prev=GENESIS,
    )


def test_the_segments_of_a_period_are_found_by_halving(journal, tenant):
    for seq in range(1, 20):
        journal.put_manifest(manifest(tenant, seq, NOON + seq * 10))
    assert journal.segments(tenant, NOON, NOON + 1) is None
    journal.advance(tenant, None, SealState(19, NOON + 190, "a" * 64))

    assert journal.segments(tenant, NOON, NOON + 190) == (1, 19)
    assert journal.segments(tenant, NOON + 10, NOON + 20) == (2, 2)
    assert journal.segments(tenant, NOON + 15, NOON + 31) == (2, 4)
    assert journal.segments(tenant, NOON + 15, NOON + 191) is None


class Balking:
    """Takes and gives only a part of each batch, for the first `balks` times."""

    def __init__(self, tables, balks):
        self._tables, self._balks = tables, balks

    def batch_write_item(self, RequestItems):
        if self._balks < 1:
            return self._tables.batch_write_item(RequestItems=RequestItems)
        self._balks -= 1
        (name, requests), *_ = RequestItems.items()
        if requests[1:]:
            self._tables.batch_write_item(RequestItems={name: requests[1:]})
        return {"UnprocessedItems": {name: requests[:1]}}

    def __getattr__(self, name):
        return getattr(self._tables, name)


def test_what_the_table_leaves_undone_is_sent_again(tables, tenant):
    lines = [line(tenant, NOON + number, str(number)) for number in range(30)]

    JournalTable(Balking(tables, 5), "journal", sleep=lambda _: None).put_lines(lines, now=NOON)

    assert list(JournalTable(tables, "journal").ordered(tenant, NOON, NOON + 30)) == [*map(encode, lines)]


def test_a_table_that_takes_nothing_is_given_up(tables, tenant):
    waits = []
    journal = JournalTable(Balking(tables, 10**6), "journal", sleep=waits.append)

    with pytest.raises(Unavailable, match="journal_busy"):
        journal.put_lines([line(tenant, NOON)], now=NOON)
    assert 5 < len(waits) < 20


def test_a_table_that_is_not_there_is_a_fault_and_not_a_pause(tables, tenant):
    with pytest.raises(ClientError, match="ResourceNotFound"):
        JournalTable(tables, "nowhere").put_lines([line(tenant, NOON)], now=NOON)


def test_a_day_of_lines_is_sealed_and_verified(journal, tenant):
    random, bucket = Random(7), Bucket()
    lines = [line(tenant, NOON + random.randrange(30 * HOUR), str(number)) for number in range(300)]
    late = [line(tenant, NOON + random.randrange(HOUR), f"late{number}") for number in range(3)]
    ports = {"journal": journal, "objects": bucket, "bucket": "seals"}
    for end in range(NOON, NOON + 32 * HOUR, HOUR):
        journal.put_lines([each for each in lines if end <= each.at < end + HOUR], now=end + HOUR // 60)
        if end == NOON + 9 * HOUR:
            journal.put_lines(late, now=end)
        seal(tenant, since=NOON, now=end + HOUR + SEAL_AFTER, **ports)

    assert list(verify_chain(tenant, **ports)) == []
    state = journal.seal_state(tenant)
    assert state.until > max(each.at for each in lines)
    assert list(journal.late(tenant, 0, NOON + 99 * HOUR)) == []
    assert sum(journal.manifest(tenant, seq).count for seq in range(1, state.seq + 1)) == 303
    assert journal.segments(tenant, NOON, NOON + 20 * HOUR)[0] == 1


def test_a_line_changed_in_the_table_is_named(journal, tables, tenant):
    bucket, ports = Bucket(), {"journal": journal}
    ports |= {"objects": bucket, "bucket": "seals"}
    true = line(tenant, NOON)
    journal.put_lines([true], now=NOON)
    seal(tenant, since=NOON, now=NOON + HOUR, **ports)
    assert list(verify_chain(tenant, **ports)) == []

    journal.put_lines([line(tenant, NOON, why="forged")], now=NOON)

    (found,) = verify_chain(tenant, **ports)
    assert found.what == f"line {true.id} differs between seal and journal"
