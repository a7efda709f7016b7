"""Take in what issuers say of redeemed cards: row by row, each card once, nothing kept of the code itself."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cardcourier.domain.card_status import Label
from cardcourier.domain.cards import base_of, is_content
from cardcourier.domain.free_text import without_cards
from cardcourier.domain.redemptions import MOST_WHERE, Redemption

FUTURE = 86_400_000
"""Milliseconds by which an issuer's clock or time zone may be ahead."""


class Finder(Protocol):
    def ids_of(self, tenant: str, code: str) -> list[str]: ...


class Labels(Protocol):
    def find(self, tenant: str, card: str) -> Label | None: ...


class Facts(Protocol):
    def keep(self, fact: Redemption, rid: str) -> Redemption: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One redemption as it is told: by the card's id, or by the whole card."""

    card: str = ""
    code: str = field(default="", repr=False)
    redeemed_at: int
    place: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a row: `kept`, `known` (told before), or refused as `differs`, `unknown_card`,
    `ambiguous`, `bad_time` or `shared_card`.
    """

    result: str
    card: str = ""


@dataclass(frozen=True, slots=True)
class RedemptionTaker:
    """Keeps redemption facts."""

    finder: Finder
    labels: Labels
    facts: Facts
    clock: Callable[[], int]

    def take(self, tenant: str, rows: Sequence[Row], source: str, by: str, rid: str) -> list[Taken]:
        """One answer for each row, in order; a row that is refused stops no other."""
        return [self._one(tenant, row, source, by, rid) for row in rows]

    def _one(self, tenant: str, row: Row, source: str, by: str, rid: str) -> Taken:
        now = self.clock()
        if not 0 < row.redeemed_at <= now + FUTURE:
            return Taken("bad_time")
        ids = [row.card] if row.card else self.finder.ids_of(tenant, row.code.strip())
        if len(ids) > 1:
            return Taken("ambiguous")
        card = base_of(ids[0]) if ids else ""
        label = self.labels.find(tenant, card) if card else None
        if label is None:
            return Taken("unknown_card")
        if is_content(card):
            return Taken("shared_card", card)
        fact = Redemption(
            tenant=tenant,
            card=card,
            batch=label.batch,
            sku=label.sku,
            redeemed_at=row.redeemed_at,
            place=without_cards(row.place)[:MOST_WHERE],
            source=source,
            told_at=now,
            by=by,
        )
        kept = self.facts.keep(fact, rid)
        if kept is fact:
            return Taken("kept", card)
        return Taken("known" if kept.says_the_same(fact) else "differs", card)
