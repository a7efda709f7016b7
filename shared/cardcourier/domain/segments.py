"""Sealed segments: the journal cut into pieces that cannot be changed without anyone seeing it.

A segment is a gzipped list of journal lines, one JSON text per line, in the order of their ids. Its
manifest holds the hash of those bytes and the hash of the manifest before it, so all manifests of a
tenant make one chain. A line that came after its stretch was sealed goes into a supplement: a segment
of the same chain whose lines are older than what the chain had reached.

    seals/<tenant>/<day>/<seq, 8 digits>.jsonl.gz            the lines
    seals/<tenant>/<day>/<seq, 8 digits>.manifest.json       the manifest

Everything here follows from the bytes alone: the same lines give the same segment, and two sealers
that find the same segment give the same manifest.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Self

from cardcourier.domain.journal import JournalLine, day_of

SEAL_AFTER = 600_000
"""A stretch is closed when it is older than this, in milliseconds."""

LATE_AFTER = 480_000
"""A line that is projected at this age may miss its stretch, and is announced as late.

The difference to `SEAL_AFTER` covers clock skew and the time a write takes.
"""

MAX_LINES = 50_000
GENESIS = "0" * 64


@dataclass(frozen=True, slots=True)
class SealState:
    """How far a tenant's chain has come: `until` (ms, exclusive), and the hash of the last manifest."""

    seq: int
    until: int
    prev: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a segment holds. `first_at` and `end_at` bound its lines, [first_at, end_at) in milliseconds.

    `until` is how far the chain reaches with it; `supplements` counts lines of stretches sealed before.
    """

    tenant: str
    seq: int
    first_at: int
    end_at: int
    until: int
    count: int
    supplements: int
    sha256: str
    prev: str

    def text(self) -> str:
        """The one text of a manifest; the next one's `prev` is the SHA-256 of these bytes."""
        names = {"first_at": "from", "end_at": "to"}
        record = {names.get(name, name): value for name, value in asdict(self).items()}
        return json.dumps(record, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError, KeyError or TypeError for anything that is not a manifest."""
        record: dict[str, Any] = json.loads(text)
        return cls(first_at=record.pop("from"), end_at=record.pop("to"), **record)

    @property
    def hash(self) -> str:
        return sha256(self.text().encode()).hexdigest()

    @property
    def state(self) -> SealState:
        """The state of the chain once this manifest is its last."""
        return SealState(self.seq, self.until, self.hash)

    @property
    def segment_key(self) -> str:
        return segment_key(self.tenant, self.seq, self.first_at)

    @property
    def manifest_key(self) -> str:
        return self.segment_key.removesuffix(".jsonl.gz") + ".manifest.json"


def segment_key(tenant: str, seq: int, first_at: int) -> str:
    return f"seals/{tenant}/{day_of(first_at)}/{seq:08d}.jsonl.gz"


def seq_of(manifest_key: str) -> int | None:
    """The place in the chain of what lies at a key; None for what is no manifest."""
    name = manifest_key.rpartition("/")[2]
    return int(name[:8]) if name.endswith(".manifest.json") else None


def pack(texts: Iterable[str]) -> bytes:
    """The segment's bytes; no clock and no file name goes into them."""
    body = "".join(text + "\n" for text in texts).encode()
    return gzip.compress(body, compresslevel=6, mtime=0)


def unpack(segment: bytes) -> list[str]:
    """The texts of the lines. Raises OSError, EOFError or ValueError for bytes that are no segment."""
    return gzip.decompress(segment).decode().split("\n")[:-1]


def manifest_of(tenant: str, state: SealState, segment: bytes) -> Manifest:
    """Describe `segment` as the next link after `state`."""
    times = [time_of(text) for text in unpack(segment)]
    first, end = times[0], times[-1] + 1
    late = first < state.until
    return Manifest(
        tenant=tenant,
        seq=state.seq + 1,
        first_at=first,
        end_at=end,
        until=state.until if late else end,
        count=len(times),
        supplements=len(times) if late else 0,
        sha256=sha256(segment).hexdigest(),
        prev=state.prev,
    )


def time_of(text: str) -> int:
    """The `at` of a line's text."""
    at: int = json.loads(text)["at"]
    return at


def id_of(text: str) -> str:
    """The id of a line's text."""
    name: str = json.loads(text)["id"]
    return name


def stretch(texts: Iterable[str], limit: int = MAX_LINES) -> list[str]:
    """The next segment's lines: at most about `limit` of one UTC day, never a part of one millisecond."""
    taken: list[str] = []
    day, last = "", -1
    for text in texts:
        at = time_of(text)
        if taken and (day_of(at) != day or (len(taken) >= limit and at != last)):
            break
        taken.append(text)
        day, last = day_of(at), at
    return taken


def flaws(manifest: Manifest, segment: bytes) -> Iterator[str]:
    """What is wrong with a segment's bytes, seen by its manifest."""
    if sha256(segment).hexdigest() != manifest.sha256:
        yield "the segment's bytes do not match the manifest's hash"
        return
    texts = unpack(segment)
    records = [json.loads(text) for text in texts]
    ids = [record["id"] for record in records]
    if len(texts) != manifest.count:
        yield f"the segment has {len(texts)} lines, the manifest says {manifest.count}"
    if any(record["tenant"] != manifest.tenant for record in records):
        yield "the segment has a line of another tenant"
    if ids != sorted(set(ids)):
        yield "the segment's lines are not in order"
    if any(not manifest.first_at <= record["at"] < manifest.end_at for record in records):
        yield "the segment has a line outside of its manifest's stretch"


def link_flaws(manifest: Manifest, before: SealState) -> Iterator[str]:
    """What is wrong with a manifest as the next link after `before`, whose `prev` is empty if unknown."""
    if manifest.seq != before.seq + 1:
        yield f"segment {before.seq + 1} is missing"
    elif before.prev and manifest.prev != before.prev:
        yield "the manifest does not follow from the one before it"
    if manifest.until < before.until or (not manifest.supplements and manifest.first_at < before.until):
        yield "the manifest's stretch overlaps the one before it"


@dataclass(frozen=True, slots=True)
class Gap:
    """Something wrong with the versions of one item: `missing` ones, or such that came `twice`."""

    item: str
    missing: Sequence[int]
    twice: Sequence[int]


def gaps(lines: Iterable[JournalLine]) -> Iterator[Gap]:
    """Every item whose lines do not count 1, 2, 3 …, over the whole life of the items."""
    seen: dict[str, int] = {}
    twice: dict[str, list[int]] = {}
    for line in lines:
        bit = 1 << line.ver
        if seen.get(line.item, 0) & bit:
            twice.setdefault(line.item, []).append(line.ver)
        seen[line.item] = seen.get(line.item, 0) | bit
    for item in sorted(seen):
        missing = [ver for ver in range(1, seen[item].bit_length()) if not seen[item] >> ver & 1]
        if missing or item in twice:
            yield Gap(item, tuple(missing), tuple(sorted(twice.get(item, []))))


def altered(sealed: Mapping[str, str], kept: Mapping[str, str]) -> Iterator[str]:
    """Sealed lines that the journal has lost or tells differently; both by id."""
    for name, text in sealed.items():
        if name not in kept:
            yield f"line {name} is sealed but no longer in the journal"
        elif kept[name] != text:
            yield f"line {name} differs between seal and journal"
