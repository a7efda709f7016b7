"""Which card a unit takes, and the unit as it is once it holds it."""

from collections.abc import Callable
from dataclasses import replace

from cardcourier.domain.cards import piece_id
from cardcourier.domain.catalogue import Content, Product
from cardcourier.domain.orders import Unit
from cardcourier.domain.protocol import Lost, MarkerLost, Pool
from cardcourier.domain.states import State
from cardcourier.domain.stock import NEVER, Marker
from cardcourier.errors import Unavailable
from cardcourier.services.picking import SoldOut
from cardcourier.services.settling.work import Work

Take = Callable[[Unit, Marker, Pool | None], Unit | MarkerLost | Lost]


def take_card(work: Work, product: Product, unit: Unit, take: Take) -> Unit | Lost:
    """Offer cards of the product to `take` until the unit holds one. Raises SoldOut and Unavailable."""
    if product.kind == "fixed":
        return _take_content(work, product, unit, take)
    pool = pool_of(product)

    def offer(marker: Marker) -> Unit | MarkerLost | Lost:
        try:
            return take(with_card(unit, marker, work.actor.now), marker, pool)
        except Unavailable:
            # It may have happened. If it has, the unit shows it; if not, another card will do.
            now = work.orders.unit(unit.key, unit.line, unit.n)
            return Lost(now) if now is not None and not now.waiting else MarkerLost(gone=False, busy=True)

    if pool in work.empty:
        raise SoldOut
    try:
        return work.picker.pick(pool, offer)
    except SoldOut:
        work.empty.add(pool)
        raise


def _take_content(work: Work, product: Product, unit: Unit, take: Take) -> Unit | Lost:
    """There is enough for everybody, once there is any. A lost answer is not asked for again."""
    content = work.catalogue.content(product.tenant, product.sku)
    if content is None:
        raise SoldOut
    marker = piece_of(content, unit)
    outcome = take(with_card(unit, marker, work.actor.now), marker, None)
    if isinstance(outcome, MarkerLost):
        raise AssertionError("fixed content has no marker to lose")
    return outcome


def with_card(unit: Unit, marker: Marker, now: int) -> Unit:
    """The unit as it is once it holds this card; one that waited gets a timer of its own."""
    return replace(
        unit,
        state=State.ALLOCATED,
        card=marker.card,
        batch=marker.batch,
        bucket=marker.bucket,
        last4=marker.last4,
        head=marker.head,
        cost=marker.cost,
        cost_currency=marker.currency,
        card_expires_at=marker.expires_at,
        due=now if unit.waiting else None,
        room=None,
        ref="",
        at=now,
    )


def piece_of(content: Content, unit: Unit) -> Marker:
    """What this unit gets of a content, in the shape of a marker, of which there is none."""
    key = unit.key
    name = f"{key.tenant}/{key.shop}/{key.order}/{unit.name}/{unit.gen}"
    card = piece_id(content.card, name)
    return Marker(card=card, bucket=NEVER, shard=0, batch=content.batch, last4=content.last4)


def pool_of(product: Product) -> Pool:
    return Pool(product.tenant, product.sku, product.epoch, product.shards)
