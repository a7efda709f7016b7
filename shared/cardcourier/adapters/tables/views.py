"""Lists and search that can be rebuilt at any time, and what is counted of a buyer's orders.

No decision rests on a list. Counts are another matter: rows of an order are put before anybody counts them,
and they are read strongly.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Record, SearchRecord
from cardcourier.adapters.tables.writes import Table
from cardcourier.domain.contact_keys import KeyRow
from cardcourier.domain.journal import days_between
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.views import OrderRow

LANES = 4
PAGE = 50


class OrderRowRecord(Record):
    shop = UnicodeAttribute()
    order = UnicodeAttribute()
    number = UnicodeAttribute()
    status = UnicodeAttribute()
    amount = NumberAttribute()
    currency = UnicodeAttribute()
    counts = JSONAttribute()


@dataclass(frozen=True, slots=True)
class ViewsTable:
    """Order rows by day, and rows that lead from a number to an order."""

    table: Table

    def put_orders(self, rows: Iterable[OrderRow]) -> None:
        self.table.put_many([_order_record(row) for row in rows])

    def put_search(self, rows: Iterable[KeyRow]) -> None:
        """An order is found, and counted, by every hashed number and mark of its buyer."""
        unique = {(row.hash, row.key): row for row in rows}
        self.table.put_many(
            [
                SearchRecord(
                    *keys.search_row(row.key, row.hash, row.at),
                    shop=row.key.shop,
                    order=row.key.order,
                    n=row.pieces,
                    m=row.amount,
                    ccy=row.currency or None,
                )
                for row in unique.values()
            ]
        )

    def since(self, tenant: str, hashes: Iterable[str], at: int, most: int) -> list[KeyRow]:
        """The orders under these names heard of since `at` (epoch ms), read strongly, the newest first.

        At most `most` of each name are read, in one request.
        """
        found: list[KeyRow] = []
        for name in hashes:
            pk = keys.search(tenant, name)
            request = self.table.query_request(
                (SearchRecord.pk == pk) & (SearchRecord.sk >= f"{max(0, at):013d}"),
                ConsistentRead=True,
                ScanIndexForward=False,
                Limit=most,
            )
            items = self.table.query_page(request)["Items"]
            found += [_key_row(tenant, name, SearchRecord.from_raw_data(item)) for item in items]
        return found

    def put_last4(self, rows: Iterable[tuple[str, OrderKey, str, int]]) -> None:
        """`(last 4, order, unit, at)`."""
        self.table.put_many(
            [
                SearchRecord(
                    keys.last4(key.tenant, last4),
                    f"{at:013d}#{key.shop}#{key.order}#{unit}",
                    shop=key.shop,
                    order=key.order,
                    unit=unit,
                )
                for last4, key, unit, at in rows
            ]
        )

    def put_outcomes(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """`(tenant, batch, what, card)`: a card was handed over (`D`), or turned out to be invalid (`I`)."""
        self.table.put_many(
            [
                Record(keys.outcomes(tenant, batch), f"{what}#{card}")
                for tenant, batch, what, card in dict.fromkeys(rows)
            ]
        )

    def outcomes(self, tenant: str, batch: str, what: str) -> int:
        """For how many cards of a batch this was said."""
        condition = (Record.pk == keys.outcomes(tenant, batch)) & Record.sk.startswith(f"{what}#")
        request, count = self.table.query_request(condition, Select="COUNT"), 0
        while True:
            page = self.table.query_page(request)
            count += int(page["Count"])
            if "LastEvaluatedKey" not in page:
                return count
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def put_claims(self, rows: Iterable[tuple[OrderKey, str, str, str]]) -> None:
        """`(order, batch, card, claim)`: a card of a batch was claimed."""
        self.table.put_many(
            [
                SearchRecord(
                    keys.outcomes(key.tenant, batch),
                    f"C#{card}",
                    shop=key.shop,
                    order=key.order,
                    unit=claim,
                )
                for key, batch, card, claim in dict.fromkeys(rows)
            ]
        )

    def claims_of_batch(self, tenant: str, batch: str) -> Iterator[tuple[OrderKey, str]]:
        """Order and id of every claim on a card of a batch."""
        condition = (Record.pk == keys.outcomes(tenant, batch)) & Record.sk.startswith("C#")
        for record in map(SearchRecord.from_raw_data, self.table.query(condition)):
            yield OrderKey(tenant, record.shop, record.order), record.unit or ""

    def put_sales(self, rows: Iterable[tuple[str, str, int]]) -> None:
        """`(tenant, sku, at)`: when a product was last sold, the newest of the rows counts."""
        last = {(tenant, sku): at for tenant, sku, at in sorted(rows, key=lambda row: row[2])}
        self.table.put_many(
            [Record(*keys.last_sale(tenant, sku), at=at) for (tenant, sku), at in last.items()]
        )

    def last_sale(self, tenant: str, sku: str) -> int:
        """About when (epoch ms) a card of the product was last taken; 0 if never. It is a hint, no more."""
        item = self.table.get(keys.last_sale(tenant, sku), consistent=False)
        return int(item["at"]["N"]) if item else 0

    def search(self, tenant: str, digest: str, limit: int) -> list[OrderKey]:
        """The newest orders of a hashed contact or number."""
        return self._newest(keys.search(tenant, digest), tenant, limit)

    def by_last4(self, tenant: str, last4: str, limit: int) -> list[OrderKey]:
        return self._newest(keys.last4(tenant, last4), tenant, limit)

    def orders(
        self, tenant: str, before: tuple[str, str] | None, oldest: int, newest: int
    ) -> Iterator[OrderRow]:
        """Order rows, the newest first, over the days from `newest` down to `oldest` (epoch ms).

        `before` is the `(day, sort key)` after which a page goes on.
        """
        day = datetime.fromtimestamp(newest / 1000, UTC).date()
        last = datetime.fromtimestamp(oldest / 1000, UTC).date()
        while day >= last:
            name = day.strftime("%Y%m%d")
            if before is None or name <= before[0]:
                since = before[1] if before and name == before[0] else None
                yield from self._day(tenant, name, since)
            day -= timedelta(days=1)

    def oldest(self, tenant: str, after: str, until: int) -> Iterator[OrderRow]:
        """Order rows from behind the sort key `after` on, oldest first, up to `until` (epoch ms)."""
        last = f"{until:013d}"
        if last < after:
            return
        for day in days_between(int(after[:13]), until):
            lanes = [
                self.table.query(
                    (OrderRowRecord.pk == f"A#{tenant}#{day}#{part}") & OrderRowRecord.sk.between(after, last)
                )
                for part in range(LANES)
            ]
            for item in heapq.merge(*lanes, key=lambda item: str(item["sk"]["S"])):
                if item["sk"]["S"] != after:
                    yield _order_row(tenant, item)

    def _day(self, tenant: str, day: str, before: str | None) -> Iterator[OrderRow]:
        def lane(part: int) -> Iterator[dict[str, Any]]:
            condition = OrderRowRecord.pk == f"A#{tenant}#{day}#{part}"
            if before is not None:
                condition = condition & (OrderRowRecord.sk < before)
            return self.table.query(condition, ScanIndexForward=False, Limit=PAGE)

        rows = heapq.merge(*map(lane, range(LANES)), key=lambda item: str(item["sk"]["S"]), reverse=True)
        return (_order_row(tenant, item) for item in rows)

    def _newest(self, pk: str, tenant: str, limit: int) -> list[OrderKey]:
        request = self.table.query_request(SearchRecord.pk == pk, ScanIndexForward=False, Limit=limit)
        records = map(SearchRecord.from_raw_data, self.table.query_page(request)["Items"])
        return list(dict.fromkeys(OrderKey(tenant, record.shop, record.order) for record in records))


def _key_row(tenant: str, name: str, record: SearchRecord) -> KeyRow:
    return KeyRow(
        hash=name,
        key=OrderKey(tenant, record.shop, record.order),
        at=int(record.sk[:13]),
        pieces=int(record.n or 0),
        amount=int(record.m or 0),
        currency=record.ccy or "",
    )


def _order_record(row: OrderRow) -> OrderRowRecord:
    day = datetime.fromtimestamp(row.at / 1000, UTC).strftime("%Y%m%d")
    return OrderRowRecord(
        f"A#{row.key.tenant}#{day}#{row.key.spread(LANES)}",
        f"{row.at:013d}#{row.key.shop}#{row.key.order}",
        shop=row.key.shop,
        order=row.key.order,
        number=row.number,
        status=row.status,
        amount=row.amount,
        currency=row.currency,
        counts=dict(row.counts),
        at=row.at,
    )


def _order_row(tenant: str, item: dict[str, Any]) -> OrderRow:
    record = OrderRowRecord.from_raw_data(item)
    return OrderRow(
        key=OrderKey(tenant, record.shop, record.order),
        at=int(record.at or 0),
        number=record.number,
        status=record.status,
        amount=int(record.amount),
        currency=record.currency,
        counts=record.counts,
        place=(record.pk.split("#")[2], record.sk),
    )
