"""I1, I2, I3, I8: where every card is, after every commit.

A card that was issued has one home: a marker, one unit, or the burnt and void ones. A piece of fixed
content has one or none. What a buyer was shown is never on sale again, nor held by another unit.
"""

from collections import Counter
from dataclasses import dataclass, field

from tests.simulation.invariants.reading import number, text
from tests.simulation.violations import must


@dataclass
class Homes:
    homes: dict[tuple[str, str], set[tuple]] = field(default_factory=dict)
    vault: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    shown: dict[tuple[str, str], tuple] = field(default_factory=dict)
    costs: dict[tuple[str, str], int] = field(default_factory=dict)
    _touched: dict = field(default_factory=dict)

    def of_vault(self, change) -> None:
        must(change.old is None, "I1", change.key[0], "a card in the vault was changed or removed")
        _, tenant, card = change.key[0].split("#")
        self.vault[tenant, card] = (text(change.new, "batch"), text(change.new, "sku"))

    def of_marker(self, change, *, closed: bool) -> None:
        """`closed` is the batch of a new marker once its import is being undone."""
        tenant = change.key[0].split("#")[1]
        card = tenant, change.key[1].partition("#")[2]
        if change.old is not None:
            self._leave(card, change.key)
        if change.new is not None:
            self.costs[card] = number(change.new, "cost")
            must(card not in self.shown, "I8", card, "a card that was shown is on sale again")
            again = closed and card in self.homes
            must(not again, "I8", card, "on sale again, and its import is being undone")
            self._enter(card, change.key)

    def of_burnt(self, change) -> None:
        must(change.old is None and change.new is not None, "I1", change.key[0], "a burnt card was changed")
        _, tenant, card = change.key[0].split("#")
        self._enter((tenant, card), change.key)

    def of_unit(self, change) -> None:
        tenant = change.key[0].split("#")[1]
        before, after = text(change.old, "card"), text(change.new, "card")
        if before != after:
            if before:
                self._leave((tenant, before), change.key)
            if after:
                self._enter((tenant, after), change.key)
        if before and after and before != after:
            rose = number(change.new, "gen") == number(change.old, "gen") + 1
            must(rose, "I2", change.key, "another card without a new generation")
        if after and number(change.new, "exposed_at"):
            self.shown.setdefault((tenant, after), change.key)

    def _enter(self, card, place) -> None:
        self.homes.setdefault(card, set()).add(place)
        self._touched[card] = None

    def _leave(self, card, place) -> None:
        there = self.homes.get(card, set())
        must(place in there, "I1", card, f"left {place}, where it was not")
        there.discard(place)
        self._touched[card] = None

    def cost_of(self, tenant: str, card: str) -> int:
        """What a card cost, as its marker said; fixed content costs nothing."""
        return self.costs.get((tenant, card), 0)

    def check(self) -> None:
        """After all changes of one commit."""
        for card in self._touched:
            self._check(card, self.homes[card])
        self._touched.clear()

    def _check(self, card, homes) -> None:
        tenant, name = card
        base = tenant, name.partition(".")[0]
        must(base in self.vault, "I1", card, f"at {_told(homes)}, and not in the vault")
        units = [home for home in homes if home[0].startswith("O#")]
        must(len(units) < 2, "I3", card, f"held by two units: {_told(units)}")
        piece = name.startswith("t1")
        must(len(homes) == 1 or (piece and not homes), "I1", card, f"{len(homes)} homes: {_told(homes)}")
        if card in self.shown and units:
            must(
                units[0] == self.shown[card], "I8", card, f"shown by {self.shown[card]}, now with {units[0]}"
            )

    # -- at rest ----------------------------------------------------------------------------------

    def check_all(self, items) -> None:
        """I5: what was imported of every batch is somewhere, by the rows of its chunks alone."""
        homes = {place for there in self.homes.values() for place in there}
        must(
            len(homes) == sum(map(len, self.homes.values())), "I1", "everything", "one place holds two cards"
        )
        bases = {(tenant, name.partition(".")[0]) for tenant, name in self.homes}
        for card in self.vault:
            must(card in bases or card[1].startswith("t1"), "I5", card, "in the vault, and nowhere else")
        counted = Counter(self.vault[card] for card in bases)
        batches = Counter(self.vault.values())
        for batch, there in counted.items():
            known = batches[batch]
            must(
                there == known or (there < known and batch[0].startswith("b-cnt")),
                "I5",
                batch,
                "cards are missing",
            )


def _told(homes) -> str:
    return ", ".join(sorted(" ".join(home) for home in homes)) or "nowhere"
