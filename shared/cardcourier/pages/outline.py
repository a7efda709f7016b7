"""What an order page says as a whole, drawn from its cards."""

from dataclasses import dataclass

from cardcourier.domain.redeem_page import WITH_CARD, CardBlock, OrderPage
from cardcourier.pages.code_text import has_lookalikes

_GONE = frozenset({"replaced", "ended"})


@dataclass(frozen=True, slots=True)
class Guide:
    """How to redeem one product; said once, however many cards of it there are."""

    product_name: str
    steps: tuple[str, ...]
    redeem_url: str | None


@dataclass(frozen=True, slots=True)
class Outline:
    """`headline` is a key of the catalogue, `reportable` are the cards a problem can be reported for."""

    headline: str
    guides: tuple[Guide, ...]
    reportable: tuple[CardBlock, ...]
    several_plain: bool
    lookalikes: bool
    awaited: bool


def outline(page: OrderPage) -> Outline:
    """Everything the template would otherwise have to work out."""
    plain = [block for block in page.blocks if block.plain]
    return Outline(
        headline=f"headline_{_mood(page)}",
        guides=_guides(page.blocks),
        reportable=tuple(block for block in page.blocks if block.state == "revealed"),
        several_plain=len(plain) > 1 or any(block.code and block.number for block in plain),
        lookalikes=any(has_lookalikes(f"{block.number or ''}{block.code or ''}") for block in plain),
        awaited=any(block.state in {"waiting", "scheduled"} for block in page.blocks),
    )


def _mood(page: OrderPage) -> str:
    if page.revealed_now:
        return "shown"
    live = {block.state for block in page.blocks if block.state not in _GONE}
    with_card = live & WITH_CARD
    if with_card:
        return "partly" if live - WITH_CARD else "ready" if "ready" in live else "revealed"
    return next((state for state in ("on_hold", "scheduled", "waiting") if state in live), "ended")


def _guides(blocks: tuple[CardBlock, ...]) -> tuple[Guide, ...]:
    guides = (Guide(block.product_name, block.steps, block.redeem_url) for block in blocks)
    return tuple(dict.fromkeys(guide for guide in guides if guide.steps or guide.redeem_url))
