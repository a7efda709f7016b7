"""What money given back means for the pieces of an order: by amount, by number, and against credit.

A refund of an amount names no pieces. Where it can mean only one thing it is answered at once; else a person
says which pieces end, maybe none. What the merchant ended by name leaves a credit, which meets a later refund
by number: the platform tells the same money again without saying for which piece it was.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from cardcourier.domain.facts import ALL, TAKEN_BACK
from cardcourier.domain.orders import EVERYTHING, Header, Unit, choose_stops
from cardcourier.errors import Refused


@dataclass(frozen=True, slots=True)
class Told:
    """Money that was told of an order: a further payment, refund or chargeback. `amount` in minor units."""

    kind: str
    id: str
    amount: int
    currency: str
    payment: str = ""

    @property
    def name(self) -> str:
        return f"{self.kind}/{self.id}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a refund by amount ends: `stops` by name (`*` for all), or so many pieces of a line (`owed`).

    Neither means that no piece ends. `credit` is the header's afterwards, unless it stays.
    """

    stops: frozenset[str] = frozenset()
    owed: tuple[tuple[str, int], ...] = ()
    credit: Mapping[str, int] | None = None


NOTHING = Answer()
EVERYTHING_ENDS = Answer(stops=ALL)


def answer_of(header: Header, name: str, told: Sequence[Told]) -> Answer | None:
    """The one thing that a refund by amount can mean; None where a person has to say it.

    Nothing, when nothing is left to end or it gives back a further payment. So many pieces, when it is
    exactly the price of so many pieces of one line and of no other. Everything, when all that was paid has
    gone back. The first rule that fits counts, so that the order in which refunds are told does not.
    """
    question = next((one for one in told if one.name == name), None)
    if question is None or not header.paid or question.currency != header.currency:
        return None
    further = [one for one in told if one.kind == "pay"]
    if EVERYTHING in header.stops or question.payment in {one.id for one in further}:
        return NOTHING
    fitting = list(_exact(header, question.amount)) if not further else []
    if len(fitting) == 1:
        return Answer(owed=(fitting[0],))
    back = sum(one.amount for one in told if one.kind in TAKEN_BACK and one.currency == header.currency)
    came = header.amount + sum(one.amount for one in further if one.currency == header.currency)
    return EVERYTHING_ENDS if back >= came else None


def _exact(header: Header, amount: int) -> Iterable[tuple[str, int]]:
    """Lines of which this is the price of a whole number of pieces, with that number."""
    for line in header.lines:
        if line.price and amount % line.price == 0 and amount // line.price <= line.quantity:
            yield line.id, amount // line.price


def named(pieces: Iterable[tuple[str, int]]) -> frozenset[str]:
    """Pieces `(line, piece)` as a header names them in its stops."""
    return frozenset(f"{line}/{piece}" for line, piece in pieces)


def check_pieces(header: Header, stops: Iterable[str]) -> None:
    """Raises Refused for a name that is no piece of this order."""
    known = {line.id: line.quantity for line in header.lines}
    for name in stops:
        line, _, piece = name.rpartition("/")
        if not 1 <= int(piece) <= known.get(line, 0):
            raise Refused("no_such_piece", f"Line {line} has no piece {piece}.")


def credit_for(header: Header, stops: Iterable[str]) -> dict[str, int]:
    """The header's credit once these pieces (`<line>/<piece>`) are ended by name as well.

    A piece that was stopped before gives none.
    """
    credit = dict(header.credit)
    if EVERYTHING in header.stops:
        return credit
    for name in set(stops) - header.stops - {EVERYTHING}:
        line = name.rpartition("/")[0]
        credit[line] = credit.get(line, 0) + 1
    return credit


def settle_debts(header: Header, units: Mapping[str, Unit]) -> tuple[frozenset[str], dict[str, int]]:
    """What is owed by number is met with credit of its line first; the rest chooses pieces.

    Returns the stops and the credit as they are afterwards.
    """
    credit, left = dict(header.credit), []
    for owed in header.owed:
        met = min(credit.get(owed.line, 0), owed.pieces)
        credit[owed.line] = credit.get(owed.line, 0) - met
        if met < owed.pieces:
            left.append(replace(owed, pieces=owed.pieces - met))
    stops = choose_stops(replace(header, owed=tuple(left)), units)
    return stops, {line: pieces for line, pieces in credit.items() if pieces}
