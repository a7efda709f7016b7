"""An import of a million rows from end to end; it takes its time, so it is run only when it is asked for."""

from typing import Any

from bench.imports import with_tables

ROWS = 1_000_000


def run() -> dict[str, Any]:
    """Rows per second of preview and commit, and the memory of the process that does it."""
    return with_tables(ROWS)
