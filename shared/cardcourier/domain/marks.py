"""What a person said to something that waits for one."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What people said to a task. `until` (epoch ms) is how long it sleeps, 0 while it does not.

    `why` is the reason of the last change; `ver` rises with each, 0 before the first.
    """

    assignee: str = ""
    until: int = 0
    settled: bool = False
    why: str = ""
    ver: int = 0


UNMARKED = Mark()
"""Nobody said anything yet."""
