"""What a buyer sees behind a link: masked before, plain only in the answer to a POST.

GET changes nothing. A card is shown only after it was committed that it is shown.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from cardcourier.domain.cards import Card
from cardcourier.domain.catalogue import Product, Tenant
from cardcourier.domain.free_text import without_cards
from cardcourier.domain.gates import Gate, reveals_stopped
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor, Lost
from cardcourier.domain.redeem_page import WITH_CARD, BlockState, CardBlock, OrderPage
from cardcourier.domain.states import Room, State
from cardcourier.domain.tokens import Token, read_code
from cardcourier.errors import NotFound, Unavailable

MINUTE = 60_000
DAY = 86_400_000
REVEALS_A_MINUTE = 10
LOOKUPS_A_MINUTE = 5
MAILS_A_DAY = 5
ROUNDS = 4
MOST_VIEWERS = 5


class Tokens(Protocol):
    def locked_until(self, subject: str, now: int) -> int | None: ...
    def miss(self, subject: str, now: int) -> int: ...
    def allow(self, action: str, who: str, most: int, window: int, now: int) -> bool: ...


class Codes(Protocol):
    def find(self, token: str, now: int) -> Token | None: ...
    def find_code(self, code: str, now: int) -> list[Token]: ...
    def code_of(self, header: Header) -> str: ...
    def token_of(self, header: Header) -> str: ...
    def find_mail(self, number: str, email: str, now: int) -> list[Token]: ...


class Orders(Protocol):
    def order(self, key: OrderKey) -> tuple[Header | None, list[Unit], object]: ...
    def unit(self, key: OrderKey, line: str, n: int) -> Unit | None: ...
    def expose(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...
    def view_again(self, seen: Unit, unit: Unit, actor: Actor) -> Unit | Lost: ...


class Notes(Protocol):
    def put(self, key: OrderKey, text: str, about: str, actor: Actor) -> None: ...


class Deliveries(Protocol):
    def again(self, key: OrderKey, ask: str) -> None: ...


class Vault(Protocol):
    def open(self, tenant: str, card_id: str) -> Card: ...


class Catalogue(Protocol):
    def gate(self) -> Gate | None: ...
    def tenant(self, tenant: str) -> Tenant: ...
    def product(self, tenant: str, sku: str) -> Product | None: ...


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. `viewer` is the random mark of the browser's cookie, empty on a first visit."""

    ip: str
    viewer: str
    rid: str
    base_url: str
    language: str = "zh-CN"

    @property
    def who(self) -> str:
        return _hashed(self.ip)


class TooMany(Unavailable):
    """Too many requests from one address."""

    def __init__(self) -> None:
        super().__init__("too_many_requests", "Too many requests; wait a minute and try again.")


