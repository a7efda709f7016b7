"""What a merchant manages, always under the tenant that is named first; changes name the version seen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Any, TypeVar

from cardcourier.adapters.tables import keys
from cardcourier.adapters.tables.catalogue import (
    DocumentRecord,
    JobDocuments,
    api_key_key,
    batch_key,
    content_key,
    document,
    job_key,
    product_key,
    shop_key,
    supplier_key,
    tenant_key,
    thing_of,
    user_key,
)
from cardcourier.adapters.tables.keys import Key
from cardcourier.adapters.tables.writes import Change, TransactionLost, busy, transact
from cardcourier.domain.access import ApiKey, User
from cardcourier.domain.bulk import BulkPart
from cardcourier.domain.canary import about_canary, is_canary, shop_of
from cardcourier.domain.catalogue import Batch, Content, Job, Listing, Product, Shop, Tenant
from cardcourier.domain.kept import Kept, Page
from cardcourier.domain.suppliers import Supplier
from cardcourier.errors import Conflict, NotFound

Thing = TypeVar(
    "Thing", Content, Tenant, Shop, Product, Batch, Job, Listing, ApiKey, User, Supplier, BulkPart
)
SET_UP: Key = (keys.catalogue("-"), "BOOTSTRAP")
"""Exists once the first tenant does: it makes a second bootstrap impossible."""


@dataclass(frozen=True, slots=True)
class MerchantsTable(JobDocuments):
    """Tenants, keys, shops, products, listings, batches and jobs, for those who manage them."""

    # -- tenants and keys -----------------------------------------------------------------------

    def is_set_up(self) -> bool:
        return self.catalogue.table.get(SET_UP) is not None

    def set_up(self, tenant: Tenant, owner: ApiKey, now: int, by: str) -> None:
        """The first tenant and its owner's key, once. Raises Conflict when somebody did it before."""
        first = [(SET_UP, tenant), (tenant_key(tenant.id), tenant), *_homes_of_key(owner)]
        self.catalogue.put_new(first, now, by)

    def tenant(self, tenant: str) -> Kept[Tenant]:
        return self._kept(Tenant, tenant_key(tenant), "tenant")

    def change_tenant(self, tenant: Tenant, seen_ver: int, now: int, by: str) -> None:
        self._change([(tenant_key(tenant.id), tenant)], seen_ver, now, by)

    def find_key(self, key_id: str) -> ApiKey | None:
        """The key of this id, whoever's it is."""
        return self.catalogue.get(ApiKey, keys.api_key(key_id))

    def api_keys(self, tenant: str, after: str | None, limit: int) -> Page[ApiKey]:
        return self._page(ApiKey, tenant, "AK#", after, limit)

    def api_key(self, tenant: str, key_id: str) -> Kept[ApiKey]:
        """Raises NotFound for another tenant's key as for none."""
        kept = self._kept(ApiKey, keys.api_key(key_id), "API key")
        if kept.thing.tenant != tenant:
            raise _missing("API key")
        return kept

    def add_key(self, key: ApiKey, now: int, by: str) -> None:
        self.catalogue.put_new(_homes_of_key(key), now, by)

    def change_key(self, key: ApiKey, seen_ver: int, now: int, by: str) -> None:
        self._change(_homes_of_key(key), seen_ver, now, by)

    def find_user(self, user: str) -> User | None:
        """The user of this id, whoever's they are."""
        return self.catalogue.get(User, keys.user(user))

    def users(self, tenant: str, after: str | None, limit: int) -> Page[User]:
        return self._page(User, tenant, "USER#", after, limit)

    def user(self, tenant: str, user: str) -> Kept[User]:
        """Raises NotFound for another tenant's user as for none."""
        kept = self._kept(User, keys.user(user), "user")
        if kept.thing.tenant != tenant:
            raise _missing("user")
        return kept

    def add_user(self, user: User, now: int, by: str) -> None:
        self.catalogue.put_new(_homes_of_user(user), now, by)

    def change_user(
        self, user: User, seen_ver: int, now: int, by: str, witness: Kept[User] | None = None
    ) -> None:
        """Only while the `witness`, if there is one, is still as seen."""
        same: list[Change] = []
        if witness is not None:
            ver = DocumentRecord.ver
            same = [Change(keys.user(witness.thing.id), [ver.set(witness.ver)], ver == witness.ver)]
        self._change(_homes_of_user(user), seen_ver, now, by, same)

    # -- shops ----------------------------------------------------------------------------------

    def shops(self, tenant: str, after: str | None, limit: int) -> Page[Shop]:
        """As they are listed: without their secrets."""
        return self._page(Shop, tenant, "SHOP#", after, limit)

    def every_shop(self, tenant: str) -> list[Shop]:
        return self.catalogue.all(Shop, keys.catalogue(tenant), "SHOP#")

    def shop(self, tenant: str, shop: str) -> Kept[Shop]:
        """With its sealed secrets. Raises NotFound for another tenant's and the canary's shop as for none."""
        if is_canary(tenant, shop):
            raise _missing("shop")
        return self.any_shop(tenant, shop)

    def any_shop(self, tenant: str, shop: str) -> Kept[Shop]:
        """As `shop`, and the canary's too: for keys, which know no people."""
        kept = self._kept(Shop, keys.shop(shop), "shop")
        if kept.thing.tenant != tenant:
            raise _missing("shop")
        return kept

    def sealed_shops(self, tenant: str) -> list[str]:
        """The ids of all shops with secrets, the canary's last."""
        canary = self.catalogue.get(Shop, keys.shop(shop_of(tenant)))
        listed = [shop.id for shop in self.every_shop(tenant)]
        return [*listed, canary.id] if canary and canary.tenant == tenant else listed

    def add_shop(self, shop: Shop, now: int, by: str) -> None:
        """Raises Conflict when the id is taken, by whomever."""
        self.catalogue.put_new(_homes_of_shop(shop), now, by)

    def change_shop(self, shop: Shop, seen_ver: int, now: int, by: str) -> None:
        self._change(_homes_of_shop(shop), seen_ver, now, by)

    # -- products and listings ------------------------------------------------------------------

    def products(self, tenant: str, after: str | None, limit: int) -> Page[Product]:
        return self._page(Product, tenant, "PRODUCT#", after, limit)

    def issuers(self, tenant: str) -> set[tuple[str, bool]]:
        """Who redeems the cards of this tenant's products, and whether case and width are folded there."""
        return {
            (p.issuer or p.sku, p.fold)
            for p in self.catalogue.all(Product, keys.catalogue(tenant), "PRODUCT#")
        }

    def product(self, tenant: str, sku: str) -> Kept[Product]:
        return self._kept(Product, product_key(tenant, sku), "product")

    def has_batch(self, tenant: str, sku: str) -> bool:
        """Whether cards were ever imported, or are being imported, for the product."""
        pk, prefix = batch_key(tenant, "")
        return any(batch.sku == sku for batch in self.catalogue.all(Batch, pk, prefix))

    def kind_of(self, tenant: str, sku: str) -> str | None:
        """Which kind of product this is; None when there is none."""
        product = self.catalogue.get(Product, product_key(tenant, sku))
        return product.kind if product else None

    def content(self, tenant: str, sku: str) -> Content:
        """Raises NotFound, also when no content was set."""
        return self._kept(Content, content_key(tenant, sku), "content").thing

    def has_content(self, tenant: str, sku: str) -> bool:
        return self.catalogue.get(Content, content_key(tenant, sku)) is not None

    def has_product(self, tenant: str, sku: str) -> bool:
        return self.catalogue.get(Product, product_key(tenant, sku)) is not None

    def add_product(self, product: Product, now: int, by: str) -> None:
        self.catalogue.put_new([(product_key(product.tenant, product.sku), product)], now, by)

    def change_product(self, product: Product, seen_ver: int, now: int, by: str) -> None:
        self._change([(product_key(product.tenant, product.sku), product)], seen_ver, now, by)

    def listings(self, tenant: str, shop: str, after: str | None, limit: int) -> Page[tuple[Listing, ...]]:
        """All rows of each listing together."""
        pk, sk = keys.listings(tenant, shop), DocumentRecord.sk
        condition = (DocumentRecord.pk == pk) & (sk > after) if after else DocumentRecord.pk == pk
        items = self.catalogue.table.query(condition, ConsistentRead=True, Limit=limit + 1)
        groups = groupby(items, key=lambda item: item["sk"]["S"].rpartition("#")[0])
        found: list[tuple[Listing, ...]] = []
        last = None
        for _, group in groups:
            if len(found) == limit:
                return Page(tuple(found), last)
            rows = list(group)
            found.append(tuple(thing_of(Listing, row) for row in rows))
            last = rows[-1]["sk"]["S"]
        return Page(tuple(found))

    def listing(self, tenant: str, shop: str, item: str, variant: str) -> list[Listing]:
        return self.catalogue.listings(tenant, shop, item, variant)

    def replace_listing(
        self, tenant: str, shop: str, old: Sequence[Listing], new: Sequence[Listing], now: int, by: str
    ) -> None:
        try:
            self.catalogue.replace_listings(tenant, shop, old, new, now, by)
        except TransactionLost as lost:
            if not lost.failed:
                raise busy(lost) from lost
            raise Conflict("changed_meanwhile", "Somebody maps this listing now; try again.") from lost

    # -- batches and jobs -----------------------------------------------------------------------

    def batches(self, tenant: str, before: str | None, limit: int) -> Page[Batch]:
        """The newest first."""
        return self._page(Batch, tenant, "BATCH#", before, limit, newest=True)

    def batch(self, tenant: str, batch: str) -> Kept[Batch]:
        return self._kept(Batch, batch_key(tenant, batch), "batch")

    def find_batch(self, tenant: str, batch: str) -> Batch | None:
        return self.catalogue.get(Batch, batch_key(tenant, batch))

    def change_batch(self, batch: Batch, seen_ver: int, now: int, by: str) -> None:
        self._change([(batch_key(batch.tenant, batch.id), batch)], seen_ver, now, by)

    def suppliers(self, tenant: str, after: str | None, limit: int) -> Page[Supplier]:
        return self._page(Supplier, tenant, "SUPPLIER#", after, limit)

    def every_supplier(self, tenant: str) -> dict[str, Supplier]:
        found = self.catalogue.all(Supplier, keys.catalogue(tenant), "SUPPLIER#")
        return {supplier.id: supplier for supplier in found}

    def supplier(self, tenant: str, supplier: str) -> Kept[Supplier]:
        return self._kept(Supplier, supplier_key(tenant, supplier), "supplier")

    def find_supplier(self, tenant: str, supplier: str) -> Supplier | None:
        return self.catalogue.get(Supplier, supplier_key(tenant, supplier))

    def add_supplier(self, supplier: Supplier, now: int, by: str) -> None:
        self.catalogue.put_new([(supplier_key(supplier.tenant, supplier.id), supplier)], now, by)

    def change_supplier(self, supplier: Supplier, seen_ver: int, now: int, by: str) -> None:
        self._change([(supplier_key(supplier.tenant, supplier.id), supplier)], seen_ver, now, by)

    def jobs(self, tenant: str, prefix: str, before: str | None, limit: int) -> Page[Job]:
        """Jobs whose ids begin with `prefix`, the newest first."""
        return self._page(Job, tenant, f"JOB#{prefix}", before, limit, newest=True)

    def add_job(self, job: Job, now: int) -> None:
        """A repeat of the same request finds its job there and leaves it."""
        try:
            self.catalogue.put_new([(job_key(job.tenant, job.id), job)], now, job.by)
        except Conflict:
            return

    # -- how ------------------------------------------------------------------------------------

    def _kept(self, cls: type[Thing], key: Key, name: str) -> Kept[Thing]:
        item = self.catalogue.table.get(key)
        if item is None:
            raise _missing(name)
        return Kept(thing_of(cls, item), int(item["ver"]["N"]))

    def _change(
        self,
        homes: Sequence[tuple[Key, Any]],
        seen_ver: int,
        now: int,
        by: str,
        also: Sequence[Change] = (),
    ) -> None:
        """Write a thing to all its homes, provided that it is still as it was seen in the first."""
        (first, thing), *copies = homes
        unchanged = DocumentRecord.ver == seen_ver
        parts = [
            (self.catalogue.table, Change(first, _actions(thing, seen_ver + 1, now, by), unchanged)),
            *(
                (self.catalogue.table, Change(key, _actions(copy, seen_ver + 1, now, by)))
                for key, copy in copies
            ),
            *((self.catalogue.table, change) for change in also),
        ]
        try:
            transact(self.catalogue.table.client, *parts)
        except TransactionLost as lost:
            if not lost.failed:
                raise busy(lost) from lost
            raise Conflict("changed_meanwhile", "Somebody changed this meanwhile; read it again.") from lost

    def _page(
        self,
        cls: type[Thing],
        tenant: str,
        prefix: str,
        after: str | None,
        limit: int,
        *,
        newest: bool = False,
    ) -> Page[Thing]:
        """Things whose sort keys begin with `prefix`, from behind `after` on, without the canary's own."""
        sk, first, last = DocumentRecord.sk, prefix, _end(prefix)
        if after is not None:
            first, last = (prefix, prefix + after) if newest else (prefix + after, last)
        condition = (DocumentRecord.pk == keys.catalogue(tenant)) & sk.between(first, last)
        found = self.catalogue.table.query(
            condition, ConsistentRead=True, ScanIndexForward=not newest, Limit=limit + 2
        )
        fresh = (item for item in found if after is None or item["sk"]["S"] != prefix + after)
        things = ((item["sk"]["S"], thing_of(cls, item)) for item in fresh)
        shown = list(islice(((sk, thing) for sk, thing in things if not about_canary(thing)), limit + 1))
        more = shown[limit - 1][0].removeprefix(prefix) if len(shown) > limit else None
        return Page(tuple(thing for _, thing in shown[:limit]), more)


