"""Versions of a key that makes names: links and pick-up codes, or the ids of cards and contacts.

A new version is announced at once and makes names only from `since` on, when everybody who remembers an older
list has read a new one and every call that began before has ended. So nobody has to write down which version
named what: it follows from a time that never changes, or every living version is tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cardcourier.errors import Conflict, Refused

FIRST = "1"
REMEMBERED = 300_000
"""Milliseconds for which a list of versions is remembered."""

ANNOUNCED = 1_800_000
"""Milliseconds between announcing a version and its first use: the memory, the longest call and a margin."""

HURRY = 600_000
"""The same when links are to end: no call is waited for, only the memory and a margin."""

MOST_LIVING = {"link": 5, "pepper": 2}
"""Every look-up costs as many reads as versions live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVersion:
    """From `since` on it makes names; from `ends_at` on those names are worth nothing (epoch ms)."""

    id: str
    since: int = 0
    ends_at: int | None = None

    def ended(self, now: int) -> bool:
        return self.ends_at is not None and self.ends_at <= now


@dataclass(frozen=True, slots=True, kw_only=True)
class WrappedKey:
    """A data key as it lies in the table; `at` is when it was made (epoch ms).

    `kms` names the key that wrapped it, as far as it was written down.
    """

    tenant: str
    purpose: str
    id: str
    wrapped: bytes
    kms: str
    at: int


Versions = tuple[KeyVersion, ...]
"""The oldest first."""


def naming(versions: Sequence[KeyVersion], at: int, now: int) -> KeyVersion:
    """The version that names what began at `at`, as seen at `now` (epoch ms).

    In place of an ended one stands the first after it that lives, and always the same: a later version
    changes nothing about it.
    """
    fitting = [index for index, version in enumerate(versions) if version.since <= at]
    index = fitting[-1] if fitting else 0
    while (
        versions[index].ended(now) and index + 1 < len(versions) and versions[index + 1].since <= max(at, now)
    ):
        index += 1
    return versions[index]


def living(versions: Sequence[KeyVersion], now: int) -> Versions:
    """Those whose names still count, announced ones included; the newest first."""
    return tuple(version for version in reversed(versions) if not version.ended(now))


def names_of(versions: Sequence[KeyVersion], now: int) -> Versions:
    """Every living version, the one that names what is new at `now` (epoch ms) first.

    Whoever puts something under the first name and sees to it that nothing lies under the others meets
    everybody who does the same: the one before him, whatever that one took for the first, named it by one of
    these. For that a version is announced so long before it begins.
    """
    new = naming(versions, now, now)
    return (new, *(version for version in living(versions, now) if version != new))


def announced(versions: Versions, purpose: str, now: int, *, end_old: bool = False) -> Versions:
    """The list with one more version; `end_old` ends all before it at the moment when it begins.

    Raises Conflict while the last one has not begun, Refused when too many would live.
    """
    newest = versions[-1]
    if newest.since > now:
        raise Conflict("rotation_under_way", f"Version {newest.id} has not begun yet; wait until then.")
    if not end_old and len(living(versions, now)) >= MOST_LIVING[purpose]:
        raise Refused("too_many_versions", f"{MOST_LIVING[purpose]} versions live; end the oldest first.")
    since = now + (HURRY if end_old else ANNOUNCED)
    kept = tuple(
        replace(version, ends_at=since) if end_old and not version.ended(now) else version
        for version in versions
    )
    return (*kept, KeyVersion(id=str(int(newest.id) + 1), since=since))


def retired(versions: Versions, version_id: str, now: int) -> Versions:
    """The list with one version ended now: names made with it are looked for no longer.

    Raises Refused for an unknown version and for the one in use, Conflict until its successor is settled.
    """
    known = {version.id: index for index, version in enumerate(versions)}
    index = known.get(version_id, len(versions))
    if index >= len(versions) - 1:
        raise Refused("bad_version", f"Version {version_id} is unknown or is the newest one.")
    if versions[index + 1].since + ANNOUNCED > now:
        raise Conflict("rotation_under_way", f"Version {versions[index + 1].id} is not settled yet; wait.")
    ended = replace(versions[index], ends_at=min(versions[index].ends_at or now, now))
    return (*versions[:index], ended, *versions[index + 1 :])
