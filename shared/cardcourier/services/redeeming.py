"""What a buyer sees behind a link: masked before, plain only in the answer to a POST.

GET changes nothing. A card is shown only after it was committed that it is shown.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from typing import Protocol

from cardcourier.domain.cards import Card
from cardcourier.domain.catalogue import Product, Tenant
from cardcourier.domain.claims import MOST_NOTE, Claim, ClaimState, claim_id, claim_on
from cardcourier.domain.devices import network_of
from cardcourier.domain.free_text import without_cards
from cardcourier.domain.orders import Header, OrderKey, Unit
from cardcourier.domain.protocol import Actor
from cardcourier.domain.redeem_page import MOST_ON_A_PAGE, WITH_CARD, BlockState, CardBlock, OrderPage
from cardcourier.domain.states import Room, State
from cardcourier.domain.tokens import Token, read_code
from cardcourier.errors import NotFound, Unavailable
from cardcourier.services.showing import DAY, MINUTE, Showing, Visitor

REVEALS_A_MINUTE = 10
LOOKUPS_A_MINUTE = 5
MAILS_A_DAY = 5
LEFT_TO_THE_HAND = 3
"""Views that no page takes by itself."""


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
    def network_mark(self, header: Header, network: str) -> str: ...


class Orders(Protocol):
    def order(self, key: OrderKey) -> tuple[Header | None, list[Unit], list[Claim]]: ...
    def open_claim(self, claim: Claim) -> Claim: ...
    def decide(self, seen: Claim, after: Claim, actor: Actor) -> Claim | None: ...


class Notes(Protocol):
    def put(self, key: OrderKey, text: str, about: str, actor: Actor) -> None: ...


class Deliveries(Protocol):
    def again(self, key: OrderKey, ask: str) -> None: ...


class Catalogue(Protocol):
    def tenant(self, tenant: str) -> Tenant: ...


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
    showing: Showing
    deliveries: Deliveries
    catalogue: Catalogue
    clock: Callable[[], int]

    def page(self, token: str, visitor: Visitor) -> OrderPage:
        """The masked page. Raises NotFound alike for unknown, expired and withdrawn links."""
        header, units, claims = self._order(token)
        page = self._page(token, header, units, visitor, {}, claims)
        return replace(page, opens_itself=self._opens_itself(page, units))

    def reveal(
        self, token: str, visitor: Visitor, proof: str, most: int | None = MOST_ON_A_PAGE
    ) -> OrderPage:
        """The page with the cards, after each showing was committed.

        An order of more than `most` cards is shown by none of them: it is handed out as a file.
        Raises NotFound, TooMany, or Unavailable when the cards cannot be opened now.
        """
        now = self.clock()
        if not self.tokens.allow("reveal", visitor.who, REVEALS_A_MINUTE, MINUTE, now):
            raise TooMany
        header, units, claims = self._order(token)
        subject = sha256(token.encode()).hexdigest()[:32]
        locked = self.tokens.locked_until(subject, now)
        if locked is not None:
            page = self._page(token, header, units, visitor, {}, claims)
            return replace(page, locked_until=locked, tries_left=0)
        proven = self._proves(header, proof)
        if not proven and self.showing.proof_needed(self._live(header, units), visitor.viewer):
            left = self.tokens.miss(subject, now) if proof else None
            page = self._page(token, header, units, visitor, {}, claims)
            locked = self.tokens.locked_until(subject, now) if left == 0 else None
            return replace(
                page, proof_needed=True, proof_failed=bool(proof), tries_left=left, locked_until=locked
            )
        if most is not None and len(units) > most:
            return self._page(token, header, units, visitor, {}, claims)
        visitor = replace(visitor, network=self.codes.network_mark(header, network_of(visitor.ip)))
        seen, cards = self.showing.show(self._live(header, units), visitor, proven=proven)
        units = [seen.get(unit.name, unit) for unit in units]
        return self._page(token, header, units, visitor, cards, claims)

    def report_problem(self, token: str, visitor: Visitor, ref: str, reason: str, text: str) -> OrderPage:
        """Claim the card `ref`, or one by its last characters; raises NotFound, TooMany.

        Only a card that was shown can be claimed. A report that names no such card is kept as a note of the
        order, so that nothing a buyer says is lost. Whoever reports a card again finds the first report.
        """
        now = self.clock()
        if not self.tokens.allow("problem", visitor.who, LOOKUPS_A_MINUTE, MINUTE, now):
            raise TooMany
        header, units, claims = self._order(token)
        note = without_cards(text)[:MOST_NOTE]
        unit = _reported(units, ref)
        if unit is None:
            about = ref if any(unit.name == ref for unit in units) else ""
            told = f"{reason}: {note}".strip(": ")
            self.notes.put(
                header.key, told[:MOST_NOTE], about, Actor("buyer", now, visitor.rid, f"problem:{reason}")
            )
        else:
            kept = self._claim(claim_on(unit, reason, note, now, "buyer", visitor.rid))
            claims = [*(claim for claim in claims if claim.id != kept.id), kept]
        return replace(self._page(token, header, units, visitor, {}, claims), problem_sent=True)

    def _claim(self, new: Claim) -> Claim:
        """The claim on this card: new, or the first one. What the buyer took back may be said again."""
        kept = self.orders.open_claim(new)
        if kept.state is not ClaimState.WITHDRAWN:
            return kept
        again = replace(kept, state=ClaimState.OPEN, reason=new.reason)
        return self.orders.decide(kept, again, Actor("buyer", new.at, new.rid, new.reason)) or kept

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

    # -- the page -------------------------------------------------------------------------------

    def _order(self, token: str) -> tuple[Header, list[Unit], list[Claim]]:
        found = self.codes.find(token, self.clock())
        header, units, claims = self.orders.order(found.key) if found else (None, [], [])
        if found is None or header is None or header.seq != found.seq:
            raise NotFound("no_such_link", "This link is unknown or has ended; ask the shop for a new one.")
        return header, units, claims

    def _live(self, header: Header, units: list[Unit]) -> list[Unit]:
        """The units whose cards the buyer may have."""
        return [
            unit
            for unit in units
            if unit.holds_card
            and not header.stopped(unit.line, unit.piece)
            and not self.showing.withheld(unit)
        ]

    def _proves(self, header: Header, proof: str) -> bool:
        code = read_code(proof)
        return code is not None and compare_digest(code, self.codes.code_of(header))

    def _opens_itself(self, page: OrderPage, units: list[Unit]) -> bool:
        """Whether the page asks for the cards without a tap; the last views are left to the buyer's hand."""
        products = [self.showing.product_of(unit) for unit in units if unit.holds_card]
        plenty = page.views_left is None or page.views_left > LEFT_TO_THE_HAND
        direct = all(product is not None and product.display == "direct" for product in products)
        return page.can_reveal and direct and plenty and not page.proof_needed and not page.large

    def _page(
        self,
        token: str,
        header: Header,
        units: list[Unit],
        visitor: Visitor,
        cards: Mapping[str, Card],
        claims: Sequence[Claim],
    ) -> OrderPage:
        tenant = self.catalogue.tenant(header.key.tenant)
        live = [unit for unit in units if not unit.ended]
        number = header.number or header.key.order
        return OrderPage(
            token=token,
            tenant_name=tenant.name,
            support=tenant.support,
            order_number_masked=masked_number(number),
            order_number=number if cards else "",
            blocks=tuple(
                replace(
                    self._block(header, unit, visitor, cards.get(unit.name)), claim=_claimed(unit, claims)
                )
                for unit in units
            ),
            total=len(live),
            delivered=sum(unit.holds_card for unit in live),
            proof_needed=self.showing.proof_needed(self._live(header, units), visitor.viewer),
            views_left=self._views_left(header, units, visitor.viewer),
            once_minutes=self._once_minutes(header, units, visitor.viewer),
            revealed_now=bool(cards),
            time_zone=tenant.time_zone,
            page_url=f"{visitor.base_url}/r/{token}",
        )

    def _views_left(self, header: Header, units: list[Unit], viewer: str) -> int | None:
        """How often the cards that were shown can be shown again; 0 when none is left to be shown at all."""
        live = self._live(header, units)
        open_ones = [unit for unit in live if self.showing.open_for(unit, viewer)]
        if live and not open_ones:
            return 0
        products = {unit.name: self.showing.product_of(unit) for unit in open_ones}
        left = [
            self.showing.views_left(unit)
            for unit in open_ones
            if unit.state is State.REVEALED and (product := products[unit.name]) and product.policy != "once"
        ]
        return min(left) if left else None

    def _once_minutes(self, header: Header, units: list[Unit], viewer: str) -> int | None:
        """The shortest grace among the cards that can be seen once, and still can."""
        products = [
            self.showing.product_of(unit)
            for unit in self._live(header, units)
            if self.showing.open_for(unit, viewer)
        ]
        once = [product.grace_minutes for product in products if product and product.policy == "once"]
        return min(once) if once else None

    def _block(self, header: Header, unit: Unit, visitor: Visitor, card: Card | None) -> CardBlock:
        product = self.showing.product_of(unit)
        english = visitor.language.startswith("en")
        name = (product.name_en if english and product and product.name_en else "") or (
            product.name if product else unit.sku
        )
        steps = (product.steps_en if english and product and product.steps_en else None) or (
            product.steps if product else ()
        )
        state = _block_state(header, unit, shown=bool(card) or self.showing.open_for(unit, visitor.viewer))
        if state in WITH_CARD and self.showing.withheld(unit):
            state = "paused"
        head, last4 = _seen_before(unit, product)
        return CardBlock(
            ref=unit.name,
            product_name=name,
            head=head,
            last4=last4,
            state=state,
            code=card.code if card else None,
            number=card.number if card else None,
            covered=bool(product and product.hide_after_reveal),
            release_at=product.release_at if product and state == "scheduled" else None,
            expires_at=unit.card_expires_at,
            redeem_url=(product.redeem_url or None) if product else None,
            steps=steps,
        )


