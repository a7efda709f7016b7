"""Suppliers: whom cards are bought from, at which cost, and how long they may be sold."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.imports import UploadForm
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer, given
from cardcourier.api.schemas import (
    GivenMoment,
    List,
    LongText,
    Minor,
    Moment,
    Money,
    PathId,
    Shape,
    Text,
    money,
)
from cardcourier.clock import now_ms
from cardcourier.domain.suppliers import Supplier, standing_of

routes = Routes("suppliers")
Name = Annotated[Text, Field(min_length=1)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class NewSupplier(Shape):
    """`cost` of one card, in minor units, stands in where an import names none. `authorisation` is the number
    of the paper that allows to sell the supplier's cards, until `authorised_until`.
    """

    id: Name
    name: Name
    contact: LongText = ""
    currency: Text = "CNY"
    cost: Minor = 0
    note: LongText = ""
    authorisation: Text = ""
    authorised_until: GivenMoment | None = None


class SupplierPatch(Shape):
    name: Name | None = None
    contact: LongText | None = None
    currency: Text | None = None
    cost: Minor | None = None
    note: LongText | None = None
    authorisation: Text | None = None
    authorised_until: GivenMoment | None = None


class SupplierShape(Shape):
    """`standing` of the authorisation: valid, ends_soon (in 30 days), ended, or unknown without a date."""

    id: str
    name: str
    contact: str
    cost: Money
    note: str
    authorisation: str
    authorised_until: Moment | None
    standing: str
    document_name: str
    document_sha256: str
    remembers_layout: bool


class OneSupplier(SupplierShape):
    """`document_url` is a link of five minutes to the copy of the authorisation."""

    document_url: str | None = None


class NewDocument(Shape):
    """The copy of an authorisation that is to be uploaded, at most 20 MiB."""

    file_name: Name
    sha256: Sha256


@routes.on("GET", "/v1/suppliers", "All suppliers", scope="stock:read")
def suppliers(limit: Limit = 50, cursor: Cursor = None) -> List[SupplierShape]:
    page = wiring.merchants().suppliers(routes.caller.tenant, read_cursor("suppliers", cursor), limit)
    items = [_shape(supplier) for supplier in page.items]
    return List(items=items, next_cursor=write_cursor("suppliers", page.next))


@routes.on(
    "POST", "/v1/suppliers", "Add a supplier", scope="products:write", status=201, repeat=Repeat.ANSWER
)
def add_supplier(body: NewSupplier) -> Response[SupplierShape]:
    supplier = Supplier(tenant=routes.caller.tenant, **given(body))
    wiring.suppliers_desk().add(supplier, routes.caller.by)
    return answer(_shape(supplier), 201, ver=1)


@routes.on("GET", "/v1/suppliers/<supplier>", "One supplier", scope="stock:read")
def one_supplier(supplier: PathId) -> Response[OneSupplier]:
    kept = wiring.merchants().supplier(routes.caller.tenant, supplier)
    link = wiring.suppliers_desk().document_link(kept.thing)
    return answer(OneSupplier(document_url=link, **_shape(kept.thing).model_dump()), ver=kept.ver)


@routes.on("PATCH", "/v1/suppliers/<supplier>", "Change a supplier", scope="products:write")
def change_supplier(supplier: PathId, body: SupplierPatch) -> Response[SupplierShape]:
    kept = wiring.merchants().supplier(routes.caller.tenant, supplier)
    seen = routes.if_match(kept.ver)
    changed = routes.patched(kept.thing, body, clearable=("authorised_until",))
    wiring.suppliers_desk().change(changed, seen, routes.caller.by)
    return answer(_shape(changed), ver=seen + 1)


@routes.on(
    "POST",
    "/v1/suppliers/<supplier>/document",
    "Upload a copy of an authorisation",
    scope="products:write",
    status=201,
    repeat=Repeat.AGAIN,
)
def upload_document(supplier: PathId, body: NewDocument) -> Response[UploadForm]:
    kept = wiring.merchants().supplier(routes.caller.tenant, supplier)
    desk, act = wiring.suppliers_desk(), f"{routes.act.at:013d}-{routes.act.id[:8]}"
    return answer(UploadForm(**desk.upload(kept, body.file_name, body.sha256, act, routes.caller.by)), 201)


def _shape(supplier: Supplier) -> SupplierShape:
    return SupplierShape(
        id=supplier.id,
        name=supplier.name,
        contact=supplier.contact,
        cost=money(supplier.cost, supplier.currency),
        note=supplier.note,
        authorisation=supplier.authorisation,
        authorised_until=supplier.authorised_until,
        standing=standing_of(supplier, now_ms()),
        document_name=supplier.document_name,
        document_sha256=supplier.document_sha256,
        remembers_layout=supplier.layout is not None,
    )
