"""How much a table takes: physical partitions, each with its own limits, and what lies on which.

A partition takes 1,000 write and 3,000 read units a second, whatever the table's mode. Unused units of up to
five minutes may be lent as burst, but never beyond what a partition can do and never as a promise; here a
partition that was idle for a second has a second's units, and no more. It is never split: that takes minutes.
"""

from dataclasses import dataclass, field
from hashlib import blake2b

WRITES, READS = 1_000, 3_000
"""Units a second of one partition."""

NEW_TABLE = 4
"""Partitions of a new on-demand table, which takes 4,000 writes and 12,000 reads a second."""


@dataclass(slots=True)
class Bucket:
    """Units that may be used now; filled at `rate` a second up to a second's worth."""

    rate: float
    level: float
    at: float = 0.0

    @classmethod
    def busy(cls, rate: float) -> "Bucket":
        """As it stands under load: a simulation is too short to live on what was saved before."""
        return cls(rate, rate / 10)

    def take(self, units: float, now: float) -> bool:
        """Whether there were so many units, which are gone then. `now` in milliseconds."""
        self.level = min(self.rate, self.level + (now - self.at) * self.rate / 1000)
        self.at = now
        if self.level < units:
            return False
        self.level -= units
        return True


@dataclass(slots=True)
class Partitions:
    """The partitions of one table or index.

    Keys lie where their hash says. `even` lists keys that are dealt out in turn instead, as if hashing
    had been kind; it is how one sees what unkind hashing costs.
    """

    count: int
    even: dict[str, int] = field(default_factory=dict)
    writes: list[Bucket] = field(default_factory=list)
    reads: list[Bucket] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.writes = [Bucket.busy(WRITES) for _ in range(self.count)]
        self.reads = [Bucket.busy(READS) for _ in range(self.count)]

    @classmethod
    def warmed(cls, writes: int) -> "Partitions":
        """A table whose warm throughput was set to so many writes a second; 0 is a new table."""
        return cls(max(NEW_TABLE, -(-writes // WRITES)))

    def place(self, key: str) -> int:
        if key in self.even:
            return self.even[key] % self.count
        place = self._places.get(key)
        if place is None:
            digest = blake2b(key.encode(), digest_size=8).digest()
            place = self._places[key] = int.from_bytes(digest, "big") * self.count >> 64
        return place

    def write(self, key: str, units: float, now: float) -> bool:
        """Whether the partition of `key` took the write; if not, it is throttled."""
        return self.writes[self.place(key)].take(units, now)

    def read(self, key: str, units: float, now: float) -> bool:
        return self.reads[self.place(key)].take(units, now)
