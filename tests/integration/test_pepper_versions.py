"""The key behind the ids of cards is rotated while cards come in: each exactly once, whoever knows what."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from random import Random

import pytest

from cardcourier.adapters.keyring import Fingerprints
from cardcourier.adapters.tables.data_keys import DataKeysTable
from cardcourier.domain.cards import base_of
from cardcourier.domain.key_versions import ANNOUNCED, FIRST, KeyVersion
from cardcourier.services.rotating_keys import KeyRotation
from local.engines import client
from tests.integration.import_world import NOON, Flaky, Killed, World

NEVER = 2 * NOON
ONE = (KeyVersion(id=FIRST),)
ANNOUNCEMENT = (KeyVersion(id=FIRST), KeyVersion(id="2", since=NEVER))
BEGUN = (KeyVersion(id=FIRST), KeyVersion(id="2", since=1))
RETIRED = (KeyVersion(id=FIRST, ends_at=1), KeyVersion(id="2", since=1))
CODES = [f"SECRETCODE{n:06d}XY" for n in range(54)]
USES = 120


@pytest.fixture
def world(each_engine_endpoint):
    return rotated(each_engine_endpoint)


def rotated(endpoint, **product):
    """A tenant whose pepper has two versions; what a worker knows of them is up to the test."""
    world = World(client("dynamodb", endpoint))
    world.ring().provide(world.tenant, "pepper", "2")
    world.sell(**product)
    return world


class Knowing:
    """A key ring that remembers these versions of the pepper."""

    def __init__(self, ring, versions):
        self.key, self.clock, self.known = ring.key, ring.clock, versions

    def versions(self, tenant, purpose):
        return self.known


class Blind:
    """A stock that shows nothing, so that every clash is met in the transaction."""

    def __init__(self, stock):
        self.stock = stock

    def __getattr__(self, name):
        return getattr(self.stock, name)

    def present(self, tenant, cards):
        return {}


def worker(world, versions, *, seed=1, blind=False, client=None, **sizes):
    process = world.process(client, **sizes)
    stocker = replace(
        process.stocker,
        fingerprints=Fingerprints(Knowing(world.ring(), versions)),
        stock=Blind(process.stocker.stock) if blind else process.stocker.stock,
        random=Random(seed),
    )
    return replace(process, stocker=stocker)


def two_jobs(world, **data):
    """Jobs with the same cards in files that differ."""
    text = "\n".join(CODES)
    jobs = [world.upload(text + end, **data) for end in ("\n", "\n\n")]
    for job in jobs:
        world.preview(job)
    return jobs


def check_once(world, codes=CODES):
    assert world.codes() == sorted(codes)
    assert world.sellable() == sorted(item["pk"]["S"].rsplit("#", 1)[1] for item in world.sealed())


def in_chunks(world, job):
    chunks = world.process().stocker.stock.chunks(world.tenant, f"b-{job}").values()
    return [card for chunk in chunks for card in chunk.cards]


# -- the switch ---------------------------------------------------------------------------------------

DIFFERENT = [(ONE, ANNOUNCEMENT), (ANNOUNCEMENT, BEGUN)]


@pytest.mark.parametrize(
    "known",
    [(ONE, BEGUN), (ANNOUNCEMENT, BEGUN), (BEGUN, ANNOUNCEMENT), (BEGUN, RETIRED)],
)
def test_who_is_later_meets_what_is_there_under_either_name(engine_endpoint, known):
    world = rotated(engine_endpoint)
    jobs = two_jobs(world)

    done = [
        world.commit(job, worker(world, versions, blind=True))
        for job, versions in zip(jobs, known, strict=True)
    ]

    assert [job.data["accepted"] for job in done] == [len(CODES), 0]
    assert done[1].data["duplicates_in_stock"] == len(CODES)
    check_once(world)


@pytest.mark.parametrize("known", DIFFERENT)
def test_workers_who_differ_about_the_version_bring_each_card_in_once(world, known):
    jobs = two_jobs(world)
    workers = [worker(world, versions, seed=n, lot=5, chunk=20) for n, versions in enumerate(known)]

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(world.commit, jobs, workers))

    assert {job.state for job in done} == {"committed"}
    assert sum(job.data["accepted"] for job in done) == len(CODES)
    assert sum(job.data["duplicates_in_stock"] for job in done) == len(CODES)
    check_once(world)
    assert sorted(in_chunks(world, jobs[0]) + in_chunks(world, jobs[1])) == world.sellable()


def test_workers_who_differ_do_one_job_once(engine_endpoint):
    world = rotated(engine_endpoint)
    job, _ = two_jobs(world)
    workers = [
        worker(world, versions, seed=n, lot=4, chunk=20)
        for n, versions in enumerate((ANNOUNCEMENT, BEGUN, ANNOUNCEMENT, BEGUN))
    ]

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda each: world.commit(job, each, f"w{id(each)}"), workers))

    assert {one.state for one in done} == {"committed"}
    assert world.job(job).data["accepted"] == len(CODES)
    check_once(world)
    assert sorted(in_chunks(world, job)) == world.sellable(), "what an undo would take away"


@pytest.mark.parametrize("at", [18, 22])
def test_a_job_that_died_before_the_switch_is_taken_up_after_it_and_undone(engine_endpoint, at):
    world = rotated(engine_endpoint)
    job, _ = two_jobs(world)
    with suppress(Killed):
        flaky = Flaky(world.client, at, "after")
        world.commit(job, worker(world, ANNOUNCEMENT, client=flaky, lot=5, chunk=20))
    assert 0 < len(world.sealed()) < len(CODES)

    done = world.commit(job, worker(world, BEGUN, lot=5, chunk=20))

    assert (done.state, done.data["accepted"]) == ("committed", len(CODES))
    check_once(world)
    world.order_undo(job)
    assert world.undo(job).data["voided"] == len(CODES) and not world.sellable()


@pytest.mark.parametrize("known", DIFFERENT)
def test_shared_cards_are_issued_once(engine_endpoint, known):
    world = rotated(engine_endpoint, kind="shared")
    text = "\n".join(CODES[:3])
    jobs = [world.upload(text + end, uses=USES) for end in ("\n", "\n\n")]
    for job in jobs:
        world.preview(job)
    # Two workers do the first job, one of them the second as well.
    tasks = list(zip((*jobs, jobs[0]), (*known, known[1]), strict=True))

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda task: world.commit(task[0], worker(world, task[1]), f"{id(task)}"), tasks))

    assert sum(world.job(job).data["accepted"] for job in jobs) == 3
    assert world.codes() == CODES[:3]
    names = world.sellable()
    assert len(names) == len(set(names)) and set(Counter(map(base_of, names)).values()) == {USES}


def test_an_import_runs_on_while_the_operator_rotates(engine_endpoint):
    world = World(client("dynamodb", engine_endpoint))
    jobs = two_jobs(world)
    table, begun = DataKeysTable(world.main), world.clock.now
    rotation = KeyRotation(table, None, None, world.ring().provide, world.clock)
    world.clock.step = 6_000

    with ThreadPoolExecutor(2) as threads:
        running = [
            threads.submit(world.commit, job, worker_of_table(world, n), until=NEVER)
            for n, job in enumerate(jobs)
        ]
        rotation.rotate(world.tenant, "pepper")
        done = [one.result() for one in running]

    assert world.clock.now > begun + ANNOUNCED, "it began meanwhile"
    assert {job.state for job in done} == {"committed"}
    assert sum(job.data["accepted"] for job in done) == len(CODES)
    check_once(world)
    first = Fingerprints(Knowing(world.ring(), ONE))
    old = {first.card_id(world.tenant, "mgtv", code) for code in CODES}
    assert old & set(world.sellable()) and set(world.sellable()) - old


def worker_of_table(world, seed):
    """A worker that learns of versions as it should."""
    process = world.process(lot=3, chunk=6)
    return replace(process, stocker=replace(process.stocker, random=Random(seed)))


# -- before and after it ------------------------------------------------------------------------------


def test_a_card_of_either_version_is_a_duplicate_until_the_version_retires(engine_endpoint):
    world = rotated(engine_endpoint)
    old, new = CODES[:5], CODES[5:10]

    def bring_in(cards, versions):
        job = world.upload("\n".join(cards) + "\n" * (world.jobs + 1))
        seen = world.preview(job, worker(world, versions)).data["duplicates_in_stock"]
        done = world.commit(job, worker(world, versions))
        assert done.data["duplicates_in_stock"] == seen
        return done.data["accepted"]

    assert bring_in(old, ONE) == 5
    assert bring_in(old + new, BEGUN) == 5
    assert bring_in(old + new, BEGUN) == 0
    assert bring_in(old + new, ANNOUNCEMENT) == 0
    assert bring_in(new, RETIRED) == 0
    assert bring_in(old, RETIRED) == 5, "what the operator has to accept"


@pytest.mark.parametrize(
    ("versions", "cards", "items"), [(ONE, 50, {"Put": 100}), (BEGUN, 33, {"Put": 66, "ConditionCheck": 33})]
)
def test_a_transaction_is_full_and_costs_no_check_without_a_second_version(
    engine_endpoint, versions, cards, items
):
    world = rotated(engine_endpoint)
    job, _ = two_jobs(world)
    seen = []

    class Watched:
        def __getattr__(self, name):
            return getattr(world.client, name)

        def transact_write_items(self, TransactItems):
            seen.append(Counter(verb for item in TransactItems for verb in item))
            return world.client.transact_write_items(TransactItems=TransactItems)

    world.commit(job, worker(world, versions, client=Watched()))

    assert max(seen, key=Counter.total) == items
    assert sum(count["Put"] > 1 for count in seen) == -(-len(CODES) // cards)
