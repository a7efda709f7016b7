"""After a restore: make the tables forget nothing that matters before anything is sold again.

The restored tables know nothing of what came after their second. The journal does: its sealed segments lie
outside of the tables, and an old journal table may still be there. So the journal is made whole first, then
every card that it shows sold, shown or voided is taken off sale, and what the buyers of restored units saw is
written down. Every step may be repeated; a run that changes nothing shows that nothing is left to do.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from cardcourier.domain.aftermath import RETURNED, Aftermath, Gone, UnitName, aftermath
from cardcourier.domain.journal import JournalLine, decode
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor, Lost
from cardcourier.domain.segments import GENESIS, Manifest, SealState, flaws, link_flaws, unpack
from cardcourier.domain.states import State
from cardcourier.errors import CardCourierError, Unavailable

MARGIN = 60_000
"""Milliseconds before the restored second from which on the journal is read: clocks differ."""

AHEAD = 86_400_000
BY = "operator:restore"
SHOWN = "shown before the restore"


class BrokenSeal(CardCourierError):
    """A sealed segment beyond the restored journal is missing or was altered."""


class Journal(Protocol):
    def texts(self, tenant: str, start: int, end: int) -> Iterator[str]: ...
    def put_texts(self, texts: Iterable[str]) -> None: ...
    def put_lines(self, lines: Iterable[JournalLine], *, now: int) -> None: ...
    def seal_state(self, tenant: str) -> SealState | None: ...
    def advance(self, tenant: str, old: SealState | None, new: SealState) -> None: ...
    def put_manifest(self, manifest: Manifest) -> Manifest: ...


class Seals(Protocol):
    """What was published of a tenant's chain, outside of the tables."""

    def beyond(self, tenant: str, state: SealState) -> Iterator[bytes]: ...
    def segment(self, manifest: Manifest) -> bytes | None: ...


class OnSale(Protocol):
    @property
    def tenant(self) -> str: ...
    @property
    def card(self) -> str: ...
    @property
    def batch(self) -> str: ...


Sale = TypeVar("Sale", bound=OnSale)


class Stock(Protocol[Sale]):
    """The restored tables, as an operator sees them."""

    def on_sale(self) -> Iterator[Sale]: ...
    def burn(self, sale: Sale, why: str, unit: str, actor: Actor) -> bool: ...
    def put_stones(self, tenant: str, cards: Iterable[Gone], actor: Actor) -> int: ...


