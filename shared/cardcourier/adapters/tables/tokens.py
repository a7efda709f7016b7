"""What buyers hold: links and pick-up codes, found by their hashes, with limits on guessing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.records import Record
from cardcourier.adapters.tables.writes import Change, ConditionFailed, Item, Table
from cardcourier.domain.key_versions import FIRST
from cardcourier.domain.orders import OrderKey
from cardcourier.domain.tokens import Token

MOST_TRIES = 5
LOCK_FOR = 900_000


class TokenRecord(Record):
    t = UnicodeAttribute()
    shop = UnicodeAttribute()
    order = UnicodeAttribute()
    seq = NumberAttribute()
    expires_at = NumberAttribute()
    kv = UnicodeAttribute(default=FIRST)


class TriesRecord(Record):
    tries = NumberAttribute(null=True)
    until = NumberAttribute(null=True)


@dataclass(frozen=True, slots=True)
class TokensTable:
    """Links, pick-up codes, and the counters that make guessing useless."""

    table: Table

    def put(self, rows: Iterable[tuple[str, Sequence[str], Token]]) -> None:
        """Keep links and what else leads to their orders. The same again, so this may be repeated."""
        self.table.put_many(
            record
            for token, hashes, kept in rows
            for record in (
                _record(*keys.token(token), kept),
                *(_record(f"R#{found_by}", keys.order_pk(kept.key), kept) for found_by in hashes),
            )
        )

    def find(self, token: str, now: int) -> Token | None:
        """The order of a link; None for an unknown or expired one."""
        item = self.table.get(keys.token(token))
        return _valid(item, now) if item else None

    def find_by_hash(self, found_by: str, now: int) -> list[Token]:
        """The orders of a hashed pick-up code, or number and address: one, or by rare chance several."""
        rows = self.table.query(TokenRecord.pk == f"R#{found_by}", ConsistentRead=True)
        return [token for token in (_valid(row, now) for row in rows) if token is not None]

    def locked_until(self, subject: str, now: int) -> int | None:
        """When guessing on this order is allowed again, if it is locked."""
        item = self.table.get((f"R#tries#{subject}", "TRIES"))
        record = TriesRecord.from_raw_data(item) if item else None
        until = int(record.until or 0) if record else 0
        return until if until > now else None

    def miss(self, subject: str, now: int) -> int:
        """Count a wrong answer and return how many are left; none left locks for 15 minutes."""
        key = (f"R#tries#{subject}", "TRIES")
        item = self.table.get(key)
        record = TriesRecord.from_raw_data(item) if item else None
        over = record is not None and record.until is not None and int(record.until) <= now
        tries = 1 if record is None or over else int(record.tries or 0) + 1
        actions = [TriesRecord.tries.set(tries), TriesRecord.ttl.set(now // 1000 + 86_400)]
        actions.append(
            TriesRecord.until.set(now + LOCK_FOR) if tries >= MOST_TRIES else TriesRecord.until.remove()
        )
        unchanged = (
            TriesRecord.tries == int(record.tries or 0)
            if record is not None
            else TriesRecord.tries.does_not_exist()
        )
        try:
            self.table.write(Change(key, actions, unchanged))
        except ConditionFailed:
            # Another guess was counted at the same moment: this one counts too.
            return self.miss(subject, now)
        return max(0, MOST_TRIES - tries)

    def allow(self, action: str, who: str, most: int, window: int, now: int) -> bool:
        """Whether `who` may do this once more within `window` milliseconds. `who` is a hash."""
        slot = now // window
        key = (f"R#limit#{action}#{who}#{slot}", "TRIES")
        actions = [
            TriesRecord.tries.set((TriesRecord.tries | 0) + 1),
            TriesRecord.ttl.set((slot + 2) * window // 1000),
        ]
        below = TriesRecord.tries.does_not_exist() | (TriesRecord.tries < most)
        try:
            self.table.write(Change(key, actions, below))
        except ConditionFailed:
            return False
        return True


def _record(pk: str, sk: str, kept: Token) -> TokenRecord:
    return TokenRecord(
        pk,
        sk,
        t=kept.key.tenant,
        shop=kept.key.shop,
        order=kept.key.order,
        seq=kept.seq,
        expires_at=kept.expires_at,
        kv=kept.version,
        ttl=kept.expires_at // 1000 + 86_400,
    )


def _valid(item: Item, now: int) -> Token | None:
    record = TokenRecord.from_raw_data(item)
    key = OrderKey(record.t, record.shop, record.order)
    token = Token(key, int(record.seq), int(record.expires_at), record.kv)
    return token if token.expires_at > now else None
