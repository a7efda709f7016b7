"""What can become of a request that is made again with the same idempotency key."""

from dataclasses import dataclass

KEEP = 86_400_000
"""Milliseconds for which a key is remembered."""

LOCK = 60_000
"""Milliseconds after which a request that never ended may be made again; no function runs as long."""


@dataclass(frozen=True, slots=True)
class Begun:
    """This is the one that runs; `at` is when the key was first used (epoch ms)."""

    at: int


@dataclass(frozen=True, slots=True)
class Running:
    """Another one with this key runs right now."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key was used for a different request."""


@dataclass(frozen=True, slots=True)
class Told:
    """It was done; `body` is the answer's JSON, None when it held something that is shown once."""

    status: int
    body: str | None
    begun_at: int
