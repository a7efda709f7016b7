"""What is left to time and chance. The base is fair: nothing lags, nothing is throttled."""

from typing import Any


class Weather:
    """Whoever simulates overrides what shall vary, from a seed."""

    def now(self) -> int:
        """Epoch milliseconds."""
        return 0

    def lag(self, table: str, index: str) -> int:
        """Milliseconds until a change shows in an index, or, with `index` "", in eventually consistent reads.

        Asked once for every change and place; 0 is at once.
        """
        return 0

    def shows_older(self, table: str) -> bool:
        """Whether an eventually consistent read sees the older version of an item that is within its lag."""
        return True

    def throttles(self, operation: str, table: str, index: str, pk: Any) -> bool:
        """Whether a request is refused as too fast; `pk` is its hash key, None for a scan.

        Asked for each item of a transaction or batch.
        """
        return False
