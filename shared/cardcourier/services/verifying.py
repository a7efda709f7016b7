"""Prove from everything that is kept that no card was lost, doubled or sold again.

    I1   every card of the vault has exactly one home: a marker, one unit, or the burnt ones. Of a shared card
         that holds for each use that was issued, of fixed content for each piece of it
    I2   a unit holds at most one card, and a new one only with a new `gen`
    I3   no card is held by two units
    I5   for each batch: imported = on sale + held by units + burnt, all of its product
    I8   no card that was shown is on sale

The tables are read while the system runs, so a card on its way may be seen twice or not at all. What looks
wrong is therefore looked at again; only what stays wrong every time is told. Cards are sorted into parts on
disk, and one part at a time is compared in memory.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Protocol
from zlib import crc32

from cardcourier.domain.cards import base_of, is_content, is_use, uses_of
from cardcourier.domain.catalogue import Batch, Job
from cardcourier.domain.orders import Unit
from cardcourier.domain.states import KEEPS_CARD, State

PARTS = 128
LOOKS = 3
MOST_SUSPECTS = 100_000
IN_WORK = frozenset({"committing", "cancelling"})


@dataclass(frozen=True, slots=True)
class InVault:
    """A card as it lies in the vault."""

    tenant: str
    card: str
    batch: str
    sku: str


@dataclass(frozen=True, slots=True)
class OnSale:
    """A marker; `place` names it."""

    tenant: str
    card: str
    batch: str
    sku: str
    place: str


@dataclass(frozen=True, slots=True)
class Burnt:
    """A card that may never be sold again, and the unit it was in."""

    tenant: str
    card: str
    batch: str
    sku: str
    unit: str


@dataclass(frozen=True, slots=True)
class Issued:
    """How often each of these shared cards of one batch is sold, as their import says."""

    tenant: str
    batch: str
    uses: tuple[tuple[str, int], ...]


Seen = OnSale | Burnt | Unit | Batch | Job | Issued


class Sight(Protocol):
    """Everything that is kept, item by item, in any order."""

    def vault(self) -> Iterator[InVault]: ...
    def main(self) -> Iterator[Seen]: ...


@dataclass(frozen=True, slots=True, order=True)
class Offence:
    """An invariant that does not hold, of whom, where, and how it is seen."""

    invariant: str
    tenant: str
    subject: str
    what: str


@dataclass(slots=True)
class Checked:
    """How much was looked at."""

    cards: int = 0
    markers: int = 0
    units: int = 0
    burnt: int = 0
    batches: int = 0


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a card, or a use or piece of it, was seen; to be in the `vault` or `issued` is no home yet."""

    name: str
    kind: str
    place: str
    batch: str
    sku: str
    shown: bool


@dataclass(slots=True)
class _Look:
    """What one reading of all tables showed."""

    offences: set[Offence] = field(default_factory=set)
    checked: Checked = field(default_factory=Checked)


def verify(
    sight: Sight, tell: Callable[[Checked], None] = lambda checked: None
) -> tuple[list[Offence], Checked]:
    """Every offence that stays, sorted, and how much was looked at."""
    first = _look(sight, None, tell)
    suspects, left = first.offences, LOOKS - 1
    while suspects and left:
        subjects = {(offence.tenant, offence.subject) for offence in suspects}
        again = _look(sight, subjects if len(subjects) <= MOST_SUSPECTS else None, tell)
        suspects = {offence for offence in suspects if _same(offence, again.offences)}
        left -= 1
    return sorted(suspects), first.checked


def _same(offence: Offence, others: Iterable[Offence]) -> bool:
    """Whether it is still wrong; how it is wrong may have changed."""
    about = (offence.invariant, offence.tenant, offence.subject)
    return any((other.invariant, other.tenant, other.subject) == about for other in others)


def _look(sight: Sight, only: set[tuple[str, str]] | None, tell: Callable[[Checked], None]) -> _Look:
    look, told = _Look(), _Told()
    with TemporaryDirectory() as folder, _Parts(Path(folder)) as parts:
        for seen in sight.main():
            _take(seen, look, told, parts)
            tell(look.checked)
        for kept in sight.vault():
            parts.add(kept.tenant, kept.card, ("vault", "", kept.batch, kept.sku, False))
            told.in_vault[kept.tenant, kept.batch] += 1
            look.checked.cards += 1
            tell(look.checked)
        for tenant, card, homes in parts.cards():
            look.offences.update(_of_card(tenant, card, homes))
            told.at_home.update((tenant, *place) for place in _counted(card, homes))
    look.offences.update(told.offences())
    if only is not None:
        look.offences = {o for o in look.offences if (o.tenant, o.subject) in only}
    return look


def _take(seen: Seen, look: _Look, told: "_Told", parts: "_Parts") -> None:
    match seen:
        case OnSale():
            look.checked.markers += 1
            parts.add(seen.tenant, seen.card, ("marker", seen.place, seen.batch, seen.sku, False))
        case Burnt():
            look.checked.burnt += 1
            parts.add(seen.tenant, seen.card, ("burnt", seen.unit, seen.batch, seen.sku, True))
        case Unit():
            look.checked.units += 1
            look.offences.update(_of_unit(seen))
            if seen.card:
                place, key = _name(seen), seen.key
                parts.add(key.tenant, seen.card, ("unit", place, seen.batch, seen.sku, seen.exposed))
        case Batch():
            look.checked.batches += 1
            told.batches[seen.tenant, seen.id] = (seen.imported, seen.sku)
        case Job():
            if seen.state in IN_WORK and seen.data.get("batch"):
                told.in_work.add((seen.tenant, str(seen.data["batch"])))
        case Issued():
            for card, uses in seen.uses:
                parts.add(seen.tenant, card, ("issued", str(uses), seen.batch, "", False))


