"""How long buyers' data are kept, and how far their erasure by age has come.

A place is one of the list of orders, oldest first: `<at, 13 digits>#<shop>#<order>`, or a bare time before
everything of that millisecond.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

LEAST_DAYS, MOST_DAYS = 30, 3650
KIND = "retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a tenant's list of orders was looked through.

    `place` is the last order of this round, `reached` the farthest of all rounds, `left` the first of this
    round that could not be erased yet: the next round begins there. `since` is where the next piece of
    evidence begins; of the orders from there to `place`, `clear` hold nothing of their buyer any more and
    `kept` still do. `ver` rises with each piece of evidence, `rev` with every write.
    """

    place: str
    since: str
    reached: str = ""
    left: str = ""
    clear: int = 0
    kept: int = 0
    ver: int = 1
    rev: int = 0

    @property
    def looked_at(self) -> int:
        return self.clear + self.kept

    def past(self, places: Sequence[str], clear: Sequence[bool]) -> "Progress":
        """After some more orders, each erased or not."""
        left = next((place for place, gone in zip(places, clear, strict=True) if not gone), "")
        return replace(
            self,
            place=places[-1],
            reached=max(self.reached, places[-1]),
            left=self.left or left,
            clear=self.clear + sum(clear),
            kept=self.kept + len(clear) - sum(clear),
            rev=self.rev + 1,
        )

    def told(self, end: str | None) -> "Progress":
        """After a run, with `end` of the list if it came so far; its evidence is given if there is any."""
        place = self.place if end is None else self.left[:13] or end
        return replace(
            self,
            place=place,
            since=place,
            left="" if end is not None else self.left,
            clear=0,
            kept=0,
            ver=self.ver + bool(self.looked_at),
            rev=self.rev + 1,
        )


def place_at(moment: int) -> str:
    """Before every order of this moment (epoch ms)."""
    return f"{moment:013d}"


def day_at(place: str) -> str:
    """The UTC day of a place, as yyyymmdd."""
    return datetime.fromtimestamp(int(place[:13]) / 1000, UTC).strftime("%Y%m%d")
