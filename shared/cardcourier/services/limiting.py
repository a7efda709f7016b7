"""How many requests a caller may make in a minute.

Every process takes shares of a common budget, small ones first and larger ones while the caller goes on, so
that most requests are counted in memory. The first few of a minute are given before anything is asked:
whoever calls now and then costs nothing. Hence a budget may be overdrawn by `FREE` for each process, and by
no more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cardcourier.errors import Unavailable

WINDOW = 60_000
FREE = 5
FIRST_PART, LARGEST_PART = 50, 10
"""The first share is a fiftieth of a budget, and none is more than a tenth."""

MOST_KEPT = 10_000
KINDS = ("read", "write", "heavy", "unknown")


class Counters(Protocol):
    def take(self, name: str, wanted: int, most: int, until: int) -> tuple[int, int]: ...


class TooManyRequests(Unavailable):
    """The budget of this minute is used up; `retry_after` in seconds."""

    def __init__(self, kind: str, retry_after: int) -> None:
        detail = f"Too many requests ({kind}) in this minute; go on in {retry_after} s."
        super().__init__("too_many_requests", detail, kind=kind, retry_after=retry_after)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a budget: `remaining` of `most` requests for `seconds` more. About right, not exact."""

    kind: str
    most: int
    remaining: int
    seconds: int


@dataclass(slots=True)
class _Share:
    """`left` may be given without asking, `owed` was given before; `used` is what all used, as last told."""

    left: int
    size: int
    owed: int
    used: int = 0
    over: bool = False


def budgets_of(text: str) -> dict[str, int]:
    """`read=3000 write=1200` and so on, requests a minute; a kind that is not named has no limit."""
    budgets = {}
    for part in text.split():
        kind, _, number = part.partition("=")
        if kind not in KINDS or not number.isdecimal():
            raise ValueError(f"API_LIMITS: {part} is none of {', '.join(f'{name}=60' for name in KINDS)}")
        budgets[kind] = int(number)
    return budgets


@dataclass(slots=True)
class RequestLimits:
    """Counts requests of one process; `budgets` are those of all processes together."""

    counters: Counters
    budgets: Mapping[str, int]
    clock: Callable[[], int]
    _slot: int = -1
    _shares: dict[str, _Share] = field(default_factory=dict)

    def spend(self, kind: str, who: str) -> Standing | None:
        """Count one request; None where there is no limit. Raises TooManyRequests."""
        most = self.budgets.get(kind)
        if most is None:
            return None
        share = self._share(kind, who, most)
        if share.left == 0 and not share.over:
            self._ask(kind, who, most, share)
        if share.left == 0:
            raise TooManyRequests(kind, self._seconds())
        share.left -= 1
        remaining = max(0, most - share.used - share.owed + share.left)
        return Standing(kind, most, remaining, self._seconds())

    def check(self, kind: str, who: str) -> None:
        """Raises TooManyRequests if this process knows that nothing is left; counts and asks nothing."""
        share = self._shares.get(f"{kind}#{who}") if self._slot == self.clock() // WINDOW else None
        if share is not None and share.over and share.left == 0:
            raise TooManyRequests(kind, self._seconds())

    def _share(self, kind: str, who: str, most: int) -> _Share:
        slot = self.clock() // WINDOW
        if slot != self._slot or len(self._shares) >= MOST_KEPT:
            self._slot, self._shares = slot, {}
        free = 0 if kind == "heavy" else min(FREE, most)
        return self._shares.setdefault(f"{kind}#{who}", _Share(free, max(1, most // FIRST_PART), free))

    def _ask(self, kind: str, who: str, most: int, share: _Share) -> None:
        """Take another share, and with the first what was given before."""
        wanted, until = share.size + share.owed, (self._slot + 1) * WINDOW
        try:
            granted, used = self.counters.take(f"{kind}#{who}#{self._slot}", wanted, most, until)
        except Unavailable:
            # A limit that nobody can look up limits nobody.
            granted, used = wanted, share.used
        share.left, share.used = max(0, granted - share.owed), used
        share.owed, share.over = 0, granted < wanted
        share.size = min(2 * share.size, max(1, most // LARGEST_PART))

    def _seconds(self) -> int:
        return max(1, -(-((self._slot + 1) * WINDOW - self.clock()) // 1000))
