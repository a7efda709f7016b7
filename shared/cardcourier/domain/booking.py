"""What a change of a header, fact, unit, batch's chunk or erasure by age means, and what it books.

    first payment              sale by line at list price, and the rest up to the amount that was paid
    further payment            adjustment
    refund, chargeback         refund
    dispute won                adjustment
    card handed over or spent  card_cost, once for the first card of a unit
    card replaced              replacement_cost at once, and nothing when it is handed over
    booked card back in stock  cost_recovery
    supplier's credit          cost_recovery, for the claimed cards together

Only the attributes named here are read; whatever else an item holds cannot reach the journal.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cardcourier.domain.ledger import SIGNS, Leg, LegKind
from cardcourier.domain.retention import day_at

Image = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a rise of an item's `ver` means; `why` is None where the item's own reason is to be told."""

    kind: str
    before: str = ""
    after: str = ""
    quantity: int = 0
    legs: tuple[Leg, ...] = ()
    line: str = ""
    unit: str = ""
    sku: str = ""
    card: str = ""
    batch: str = ""
    why: str | None = None


def change_of(before: Image | None, after: Image | None) -> Change | None:
    """What happened between two images of an item; None for its removal and where `ver` did not rise."""
    read = _KINDS.get(after.get("kind", "")) if after else None
    if after is None or read is None or (before is not None and ver_of(before) == ver_of(after)):
        return None
    return read(before or {}, after)


def whole(value: Any) -> int:
    """Table numbers arrive as Decimal; a fraction in them is a fault, not something to round."""
    number = int(value)
    if number != value:
        raise ValueError(f"{value} is not a whole number")
    return number


def ver_of(image: Image) -> int:
    """An item's version; facts are written once."""
    return whole(image.get("ver") or 1)


def _header(old: Image, new: Image) -> Change:
    if new.get("paid_at") is not None and old.get("paid_at") is None:
        quantity = sum(whole(line["qty"]) for line in new.get("lines") or ())
        return Change(
            kind="order.paid", before="unpaid", after="paid", quantity=quantity, legs=_sale_legs(new)
        )
    if new.get("disputed") and not old.get("disputed"):
        stopped = _newly_stopped(old, new)
        return Change(kind="order.disputed", after=",".join(stopped), quantity=len(stopped))
    if stopped := _newly_stopped(old, new):
        return Change(kind="order.stopped", after=",".join(stopped), quantity=len(stopped))
    if new.get("approved") and not old.get("approved"):
        return Change(kind="order.approved", after="approved")
    if (asked := _question(old, new)) is not None:
        return asked
    if new.get("outcome") != old.get("outcome"):
        return Change(kind="order.dispute_decided", after=str(new["outcome"]))
    return Change(kind="order.changed")


def _newly_stopped(old: Image, new: Image) -> list[str]:
    """What this write stopped: `*`, pieces as <line>/<piece>, or a number of pieces as <line>*<pieces>."""
    known = {(owed["line"], owed["fact"]) for owed in old.get("owed") or ()}
    owed = [
        f"{debt['line']}*{whole(debt['pieces'])}"
        for debt in new.get("owed") or ()
        if (debt["line"], debt["fact"]) not in known
    ]
    return sorted(set(new.get("stops") or ()) - set(old.get("stops") or ())) + sorted(owed)


def _question(old: Image, new: Image) -> Change | None:
    """A refund by amount of which a person is asked what it ends, or of which they said that nothing does."""
    was, now = set(old.get("asked") or ()), set(new.get("asked") or ())
    if asked := sorted(now - was):
        return Change(kind="order.asked", after=",".join(asked))
    if answered := sorted(was - now):
        return Change(kind="order.answered", before=",".join(answered), after="no piece ends")
    return None


def _sale_legs(header: Image) -> tuple[Leg, ...]:
    """List price by line, then what the paid amount has above it (shipping, tax) or below it (discount).

    A line without a price is worth what the others leave over, if it is the only such line.
    """
    currency = header.get("currency") or ""
    lines = list(header.get("lines") or ())
    prices = {line["id"]: _price(line) for line in lines}
    listed = sum(price or 0 for price in prices.values())
    amount = header.get("amount")
    rest = 0 if amount is None else whole(amount) - listed
    unpriced = [name for name, price in prices.items() if price is None]
    if len(unpriced) == 1 and rest > 0:
        prices[unpriced[0]], rest = rest, 0
    sales = [
        Leg(
            LegKind.SALE,
            prices[line["id"]] or 0,
            currency,
            line["id"],
            line.get("sku") or "",
            whole(line["qty"]),
        )
        for line in lines
    ]
    if rest:
        sales.append(Leg(LegKind.SALE if rest > 0 else LegKind.DISCOUNT_MERCHANT, rest, currency))
    return tuple(sales)


def _price(line: Image) -> int | None:
    """List price × quantity of an order line."""
    price = line.get("price")
    return None if price is None else whole(price) * whole(line["qty"])


_FACTS = {
    "pay": ("order.payment_added", LegKind.ADJUSTMENT, 1, "further payment"),
    "refund": ("order.refunded", LegKind.REFUND, -1, ""),
    "cancel": ("order.cancelled", None, 0, ""),
    "chargeback": ("order.charged_back", LegKind.REFUND, -1, "chargeback"),
    "won": ("order.dispute_won", LegKind.ADJUSTMENT, 1, "dispute won"),
    "lost": ("order.dispute_lost", None, 0, "dispute lost"),
}