def _reported(units: Sequence[Unit], ref: str) -> Unit | None:
    """The shown card that is meant: by its unit, or by its last characters if they are those of one only."""
    shown = [unit for unit in units if unit.holds_card and unit.exposed]
    named = [unit for unit in shown if unit.name == ref]
    ending = [unit for unit in shown if ref and unit.last4.casefold() == ref.strip().casefold()]
    found = named or ending
    return found[0] if len(found) == 1 else None


def _claimed(unit: Unit, claims: Sequence[Claim]) -> str:
    """How the claim on the unit's card stands, or on the one that it replaced while the new one is unseen."""
    by_id = {claim.id: claim for claim in claims}
    held = by_id.get(claim_id(unit.name, unit.gen))
    if held is not None:
        return held.state
    before = by_id.get(claim_id(unit.name, unit.gen - 1))
    if before is not None and (unit.ended or not unit.exposed):
        return before.state
    return ""


def _seen_before(unit: Unit, product: Product | None) -> tuple[str, str]:
    """What of a card may be seen before it is shown: its first and its last characters."""
    if not unit.holds_card:
        return "", ""
    if product is None or product.display != "masked":
        return "", unit.last4
    first, last = product.mask
    return unit.head[:first], unit.last4[-last:] if last else ""


def _hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:24]


def _block_state(header: Header, unit: Unit, *, shown: bool) -> BlockState:
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
            return "revealed" if shown else "closed"
    return "ready"


def masked_number(number: str) -> str:
    """The last four characters of an order number, the rest as dots; short ones show less."""
    shown = min(4, len(number) // 3)
    return "•••• " + number[len(number) - shown :]


def _numbers(header: Header) -> set[str]:
    return {text.casefold().lstrip("#") for text in (header.number, header.key.order) if text}
