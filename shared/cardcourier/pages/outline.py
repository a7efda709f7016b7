"""What an order page says as a whole, drawn from its cards."""

from collections import Counter
from dataclasses import dataclass

from cardcourier.domain.redeem_page import WITH_CARD, CardBlock, OrderPage
from cardcourier.pages.code_text import has_lookalikes

_GONE = frozenset({"replaced", "ended"})
_CLAIMED = frozenset({"open", "waiting_supplier", "rejected"})
_SEEN = frozenset({"revealed", "closed"})


@dataclass(frozen=True, slots=True)
class Guide:
    """How to redeem these products; said once, however many cards there are."""

    product_names: tuple[str, ...]
    steps: tuple[str, ...]
    redeem_url: str | None


@dataclass(frozen=True, slots=True)
class Outline:
    """`headline` is a key of the catalogue, `reportable` are the cards a problem can be reported for.

    `sums` counts the cards of each product and state, for an order too large to show them one by one.
    """

    headline: str
    guides: tuple[Guide, ...]
    reportable: tuple[CardBlock, ...]
    plain_cards: int
    plain_texts: int
    lookalikes: bool
    awaited: bool
    sums: tuple[tuple[str, str, int], ...]


def outline(page: OrderPage) -> Outline:
    """Everything the template would otherwise have to work out."""
    plain = [block for block in page.blocks if block.plain]
    return Outline(
        headline=f"headline_{_mood(page)}",
        guides=_guides(page.blocks),
        reportable=tuple(
            block for block in page.blocks if block.state in _SEEN and block.claim not in _CLAIMED
        ),
        plain_cards=len(plain),
        plain_texts=sum(text is not None for block in plain for text in (block.number, block.code)),
        lookalikes=any(has_lookalikes(text or "") for block in plain for text in (block.number, block.code)),
        awaited=any(block.state in {"waiting", "scheduled", "paused"} for block in page.blocks),
        sums=tuple((*what, n) for what, n in Counter((b.product_name, b.state) for b in page.blocks).items()),
    )


def _mood(page: OrderPage) -> str:
    if page.revealed_now:
        return "shown"
    live = {block.state for block in page.blocks if block.state not in _GONE}
    with_card = live & WITH_CARD
    if with_card:
        return "partly" if live - WITH_CARD - _SEEN else "ready" if "ready" in live else "revealed"
    moods = ("on_hold", "paused", "scheduled", "waiting", "closed")
    return next((state for state in moods if state in live), "ended")


def _guides(blocks: tuple[CardBlock, ...]) -> tuple[Guide, ...]:
    names: dict[tuple[tuple[str, ...], str | None], dict[str, None]] = {}
    for block in blocks:
        if block.state not in _GONE and (block.steps or block.redeem_url):
            names.setdefault((block.steps, block.redeem_url), {})[block.product_name] = None
    return tuple(Guide(tuple(products), *way) for way, products in names.items())