def _fact(_: Image, new: Image) -> Change:
    """A fact's own reason is the shop's free text and stays where it can be erased."""
    kind, leg, sign, why = _FACTS[new["fact"]]
    amount = whole(new.get("amount") or 0)
    legs = (Leg(leg, sign * amount, new.get("currency") or ""),) if leg and amount else ()
    return Change(kind=kind, after=str(new.get("id") or ""), legs=legs, why=why)


def _unit(old: Image, new: Image) -> Change:
    was, state = old.get("st") or "PENDING", new["st"]
    kind = f"unit.{state.lower()}" if was != state else "unit.changed"
    line = str(new["line"])
    return Change(
        kind="unit.replaced" if _replaced(old, new) else kind,
        before=was,
        after=state,
        quantity=1,
        legs=_cost_legs(old, new),
        line=line,
        unit=f"{line}/{whole(new['n']):04d}",
        sku=new.get("sku") or "",
        card=new.get("card") or old.get("card") or "",
        batch=new.get("batch") or old.get("batch") or "",
    )


def _replaced(old: Image, new: Image) -> bool:
    return bool(old.get("card") and new.get("card") and old["card"] != new["card"])


def _cost_booked(unit: Image) -> bool:
    """A first card is booked when it is handed over, a replacement when it is taken."""
    return whole(unit.get("gen") or 0) > 0 or unit.get("st") in {"DELIVERED", "REVEALED", "DISPUTED"}


def _cost_legs(old: Image, new: Image) -> tuple[Leg, ...]:
    """What this move of a unit costs; each card is booked once, and given back once if it returns."""
    state, booked = new["st"], _cost_booked(old)
    if _replaced(old, new):
        # A card shown before it was marked as delivered is spent all the same.
        first = () if booked else _cost_leg(LegKind.CARD_COST, old)
        return first + _cost_leg(LegKind.REPLACEMENT_COST, new)
    if state == "RETURNED":
        return _cost_leg(LegKind.COST_RECOVERY, old) if booked else ()
    if state in {"DELIVERED", "REVEALED", "REFUNDED"} and not booked:
        return _cost_leg(LegKind.CARD_COST, new if new.get("cost") is not None else old)
    return ()


def _cost_leg(kind: LegKind, unit: Image) -> tuple[Leg, ...]:
    cost = whole(unit.get("cost") or 0) * SIGNS[kind]
    if not cost:
        return ()
    return (Leg(kind, cost, unit.get("ccy") or "", str(unit["line"]), unit.get("sku") or "", 1),)


def _imported(_: Image, new: Image) -> Change:
    return _stock("stock.imported", new)


def _voided(_: Image, new: Image) -> Change:
    return _stock("stock.voided", new)


def _stock(kind: str, new: Image) -> Change:
    """So many cards of a batch came in, or went out unsold."""
    return Change(kind=kind, quantity=whole(new["n"]), sku=new["sku"], batch=new["batch"])


def _task(old: Image, new: Image) -> Change:
    """What a person said to something that waits for one."""
    kind = "task.assigned"
    if new.get("settled"):
        kind = "task.settled"
    elif whole(new.get("until") or 0) != whole(old.get("until") or 0):
        kind = "task.snoozed"
    return Change(kind=kind, before=str(old.get("assignee") or ""), after=str(new.get("assignee") or ""))


def _retention(old: Image, _: Image) -> Change | None:
    """What a run of erasure by age had looked at when it ended: so many orders without buyer's data."""
    if not old:
        return None
    return Change(
        kind="retention.ran",
        before=day_at(str(old["since"])),
        after=day_at(str(old["place"])),
        quantity=whole(old["clear"]),
    )


def _claim(old: Image, new: Image) -> Change:
    """What was said or decided of a card. A note is the buyer's own and stays where it can be erased."""
    kinds = {"open": "claim.opened", "waiting_supplier": "claim.waits"}
    same = old.get("st") == new["st"]
    return Change(
        kind="claim.changed" if same else kinds.get(new["st"], "claim.closed"),
        before=str(old.get("st") or ""),
        after=str(new["st"]),
        quantity=1,
        line=str(new["unit"]).rpartition("#")[0],
        unit=str(new["unit"]).replace("#", "/"),
        sku=new["sku"],
        card=new["card"],
        batch=new["batch"],
    )


def _redemption(_: Image, new: Image) -> Change:
    """An issuer's word that a card was redeemed, at the time `after` (epoch ms)."""
    return Change(
        kind="card.redeemed",
        after=str(whole(new["redeemed_at"])),
        quantity=1,
        sku=new["sku"],
        card=new["card"],
        batch=new["batch"],
        why=str(new.get("source") or ""),
    )


def _supplier_claim(old: Image, new: Image) -> Change:
    """What became of cards that were told to their supplier together; its credit is booked once."""
    legs: tuple[Leg, ...] = ()
    if new["st"] == "credited" and old.get("st") != "credited":
        amount, cards = whole(new.get("credit") or 0), whole(new["n"])
        legs = (Leg(LegKind.COST_RECOVERY, amount, new["ccy"], "", new.get("sku") or "", cards),)
    return Change(
        kind=f"supplier_claim.{new['st']}",
        before=str(old.get("st") or ""),
        after=str(new["st"]),
        quantity=whole(new["n"]),
        sku=new.get("sku") or "",
        batch=new.get("of_batch") or "",
        legs=legs,
    )


_KINDS: Mapping[str, Callable[[Image, Image], Change | None]] = {
    "order": _header,
    "fact": _fact,
    "unit": _unit,
    "import": _imported,
    "void": _voided,
    "task": _task,
    "retention": _retention,
    "claim": _claim,
    "redemption": _redemption,
    "supplier_claim": _supplier_claim,
}