class Orders(Protocol):
    def snapshots(self, wanted: Iterable[OrderKey]) -> Mapping[OrderKey, tuple[Header, list[Unit]]]: ...
    def expose(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def choose(self, header: Header, stops: frozenset[str], actor: Actor) -> bool: ...


@dataclass(frozen=True, slots=True)
class Forgotten:
    """An order of which the journal knows more than the tables; `lost` when they know nothing of it."""

    tenant: str
    shop: str
    order: str
    lost: bool
    what: str


@dataclass(slots=True)
class Restored:
    """What one run did; all zero and it is clean. `forgotten` is for people: nothing else brings it back."""

    segments: int = 0
    lines: int = 0
    burnt: int = 0
    voided: int = 0
    stones: int = 0
    shown: int = 0
    stopped: int = 0
    forgotten: list[Forgotten] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not any(
            (self.segments, self.lines, self.burnt, self.voided, self.stones, self.shown, self.stopped)
        )


@dataclass(frozen=True, slots=True)
class RestoreCheck(Generic[Sale]):
    """`since` is the restored second (epoch ms). `old_journal` is a journal table that was not restored."""

    journal: Journal
    seals: Seals
    stock: Stock[Sale]
    orders: Orders
    clock: Callable[[], int]
    new_id: Callable[[], str]
    old_journal: Journal | None = None

    def run(self, tenants: Iterable[str], since: int) -> Restored:
        """Do all that is left to do. Raises BrokenSeal, Unavailable; nothing needs to be undone then."""
        done, told = Restored(), {}
        for tenant in tenants:
            self._mend_journal(tenant, since, done)
            told[tenant] = self._told(tenant, since)
        self._close_stock(told, done)
        for each in told.values():
            self._mend_units(each, done)
        return done

    # -- the journal ----------------------------------------------------------------------------

    def _mend_journal(self, tenant: str, since: int, done: Restored) -> None:
        stored = self.journal.seal_state(tenant)
        state = stored or SealState(0, 0, GENESIS)
        for text in self.seals.beyond(tenant, state):
            manifest = Manifest.parse(text.decode())
            segment = self.seals.segment(manifest)
            before = state if state.until else SealState(state.seq, manifest.first_at, state.prev)
            wrong = [*link_flaws(manifest, before)] if segment is not None else ["it is missing"]
            wrong += list(flaws(manifest, segment)) if segment is not None else []
            if segment is None or wrong:
                where = f"segment {manifest.seq} of {tenant}"
                raise BrokenSeal("broken_seal", f"{where}: {'; '.join(wrong)}. Nothing is opened.")
            self.journal.put_texts(unpack(segment))
            self.journal.put_manifest(manifest)
            self.journal.advance(tenant, stored, manifest.state)
            stored = state = manifest.state
            done.segments += 1
        if self.old_journal is not None:
            done.lines += self._copy(tenant, self.old_journal, since)

    def _copy(self, tenant: str, old: Journal, since: int) -> int:
        """What was journalled and not sealed yet; it is announced as late where that is needed."""
        start, end = since - MARGIN, self.clock() + AHEAD
        known = set(self.journal.texts(tenant, start, end))
        missing = [text for text in old.texts(tenant, start, end) if text not in known]
        self.journal.put_lines(map(decode, missing), now=self.clock())
        return len(missing)

    def _told(self, tenant: str, since: int) -> Aftermath:
        texts = self.journal.texts(tenant, since - MARGIN, self.clock() + AHEAD)
        return aftermath(line for line in map(decode, texts) if line.by != BY)

    # -- cards ----------------------------------------------------------------------------------

    def _close_stock(self, told: Mapping[str, Aftermath], done: Restored) -> None:
        """No marker for what is gone, and a stone in the vault for what the vault forgot.

        Without the stone a card that was imported and sold after the second could be imported once more.
        """
        for sale in self.stock.on_sale():
            of_tenant = told.get(sale.tenant)
            if of_tenant is None:
                continue
            gone = of_tenant.gone.get(sale.card)
            if gone is not None:
                done.burnt += self.stock.burn(sale, "sold before the restore", gone.unit.text, self._actor())
            elif sale.batch in of_tenant.voided:
                done.voided += self.stock.burn(sale, "voided before the restore", "", self._actor())
        for tenant, of_tenant in told.items():
            done.stones += self.stock.put_stones(tenant, of_tenant.gone.values(), self._actor())

    # -- units ----------------------------------------------------------------------------------

    def _mend_units(self, told: Aftermath, done: Restored) -> None:
        wanted = {name.key for name in told.units} | set(told.orders) | set(told.facts)
        kept = self.orders.snapshots(sorted(wanted, key=lambda key: (key.shop, key.order)))
        for key in sorted(wanted, key=lambda key: (key.shop, key.order)):
            header, units = kept.get(key, (None, []))
            for unit in units:
                self._mend(header, unit, told, done)
            if (what := _forgotten(key, header, units, told)) is not None:
                done.forgotten.append(what)

    def _mend(self, header: Header | None, unit: Unit, told: Aftermath, done: Restored) -> None:
        """A card that its buyer saw, or that moved on, must never go back to the stock from here."""
        name = UnitName(unit.key, unit.line, unit.n)
        said = told.units.get(name)
        if said is None or not unit.holds_card or header is None:
            return
        gone = told.gone.get(unit.card)
        moved = gone is not None and gone.unit != name
        left = said.ver > unit.ver and said.state != RETURNED and said.card != unit.card
        if (unit.card in said.shown or moved or left) and not unit.exposed:
            wanted = replace(unit, state=State.REVEALED, why=SHOWN, exposed_at=self.clock(), views=1)
            actor = self._actor()
            if isinstance(self.orders.expose(unit, replace(wanted, view_rid=actor.rid), actor), Lost):
                raise Unavailable("unit_busy", f"{name.text} changed meanwhile; run the check again.")
            done.shown += 1
        if moved and not header.stopped(unit.line, unit.piece):
            stops = header.stops | {f"{unit.line}/{unit.piece}"}
            if not self.orders.choose(header, frozenset(stops), self._actor()):
                raise Unavailable("order_busy", f"{name.text} changed meanwhile; run the check again.")
            done.stopped += 1

    def _actor(self) -> Actor:
        return Actor(BY, self.clock(), self.new_id(), why="restore")


def _forgotten(
    key: OrderKey, header: Header | None, units: Iterable[Unit], told: Aftermath
) -> Forgotten | None:
    """What a person must bring back: a paid order, a refund, a card the buyer has."""
    there = {(unit.line, unit.n): unit for unit in units}
    said = {name: unit for name, unit in told.units.items() if name.key == key}
    parts = [
        f"{name.line}#{name.n:04d} {unit.state}"
        for name, unit in sorted(said.items(), key=lambda pair: (pair[0].line, pair[0].n))
        if (name.line, name.n) not in there or there[name.line, name.n].ver < unit.ver
    ]
    parts += sorted(told.facts.get(key, ()))
    if header is None:
        return Forgotten(key.tenant, key.shop, key.order, True, ", ".join(parts))
    return Forgotten(key.tenant, key.shop, key.order, False, ", ".join(parts)) if parts else None