@dataclass(frozen=True, slots=True)
class Redeem:
    """Shows orders to buyers."""

    tokens: Tokens
    codes: Codes
    orders: Orders
    notes: Notes
    vault: Vault
    deliveries: Deliveries
    catalogue: Catalogue
    clock: Callable[[], int]

    def page(self, token: str, visitor: Visitor) -> OrderPage:
        """The masked page. Raises NotFound alike for unknown, expired and withdrawn links."""
        header, units = self._order(token)
        return self._page(token, header, units, visitor, {})

    def reveal(self, token: str, visitor: Visitor, proof: str) -> OrderPage:
        """The page with the cards, after each showing was committed.

        Raises NotFound, TooMany, or Unavailable when the cards cannot be opened now.
        """
        now = self.clock()
        if not self.tokens.allow("reveal", visitor.who, REVEALS_A_MINUTE, MINUTE, now):
            raise TooMany
        header, units = self._order(token)
        subject = sha256(token.encode()).hexdigest()[:32]
        locked = self.tokens.locked_until(subject, now)
        if locked is not None:
            page = self._page(token, header, units, visitor, {})
            return replace(page, locked_until=locked, tries_left=0)
        proven = self._proves(header, proof)
        if not proven and self._proof_needed(header, units, visitor.viewer):
            left = self.tokens.miss(subject, now) if proof else None
            page = self._page(token, header, units, visitor, {})
            locked = self.tokens.locked_until(subject, now) if left == 0 else None
            return replace(
                page, proof_needed=True, proof_failed=bool(proof), tries_left=left, locked_until=locked
            )
        return self._show(token, header, units, visitor, proven=proven)

    def report_problem(self, token: str, visitor: Visitor, ref: str, reason: str, text: str) -> OrderPage:
        """Keep the buyer's report with the order. Raises NotFound, TooMany."""
        if not self.tokens.allow("problem", visitor.who, LOOKUPS_A_MINUTE, MINUTE, self.clock()):
            raise TooMany
        header, units = self._order(token)
        about = ref if any(unit.name == ref for unit in units) else ""
        actor = Actor("buyer", self.clock(), visitor.rid, why=f"problem:{reason}")
        told = f"{reason}: {without_cards(text)}".strip(": ")
        self.notes.put(header.key, told[:500], about, actor)
        return replace(self._page(token, header, units, visitor, {}), problem_sent=True)

    def look_up(self, visitor: Visitor, number: str, code: str) -> str | None:
        """The link for an order number and its pick-up code, or None. Raises TooMany."""
        now = self.clock()
        if not self.tokens.allow("lookup", visitor.who, LOOKUPS_A_MINUTE, MINUTE, now):
            raise TooMany
        wanted = "".join(number.split()).casefold().lstrip("#")
        read = read_code(code)
        for found in self.codes.find_code(read, now) if read else []:
            header, _, _ = self.orders.order(found.key)
            if header is not None and header.seq == found.seq and wanted in _numbers(header):
                return self.codes.token_of(header)
        return None

    def mail_again(self, visitor: Visitor, number: str, email: str) -> None:
        """Mail the link once more if number and address belong together; nobody learns whether they do.

        Raises TooMany.
        """
        now = self.clock()
        if not self.tokens.allow("lookup", visitor.who, LOOKUPS_A_MINUTE, MINUTE, now):
            raise TooMany
        nobody = OrderKey("-", "-", _hashed(f"{number}/{email}"))
        # Who asks in vain is served by the same steps, so that the time they take tells nothing either.
        for key in [found.key for found in self.codes.find_mail(number, email, now)] or [nobody]:
            who = _hashed("/".join((key.tenant, key.shop, key.order)))
            if self.tokens.allow("again", who, MAILS_A_DAY, DAY, now):
                self.deliveries.again(key, visitor.rid)

    # -- showing --------------------------------------------------------------------------------

    def _show(
        self, token: str, header: Header, units: list[Unit], visitor: Visitor, *, proven: bool
    ) -> OrderPage:
        """Commit each showing first, then open the cards; what cannot be shown stays masked."""
        cards: dict[str, Card] = {}
        shown: list[Unit] = []
        for unit in units:
            if unit.holds_card and not header.stopped(unit.line, unit.piece) and not self._withheld(unit):
                unit = self._commit(unit, visitor, proven=proven)
                if visitor.viewer in unit.viewers and unit.view_rid == visitor.rid:
                    cards[unit.name] = self._open(unit)
            shown.append(unit)
        return replace(self._page(token, header, shown, visitor, cards), revealed_now=bool(cards))

    def _withheld(self, unit: Unit) -> bool:
        """Whether the shop has stopped showings of this card's product."""
        return reveals_stopped(self.catalogue.gate(), self.catalogue.product(unit.key.tenant, unit.sku))

    def _open(self, unit: Unit) -> Card:
        """A card that is gone, or its key, is our fault and not a wrong link."""
        try:
            return self.vault.open(unit.key.tenant, unit.card)
        except NotFound as missing:
            raise Unavailable(missing.code, missing.detail) from missing

    def _commit(self, unit: Unit, visitor: Visitor, *, proven: bool) -> Unit:
        """Commit one showing; returns the unit as it is now, with our mark only if it was allowed.

        Who finds that another browser was faster is a second browser, and needs proof.
        """
        for _ in range(ROUNDS):
            actor = Actor("buyer", self.clock(), visitor.rid)
            if unit.state in (State.ALLOCATED, State.DELIVERED):
                wanted = replace(
                    unit,
                    state=State.REVEALED,
                    why="shown to the buyer",
                    exposed_at=actor.now,
                    views=1,
                    viewers=(visitor.viewer,),
                    view_rid=visitor.rid,
                )
                outcome = self.orders.expose(unit, wanted, actor)
            elif self._may_view_again(unit, visitor, proven=proven):
                viewers = tuple(dict.fromkeys((*unit.viewers, visitor.viewer)))[-MOST_VIEWERS:]
                wanted = replace(unit, views=unit.views + 1, viewers=viewers, view_rid=visitor.rid)
                outcome = self.orders.view_again(unit, wanted, actor)
            else:
                return replace(unit, view_rid="")
            if not isinstance(outcome, Lost):
                return outcome
            if outcome.old is None:
                return replace(unit, view_rid="")
            unit = outcome.old
        raise Unavailable("unit_busy", "The page is opened in many places at once; try again in a moment.")

    def _may_view_again(self, unit: Unit, visitor: Visitor, *, proven: bool) -> bool:
        known = proven or visitor.viewer in unit.viewers
        return unit.state is State.REVEALED and known and self._views_left(unit) > 0

    def _views_left(self, unit: Unit) -> int:
        product = self.catalogue.product(unit.key.tenant, unit.sku)
        if product is None or unit.exposed_at is None:
            return 0
        if self.clock() > unit.exposed_at + product.view_days * DAY:
            return 0
        return max(0, product.max_views - unit.views)

    def _proof_needed(self, header: Header, units: list[Unit], viewer: str) -> bool:
        """A second browser, or any browser where the product asks for it, proves itself."""
        for unit in units:
            if not unit.holds_card:
                continue
            product = self.catalogue.product(header.key.tenant, unit.sku)
            if viewer and viewer in unit.viewers:
                continue
            if unit.exposed or (product is not None and product.policy == "proof"):
                return True
        return False

    def _proves(self, header: Header, proof: str) -> bool:
        code = read_code(proof)
        return code is not None and compare_digest(code, self.codes.code_of(header))

    # -- the page -------------------------------------------------------------------------------

    def _order(self, token: str) -> tuple[Header, list[Unit]]:
        found = self.codes.find(token, self.clock())
        header, units, _ = self.orders.order(found.key) if found else (None, [], None)
        if found is None or header is None or header.seq != found.seq:
            raise NotFound("no_such_link", "This link is unknown or has ended; ask the shop for a new one.")
        return header, units

    def _page(
        self,
        token: str,
        header: Header,
        units: list[Unit],
        visitor: Visitor,
        cards: Mapping[str, Card],
    ) -> OrderPage:
        tenant = self.catalogue.tenant(header.key.tenant)
        live = [unit for unit in units if not unit.ended]
        left = [self._views_left(unit) for unit in live if unit.state is State.REVEALED]
        return OrderPage(
            token=token,
            tenant_name=tenant.name,
            support=tenant.support,
            order_number_masked=masked_number(header.number or header.key.order),
            blocks=tuple(self._block(header, unit, visitor, cards.get(unit.name)) for unit in units),
            total=len(live),
            delivered=sum(unit.holds_card for unit in live),
            proof_needed=self._proof_needed(header, units, visitor.viewer),
            views_left=min(left) if left else None,
            revealed_now=bool(cards),
            time_zone=tenant.time_zone,
            page_url=f"{visitor.base_url}/r/{token}",
        )

    def _block(self, header: Header, unit: Unit, visitor: Visitor, card: Card | None) -> CardBlock:
        product = self.catalogue.product(header.key.tenant, unit.sku) if unit.sku else None
        english = visitor.language.startswith("en")
        name = (product.name_en if english and product and product.name_en else "") or (
            product.name if product else unit.sku
        )
        steps = (product.steps_en if english and product and product.steps_en else None) or (
            product.steps if product else ()
        )
        state = _block_state(header, unit)
        if state in WITH_CARD and self._withheld(unit):
            state = "paused"
        return CardBlock(
            ref=unit.name,
            product_name=name,
            last4=unit.last4 if unit.holds_card else "",
            state=state,
            code=card.code if card else None,
            number=card.number if card else None,
            release_at=product.release_at if product and state == "scheduled" else None,
            expires_at=unit.card_expires_at,
            redeem_url=(product.redeem_url or None) if product else None,
            steps=steps,
        )


def _hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:24]


def _block_state(header: Header, unit: Unit) -> BlockState:
    if unit.ended or header.stopped(unit.line, unit.piece):
        return "ended"
    match unit.state:
        case State.HELD:
            return "on_hold"
        case State.SCHEDULED:
            return "paused" if unit.room is Room.PAUSE else "scheduled"
        case State.BACKORDER:
            return "waiting"
        case State.REVEALED:
            return "revealed"
    return "ready"


def masked_number(number: str) -> str:
    """The last four characters of an order number, the rest as dots; short ones show less."""
    shown = min(4, len(number) // 3)
    return "•••• " + number[len(number) - shown :]


def _numbers(header: Header) -> set[str]:
    return {text.casefold().lstrip("#") for text in (header.number, header.key.order) if text}