def _of_unit(unit: Unit) -> Iterator[Offence]:
    tenant, name = unit.key.tenant, _name(unit)
    if bool(unit.card) != (unit.state in KEEPS_CARD):
        has = "a card" if unit.card else "no card"
        yield Offence("I2", tenant, name, f"the unit is {unit.state} and holds {has}")
    taken = sum(step.state is State.ALLOCATED for step in unit.log)
    if unit.holds_card and taken != unit.gen + 1:
        yield Offence("I2", tenant, name, f"the unit took {taken} cards, its gen is {unit.gen}")
    if unit.state is State.RETURNED and unit.exposed:
        yield Offence("I8", tenant, name, "the card went back into stock after it was shown")


def _of_card(tenant: str, card: str, homes: list[_Home]) -> Iterator[Offence]:
    vault, living = [home for home in homes if home.kind == "vault"], _living(homes)
    if not vault:
        yield Offence("I1", tenant, card, f"not in the vault, but at: {_where(living)}")
    found, issued = {home.name for home in living}, _issued(card, homes)
    for name in sorted(found | issued):
        yield from _of_name(tenant, name, [home for home in living if home.name == name])
    for name in sorted(found - issued if issued else ()):
        yield Offence("I1", tenant, name, "nobody issued it, but it is there")
    for home in living:
        for kept in vault:
            if (kept.batch, kept.sku) != (home.batch, home.sku):
                seen = f"{home.kind} {home.place} says batch {home.batch} of {home.sku}"
                yield Offence("I5", tenant, card, f"{seen}, the vault says {kept.batch} of {kept.sku}")


def _of_name(tenant: str, name: str, living: list[_Home]) -> Iterator[Offence]:
    """What is sold under one name is in one place."""
    kinds, where = Counter(home.kind for home in living), _where(living)
    if len(living) != 1:
        yield Offence("I1", tenant, name, f"{len(living)} homes: {where}")
    if kinds["unit"] > 1:
        yield Offence("I3", tenant, name, f"held twice: {where}")
    if kinds["marker"] and any(home.shown for home in living):
        yield Offence("I8", tenant, name, f"shown, and on sale: {where}")


def _issued(card: str, homes: list[_Home]) -> set[str]:
    """The names under which a card must be somewhere; none where nobody can say: its import is in work, or
    it is fixed content.
    """
    issued = [int(home.place) for home in homes if home.kind == "issued"]
    if issued:
        return set[str]().union(*(uses_of(card, uses) for uses in issued))
    return set() if is_content(card) or any(is_use(home.name) for home in homes) else {card}


def _counted(card: str, homes: list[_Home]) -> list[tuple[str, str]]:
    """Batch and product for each card that counts: a shared one once, fixed content because it is kept."""
    if is_content(card):
        return [(home.batch, home.sku) for home in homes if home.kind == "vault"]
    places = [(home.batch, home.sku) for home in _living(homes)]
    return sorted(set(places)) if any(is_use(home.name) for home in homes) else places


def _living(homes: list[_Home]) -> list[_Home]:
    return [home for home in homes if home.kind not in ("vault", "issued")]


def _where(homes: list[_Home]) -> str:
    return ", ".join(sorted(f"{home.kind} {home.place}" for home in homes)) or "nowhere"


def _name(unit: Unit) -> str:
    return f"{unit.key.shop}/{unit.key.order}/{unit.name}"


@dataclass(slots=True)
class _Told:
    """What batches say of themselves, and what is found of them."""

    batches: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)
    in_work: set[tuple[str, str]] = field(default_factory=set)
    in_vault: Counter[tuple[str, str]] = field(default_factory=Counter)
    at_home: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def offences(self) -> Iterator[Offence]:
        """A batch that is being imported has not counted itself yet."""
        for (tenant, batch), (imported, sku) in self.batches.items():
            found = self.at_home.pop((tenant, batch, sku), 0)
            vault = self.in_vault.pop((tenant, batch), 0)
            if (tenant, batch) in self.in_work:
                continue
            if imported != found or imported != vault:
                what = f"imported {imported}, found on sale, held or burnt {found}, in the vault {vault}"
                yield Offence("I5", tenant, batch, what)
        for tenant, batch, sku in self.at_home:
            yield Offence("I5", tenant, batch, f"holds cards of {sku}, and no such batch is known")


class _Parts:
    """Cards by the hash of their name in the vault, on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[IO[str]] = []

    def __enter__(self) -> "_Parts":
        self._files = [self._path(part).open("w+", encoding="utf-8") for part in range(PARTS)]
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def add(self, tenant: str, name: str, home: tuple[str, str, str, str, bool]) -> None:
        card = base_of(name)
        line = json.dumps([tenant, card, name, *home], ensure_ascii=False)
        self._files[crc32(f"{tenant}/{card}".encode()) % PARTS].write(line + "\n")

    def cards(self) -> Iterator[tuple[str, str, list[_Home]]]:
        """Each card with everywhere it, or a use or piece of it, was seen."""
        for file in self._files:
            file.seek(0)
            found: dict[tuple[str, str], list[_Home]] = {}
            for line in file:
                tenant, card, *home = json.loads(line)
                found.setdefault((tenant, card), []).append(_Home(*home))
            for (tenant, card), homes in found.items():
                yield tenant, card, homes

    def _path(self, part: int) -> Path:
        return self._folder / f"{part:03d}"
