"""What the calls of one function came to: counts, times, and the last error without anybody's data."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from dataclasses import dataclass, field

KEPT = 1000
LONGEST_TEXT = 200
# Anything that could be a code, a number of a person, an address or a token.
_TELLING = re.compile(r"\S*[\d@]\S*|\S{25,}")


@dataclass(frozen=True, slots=True)
class LastError:
    kind: str
    text: str
    at: float


@dataclass(slots=True)
class Figures:
    """Counted since the start of the cloud; `last` is its newest error."""

    calls: int = 0
    errors: int = 0
    timeouts: int = 0
    last: LastError | None = None
    _took: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, seconds: float) -> None:
        """A call ended, well or not."""
        with self._lock:
            self.calls += 1
            self._took.append(seconds)

    def failed(self, kind: str, text: str) -> None:
        """A call failed for a reason with Lambda's name for it."""
        with self._lock:
            self.errors += 1
            self.timeouts += kind == "Sandbox.Timedout"
            self.last = LastError(kind, redacted(text), time.time())

    def quantile(self, share: float) -> int | None:
        """Milliseconds within which this share of the last calls ended; None before the first."""
        with self._lock:
            times = sorted(self._took)
        return round(1000 * times[min(len(times) - 1, int(share * len(times)))]) if times else None


def redacted(text: str) -> str:
    """One line of an error's message, words that could tell something about somebody left out."""
    line = text.strip().partition("\n")[0][: 4 * LONGEST_TEXT]
    return _TELLING.sub("…", line)[:LONGEST_TEXT]
