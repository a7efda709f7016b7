"""The writes of the order protocol that every order knows, each one function with exactly its condition.

A function returns what it found when its condition did not hold; it never reads first and writes
then. `Unavailable` means that the write may have happened: the caller reads again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.order_actions import (
    CARD_HELD,
    ROOM_TIMER,
    UNSEEN,
    burnt_record,
    card_actions,
    credit_actions,
    fact_record,
    is_mine,
    moved,
    own_or_lost,
    own_timer,
    place,
    seen_where,
    stamp,
    without_card,
    work,
)
from cardcourier.adapters.tables.records import (
    BurntRecord,
    FactRecord,
    HeaderRecord,
    MarkerRecord,
    Record,
    RoomRecord,
    UnitRecord,
    header_of,
    line_value,
    marker_record,
    plan_value,
    room_index_of,
    unit_of,
    unit_record,
    void_record,
)
from cardcourier.adapters.tables.writes import (
    Change,
    Check,
    ConditionFailed,
    Delete,
    Put,
    Table,
    TransactionLost,
    busy,
    transact,
)
from cardcourier.domain.facts import Fact, FirstPayment
from cardcourier.domain.orders import Header, OrderKey, Unit, slots
from cardcourier.domain.protocol import Actor, Lost, MarkerLost, Pool
from cardcourier.domain.states import Room, State
from cardcourier.domain.stock import Marker


@dataclass(frozen=True, slots=True)
class OrdersTable:
    """Headers, facts, units and rooms in the words of the protocol."""

    table: Table

    # -- reading, always strongly ---------------------------------------------------------------

    def header(self, key: OrderKey) -> Header | None:
        item = self.table.get(keys.header(key))
        return header_of(item) if item else None

    def headers(self, wanted: Iterable[OrderKey]) -> dict[OrderKey, Header]:
        items = self.table.get_many(keys.header(key) for key in wanted)
        return {header.key: header for header in map(header_of, items)}

    def unit(self, key: OrderKey, line: str, n: int) -> Unit | None:
        item = self.table.get(keys.unit(key, line, n))
        return unit_of(item) if item else None

    def units(self, key: OrderKey) -> list[Unit]:
        condition = (Record.pk == keys.order_pk(key)) & Record.sk.startswith("U#")
        return [unit_of(item) for item in self.table.query(condition, ConsistentRead=True)]

    def order(self, key: OrderKey) -> tuple[Header | None, list[Unit], list[FactRecord]]:
        """Everything of one order in one read."""
        header, units, facts = None, [], []
        for item in self.table.query(Record.pk == keys.order_pk(key), ConsistentRead=True):
            match item["sk"]["S"][0]:
                case "H":
                    header = header_of(item)
                case "U":
                    units.append(unit_of(item))
                case "F":
                    facts.append(FactRecord.from_raw_data(item))
        return header, units, facts

    def snapshots(self, wanted: Iterable[OrderKey]) -> dict[OrderKey, tuple[Header, list[Unit]]]:
        """Several orders with their units in a few strong reads, by the keys that their plans name."""
        headers = self.headers(wanted)
        firsts = [keys.unit(key, line.id, 1) for key, header in headers.items() for line in header.lines]
        units = [unit_of(item) for item in self.table.get_many(firsts)]
        rest = [
            keys.unit(first.key, slot.line, slot.n)
            for first in units
            for line in headers[first.key].lines
            # A held unit stands for its whole line: there are no others yet, however many were ordered. Only
            # where a refund by amount is asked about, others of its line may be there before it.
            if line.id == first.line and (first.state is not State.HELD or first.room is Room.REFUND)
            for slot in slots(line.id, line.quantity, first.plan or ())
            if slot.n > 1
        ]
        units += [unit_of(item) for item in self.table.get_many(rest)]
        return {key: (header, [unit for unit in units if unit.key == key]) for key, header in headers.items()}

    # -- headers and facts ----------------------------------------------------------------------

    def record_payment(self, payment: FirstPayment, actor: Actor) -> Header | None:
        """W1: the first payment, as an update, since a stop may be there already.

        Returns None when it was written, else the header with the payment that came before.
        """
        pk, _ = keys.header(payment.key)
        actions = [
            *stamp(payment.key, "order", actor, "paid"),
            HeaderRecord.number.set(payment.number),
            HeaderRecord.paid_at.set(payment.paid_at),
            HeaderRecord.payment.set(payment.payments[0].id),
            HeaderRecord.payments.set([p.id for p in payment.payments]),
            HeaderRecord.amount.set(sum(p.amount for p in payment.payments)),
            HeaderRecord.total.set(payment.total),
            HeaderRecord.currency.set(payment.currency),
            HeaderRecord.lines.set([line_value(line) for line in payment.lines]),
            HeaderRecord.search.set(list(payment.search)),
            HeaderRecord.kinds.set(payment.kinds),
            HeaderRecord.language.set(payment.language),
            HeaderRecord.created_at.set(payment.created_at),
            HeaderRecord.listed_at.set(HeaderRecord.listed_at | actor.now),
            *work(pk, actor.now),
        ]
        if payment.contact is not None:
            actions.append(HeaderRecord.contact.set(payment.contact))
        if payment.test:
            actions.append(HeaderRecord.test.set(True))
        try:
            self.table.write(Change(keys.header(payment.key), actions, HeaderRecord.paid_at.does_not_exist()))
        except ConditionFailed as failed:
            before = header_of(failed.old) if failed.old else None
            mine = is_mine(failed.old, actor) and before and before.payment == payment.payments[0].id
            return None if mine else before
        return None

    def record_fact(self, fact: Fact, actor: Actor) -> bool:
        """W2: a second payment, or money given back alone: a money line only, units stay untouched.

        False when it was there already.
        """
        try:
            self.table.write(Put(fact_record(fact, actor), FactRecord.pk.does_not_exist()))
        except ConditionFailed:
            return False
        return True

    def record_stop(self, fact: Fact, actor: Actor) -> bool:
        """W3: refund, cancel or chargeback: its fact and the header's stop, both or neither.

        The header is created when it is absent. False when the fact was there, and so was the stop.
        """
        pk, _ = keys.header(fact.key)
        actions = [
            *stamp(fact.key, "order", actor, fact.kind),
            *work(pk, actor.now),
            HeaderRecord.listed_at.set(HeaderRecord.listed_at | actor.now),
        ]
        if fact.stops:
            actions.append(HeaderRecord.stops.add(set(fact.stops)))
        if fact.owed:
            owed = [{"line": line, "pieces": pieces, "fact": fact.id} for line, pieces in fact.owed]
            actions.append(HeaderRecord.owed.set((HeaderRecord.owed | []).append(owed)))
        if fact.disputed:
            actions.append(HeaderRecord.disputed.set(True))
        try:
            transact(
                self.table.client,
                (self.table, Put(fact_record(fact, actor), FactRecord.pk.does_not_exist())),
                (self.table, Change(keys.header(fact.key), actions)),
            )
        except TransactionLost as lost:
            if lost.reasons[0].failed:
                return is_mine(lost.reasons[0].old, actor)
            raise busy(lost) from lost
        return True

    def choose(
        self, header: Header, stops: frozenset[str], actor: Actor, credit: Mapping[str, int] | None = None
    ) -> bool:
        """W4: commit which pieces end for what is owed, and the credit as it is then, unless it stays.

        False when the header changed meanwhile.
        """
        actions = [
            *stamp(header.key, "order", actor, "chosen"),
            *work(keys.order_pk(header.key), actor.now),
            HeaderRecord.owed.remove(),
            *credit_actions(header, header.credit if credit is None else credit),
        ]
        if stops:
            actions.append(HeaderRecord.stops.add(set(stops)))
        return self._header_write(header.key, actions, HeaderRecord.ver == header.ver, actor)

    def approve(self, key: OrderKey, actor: Actor) -> bool:
        """W5: let a held order go. False when it is not paid or was approved already."""
        actions = [
            *stamp(key, "order", actor, actor.why or "approved"),
            *work(keys.order_pk(key), actor.now),
            HeaderRecord.approved.set(True),
        ]
        held = HeaderRecord.paid_at.exists() & HeaderRecord.approved.does_not_exist()
        return self._header_write(key, actions, held, actor)

    def clear_timer(self, key: OrderKey, ver: int) -> bool:
        """W18: nothing is left to do, as seen by a pass that began with this `ver`."""
        actions = [HeaderRecord.d.remove(), HeaderRecord.due.remove(), HeaderRecord.tries.remove()]
        return self._header_write(key, actions, HeaderRecord.ver == ver)

    def raise_seq(self, key: OrderKey, seq: int, actor: Actor) -> bool:
        """Withdraw every link and pick-up code made with `seq`."""
        actions = [
            *stamp(key, "order", actor, "links withdrawn"),
            *work(keys.order_pk(key), actor.now),
            HeaderRecord.seq.set(seq + 1),
        ]
        unchanged = HeaderRecord.seq == seq if seq else HeaderRecord.seq.does_not_exist()
        return self._header_write(key, actions, HeaderRecord.pk.exists() & unchanged, actor)

    def _header_write(
        self, key: OrderKey, actions: Sequence[Action], condition: Condition, actor: Actor | None = None
    ) -> bool:
        try:
            self.table.write(Change(keys.header(key), actions, condition))
        except ConditionFailed as failed:
            return actor is not None and is_mine(failed.old, actor)
        return True

    # -- units: taking --------------------------------------------------------------------------

    def allocate_new(
        self, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | MarkerLost | Lost:
        """W6, the common case: delete the marker and put the unit ALLOCATED, both or neither.

        Without a pool it is a piece of fixed content, of which there is no marker.
        """
        record = unit_record(unit, paid_at=0, by=actor.by, rid=actor.rid)
        return self._take(unit, marker, pool, Put(record, UnitRecord.pk.does_not_exist()))

    def allocate_waiting(
        self, seen: Unit, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | MarkerLost | Lost:
        """W9: as W6, for a unit that waits; its room keys give way to a timer of its own."""
        actions = [
            *moved(unit, actor),
            *card_actions(unit),
            *own_timer(unit.key, actor.now),
            UnitRecord.room.remove(),
            UnitRecord.ref.remove(),
        ]
        still = (UnitRecord.st == seen.state.value) & UnitRecord.card.does_not_exist()
        change = Change(keys.unit(unit.key, unit.line, unit.n), actions, still)
        return self._take(unit, marker, pool, change)

    def _take(
        self, unit: Unit, marker: Marker, pool: Pool | None, write: Put | Change
    ) -> Unit | MarkerLost | Lost:
        if pool is None:
            return self._take_content(unit, marker, write)
        key = (keys.pool(pool.tenant, pool.sku, pool.epoch, marker.shard), f"{marker.bucket}#{marker.card}")
        try:
            transact(
                self.table.client,
                (self.table, Delete(key, MarkerRecord.pk.exists())),
                (self.table, write),
            )
        except TransactionLost as lost:
            of_marker, of_unit = lost.reasons
            if of_unit.failed:
                old = unit_of(of_unit.old) if of_unit.old else None
                if old is not None and old.card == marker.card:
                    return old
                return Lost(old)
            if of_marker.failed or of_marker.conflict:
                return MarkerLost(gone=of_marker.failed)
            raise busy(lost) from lost
        return unit

    def _take_content(self, unit: Unit, marker: Marker, write: Put | Change) -> Unit | Lost:
        """Nobody else can have this piece: it is named by the unit."""
        try:
            self.table.write(write)
        except ConditionFailed as failed:
            old = unit_of(failed.old) if failed.old else None
            return old if old is not None and old.card == marker.card else Lost(old)
        return unit

    # -- units: waiting -------------------------------------------------------------------------

    def park(self, unit: Unit, paid_at: int, actor: Actor) -> Unit | Lost:
        """W7: put the unit in a waiting state, in its room by payment time, if nobody wrote it."""
        return self._put_unit(unit_record(unit, paid_at=paid_at, by=actor.by, rid=actor.rid), unit)

    def tombstone(self, unit: Unit, actor: Actor) -> Unit | Lost:
        """W11: a stopped unit that nobody wrote is put as CANCELLED, so that nobody can create it."""
        return self._put_unit(unit_record(unit, paid_at=0, by=actor.by, rid=actor.rid), unit)

    def _put_unit(self, record: UnitRecord, unit: Unit) -> Unit | Lost:
        try:
            self.table.write(Put(record, UnitRecord.pk.does_not_exist()))
        except ConditionFailed as failed:
            return own_or_lost(failed, unit, "rid", record.rid or "")
        return unit

    def change_room(self, seen: Unit, unit: Unit, header: Header, actor: Actor) -> bool:
        """W10: move a waiting unit to another room together with the header (`ver = seen`, timer on).

        False when either changed: end the pass, the header's timer stands.
        """
        room = unit.room or Room.BACK
        actions = [
            *moved(unit, actor),
            UnitRecord.room.set(room.value),
            UnitRecord.ref.set(unit.ref),
            UnitRecord.d.set(room_index_of(unit.key, room, unit.ref)),
            UnitRecord.due.set(header.paid_at or 0),
        ]
        if unit.sku:
            actions.append(UnitRecord.sku.set(unit.sku))
        if unit.plan is not None:
            actions.append(UnitRecord.plan.set(plan_value(unit.plan) or []))
        head = [
            *stamp(header.key, "order", actor, "room changed"),
            *work(keys.order_pk(header.key), actor.now),
        ]
        try:
            transact(
                self.table.client,
                (
                    self.table,
                    Change(
                        keys.unit(unit.key, unit.line, unit.n),
                        actions,
                        (UnitRecord.st == seen.state.value) & (UnitRecord.ver == seen.ver),
                    ),
                ),
                (self.table, Change(keys.header(header.key), head, HeaderRecord.ver == header.ver)),
            )
        except TransactionLost as lost:
            if lost.failed:
                return False
            raise busy(lost) from lost
        return True

    def end_waiting(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost:
        """W12: a waiting unit becomes CANCELLED and leaves its room."""
        actions = [
            *moved(unit, actor),
            UnitRecord.room.remove(),
            UnitRecord.ref.remove(),
            UnitRecord.d.remove(),
            UnitRecord.due.remove(),
        ]
        if unit.plan is not None:
            actions.append(UnitRecord.plan.set(plan_value(unit.plan) or []))
        return self._change_unit(unit, actions, UnitRecord.st == seen.state.value, "rid", actor.rid)

    # -- units: giving back, burning, replacing --------------------------------------------------

    def return_card(
        self, seen: Unit, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | Lost:
        """W13: an unseen card goes back to the pool and the unit becomes RETURNED.

        Of a closed batch no card goes back: it is void instead, with the same condition on the unit. Without
        a pool it was a piece of fixed content, which goes nowhere.
        """
        condition = (
            UnitRecord.st.is_in(*UNSEEN)
            & (UnitRecord.card == seen.card)
            & UnitRecord.exposed_at.does_not_exist()
        )
        if pool is None:
            return self._change_unit(unit, without_card(unit, actor), condition, "rid", actor.rid)
        back = marker_record(marker, pool.tenant, pool.sku, pool.epoch)
        is_open = Check(keys.closed(pool.tenant, marker.batch), Record.pk.does_not_exist())
        try:
            return self._let_go(unit, condition, Put(back, MarkerRecord.pk.does_not_exist()), actor, is_open)
        except _BatchClosed:
            void = void_record(pool, marker, actor)
            return self._let_go(unit, condition, Put(void, BurntRecord.pk.does_not_exist()), actor)

    def burn(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost:
        """W14: a card that was shown never goes back: the unit becomes REFUNDED, the card burnt."""
        condition = (
            UnitRecord.st.is_in(*CARD_HELD) & (UnitRecord.card == seen.card) & UnitRecord.exposed_at.exists()
        )
        return self._let_go(
            unit, condition, Put(burnt_record(seen, actor), BurntRecord.pk.does_not_exist()), actor
        )

    def _let_go(
        self, unit: Unit, condition: Condition, other: Put, actor: Actor, *checks: Check
    ) -> Unit | Lost:
        actions = without_card(unit, actor)
        change = Change(keys.unit(unit.key, unit.line, unit.n), actions, condition)
        try:
            guards = [(self.table, check) for check in checks]
            transact(self.table.client, (self.table, change), (self.table, other), *guards)
        except TransactionLost as lost:
            of_unit, of_other, *of_checks = lost.reasons
            if of_unit.failed:
                old = unit_of(of_unit.old) if of_unit.old else None
                return Lost(old)
            if any(reason.failed for reason in of_checks):
                raise _BatchClosed from lost
            if of_other.failed and of_unit.innocent:
                raise AssertionError(f"card of {unit.name} has two homes") from lost
            raise busy(lost) from lost
        return unit

    def replace(
        self, seen: Unit, unit: Unit, marker: Marker, pool: Pool | None, actor: Actor
    ) -> Unit | MarkerLost | Lost:
        """W16: a new card for one that was shown; the old one is burnt in the same write.

        Without a pool it is another piece of fixed content, of which there is no marker.
        """
        actions = [
            *moved(unit, actor),
            *card_actions(unit),
            *own_timer(unit.key, actor.now),
            UnitRecord.prev.set(seen.card),
            UnitRecord.gen.set(unit.gen),
            UnitRecord.exposed_at.remove(),
            UnitRecord.since.remove(),
            UnitRecord.views.remove(),
            UnitRecord.viewers.remove(),
            UnitRecord.net.remove(),
            UnitRecord.dev.remove(),
        ]
        shown = (
            (UnitRecord.card == seen.card) & UnitRecord.exposed_at.exists() & UnitRecord.st.is_in(*CARD_HELD)
        )
        try:
            transact(
                self.table.client,
                *((self.table, Delete(where, MarkerRecord.pk.exists())) for where in place(pool, marker)),
                (self.table, Change(keys.unit(unit.key, unit.line, unit.n), actions, shown)),
                (self.table, Put(burnt_record(seen, actor, unit.card), BurntRecord.pk.does_not_exist())),
            )
        except TransactionLost as lost:
            *of_marker, of_unit, _ = lost.reasons
            if of_unit.failed:
                old = unit_of(of_unit.old) if of_unit.old else None
                return old if old is not None and old.card == marker.card else Lost(old)
            if any(reason.failed or reason.conflict for reason in of_marker):
                return MarkerLost(gone=any(reason.failed for reason in of_marker))
            raise busy(lost) from lost
        return unit

    # -- units: showing and handing over ----------------------------------------------------------

    def expose(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost:
        """W15: commit that the card is shown; only then may the plaintext leave.

        Who has seen it needs no delivery: a timer of the unit's own goes with it.
        """
        actions = [
            *moved(unit, actor),
            UnitRecord.exposed_at.set(actor.now),
            UnitRecord.views.set(1),
            UnitRecord.view_rid.set(actor.rid),
            UnitRecord.viewers.set(list(unit.viewers)),
            *seen_where(unit),
            UnitRecord.d.remove(),
            UnitRecord.due.remove(),
        ]
        condition = (
            UnitRecord.st.is_in(*UNSEEN) & (UnitRecord.card == seen.card) & (UnitRecord.gen == seen.gen)
        )
        return self._change_unit(unit, actions, condition, "view_rid", actor.rid)

    def view_again(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost:
        """Count a further view of a shown card; the limit is held by the condition on the count."""
        actions = [
            UnitRecord.views.set(unit.views),
            UnitRecord.view_rid.set(actor.rid),
            UnitRecord.viewers.set(list(unit.viewers)),
        ]
        if unit.since is not None:
            actions.append(UnitRecord.since.set(unit.since))
        same = UnitRecord.since.does_not_exist() if seen.since is None else UnitRecord.since == seen.since
        condition = (
            (UnitRecord.st == State.REVEALED.value)
            & (UnitRecord.card == seen.card)
            & (UnitRecord.gen == seen.gen)
            & (UnitRecord.views == seen.views)
            & same
        )
        return self._change_unit(unit, actions, condition, "view_rid", actor.rid)

    def reopen(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost:
        """Let a shown card be looked at anew: views, viewers and days begin again, the card stays shown."""
        actions = [
            *moved(unit, actor),
            UnitRecord.views.set(0),
            UnitRecord.viewers.set([]),
            UnitRecord.since.set(actor.now),
        ]
        condition = (
            (UnitRecord.st == State.REVEALED.value)
            & (UnitRecord.card == seen.card)
            & (UnitRecord.ver == seen.ver)
        )
        return self._change_unit(unit, actions, condition, "rid", actor.rid)

    def hand_over(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost:
        """W17: the buyer has been told; the unit's own timer goes."""
        actions = [
            *moved(unit, actor),
            UnitRecord.via.set(unit.delivered_by),
            UnitRecord.d.remove(),
            UnitRecord.due.remove(),
        ]
        condition = (UnitRecord.st == State.ALLOCATED.value) & (UnitRecord.card == seen.card)
        return self._change_unit(unit, actions, condition, "rid", actor.rid)

    def _change_unit(
        self, unit: Unit, actions: Sequence[Action], condition: Condition, stamp: str, rid: str
    ) -> Unit | Lost:
        try:
            self.table.write(Change(keys.unit(unit.key, unit.line, unit.n), actions, condition))
        except ConditionFailed as failed:
            return own_or_lost(failed, unit, stamp, rid)
        return unit

    # -- rooms ----------------------------------------------------------------------------------

    def room(self, tenant: str, room: Room, ref: str) -> int | None:
        """When the room was last touched, or None when there is no such room."""
        item = self.table.get(keys.room(tenant, room, ref))
        return int(item["touched_at"]["N"]) if item else None

    def touch_room(self, tenant: str, room: Room, ref: str, mine: int, due: int) -> None:
        """W8: make sure that the room has a timer. A newer touch by another worker is as good."""
        key = keys.room(tenant, room, ref)
        actions = [
            RoomRecord.touched_at.set(mine),
            RoomRecord.d.set(keys.timer(ROOM_TIMER, key[0])),
            RoomRecord.due.set(due),
        ]
        older = RoomRecord.touched_at.does_not_exist() | (RoomRecord.touched_at < mine)
        try:
            self.table.write(Change(key, actions, older))
        except ConditionFailed:
            return

    def remove_room(self, tenant: str, room: Room, ref: str, touched_at: int) -> bool:
        """W19: an empty room goes, unless somebody touched it since it was read."""
        key = keys.room(tenant, room, ref)
        try:
            self.table.write(Delete(key, RoomRecord.touched_at == touched_at))
        except ConditionFailed:
            return False
        return True


class _BatchClosed(Exception):
    """The batch of a card is being undone."""
