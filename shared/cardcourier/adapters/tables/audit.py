"""The trail of requests: by tenant and month, in the order of time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute

from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Put, Table
from cardcourier.domain.audit import AuditLine

DAY = 86_400_000
KEEP_DAYS = 800


class AuditRecord(Record):
    """`at`, `by` and `rid` are those of every record."""

    t = UnicodeAttribute()
    role = UnicodeAttribute()
    action = UnicodeAttribute()
    target = UnicodeAttribute()
    fields = JSONAttribute()
    status = NumberAttribute()
    code = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class AuditTable:
    table: Table

    def put(self, line: AuditLine) -> None:
        """The same request again writes its line again."""
        record = AuditRecord(
            _pk(line.tenant, line.at),
            f"{line.at:013d}#{line.rid}",
            t=line.tenant,
            role=line.role,
            action=line.action,
            target=line.target,
            fields=list(line.fields),
            status=line.status,
            code=line.code or None,
            address=line.address or None,
            at=line.at,
            by=line.by,
            rid=line.rid,
            ttl=line.at // 1000 + KEEP_DAYS * 86_400,
        )
        self.table.write(Put(record))

    def lines(
        self, tenant: str, since: int, until: int, before: str | None
    ) -> Iterator[tuple[str, AuditLine]]:
        """Lines of [since, until) with their places, the newest first, from behind the place `before` on."""
        sk, first, last = AuditRecord.sk, f"{since:013d}", before or f"{until:013d}"
        if last < first:
            return
        moment = int(last[:13])
        while (month := _pk(tenant, moment)) >= _pk(tenant, since):
            condition = (AuditRecord.pk == month) & sk.between(first, last)
            for item in self.table.query(condition, ScanIndexForward=False):
                record = AuditRecord.from_raw_data(item)
                if record.sk != last:
                    yield record.sk, _line(record)
            moment = _end_of_month_before(moment)


def _pk(tenant: str, at: int) -> str:
    return f"E#{tenant}#{datetime.fromtimestamp(at / 1000, UTC):%Y%m}"


def _end_of_month_before(at: int) -> int:
    first = datetime.fromtimestamp(at / 1000, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp() * 1000) - 1


def _line(record: AuditRecord) -> AuditLine:
    return AuditLine(
        tenant=record.t,
        at=int(record.at or 0),
        by=record.by or "",
        role=record.role,
        action=record.action,
        target=record.target,
        fields=tuple(record.fields),
        status=int(record.status),
        code=record.code or "",
        rid=record.rid or "",
        address=record.address or "",
    )
