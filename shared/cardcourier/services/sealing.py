"""Sealing: every closed stretch of a tenant's journal becomes a segment in a chain of hashes.

A segment is final once its manifest holds its place in the table. Until then a sealer that finds the
object of another one takes it as it is; afterwards any sealer finishes what is left. So two sealers at
once, or one that dies between any two steps, leave one chain with every line in it exactly once.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from cardcourier.domain.journal import JournalLine, day_of, decode
from cardcourier.domain.segments import (
    GENESIS,
    SEAL_AFTER,
    Manifest,
    SealState,
    altered,
    flaws,
    id_of,
    link_flaws,
    manifest_of,
    pack,
    segment_key,
    seq_of,
    stretch,
    time_of,
    unpack,
)
from cardcourier.errors import Conflict

IDLE = 3_600_000
"""Where nothing happens the chain's reach is moved on this seldom, in milliseconds."""

MOST_SEGMENTS = 200


class Journal(Protocol):
    """What sealing needs of the journal table."""

    def ordered(self, tenant: str, start: int, end: int) -> Iterator[str]: ...
    def find(self, lines: Iterable[JournalLine]) -> Mapping[str, str]: ...
    def late(self, tenant: str, start: int, end: int) -> Iterator[str]: ...
    def forget_late(self, tenant: str, ids: Iterable[str]) -> None: ...
    def seal_state(self, tenant: str) -> SealState | None: ...
    def advance(self, tenant: str, old: SealState | None, new: SealState) -> None: ...
    def manifest(self, tenant: str, seq: int) -> Manifest | None: ...
    def segments(self, tenant: str, start: int, end: int) -> tuple[int, int] | None: ...
    def put_manifest(self, manifest: Manifest) -> Manifest: ...


class Objects(Protocol):
    """What sealing needs of the object store."""

    def put_bytes(
        self, bucket: str, key: str, body: bytes, *, content_type: str = ..., if_none_match: bool = ...
    ) -> bool: ...
    def get(self, bucket: str, key: str) -> bytes | None: ...


