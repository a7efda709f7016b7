"""What happened to an order, merged from everything that was kept of it, and what deserves a look."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from cardcourier.domain.claims import Claim
from cardcourier.domain.marks import Mark
from cardcourier.domain.notification import Notification
from cardcourier.domain.orders import Header, Unit
from cardcourier.domain.states import State

PAY, REFUND, CANCEL, CHARGEBACK = "pay", "refund", "cancel", "chargeback"
STOPS = frozenset({REFUND, CANCEL, CHARGEBACK})
LATE_AFTER = 86_400_000
"""A payment more than a day after the order was made is called late, in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFact:
    """A fact beyond the first payment. `occurred_at` is the platform's time, `at` ours (epoch ms)."""

    kind: str
    id: str
    at: int
    occurred_at: int | None = None
    amount: int | None = None
    currency: str = ""
    payment: str = ""
    by: str = ""
    why: str = ""
    rid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A comment, a buyer's report, or what a person did with the order. `about` names a unit, or is empty."""

    at: int
    text: str
    by: str
    why: str = ""
    about: str = ""
    rid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderHistory:
    """Everything that is kept of one order. `marks` are those of its tasks, by kind and what of the order."""

    header: Header
    units: tuple[Unit, ...]
    facts: tuple[KeptFact, ...] = ()
    notes: tuple[Note, ...] = ()
    notifications: tuple[Notification, ...] = ()
    marks: Mapping[tuple[str, str], Mark] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the timeline: when (epoch ms), what, about which unit, by whom, in which request."""

    at: int
    what: str
    unit: str = ""
    by: str = ""
    why: str = ""
    request_id: str = ""
    last4: str = ""
    amount: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about an order that a person should know; `code` is stable."""

    code: str
    detail: str


def timeline(history: OrderHistory) -> tuple[Entry, ...]:
    """Everything in the order in which it happened."""
    entries = [
        *_payment(history.header),
        *(_of_fact(fact) for fact in history.facts),
        *(entry for unit in history.units for entry in _of_unit(unit)),
        *(_of_note(note) for note in history.notes),
        *(entry for claim in history.claims for entry in _of_claim(claim)),
        *(entry for note in history.notifications for entry in _of_notification(note)),
    ]
    return tuple(sorted(entries, key=lambda entry: entry.at))


def _payment(header: Header) -> Iterator[Entry]:
    if header.paid_at is not None:
        yield Entry(
            at=header.paid_at,
            what="paid",
            by=f"shop:{header.key.shop}",
            amount=header.amount,
            currency=header.currency,
        )


def _of_fact(fact: KeptFact) -> Entry:
    return Entry(
        at=fact.at,
        what={PAY: "paid again"}.get(fact.kind, fact.kind),
        by=fact.by,
        why=fact.why,
        request_id=fact.rid,
        amount=fact.amount,
        currency=fact.currency,
    )


def _of_unit(unit: Unit) -> Iterator[Entry]:
    seen_card = False
    for step in unit.log:
        entry = Entry(
            at=step.at,
            what=step.state.lower(),
            unit=unit.name,
            by=step.by,
            why=step.why,
            request_id=step.rid,
            last4=step.last4,
        )
        replaced = step.state is State.ALLOCATED and seen_card
        yield replace(entry, what="replaced") if replaced else entry
        seen_card = seen_card or step.state is State.ALLOCATED


def _of_note(note: Note) -> Entry:
    kind, _, rest = note.why.partition(":")
    return Entry(
        at=note.at,
        what=kind or "note",
        unit=note.about,
        by=note.by,
        why=note.text if not rest else f"{rest}: {note.text}",
        request_id=note.rid,
    )


def _of_claim(claim: Claim) -> Iterator[Entry]:
    """What was reported, and its last decision if there is one."""
    yield Entry(
        at=claim.opened_at,
        what="problem",
        unit=claim.unit,
        by=claim.opened_by,
        why=f"{claim.reason}: {claim.note}".strip(": "),
        last4=claim.last4,
        request_id=claim.rid if claim.ver == 1 else "",
    )
    if claim.ver > 1:
        yield Entry(
            at=claim.at,
            what=f"claim {claim.state}",
            unit=claim.unit,
            by=claim.by,
            why=claim.why,
            last4=claim.last4,
            request_id=claim.rid,
        )


def _of_notification(note: Notification) -> Iterator[Entry]:
    for attempt in note.attempts:
        yield Entry(
            at=attempt.at,
            what=f"{note.channel} {attempt.outcome}",
            by="delivery",
            why=attempt.error,
            request_id=attempt.rid,
        )


def remarks(history: OrderHistory) -> tuple[Remark, ...]:
    """Paid twice, paid late, stopped before it was paid, and whatever holds it."""
    return (*_remarks(history.header, history.units, history.facts), *_not_told(history.notifications))


def _not_told(notifications: Iterable[Notification]) -> Iterator[Remark]:
    for note in notifications:
        if not note.noticed:
            yield Remark("not_told", f"The buyer was not told by {note.channel}: {note.reason}")


def _remarks(header: Header, units: Sequence[Unit], facts: Iterable[KeptFact]) -> Iterator[Remark]:
    again = [fact for fact in facts if fact.kind == PAY]
    if again:
        yield Remark("paid_twice", f"{len(again)} further payment(s) came; pay back what is too much.")
    paid_at = header.paid_at
    if paid_at is not None and header.created_at and paid_at - header.created_at > LATE_AFTER:
        yield Remark("paid_late", "The payment came more than a day after the order was made.")
    stopped = [fact for fact in facts if fact.kind in STOPS]
    early = [fact for fact in stopped if paid_at is None or (fact.occurred_at or fact.at) < paid_at]
    if early:
        kinds = ", ".join(dict.fromkeys(fact.kind for fact in early))
        yield Remark("stopped_before_payment", f"Before the payment came: {kinds}.")
    for unit in units:
        if unit.state is State.HELD:
            yield Remark("held", f"{unit.name}: {unit.why}")
