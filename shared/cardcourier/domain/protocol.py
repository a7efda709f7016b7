"""The words in which the order protocol's writes answer."""

from dataclasses import dataclass

from cardcourier.domain.orders import Unit


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, at which time (epoch ms), for which request and why."""

    by: str
    now: int
    rid: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Pool:
    """Where a product's markers lie. `epoch` rises only when the number of shards shrinks."""

    tenant: str
    sku: str
    epoch: int
    shards: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The condition did not hold: decide anew from what was found."""

    old: Unit | None


@dataclass(frozen=True, slots=True)
class MarkerLost:
    """Somebody else took this card (`gone`), or is taking it now: try another one.

    `busy` is the table, which took nothing from us or did not say: try another one in a moment.
    """

    gone: bool
    busy: bool = False