def _actions(thing: Any, ver: int, now: int, by: str) -> list[Any]:
    return [
        DocumentRecord.doc.set(document(thing)),
        DocumentRecord.ver.set(ver),
        DocumentRecord.at.set(now),
        DocumentRecord.by.set(by),
    ]


def _homes_of_key(key: ApiKey) -> list[tuple[Key, ApiKey]]:
    """Found by its id alone, and in its tenant's list, there without the hash of its secret."""
    listed = replace(key, secret_hash="")
    return [(keys.api_key(key.id), key), (api_key_key(key.tenant, key.id), listed)]


def _homes_of_user(user: User) -> list[tuple[Key, User]]:
    """Found by issuer and subject, and in its tenant's list."""
    return [(keys.user(user.id), user), (user_key(user.tenant, user.id), user)]


def _homes_of_shop(shop: Shop) -> list[tuple[Key, Shop]]:
    """Found by its id alone, and in its tenant's list, there without its secrets; the canary's in no list."""
    own = (keys.shop(shop.id), shop)
    if is_canary(shop.tenant, shop.id):
        return [own]
    return [own, (shop_key(shop.tenant, shop.id), replace(shop, secrets=()))]


def _end(prefix: str) -> str:
    """Comes after every key that begins with the prefix, and is none itself."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _missing(name: str) -> NotFound:
    return NotFound("not_found", f"There is no such {name}.")
