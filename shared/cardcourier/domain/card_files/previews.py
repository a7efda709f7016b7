"""What a file would bring, counted and masked, and the reasons not to import it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cardcourier.domain.card_files.cells import mask
from cardcourier.domain.card_files.layout import Layout
from cardcourier.domain.card_files.rows import BadRow, CardRow

SAMPLES = 20
_MOST_BAD = 0.2


@dataclass(frozen=True, slots=True)
class Sample:
    """An accepted row as it may be shown."""

    row: int
    number: str | None
    code: str
    expires_at: int | None
    cost: int | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would happen if this file were imported.

    `bad` and `warnings` count by code; `samples` and `rejects` are the first of their kind, masked; `cost` is
    the sum of the rows' own costs in minor units; `blocking` says why it must not be imported:
    `no_secret_column`, `too_many_bad` (over 20 %, duplicates not counted) or `nothing_accepted`.
    """

    rows: int
    accepted: int
    bad: dict[str, int]
    warnings: dict[str, int]
    cost: int
    samples: tuple[Sample, ...]
    rejects: tuple[BadRow, ...]
    blocking: tuple[str, ...]


class Tally:
    """Counts rows as they pass; `preview` may be asked for at any time."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._accepted = 0
        self._cost = 0
        self._bad: Counter[str] = Counter()
        self._warnings: Counter[str] = Counter()
        self._samples: list[Sample] = []
        self._rejects: list[BadRow] = []

    def add(self, row: CardRow | BadRow) -> None:
        """Count one row, accepted or refused."""
        if isinstance(row, BadRow):
            self._bad[row.code] += 1
            if len(self._rejects) < SAMPLES:
                self._rejects.append(row)
            return
        self._accepted += 1
        self._cost += row.cost or 0
        if row.warnings:
            self._warnings.update(row.warnings)
        if len(self._samples) < SAMPLES:
            self._samples.append(_sample(row))

    def preview(self) -> Preview:
        """What was counted so far."""
        return Preview(
            rows=self._accepted + self._bad.total(),
            accepted=self._accepted,
            bad=dict(self._bad),
            warnings=dict(self._warnings),
            cost=self._cost,
            samples=tuple(self._samples),
            rejects=tuple(self._rejects),
            blocking=tuple(self._blocking()),
        )

    def _blocking(self) -> Iterator[str]:
        duplicates = self._bad["E_DUP_FILE"] + self._bad["E_DUP_STOCK"]
        wrong = self._bad.total() - duplicates
        if not self._layout.has_code:
            yield "no_secret_column"
        if wrong > _MOST_BAD * (wrong + duplicates + self._accepted):
            yield "too_many_bad"
        if not self._accepted:
            yield "nothing_accepted"


def preview(rows: Iterable[CardRow | BadRow], layout: Layout) -> Preview:
    """Read all rows and count them."""
    tally = Tally(layout)
    for row in rows:
        tally.add(row)
    return tally.preview()


def _sample(row: CardRow) -> Sample:
    number = mask(row.number) if row.number else None
    return Sample(row.row, number, mask(row.code), row.expires_at, row.cost, row.warnings)
