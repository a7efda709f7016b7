"""What a person says about money given back: which pieces end for it, and how a dispute came out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from cardcourier.domain.disputes import Outcome
from cardcourier.domain.facts import Fact
from cardcourier.domain.kept import Act
from cardcourier.domain.orders import Header, OrderKey
from cardcourier.domain.protocol import Actor
from cardcourier.domain.refunds import Answer, check_pieces, named
from cardcourier.errors import Conflict, NotFound


class Orders(Protocol):
    def header(self, key: OrderKey) -> Header | None: ...


class Refunds(Protocol):
    def answer(self, header: Header, name: str, ends: Answer, actor: Actor) -> bool: ...
    def decide(self, fact: Fact, outcome: str, actor: Actor) -> bool: ...


class Passes(Protocol):
    def order(self, key: OrderKey) -> None: ...


@dataclass(frozen=True, slots=True)
class RefundAnswers:
    """Answers for a person who looked at the order; `clock` in epoch milliseconds."""

    orders: Orders
    refunds: Refunds
    passes: Passes
    clock: Callable[[], int]

    def answer(
        self, key: OrderKey, name: str, pieces: Sequence[tuple[str, int]], ver: int, actor: Actor
    ) -> bool:
        """Say which pieces end for a refund by amount, maybe none; False when nobody asks any more.

        `ver` is the order's version that the person saw. Raises NotFound, Refused for a piece that there is
        not, Conflict when the order changed meanwhile.
        """
        header = self._header(key)
        if name not in header.asked:
            return False
        check_pieces(header, stops := named(pieces))
        if not self.refunds.answer(replace(header, ver=ver), name, Answer(stops=stops), actor):
            raise Conflict("changed_meanwhile", "The order changed meanwhile; look at it again.")
        self.passes.order(key)
        return True

    def decide(self, key: OrderKey, outcome: Outcome, act: Act, actor: Actor) -> bool:
        """Say how a dispute came out; a repeat of `act` changes nothing. Raises NotFound, Conflict.

        Money that comes back is a fact that the platform tells; saying that it was won books none.
        """
        if not self._header(key).disputed:
            raise Conflict("not_disputed", "No chargeback of this order is disputed.")
        fact = Fact(key=key, kind=outcome, id=f"api-{act.id}", at=act.at, reason=actor.why)
        new = self.refunds.decide(fact, outcome, actor)
        self.passes.order(key)
        return new

    def _header(self, key: OrderKey) -> Header:
        header = self.orders.header(key)
        if header is None:
            raise NotFound("not_found", "There is no such order.")
        return header
