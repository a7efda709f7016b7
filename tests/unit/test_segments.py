import gzip
import json
from bisect import insort
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardcourier.domain.journal import JournalLine, decode, encode
from cardcourier.domain.segments import (
    GENESIS,
    LATE_AFTER,
    SEAL_AFTER,
    Gap,
    Manifest,
    SealState,
    gaps,
    id_of,
    manifest_of,
    pack,
    stretch,
    time_of,
    unpack,
)
from cardcourier.errors import Conflict
from cardcourier.services.sealing import IDLE, Break, seal, verify_chain

NOON = 1_790_000_000_000
MINUTE = 60_000


def line(at, order="1", ver=1, why=""):
    return JournalLine(
        id=f"{at:013d}#main/{order}/H#{ver:06d}",
        at=at,
        kind="order.changed",
        tenant="acme",
        shop="main",
        order=order,
        number=order,
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


class Killed(BaseException):
    """The process died between two calls."""


@dataclass
class World:
    """Journal and object store in memory. `at_call` runs before a call with its number, and may kill."""

    kept: dict = field(default_factory=dict)
    announced: dict = field(default_factory=dict)
    state: SealState | None = None
    manifests: dict = field(default_factory=dict)
    objects: dict = field(default_factory=dict)
    at_call: object = None
    calls: int = 0

    def put(self, *lines, now):
        """As the journal table does it."""
        for each in lines:
            if each.at < now - LATE_AFTER and each.id not in self.kept:
                self.announced[each.id] = encode(each)
            self.kept[each.id] = encode(each)

    def _call(self):
        self.calls += 1
        if self.at_call:
            self.at_call(self.calls)

    def ordered(self, tenant, start, end):
        self._call()
        return iter([self.kept[name] for name in sorted(self.kept) if start <= int(name[:13]) < end])

    def find(self, lines):
        return {each.id: self.kept[each.id] for each in lines if each.id in self.kept}

    def late(self, tenant, start, end):
        self._call()
        return iter(
            [self.announced[name] for name in sorted(self.announced) if start <= int(name[:13]) < end]
        )

    def forget_late(self, tenant, ids):
        self._call()
        for name in ids:
            self.announced.pop(name, None)

    def seal_state(self, tenant):
        self._call()
        return self.state

    def advance(self, tenant, old, new):
        self._call()
        if self.state not in (old, new):
            raise Conflict("seal_moved", "moved")
        self.state = new

    def manifest(self, tenant, seq):
        self._call()
        return self.manifests.get(seq)

    def put_manifest(self, manifest):
        self._call()
        return self.manifests.setdefault(manifest.seq, manifest)

    def put_bytes(self, bucket, key, body, *, content_type="", if_none_match=False):
        self._call()
        assert if_none_match
        if key in self.objects:
            return False
        self.objects[key] = body
        return True

    def get(self, bucket, key):
        self._call()
        return self.objects.get(key)

    def seal(self, now):
        return seal("acme", since=NOON - MINUTE, journal=self, objects=self, bucket="seals", now=now)

    def breaks(self):
        self.at_call = None
        return list(verify_chain("acme", journal=self, objects=self, bucket="seals"))

    def sealed(self):
        """Every line of every segment that the chain names, in its order."""
        return [text for seq in sorted(self.manifests) for text in self.lines_of(seq)]

    def lines_of(self, seq):
        return unpack(self.objects[self.manifests[seq].segment_key])


def test_the_same_lines_make_the_same_bytes():
    texts = [encode(line(NOON + number)) for number in range(3)]

    assert pack(texts) == pack(texts)
    assert unpack(pack(texts)) == texts
    assert gzip.decompress(pack(texts)).decode().splitlines() == texts


def test_a_manifest_describes_its_segment():
    body = pack([encode(line(NOON)), encode(line(NOON + 5))])

    manifest = manifest_of("acme", SealState(3, NOON - 7, "p" * 64), body)

    assert (manifest.seq, manifest.first_at, manifest.end_at, manifest.until) == (4, NOON, NOON + 6, NOON + 6)
    assert (manifest.count, manifest.supplements, manifest.prev) == (2, 0, "p" * 64)
    assert Manifest.parse(manifest.text()) == manifest
    assert json.loads(manifest.text())["from"] == NOON
    assert manifest.segment_key == "seals/acme/20260921/00000004.jsonl.gz"
    assert manifest.manifest_key == "seals/acme/20260921/00000004.manifest.json"


def test_older_lines_make_a_supplement_that_leaves_the_reach_alone():
    manifest = manifest_of("acme", SealState(3, NOON + 9, GENESIS), pack([encode(line(NOON))]))

    assert (manifest.supplements, manifest.until) == (1, NOON + 9)


def test_a_segment_ends_with_its_day_and_never_within_a_millisecond():
    midnight = NOON - NOON % 86_400_000 + 86_400_000
    crowd = [encode(line(NOON, str(number))) for number in range(4)]
    texts = [*crowd, encode(line(NOON + 1)), encode(line(midnight))]

    assert stretch(iter(texts), limit=2) == texts[:4]
    assert stretch(iter(texts)) == texts[:5]
    assert stretch(iter(texts[5:])) == texts[5:]


def test_only_closed_stretches_are_sealed():
    world = World()
    world.put(line(NOON), line(NOON + MINUTE), now=NOON + MINUTE)

    done = world.seal(NOON + SEAL_AFTER + 1)

    assert (done.segments, done.lines, done.supplements) == (1, 1, 0)
    assert world.seal(NOON + SEAL_AFTER + 1).segments == 0
    assert world.seal(NOON + SEAL_AFTER + MINUTE + 1).lines == 1
    assert world.manifests[2].prev == world.manifests[1].hash
    assert world.breaks() == []


def test_a_late_line_goes_into_a_supplement():
    world = World()
    world.put(line(NOON), line(NOON + 2), now=NOON)
    world.seal(NOON + SEAL_AFTER + 3)
    world.put(line(NOON + 1), now=NOON + SEAL_AFTER + 4)

    done = world.seal(NOON + SEAL_AFTER + 5)

    assert (done.segments, done.supplements) == (1, 1)
    assert world.lines_of(2) == [encode(line(NOON + 1))]
    assert world.announced == {}
    assert world.breaks() == []


def test_a_late_line_that_still_met_its_stretch_is_sealed_once():
    world = World()
    world.put(line(NOON), now=NOON + LATE_AFTER + 1)
    assert len(world.announced) == 1

    world.seal(NOON + SEAL_AFTER + 1)

    assert world.sealed() == [encode(line(NOON))]
    assert world.announced == {}


def test_a_late_line_announced_but_not_yet_written_is_sealed():
    world = World()
    world.put(line(NOON + 5), now=NOON)
    world.announced[line(NOON).id] = encode(line(NOON))

    world.seal(NOON + SEAL_AFTER + IDLE + 6)

    assert sorted(world.sealed()) == [encode(line(NOON)), encode(line(NOON + 5))]


def test_an_idle_chain_moves_on_seldom():
    world = World()
    world.put(line(NOON), now=NOON)
    world.seal(NOON + SEAL_AFTER + 1)

    world.seal(NOON + SEAL_AFTER + IDLE)
    assert world.state.until == NOON + 1
    world.seal(NOON + SEAL_AFTER + IDLE + 2)
    assert world.state.until == NOON + IDLE + 2
    assert world.breaks() == []


def busy_world():
    """Two days of lines, some late, some sealed before."""
    world = World()
    lines = [line(NOON + number * 7 * 3_600_000, str(number)) for number in range(8)]
    world.put(*lines[:3], now=NOON)
    world.seal(lines[2].at + SEAL_AFTER + 1)
    world.put(line(NOON + 1, "late"), *lines[3:], now=lines[2].at + SEAL_AFTER + 2)
    world.put(line(NOON + 2, "later"), now=lines[-1].at + LATE_AFTER)
    return world, lines[-1].at + SEAL_AFTER + 1


def assert_whole(world, now):
    """One chain in which every closed line stands exactly once."""
    for _ in range(3):
        world.seal(now)
    closed = sorted(text for text in world.kept.values() if time_of(text) < now - SEAL_AFTER)
    assert sorted(world.sealed()) == closed
    assert world.announced == {}
    assert world.breaks() == []


def calls_of_a_run():
    world, now = busy_world()
    world.calls = 0
    world.seal(now)
    return world.calls


@pytest.mark.fault("kills: seal")
@pytest.mark.parametrize("last", range(1, calls_of_a_run() + 1))
def test_a_sealer_may_die_between_any_two_calls(last):
    world, now = busy_world()
    world.calls = 0

    def die(call):
        if call == last:
            raise Killed

    world.at_call = die
    with pytest.raises(Killed):
        world.seal(now)
    world.at_call = None
    world.put(line(NOON + 3, "after the crash"), now=now)

    assert_whole(world, now)


@pytest.mark.fault("clocks: fired twice")
@pytest.mark.parametrize("point", range(1, calls_of_a_run() + 1))
def test_another_sealer_may_run_between_any_two_calls(point):
    world, now = busy_world()
    world.calls = 0

    def other(call):
        if call == point:
            world.at_call = None
            world.put(line(NOON + 4, "in between"), now=now)
            world.seal(now + 1)

    world.at_call = other
    world.seal(now)

    assert_whole(world, now + 1)


@pytest.mark.fault("kills: seal", "clocks: fired twice")
@pytest.mark.parametrize("point", range(1, calls_of_a_run() + 1))
def test_two_sealers_of_which_one_dies_half_way(point):
    """The second begins at `point`, dies five calls later, and the first goes on."""
    world, now = busy_world()
    world.calls = 0

    def other(call):
        if call == point:
            world.at_call = lambda inner: (_ for _ in ()).throw(Killed) if inner == point + 5 else None
            with pytest.raises(Killed):
                world.seal(now - MINUTE)
                raise Killed
            world.at_call = None

    world.at_call = other
    world.seal(now)

    assert_whole(world, now)


# -- what a chain gives away -------------------------------------------------------------------------------


def sealed_world():
    world, now = busy_world()
    world.seal(now)
    assert world.breaks() == []
    return world


def whats(world, seq):
    return [each.what for each in world.breaks() if each.seq == seq]


def test_an_altered_segment_is_named():
    world = sealed_world()
    key = world.manifests[2].segment_key
    world.objects[key] = pack([encode(replace(decode(world.lines_of(2)[0]), why="forged"))])

    assert world.breaks() == [Break(2, "the segment's bytes do not match the manifest's hash")]


def test_a_forged_segment_with_a_fitting_manifest_breaks_the_next_link():
    world = sealed_world()
    forged = pack([encode(replace(decode(world.lines_of(2)[0]), why="forged"))])
    manifest = manifest_of("acme", world.manifests[1].state, forged)
    world.manifests[2] = manifest
    world.objects[manifest.segment_key] = forged
    world.objects[manifest.manifest_key] = manifest.text().encode()

    assert "the manifest does not follow from the one before it" in whats(world, 3)
    assert any("differs between seal and journal" in what for what in whats(world, 2))


def test_a_missing_segment_a_missing_manifest_and_a_missing_record_are_named():
    world = sealed_world()
    del world.objects[world.manifests[1].segment_key]
    del world.objects[world.manifests[2].manifest_key]
    del world.manifests[4]

    assert "the segment is missing in the bucket" in whats(world, 1)
    assert "the manifest is missing in the bucket" in whats(world, 2)
    assert "the manifest is missing or unreadable in the table" in whats(world, 4)
    assert whats(world, 5) == []


def test_a_changed_a_removed_and_a_smuggled_line_are_named():
    world = sealed_world()
    first, second = (id_of(text) for text in world.lines_of(1)[:2])
    world.kept[first] = encode(replace(decode(world.kept[first]), why="forged"))
    del world.kept[second]
    smuggled = line(NOON + 9, "smuggled")
    world.kept[smuggled.id] = encode(smuggled)

    assert whats(world, 1) == [
        f"line {first} differs between seal and journal",
        f"line {second} is sealed but no longer in the journal",
        f"line {smuggled.id} is in the journal but in no segment",
    ]


def test_a_cut_off_chain_is_named():
    world = sealed_world()
    world.state = replace(world.state, seq=world.state.seq - 1)

    assert "the chain's state does not match its last manifest" in whats(world, world.state.seq)


# -- versions ----------------------------------------------------------------------------------------------


def test_items_whose_versions_have_gaps_are_named():
    lines = [
        line(NOON, "a", 1),
        line(NOON, "a", 3),
        line(NOON, "b", 1),
        line(NOON, "b", 2),
        line(NOON, "c", 2),
    ]

    assert list(gaps([*lines, line(NOON + 1, "b", 2)])) == [
        Gap("main/a/H", (2,), ()),
        Gap("main/b/H", (), (2,)),
        Gap("main/c/H", (1,), ()),
    ]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(min_value=1, max_value=9)), unique=True))
def test_no_gap_goes_unseen(drawn):
    found = {gap.item: gap.missing for gap in gaps(line(NOON, order, ver) for order, ver in drawn)}

    for order in {order for order, _ in drawn}:
        vers = {ver for each, ver in drawn if each == order}
        assert found.get(f"main/{order}/H", ()) == tuple(sorted(set(range(1, max(vers))) - vers))


times = st.integers(min_value=0, max_value=3 * 3_600_000)


@pytest.mark.fault("streams: replayed")
@given(st.lists(st.tuples(times, times, st.booleans()), max_size=30))
def test_whatever_comes_late_and_however_often_is_sealed_once(drawn):
    """Lines are projected some time after they happened, again now and then, and sealers run between."""
    world, events = World(), []
    for number, (happened, delay, again) in enumerate(drawn):
        event = line(NOON + happened, str(number))
        insort(events, (event.at + delay // 9, number, event))
        if again:
            insort(events, (event.at + delay, -number, event))
    for now, number, event in events:
        world.put(event, now=now)
        if number % 3 == 0:
            world.seal(now)

    assert_whole(world, NOON + 10 * 3_600_000)