class Published(Protocol):
    """What lies in the object store."""

    def keys(self, bucket: str, prefix: str, after: str = ...) -> Iterator[str]: ...


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one run added to the chain; `supplements` of the `lines` came late."""

    segments: int
    lines: int
    supplements: int


@dataclass(frozen=True, slots=True)
class Break:
    """Where a chain does not hold: the number of the segment, and what is wrong there."""

    seq: int
    what: str


@dataclass(frozen=True, slots=True)
class _Chain:
    tenant: str
    journal: Journal
    objects: Objects
    bucket: str

    def segment(self, manifest: Manifest) -> bytes | None:
        return self.objects.get(self.bucket, manifest.segment_key)


def seal(tenant: str, *, since: int, journal: Journal, objects: Objects, bucket: str, now: int) -> Sealed:
    """Seal all that is closed, in a bounded number of segments; the next run goes on.

    `since` is when the tenant began, in milliseconds: no line is older.
    """
    chain = _Chain(tenant, journal, objects, bucket)
    added: list[Manifest] = []
    try:
        while len(added) < MOST_SEGMENTS and (manifest := _next(chain, since, now - SEAL_AFTER)):
            added.append(manifest)
    except Conflict:
        # Another sealer is at work on this chain and will go on with it.
        pass
    return Sealed(len(added), sum(each.count for each in added), sum(each.supplements for each in added))


def overtaken(tenant: str, *, journal: Journal, published: Published, bucket: str) -> bool:
    """Whether seals were published that the table knows nothing of: it was restored to an earlier second.

    A manifest is published only once it holds its place in the table.
    """
    state = journal.seal_state(tenant) or SealState(0, 0, GENESIS)
    prefix = f"seals/{tenant}/"
    after = prefix + day_of(state.until) if state.until else prefix
    numbers = map(seq_of, published.keys(bucket, prefix, after))
    return any(
        seq is not None and seq > state.seq and journal.manifest(tenant, seq) is None for seq in numbers
    )


def _next(chain: _Chain, since: int, closed: int) -> Manifest | None:
    """Add one segment to the chain, or finish one that somebody left; None when nothing is left to do."""
    tenant, journal = chain.tenant, chain.journal
    stored = journal.seal_state(tenant)
    state = stored or SealState(0, since, GENESIS)
    if left := journal.manifest(tenant, state.seq + 1):
        return _finish(chain, stored, left)
    if texts := stretch(journal.ordered(tenant, state.until, closed)):
        return _commit(chain, stored, state, texts)
    late = stretch(journal.late(tenant, 0, closed))
    if closed > state.until and (late or closed - state.until > IDLE):
        state = SealState(state.seq, closed, state.prev)
        journal.advance(tenant, stored, state)
        stored = state
    return _commit(chain, stored, state, late) if late else None


def _commit(chain: _Chain, stored: SealState | None, state: SealState, texts: list[str]) -> Manifest:
    """Write the object, then claim its place in the chain."""
    segment = pack(texts)
    key = segment_key(chain.tenant, state.seq + 1, time_of(texts[0]))
    if not chain.objects.put_bytes(
        chain.bucket, key, segment, content_type="application/gzip", if_none_match=True
    ):
        segment = chain.objects.get(chain.bucket, key) or segment
    manifest = chain.journal.put_manifest(manifest_of(chain.tenant, state, segment))
    return _finish(chain, stored, manifest)


def _finish(chain: _Chain, stored: SealState | None, manifest: Manifest) -> Manifest:
    """Publish the manifest, drop what it makes good of the late lines, and move the state on."""
    chain.objects.put_bytes(
        chain.bucket,
        manifest.manifest_key,
        manifest.text().encode(),
        content_type="application/json",
        if_none_match=True,
    )
    announced = [id_of(text) for text in chain.journal.late(chain.tenant, manifest.first_at, manifest.end_at)]
    if announced:
        sealed = set(map(id_of, unpack(chain.segment(manifest) or pack(()))))
        chain.journal.forget_late(chain.tenant, [name for name in announced if name in sealed])
    chain.journal.advance(chain.tenant, stored, manifest.state)
    return manifest


def verify_period(
    tenant: str, start: int, end: int, *, journal: Journal, objects: Objects, bucket: str
) -> Iterator[Break]:
    """As `verify_chain`, from the first segment of [start, end) on: the work of a period, not of a life."""
    found = journal.segments(tenant, start, end)
    if found is not None:
        yield from verify_chain(tenant, journal=journal, objects=objects, bucket=bucket, first=found[0])
        return
    state = journal.seal_state(tenant)
    reached = state is not None and state.until >= end
    if not reached and next(journal.ordered(tenant, start, end), None) is not None:
        yield Break(state.seq if state else 0, "the chain does not reach the end of the period")


def verify_chain(
    tenant: str, *, journal: Journal, objects: Objects, bucket: str, first: int = 1
) -> Iterator[Break]:
    """Every place where the chain, its objects and the journal do not say the same; nothing if all is well.

    Reads all segments from `first` on and all lines up to where the chain reaches.
    """
    chain = _Chain(tenant, journal, objects, bucket)
    state = journal.seal_state(tenant)
    if state is None:
        return
    before = SealState(0, 0, GENESIS)
    if first > 1 and (earlier := _manifest(chain, first - 1)):
        before = earlier.state
    unsealed: dict[str, int] = {}
    for seq in range(first, state.seq + 1):
        manifest = _manifest(chain, seq)
        for what in _flaws(chain, manifest, before, unsealed):
            yield Break(seq, what)
        before = manifest.state if manifest else SealState(seq, before.until, "")
    if (before.prev or state.prev) != state.prev or before.until > state.until:
        yield Break(state.seq, "the chain's state does not match its last manifest")
    if state.seq:
        rest = journal.ordered(tenant, before.until, state.until)
        unsealed.update(dict.fromkeys(map(id_of, rest), state.seq))
    announced = {id_of(text) for text in journal.late(tenant, 0, state.until)}
    for name in sorted(unsealed.keys() - announced):
        yield Break(unsealed[name], f"line {name} is in the journal but in no segment")


def _manifest(chain: _Chain, seq: int) -> Manifest | None:
    try:
        return chain.journal.manifest(chain.tenant, seq)
    except (ValueError, KeyError, TypeError):
        return None


def _flaws(
    chain: _Chain, manifest: Manifest | None, before: SealState, unsealed: dict[str, int]
) -> Iterator[str]:
    if manifest is None:
        yield "the manifest is missing or unreadable in the table"
        return
    published = chain.objects.get(chain.bucket, manifest.manifest_key)
    if published is None:
        yield "the manifest is missing in the bucket"
    elif published != manifest.text().encode():
        yield "the manifest differs between table and bucket"
    if not before.until:
        before = SealState(before.seq, manifest.first_at, before.prev)
    yield from link_flaws(manifest, before)
    yield from _lines(chain, manifest, before, unsealed)


def _lines(chain: _Chain, manifest: Manifest, before: SealState, unsealed: dict[str, int]) -> Iterator[str]:
    """Compare the segment with its manifest, and its lines with those of the journal."""
    segment = chain.segment(manifest)
    if segment is None:
        yield "the segment is missing in the bucket"
        return
    wrong = list(flaws(manifest, segment))
    yield from wrong
    if wrong:
        return
    sealed = {id_of(text): text for text in unpack(segment)}
    if manifest.supplements:
        yield from altered(sealed, chain.journal.find(map(decode, sealed.values())))
        for name in sealed:
            unsealed.pop(name, None)
        return
    kept = {id_of(text): text for text in chain.journal.ordered(chain.tenant, before.until, manifest.until)}
    yield from altered(sealed, kept)
    unsealed.update(dict.fromkeys(kept.keys() - sealed.keys(), manifest.seq))
