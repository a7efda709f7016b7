"""What people see of a card and do when one does not work."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from cardcourier.clock import now_ms
from cardcourier.wiring.desks import merchants, order_actions, replacements
from cardcourier.wiring.secrets import fingerprints
from cardcourier.wiring.tables import (
    card_homes,
    claims,
    orders,
    redemptions,
    supplier_claims,
    vault_labels,
    views,
)

if TYPE_CHECKING:
    from cardcourier.services.card_status import CardFinder
    from cardcourier.services.claims import ClaimsDesk
    from cardcourier.services.supplier_claims import SupplierClaimsDesk
    from cardcourier.services.taking_redemptions import RedemptionTaker


@cache
def claims_desk() -> ClaimsDesk:
    from cardcourier.services.claims import ClaimsDesk

    return ClaimsDesk(
        claims=claims(),
        views=views(),
        orders=orders(),
        facts=redemptions(),
        replacements=replacements(),
        refunds=order_actions(),
        clock=now_ms,
    )


@cache
def supplier_claims_desk() -> SupplierClaimsDesk:
    from cardcourier.services.supplier_claims import SupplierClaimsDesk

    return SupplierClaimsDesk(supplier_claims(), claims(), claims_desk(), merchants(), now_ms)


@cache
def card_finder() -> CardFinder:
    from cardcourier.services.card_status import CardFinder

    return CardFinder(
        labels=vault_labels(),
        homes=card_homes(),
        orders=orders(),
        claims=claims(),
        facts=redemptions(),
        views=views(),
        merchant=merchants(),
        fingerprints=fingerprints(),
        clock=now_ms,
    )


@cache
def redemption_taker() -> RedemptionTaker:
    from cardcourier.services.taking_redemptions import RedemptionTaker

    return RedemptionTaker(card_finder(), vault_labels(), redemptions(), now_ms)
