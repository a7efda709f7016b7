"""Erasure by age over a list in memory: what is old enough goes, in however many runs, and nothing else."""

from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.catalogue import Tenant
from cardcourier.domain.journal import DAY
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.retention import Progress, day_at, place_at
from cardcourier.services import retaining

START = 20_000 * DAY
TENANT = Tenant(id="t", name="T", created_at=START, contact_days=30)


@dataclass
class World:
    """Orders by the day they came, counted from the tenant's first; `open` are still to be delivered."""

    days: list[int]
    open: set[int] = field(default_factory=set)
    clear: set[int] = field(default_factory=set)
    progress: Progress | None = None
    told: list[str] = field(default_factory=list)
    opened: list[int] = field(default_factory=list)
    tenant: Tenant = TENANT

    def place(self, n):
        return f"{START + self.days[n] * DAY:013d}#s#{n:04d}"

    def run(self, day, pages=99):
        time_for = iter([True] * pages + [False] * 99)
        return retaining.Retention(
            tenant=lambda _: self.tenant,
            rounds=self,
            listed=self,
            orders=self,
            records=self,
            trail=SimpleNamespace(put=lambda line: self.told.append(line.target)),
            spread=map,
            clock=lambda: START + int(day * DAY),
        ).run("t", "r", lambda: next(time_for))

    def read(self, of):
        """A tenant's progress, or one order."""
        if isinstance(of, str):
            return self.progress
        self.opened.append(int(of.order))
        waits = int(of.order) in self.open
        header = SimpleNamespace(key=of, paid=waits, owed=[1])
        return SimpleNamespace(header=header, units=[])

    def save(self, _, seen, after, actor):
        assert after.rev == seen.rev + 1 and seen == (self.progress or seen)
        self.progress = after
        return True

    def oldest(self, tenant, after, until):
        for n in sorted(range(len(self.days)), key=self.place):
            if after < self.place(n) < place_at(until):
                yield SimpleNamespace(key=OrderKey(tenant, "s", f"{n:04d}"), place=("", self.place(n)))

    def headers(self, wanted):
        return {
            key: SimpleNamespace(contact=None if int(key.order) in self.clear else b"x", search=())
            for key in wanted
        }

    def erase(self, kept, actor):
        assert actor.by == "retention"
        self.clear.add(int(kept.header.key.order))


def test_an_order_goes_the_moment_it_is_old_enough():
    world = World([0, 1, 1])
    assert (world.run(30).clear, world.clear) == (0, set())
    assert (world.run(30.5).clear, world.clear) == (1, {0})
    assert (world.run(31.5).clear, world.clear) == (2, {0, 1, 2})
    day = day_at(place_at(START))
    assert world.told[0] == f"orders from {day} to {day}: 1 clear, 0 kept" and len(world.told) == 2


def test_days_are_counted_anew_when_the_merchant_changes_them():
    world = World([0, 20, 40])
    world.tenant = replace(TENANT, contact_days=60)
    assert world.run(75).clear == 1
    world.tenant = TENANT
    assert world.run(75).clear == 2 and world.clear == {0, 1, 2}


def test_nothing_goes_under_a_hold_and_everything_after_it():
    world = World([0, 1])
    world.tenant = replace(TENANT, legal_hold="case 12")
    assert world.run(90) is None and not world.clear and world.progress is None
    world.tenant = TENANT
    assert world.run(90).clear == 2


def test_what_is_left_is_looked_at_again_and_what_is_clear_is_not_opened_again():
    world = World([0, 1, 2], open={1})
    assert [(ran.clear, ran.kept) for ran in (world.run(90), world.run(91))] == [(2, 1), (1, 1)]
    assert world.opened == [0, 1, 2, 1]
    world.open.clear()
    assert (world.run(92).clear, world.clear, world.run(93).looked_at) == (2, {0, 1, 2}, 0)


def test_a_run_that_was_overtaken_tells_nothing(monkeypatch):
    world = World([0])
    monkeypatch.setattr(world, "save", lambda *_: False)
    assert world.run(90) is None and not world.told


@pytest.fixture(scope="module", autouse=True)
def small_pages():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retaining, "PAGE", 2)
        yield


@given(
    st.lists(st.integers(0, 50), max_size=12),
    st.sets(st.integers(0, 11), max_size=4),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 3)), max_size=12),
)
def test_however_runs_are_cut_all_that_is_old_goes_and_nothing_young(days, waiting, runs):
    world, day = World(days, {n for n in waiting if n < len(days)}), 30
    for later, pages in runs:
        day += later
        world.run(day, pages)
        assert all(days[n] < day - 30 for n in world.clear)
        assert not world.clear & world.open
    world.run(90), world.run(90)
    assert world.clear == set(range(len(days))) - world.open
    world.open.clear()
    world.run(90)
    assert world.clear == set(range(len(days)))
