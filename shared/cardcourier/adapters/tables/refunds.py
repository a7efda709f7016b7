"""The protocol's writes about money given back: by amount, against credit, charged back and disputed.

As in `orders.py` each is one function with exactly its condition, and says what it found when that failed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.order_actions import (
    CARD_HELD,
    burnt_record,
    credit_actions,
    fact_record,
    is_mine,
    moved,
    own_or_lost,
    stamp,
    without_card,
    work,
)
from cardcourier.adapters.tables.records import (
    BurntRecord,
    FactRecord,
    HeaderRecord,
    Record,
    UnitRecord,
    unit_of,
)
from cardcourier.adapters.tables.writes import (
    Change,
    ConditionFailed,
    Item,
    Put,
    Table,
    TransactionLost,
    busy,
    transact,
)
from cardcourier.domain.disputes import LOST
from cardcourier.domain.facts import Fact
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor, Lost
from cardcourier.domain.refunds import Answer, Told
from cardcourier.domain.states import State


@dataclass(frozen=True, slots=True)
class RefundsTable:
    """Facts of money given back, and what they do to headers and units."""

    table: Table

    def told(self, key: OrderKey) -> list[Told]:
        """All money beyond the first payment that was told of an order, strongly."""
        condition = (Record.pk == keys.order_pk(key)) & Record.sk.startswith("F#")
        return [told_of(item) for item in self.table.query(condition, ConsistentRead=True)]

    def ask(self, fact: Fact, actor: Actor) -> bool:
        """W32: a refund by amount: its fact, and its name among what a person is asked; both or neither.

        The header is created when it is absent. False when the fact was there, and so was the question.
        """
        actions = [
            *stamp(fact.key, "order", actor, fact.kind),
            *work(keys.order_pk(fact.key), actor.now),
            HeaderRecord.listed_at.set(HeaderRecord.listed_at | actor.now),
            HeaderRecord.asked.set((HeaderRecord.asked | []).append([fact.name])),
        ]
        if fact.disputed:
            actions.append(HeaderRecord.disputed.set(True))
        return self._with_fact(fact, actions, None, actor) is True

    def answer(self, header: Header, name: str, ends: Answer, actor: Actor) -> bool:
        """W33: the question goes, and what was answered is stopped or owed, in one write.

        False when the header is not as it was seen. None of `ends.stops` was stopped before.
        """
        left = [one for one in header.asked if one != name]
        actions = [
            *stamp(header.key, "order", actor, actor.why or "answered"),
            *work(keys.order_pk(header.key), actor.now),
            HeaderRecord.asked.set(left) if left else HeaderRecord.asked.remove(),
        ]
        if ends.stops:
            actions.append(HeaderRecord.stops.add(set(ends.stops)))
        if ends.owed:
            fact = name.partition("/")[2]
            owed = [{"line": line, "pieces": pieces, "fact": fact} for line, pieces in ends.owed]
            actions.append(HeaderRecord.owed.set((HeaderRecord.owed | []).append(owed)))
        if ends.credit is not None:
            actions += credit_actions(header, ends.credit)
        try:
            self.table.write(Change(keys.header(header.key), actions, HeaderRecord.ver == header.ver))
        except ConditionFailed as failed:
            return is_mine(failed.old, actor)
        return True

    def cancel_pieces(
        self, header: Header, fact: Fact, credit: Mapping[str, int], actor: Actor
    ) -> bool | None:
        """W34: pieces that the merchant ends by name: fact, stops and the credit they leave; all or none.

        False when it was told before, None when the header is not as it was seen.
        """
        actions = [
            *stamp(header.key, "order", actor, fact.kind),
            *work(keys.order_pk(header.key), actor.now),
            HeaderRecord.stops.add(set(fact.stops)),
            *credit_actions(header, credit),
        ]
        return self._with_fact(fact, actions, HeaderRecord.ver == header.ver, actor)

    def dispute(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost:
        """W35: a card that was shown stays with its unit, which is DISPUTED and loses its timer."""
        actions = [*moved(unit, actor), UnitRecord.d.remove(), UnitRecord.due.remove()]
        condition = (
            UnitRecord.st.is_in(*CARD_HELD) & (UnitRecord.card == seen.card) & UnitRecord.exposed_at.exists()
        )
        try:
            self.table.write(Change(keys.unit(unit.key, unit.line, unit.n), actions, condition))
        except ConditionFailed as failed:
            return own_or_lost(failed, unit, "rid", actor.rid)
        return unit

    def decide(self, fact: Fact, outcome: str, actor: Actor) -> bool:
        """W36: the outcome of a dispute: its fact and the header's word; both or neither.

        False when it was told before. Once lost it stays lost: then a dispute that is won is a fact alone.
        """
        actions = [
            *stamp(fact.key, "order", actor, fact.kind),
            *work(keys.order_pk(fact.key), actor.now),
            HeaderRecord.listed_at.set(HeaderRecord.listed_at | actor.now),
            HeaderRecord.outcome.set(outcome),
        ]
        still = (
            None
            if outcome == LOST
            else HeaderRecord.outcome.does_not_exist() | (HeaderRecord.outcome != LOST)
        )
        new = self._with_fact(fact, actions, still, actor)
        if new is not None:
            return new
        try:
            self.table.write(Put(fact_record(fact, actor), FactRecord.pk.does_not_exist()))
        except ConditionFailed:
            return False
        return True

    def lose(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost:
        """W37: the dispute is lost: the unit becomes REFUNDED without its card, which is burnt."""
        condition = (UnitRecord.st == State.DISPUTED.value) & (UnitRecord.card == seen.card)
        where = keys.unit(unit.key, unit.line, unit.n)
        try:
            transact(
                self.table.client,
                (self.table, Change(where, without_card(unit, actor), condition)),
                (self.table, Put(burnt_record(seen, actor), BurntRecord.pk.does_not_exist())),
            )
        except TransactionLost as lost:
            of_unit, of_burnt = lost.reasons
            if of_unit.failed:
                return Lost(unit_of(of_unit.old) if of_unit.old else None)
            if of_burnt.failed and of_unit.innocent:
                raise AssertionError(f"card of {unit.name} has two homes") from lost
            raise busy(lost) from lost
        return unit

    def _with_fact(
        self, fact: Fact, actions: list[Action], condition: Condition | None, actor: Actor
    ) -> bool | None:
        """A fact and its header in one transaction; None where only the header's condition failed."""
        try:
            transact(
                self.table.client,
                (self.table, Put(fact_record(fact, actor), FactRecord.pk.does_not_exist())),
                (self.table, Change(keys.header(fact.key), actions, condition)),
            )
        except TransactionLost as lost:
            of_fact, of_header = lost.reasons
            if of_fact.failed:
                return is_mine(of_fact.old, actor)
            if of_header.failed:
                return None
            raise busy(lost) from lost
        return True


def told_of(item: Item) -> Told:
    """Money as its fact tells it."""
    record = FactRecord.from_raw_data(item)
    return Told(
        kind=record.fact,
        id=record.id,
        amount=int(record.amount or 0),
        currency=record.currency or "",
        payment=record.payment or "",
    )
