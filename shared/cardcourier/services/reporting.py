"""Making a report: add up the journal of a period and put the files where a link can reach them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cardcourier import VERSION
from cardcourier.domain.language import DEFAULT, Language, known_language
from cardcourier.domain.order_report import R4_COLUMNS, orders
from cardcourier.domain.reports import (
    EARLY,
    R1_COLUMNS,
    Column,
    DayOf,
    Period,
    Report,
    Row,
    by_event,
    by_order,
    daily,
    money_records,
    records,
    totals,
)
from cardcourier.errors import Refused

LONGEST = 400 * 86_400_000
"""No report covers more, in milliseconds."""

_CONTENT_TYPES = {
    ".csv": "text/csv; charset=utf-8",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Journal(Protocol):
    """Lines as JSON text, as often as they are asked for, in any order."""

    def texts(self, tenant: str, start: int, end: int) -> Iterator[str]: ...
    def segments(self, tenant: str, start: int, end: int) -> tuple[int, int] | None: ...


class Files(Protocol):
    """Writes the files of a report into a folder."""

    def write(self, report: Report, file_format: str, language: Language, folder: Path) -> list[Path]: ...


class Objects(Protocol):
    """Takes finished files."""

    def put_file(self, bucket: str, key: str, path: Path, content_type: str = ...) -> None: ...


@dataclass(frozen=True, slots=True)
class Made:
    """Where the files are, and the control totals: one mapping per currency, in minor units."""

    keys: tuple[str, ...]
    rows: int
    totals: tuple[Mapping[str, int | str], ...]
    segments: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class _Job:
    """What is asked for. `start` and `end` are milliseconds, [start, end)."""

    id: str
    report: str
    tenant: str
    period: Period
    file_format: str
    language: Language
    basis: str

    @classmethod
    def read(cls, job: Mapping[str, Any]) -> "_Job":
        """Raises Refused for a report, format, period, basis or time zone that does not exist."""
        check_report(job)
        return cls(
            id=str(job["id"]),
            report=str(job["report"]),
            tenant=str(job["tenant"]),
            period=Period(int(job["start"]), int(job["end"]), ZoneInfo(str(job["time_zone"]))),
            file_format=str(job["format"]),
            language=known_language(str(job.get("language") or "")) or DEFAULT,
            basis=str(job.get("basis") or "event"),
        )


def check_report(job: Mapping[str, Any]) -> None:
    """Raises Refused for what no report can be made of, so that a caller learns it before a job begins."""
    if job.get("report") not in _REPORTS:
        raise Refused("bad_report", f"A report is one of {', '.join(_REPORTS)}.")
    if job.get("format") not in {"csv", "csv-raw", "xlsx"}:
        raise Refused("bad_format", "A report's format is csv, csv-raw or xlsx.")
    if (job.get("basis") or "event") not in {"event", "order"}:
        raise Refused("bad_basis", "A report's basis is event or order.")
    if not 0 <= int(job["start"]) < int(job["end"]) <= int(job["start"]) + LONGEST:
        raise Refused("bad_period", "A report's period ends after it starts and is at most 400 days long.")
    try:
        ZoneInfo(str(job["time_zone"]))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refused("bad_time_zone", "The time zone must be one of the IANA names.") from error


def make_report(
    job: Mapping[str, Any], *, journal: Journal, files: Files, objects: Objects, bucket: str, now: int
) -> Made:
    """Make what `job` asks for by id, report, tenant, start, end, time_zone, format, language and basis.

    The same job gives the same keys, so a repeat replaces its own files.
    """
    asked = _Job.read(job)
    columns, rows_of = _REPORTS[asked.report]
    rows = rows_of(asked, journal, now)
    report = Report(
        id=asked.report,
        tenant=asked.tenant,
        run=asked.id,
        period=asked.period,
        basis=asked.basis,
        version=VERSION,
        columns=columns,
        rows=rows,
        totals=totals(columns, rows),
        segments=journal.segments(asked.tenant, asked.period.start, asked.period.end),
    )
    with TemporaryDirectory() as folder:
        paths = files.write(report, asked.file_format, asked.language, Path(folder))
        keys = [f"reports/{asked.tenant}/{asked.id}/{path.name}" for path in paths]
        for key, path in zip(keys, paths, strict=True):
            objects.put_file(bucket, key, path, _CONTENT_TYPES[path.suffix])
    return Made(tuple(keys), len(rows), tuple(_total(columns, row) for row in report.totals), report.segments)


def _total(columns: tuple[Column, ...], row: Row) -> dict[str, int | str]:
    named = zip(columns, row, strict=True)
    return {
        column.name: cell if isinstance(cell, int) else str(cell)
        for column, cell in named
        if cell is not None
    }


def _daily(job: _Job, journal: Journal, now: int) -> list[Row]:
    return daily(money_records(_texts(job, journal, now)), _days(job, journal))


def _orders(job: _Job, journal: Journal, now: int) -> list[Row]:
    return orders(records(_texts(job, journal, now)), _days(job, journal), job.period)


def _texts(job: _Job, journal: Journal, now: int) -> Iterator[str]:
    """By order, what belongs to the period's orders may have happened before and at any time since."""
    start, end = job.period.start, job.period.end
    if job.basis == "order":
        start, end = max(start - EARLY, 0), max(end, now)
    return journal.texts(job.tenant, start, end)


def _days(job: _Job, journal: Journal) -> DayOf:
    if job.basis == "event":
        return by_event(job.period)
    return by_order(job.period, records(journal.texts(job.tenant, job.period.start, job.period.end)))


_REPORTS: Mapping[str, tuple[tuple[Column, ...], Callable[[_Job, Journal, int], list[Row]]]] = {
    "R1": (R1_COLUMNS, _daily),
    "R4": (R4_COLUMNS, _orders),
}
