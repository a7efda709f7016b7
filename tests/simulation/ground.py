"""What is there when a run begins: two merchants, their products of every kind, their keys and first cards.

It is made once, by the product's own desks and importer in fair weather, and every run begins with a copy.
"""

from dataclasses import dataclass, field
from functools import cache

from cardcourier.adapters.channels.standard import make_secret
from cardcourier.adapters.keyring import EVERYWHERE
from cardcourier.adapters.tables import catalogue as names
from cardcourier.adapters.tables import keys
from cardcourier.domain.catalogue import Listing, Product, Shop, Tenant
from cardcourier.domain.kept import Act
from cardcourier.services.importing_jobs import Order

NOON = 1_790_078_400_000
"""Noon of a day, UTC: no run crosses midnight while anything is in the way."""

DAY = 86_400_000
TENANTS = ("acme", "bell")
PRICE = 2500
COST = 1500
PLAIN = "KMPLAIN"
"""Begins every code there is, so that a plain one is found wherever it must not be."""

BUYER = "buyer.private"
"""Is part of every buyer's address."""


def shop_of(tenant: str) -> str:
    return f"{tenant}-own"


def secret_of(tenant: str) -> str:
    return make_secret(tenant.encode().ljust(32, b"."))


PRODUCTS = {
    "DENSE": {"max_views": 2},
    "SCARCE": {"shards": 2, "policy": "proof"},
    "NONE": {"policy": "once"},
    "PRE": {"release_at": NOON + 90_000},
    "SHARED": {"kind": "shared"},
    "FIXED": {"kind": "fixed"},
}
FIRST_CARDS = {"DENSE": 12, "SCARCE": 2, "PRE": 3}
LISTINGS = {
    "dense": (("DENSE", 1),),
    "scarce": (("SCARCE", 1),),
    "none": (("NONE", 1),),
    "pre": (("PRE", 1),),
    "shared": (("SHARED", 1),),
    "fixed": (("FIXED", 1),),
    "bundle": (("DENSE", 1), ("SCARCE", 1)),
    "pair": (("DENSE", 2),),
    "gift": (("", 1),),
}
UNMAPPED = "new"
"""A listing that nobody has mapped yet."""


@dataclass(frozen=True)
class Ground:
    """A copy of everything outside, and the plain codes by their cards' ids."""

    engine: object
    keys: dict
    objects: dict
    jobs: tuple[tuple[str, str], ...]
    codes: dict = field(repr=False)


def code_of(tenant: str, sku: str, number: int) -> str:
    return f"{PLAIN}-{tenant}-{sku}-{number:04d}".upper()


@cache
def ground() -> Ground:
    from tests.simulation.world import World

    world = World("ground", NOON - DAY)
    world.chance.calm = True
    parts = world.process("people").parts
    now, catalogue = world.scheduler.now, parts.catalogue_table
    parts.ring.provide(EVERYWHERE, "link")
    for tenant in TENANTS:
        _open(parts, catalogue, tenant, now)
        for sku, cards in FIRST_CARDS.items():
            _import(world, parts, tenant, sku, [code_of(tenant, sku, n) for n in range(cards)], None)
        _import(world, parts, tenant, "SHARED", [code_of(tenant, "SHARED", 0)], 5)
    _import(world, parts, "acme", "DENSE", [code_of("acme", "DENSE", 900)], None, NOON + 60_000)
    parts.content.set("acme", "FIXED", f"{PLAIN}-ACME-FIXED-0", Act("content1", now), "owner")
    world.run()
    jobs = tuple(key for key in world.engine.items("MainTable") if key[1].startswith("JOB#"))
    return Ground(world.engine.snapshot(), dict(world.kms.kept), dict(world.s3.kept), jobs, dict(world.codes))


def _open(parts, catalogue, tenant, now) -> None:
    parts.ring.provide(tenant, "pepper")
    about = Tenant(
        id=tenant,
        name=tenant.title(),
        support=f"help@{tenant}.example",
        chargebacks="dispute",
        created_at=now,
    )
    catalogue.put(names.tenant_key(tenant), about, now, "test")
    sealed = parts.shop_secrets.seal(tenant, shop_of(tenant), secret_of(tenant))
    shop = Shop(id=shop_of(tenant), tenant=tenant, channel="standard", name="Own", secrets=(sealed,))
    catalogue.put(keys.shop(shop.id), shop, now, "test")
    catalogue.put(names.shop_key(tenant, shop.id), shop, now, "test")
    for sku, more in PRODUCTS.items():
        product = Product(tenant=tenant, sku=sku, name=sku, issuer="mgtv", **more)
        catalogue.put(names.product_key(tenant, sku), product, now, "test")
    for item, rows in LISTINGS.items():
        for number, (sku, quantity) in enumerate(rows):
            row = Listing(item=item, variant="", row=number, sku=sku, quantity=quantity)
            catalogue.put(names.listing_key(tenant, shop.id, row), row, now, "test")


def _import(world, parts, tenant, sku, codes, uses, expires_at=None) -> None:
    world.know(codes)
    text = "\n".join(codes)
    order = Order(
        sku=sku,
        file_name=f"{sku}.txt",
        cost=COST,
        currency="CNY",
        uses=uses,
        expires_at=expires_at,
        straight=True,
        text=text,
    )
    act = Act(f"{tenant[0]}{len(world.s3.kept):07d}", world.scheduler.now)
    job = parts.imports.create(tenant, order, act, "owner").job
    parts.imports.preview(tenant, job.id)
    world.run()
