"""Refunds by amount and the merchant's own cancels, modelled before they are built.

A refund of an amount that fits no unit asks a person which units end: its name stays on the header until one
has answered, and nothing new is allocated meanwhile. The merchant's own cancel names its pieces, and the
platform will often tell its refund later as a mere number of pieces: so it leaves a credit on the header, and
what is owed by number is met with credit before any other piece is chosen.
"""

from dataclasses import dataclass, replace
from typing import Any

from tests.model.items import ABSENT, MONEY, ONE, WAITING, Store, World
from tests.model.process import Process, Step
from tests.model.rules import Rule
from tests.model.writes import DONE, WRITES, Outcome, Write, refund, with_work, write

Moves = list[Step | Write]

ITS_REFUND, ANSWERED, CHOSEN = "its refund", "answered: ", "chosen for: "
"""Facts of the model alone: the platform's word of what we cancelled before, and what a person said."""


@write("P1")
def refund_amount(world: World, store: Store, order: int, fact: str) -> Outcome:
    """P1: the fact and the header's question, both or neither."""
    if (fact, MONEY) in store.facts[order]:
        return store, fact
    store = store.with_fact(order, (fact, MONEY))
    return asked(store, order, fact) if world.without is not Rule.ASKED_WITH_FACT else store, DONE


@write("P1 question alone")
def ask_alone(world: World, store: Store, order: int, fact: str) -> Outcome:
    """Half of P1, for the world in which it is two writes."""
    return asked(store, order, fact), DONE


def asked(store: Store, order: int, fact: str) -> Store:
    header = store.headers[order]
    return store.with_header(order, with_work(header._replace(asked=header.asked | {fact})))


@write("P2")
def answer_with(
    world: World, store: Store, order: int, fact: str, chosen: frozenset[int], ver: int
) -> Outcome:
    """P2: the question goes, and what was chosen is stopped, in one write."""
    header = store.headers[order]
    if header.ver != ver and world.without is not Rule.ANSWER_AGAINST_VER:
        return store, header
    if (ANSWERED + fact, MONEY) not in store.facts[order]:
        for said in ((ANSWERED + fact, MONEY), *((CHOSEN + fact, number) for number in chosen)):
            store = store.with_fact(order, said)
    answered = header._replace(asked=header.asked - {fact}, stop=header.stop | chosen)
    store = store._replace(kept=frozenset(unit for unit in store.kept if unit[0] != order))
    work = answered if world.without is Rule.ANSWER_IS_WORK else with_work(answered)
    return store.with_header(order, work), DONE


@write("P3")
def cancel(world: World, store: Store, order: int, fact: str, number: int, ver: int, new: int) -> Outcome:
    """P3: the fact, the stop, and a credit for each piece that was not stopped before; all or none."""
    header = store.headers[order]
    if (fact, number) in store.facts[order]:
        return store, fact
    if header.ver != ver and world.without is not Rule.CREDIT_AGAINST_VER:
        return store, header
    store = store.with_fact(order, (fact, number))
    credit = header.credit + (0 if world.without in (Rule.CREDIT, Rule.CREDIT_WITH_STOP) else new)
    header = header._replace(stop=header.stop | {number}, credit=credit)
    return store.with_header(order, with_work(header)), DONE


@write("P3 credit alone")
def credit_alone(world: World, store: Store, order: int) -> Outcome:
    """Half of P3, for the world in which it is two writes."""
    header = store.headers[order]
    return store.with_header(order, with_work(header._replace(credit=header.credit + 1))), DONE


@write("P4")
def choose_with_credit(world: World, store: Store, order: int, ver: int, chosen: frozenset[int]) -> Outcome:
    """P4: W4 where there is credit: what is owed is met with it, and only the rest becomes stops."""
    header = store.headers[order]
    if header.ver != ver:
        return store, header
    left = header.credit if world.without is Rule.CREDIT_SPENT else max(0, header.credit - header.owed)
    chose = header._replace(stop=header.stop | chosen, owed=0, credit=left)
    return store.with_header(order, with_work(chose)), DONE


@write("W18 while asked")
def remove_timer_asked(world: World, store: Store, order: int, ver: int) -> Outcome:
    """W18 of a pass that saw a question: from here on nothing is allocated, which a check looks at."""
    after, answer = WRITES["W18"](world, store, order, ver)
    if answer == DONE and after.headers[order].asked:
        units = enumerate(after.units[order])
        open_ = {(order, number) for number, unit in units if unit.state in WAITING | {ABSENT}}
        after = after._replace(kept=after.kept | open_)
    return after, answer


@dataclass(frozen=True, slots=True)
class AmountRefund:
    """A webhook tells of a refund whose amount fits no unit."""

    order: int
    fact: str = "amount"
    half: bool = False

    def moves(self, world: World, store: Store) -> Moves:
        return [(ask_alone if self.half else refund_amount)(self.order, self.fact)]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        apart = world.without is Rule.ASKED_WITH_FACT
        return replace(self, half=True) if apart and answer == DONE and not self.half else None

    def lost(self, request: Write) -> Process | None:
        return self


@dataclass(frozen=True, slots=True)
class Answer:
    """A person says which units end for an amount, of those that they see not ended yet; maybe none."""

    order: int
    units: frozenset[int]
    fact: str = "amount"
    ver: int = 0

    def moves(self, world: World, store: Store) -> Moves:
        header = store.headers[self.order]
        if self.ver:
            return [answer_with(self.order, self.fact, self.units, self.ver)]
        if self.fact not in header.asked:
            return []
        return [Step("looks at the order", replace(self, units=self.units - header.stop, ver=header.ver))]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        return None

    def lost(self, request: Write) -> Process | None:
        return None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The merchant cancels a unit over our API; then, if `refunds`, refunds it on the platform, by number."""

    order: int
    unit: int
    fact: str = "cancel"
    refunds: bool = True
    at: str = "look"
    ver: int = 0
    new: int = 0

    def moves(self, world: World, store: Store) -> Moves:
        if self.at == "look":
            header = store.headers[self.order]
            seen = replace(self, at="cancel", ver=header.ver, new=int(self.unit not in header.stop))
            return [Step("looks at the order", seen)] if header.paid else []
        if self.at == "cancel":
            return [cancel(self.order, self.fact, self.unit, self.ver, self.new)]
        if self.at == "credit":
            return [credit_alone(self.order)]
        return [refund(self.order, ITS_REFUND, ONE)]

    def answered(self, world: World, request: Write, answer: Any) -> Process | None:
        if self.at == "refund":
            return None
        told = answer in (DONE, self.fact)
        if self.at == "cancel" and not told:
            return replace(self, at="look", ver=0, new=0)
        if self.at == "cancel" and world.without is Rule.CREDIT_WITH_STOP and answer == DONE and self.new:
            return replace(self, at="credit")
        return replace(self, at="refund", ver=0, new=0) if self.refunds else None

    def lost(self, request: Write) -> Process | None:
        return replace(self, at="refund" if self.at == "credit" else self.at)
