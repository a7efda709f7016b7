"""The stream of the main table: each of its readers gets every record, a shard's in order, at least once.

A batch that fails is halved until the bad record stands alone, as the template asks; what fails too often is
put aside, and an operator redrives it.
"""

from dataclasses import dataclass, field
from zlib import crc32

SHARDS = 2
MOST_TRIES = 8
BATCH = 40
LATE = (60_000, 3_600_000, 86_400_000)


@dataclass(eq=False)
class Reader:
    """One function on one shard; `at` is how far it has come."""

    function: str
    shard: int
    at: int = 0
    records: list = field(default_factory=list)
    running: bool = False


class Streams:
    """`invoke(function, events, done)` starts a handler; `done(worked)` is called when it ended or died."""

    def __init__(self, scheduler, chance, invoke) -> None:
        self.scheduler, self.chance, self.invoke = scheduler, chance, invoke
        self.readers = [Reader(name, shard) for name in ("projection", "dispatch") for shard in range(SHARDS)]
        self.aside: list[tuple[str, list]] = []

    def feed(self, records) -> None:
        """New records, in the order of their commits."""
        for record in records:
            shard = crc32(record.key[0].encode()) % SHARDS
            for reader in self.readers:
                if reader.shard == shard:
                    reader.records.append(record)
                    self._wake(reader)

    def _wake(self, reader: Reader) -> None:
        if not reader.running:
            reader.running = True
            late = self.chance.random.choice(LATE) if self.chance.happens("late", 0.02) else 0
            window = self.chance.random.choice((20, 200, 1_000))
            self.scheduler.after(late + window, lambda: self._read(reader))

    def _read(self, reader: Reader) -> None:
        size = self.chance.random.randint(1, BATCH)
        batch = reader.records[reader.at : reader.at + size]
        if not batch:
            reader.running = False
            return
        self._try(reader, [batch], 1, reader.at + len(batch))

    def _try(self, reader: Reader, left: list[list], tries: int, then: int) -> None:
        """Work on the first of the batches that are left; `then` is the place once all are done."""
        if not left:
            again = self.chance.happens("replayed")
            reader.at = (
                max(0, reader.at - self.chance.random.randint(0, BATCH)) if again else max(reader.at, then)
            )
            self.scheduler.after(self.chance.latency(), lambda: self._read(reader))
            return

        def done(worked: bool) -> None:
            batch, *others = left
            if worked and not self.chance.happens("halved", 0.05):
                return self._try(reader, others, 1, then)
            if tries >= MOST_TRIES:
                self.aside.append((reader.function, batch))
                return self._try(reader, others, 1, then)
            half = len(batch) // 2
            halves = [batch[:half], batch[half:]] if half else [batch]
            self.scheduler.after(
                1000 + self.chance.latency(), lambda: self._try(reader, [*halves, *others], tries + 1, then)
            )

        self.invoke(reader.function, [record.event() for record in left[0]], done)

    @property
    def behind(self) -> bool:
        return any(reader.at < len(reader.records) for reader in self.readers)

    def redrive(self) -> None:
        """Have what was put aside read again, as an operator does."""
        aside, self.aside = self.aside, []
        for function, batch in aside:
            self._again(function, batch)

    def _again(self, function, batch) -> None:
        def done(worked: bool) -> None:
            if not worked:
                self.scheduler.after(1000, lambda: self._again(function, batch))

        self.invoke(function, [record.event() for record in batch], done)
