"""How a command ends: every cause has its exit code."""

from enum import IntEnum

CONFLICTS = frozenset({"blocked", "not_shown", "refunded", "idempotency_mismatch"})


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    OK = 0
    ERROR = 1
    USAGE = 2
    NOT_FOUND = 3
    CONFLICT = 4
    PARTLY = 5
    DENIED = 6
    UNAVAILABLE = 7
    INTERRUPTED = 130


class Failed(Exception):
    """A command ends with something to say on stderr."""

    def __init__(self, text: str, code: Exit = Exit.ERROR) -> None:
        super().__init__(text)
        self.code = code


def code_of(status: int, problem: str) -> Exit:
    """The exit code for an answer of the API."""
    if problem in CONFLICTS:
        return Exit.CONFLICT
    if status in (401, 403):
        return Exit.DENIED
    if status in (409, 412):
        return Exit.CONFLICT
    if status in (429, 502, 503, 504):
        return Exit.UNAVAILABLE
    return {404: Exit.NOT_FOUND, 400: Exit.USAGE, 422: Exit.USAGE}.get(status, Exit.ERROR)
