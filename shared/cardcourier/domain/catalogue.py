"""What a tenant sells and where: tenants, shops, products, listings, batches, jobs."""

import re
from dataclasses import dataclass, field
from typing import Any

from cardcourier.domain.disputes import BURN
from cardcourier.errors import Refused

_SKU = re.compile(r"[^\s#\x00-\x1f\x7f][^#\x00-\x1f\x7f]{0,63}")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
REPLACEMENT_CAPS = {"support": 20}
"""Replaced cards a day by role, unless a tenant says otherwise."""
MOST_CAP = 1_000


def check_sku(sku: str) -> str:
    """A SKU is 1–64 printable characters without `#`."""
    if not _SKU.fullmatch(sku) or sku != sku.strip():
        raise Refused("bad_sku", "A SKU has 1 to 64 printable characters, no # and no outer blanks.")
    return sku


def check_id(value: str, name: str) -> str:
    """An id that people choose: lower-case letters, digits and dashes, at most 40."""
    if not _ID.fullmatch(value):
        raise Refused("bad_id", f"{name} must be 1 to 40 of a-z, 0-9 and '-', not beginning with '-'.")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A merchant account. `created_at` (epoch ms) is where its journal begins.

    `paused` is why its sales are closed, since `paused_at` (epoch ms); empty while they are open.
    `contact_days` is how many days after an order its buyer's data are erased; `legal_hold` is why nothing
    may be erased, empty while it may. `chargebacks` says what becomes of a shown card whose payment is
    charged back: `burn` it, or `dispute` and keep it until that is decided.
    `replacement_caps` says how many cards one person or key of a role may have replaced in a day (UTC); a
    role that is not named has no cap.
    """

    id: str
    name: str
    time_zone: str = "Asia/Shanghai"
    currency: str = "CNY"
    language: str = "zh-CN"
    support: str = ""
    created_at: int = 0
    paused: str = ""
    paused_at: int | None = None
    contact_days: int = 730
    legal_hold: str = ""
    chargebacks: str = BURN
    replacement_caps: dict[str, int] = field(default_factory=lambda: dict(REPLACEMENT_CAPS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A connected store. `secrets` are sealed signing secrets, the newest last; two during a rotation.

    `old_until` (epoch ms) is when the older of two ends, 0 for one that a person ends.
    `unmapped` says what to do with a listing nobody mapped: `hold` it or `ignore` it.
    `max_quantity` is the largest quantity of a line that is delivered without a person.
    `paused` is why its sales are closed, since `paused_at` (epoch ms).
    """

    id: str
    tenant: str
    channel: str
    name: str
    currency: str = "CNY"
    secrets: tuple[bytes, ...] = ()
    domain: str = ""
    unmapped: str = "hold"
    max_quantity: int = 50
    test: bool = False
    paused: str = ""
    paused_at: int | None = None
    old_until: int = 0

    def valid_secrets(self, now: int) -> tuple[bytes, ...]:
        """The sealed secrets that count at `now` (epoch ms)."""
        return self.secrets[-1:] if self.old_until and self.old_until <= now else self.secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What is sold, by SKU. `release_at` (epoch ms) in the future makes it a presale.

    `kind` is `unique` (each card is sold once), `shared` (each card is sold as often as it has uses) or
    `fixed` (every buyer gets the same content).
    `policy` is the reveal policy: `repeat`, `proof` or `once`. `max_views` counts per unit within
    `view_days`; a card shown `once` may be looked at again in the same browser for `grace_minutes`.

    `display` is how the page shows a card: `link` (its last characters, the card on request), `masked`
    (so many of its first and last characters as `mask` says), `direct` (the page asks for the card by
    itself). `hide_after_reveal` covers a shown card until it is tapped.

    `fold` takes codes that differ in case or width alone for the same card.
    `paused` is why its sales are closed, since `paused_at` (epoch ms); with `stop_reveals` cards that are
    handed over already are not shown either.

    `warranty_days` after its first showing a card is replaced by owners and managers alone; None: no limit.
    """

    tenant: str
    sku: str
    name: str
    name_en: str = ""
    issuer: str = ""
    steps: tuple[str, ...] = ()
    steps_en: tuple[str, ...] = ()
    redeem_url: str = ""
    release_at: int | None = None
    policy: str = "repeat"
    max_views: int = 20
    view_days: int = 30
    shards: int = 1
    epoch: int = 1
    pattern: str = ""
    fold: bool = False
    paused: str = ""
    paused_at: int | None = None
    stop_reveals: bool = False
    kind: str = "unique"
    grace_minutes: int = 10
    display: str = "link"
    mask: tuple[int, int] = (0, 4)
    hide_after_reveal: bool = False
    warranty_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What every buyer of a product of kind `fixed` gets, sealed in the vault as `card` of its own batch.

    `at` is when it was ordered (epoch ms): a later order is never replaced by an earlier one.
    """

    tenant: str
    sku: str
    card: str
    batch: str
    last4: str
    version: int
    at: int
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One row of the mapping of a shop's item to products; several rows make a bundle.

    An empty `sku` says "not ours". `floor` is the lowest unit price accepted, in minor units. All rows of one
    listing have the same `ver`.
    """

    item: str
    variant: str
    row: int
    sku: str
    quantity: int = 1
    floor: int | None = None
    ver: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One import. `cost` is what one card cost and `face` its face value, where the file was silent;
    `total_cost` and `total_face` are the sums over all imported cards, in minor units of `currency`.

    `first_expiry` and `last_expiry` (epoch ms) are those of its cards that end. `voided` cards were taken off
    sale when the import was undone; `state` then is `voiding` or `voided`, and else `open`.
    """

    tenant: str
    id: str
    sku: str
    file_name: str = ""
    cost: int = 0
    currency: str = "CNY"
    imported: int = 0
    duplicates: int = 0
    rejected: int = 0
    created_at: int = 0
    by: str = ""
    supplier: str = ""
    face: int | None = None
    total_cost: int = 0
    total_face: int = 0
    first_expiry: int | None = None
    last_expiry: int | None = None
    note: str = ""
    authorisation: str = ""
    state: str = "open"
    voided: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Work that outlives a request: an import or a report. `data` holds its own facts."""

    tenant: str
    id: str
    kind: str
    state: str
    created_at: int
    by: str
    data: dict[str, Any] = field(default_factory=dict)
    ver: int = 1
