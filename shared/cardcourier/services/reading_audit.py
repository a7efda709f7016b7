"""The trail of requests as people look at it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.audit import AuditLine
from cardcourier.domain.kept import Page
from cardcourier.errors import Refused

MINUTE, DAY = 60_000, 86_400_000
USUAL_DAYS, MOST_DAYS = 31, 366
MOST_LOOKED_AT = 2_000
_PLACE = re.compile(r"\d{13}#.{1,200}")
NOBODY = "nobody"


class Lines(Protocol):
    def lines(
        self, tenant: str, since: int, until: int, before: str | None
    ) -> Iterator[tuple[str, AuditLine]]: ...


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Lines of [since, until) in epoch ms; `target` is the beginning of an address."""

    since: int
    until: int
    by: str = ""
    action: str = ""
    target: str = ""

    def takes(self, line: AuditLine) -> bool:
        same = self.by in ("", line.by) and self.action in ("", line.action)
        return same and line.target.startswith(self.target)

    def own(self, by: str) -> "AuditFilter":
        """Of these only the caller's own."""
        return replace(self, by=by if self.by in ("", by) else NOBODY)


@dataclass(frozen=True, slots=True)
class AuditDesk:
    lines: Lines
    clock: Callable[[], int]

    def filter(self, since: int | None, until: int | None, by: str, action: str, target: str) -> AuditFilter:
        """The last 31 days unless told otherwise. Raises Refused for a period that is too long."""
        end = until if until is not None else self.clock() + MINUTE
        start = since if since is not None else end - USUAL_DAYS * DAY
        if start < 0 or not 0 <= end - start <= MOST_DAYS * DAY or end >= 10**13:
            raise Refused("bad_period", f"from must come before to, and be at most {MOST_DAYS} days earlier.")
        return AuditFilter(start, end, by, action, target)

    def page(self, tenant: str, wanted: AuditFilter, before: str | None, limit: int) -> Page[AuditLine]:
        """Lines that fit; it looks at so many and no more, so a page may be short and yet go on."""
        found: list[AuditLine] = []
        for looked_at, (place, line) in enumerate(
            self.lines.lines(tenant, wanted.since, wanted.until, before), start=1
        ):
            if wanted.takes(line):
                found.append(line)
            if len(found) == limit or looked_at == MOST_LOOKED_AT:
                return Page(tuple(found), place)
        return Page(tuple(found))


def is_place(text: str) -> bool:
    """Whether this can be where a list goes on."""
    return _PLACE.fullmatch(text) is not None
