"""When to try again what failed outside of the house. Pure: the time and the chance are passed in."""

from dataclasses import dataclass

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
SPREAD = 0.2
"""By how much of itself a wait may grow by chance, so that what failed together does not return together."""


@dataclass(frozen=True, slots=True)
class BackOff:
    """A schedule. `waits` are milliseconds, the first after the first failure."""

    waits: tuple[int, ...]

    @property
    def attempts(self) -> int:
        """How often something is tried at most."""
        return len(self.waits) + 1

    def next_due(self, failures: int, now: int, jitter: float, asked: int = 0) -> int | None:
        """When to try again after so many failures (epoch ms); None when that was the last attempt.

        `jitter` is at least 0 and below 1. `asked` is how long the other side wants to be left alone
        (milliseconds): it may lengthen a wait up to the longest of the schedule, never shorten one.
        """
        if failures > len(self.waits):
            return None
        wait = self.waits[max(failures, 1) - 1]
        wanted = max(wait, min(asked, max(self.waits)))
        return now + wanted + int(wanted * SPREAD * jitter)


WEBHOOKS = BackOff(
    (
        5 * SECOND,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
    )
)
"""The schedule that Standard Webhooks 1.0.0 recommends: ten attempts in a little more than three days."""
