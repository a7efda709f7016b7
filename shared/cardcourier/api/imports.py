"""Imports: a card file is uploaded, looked through, and committed. Answers show cards masked."""

from collections.abc import Mapping
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import (
    Failure,
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
from cardcourier.domain.cards import MOST_USES
from cardcourier.domain.catalogue import Job
from cardcourier.services.importing_jobs import MOST_LINES, MOST_TEXT, PREFIX, Order

routes = Routes("imports")
PHASES = {"previewing": "reading", "committing": "writing", "cancelling": "stopping", "undoing": "voiding"}


class LayoutShape(Shape):
    """How to read the file where it is guessed wrong; the columns in the file's order."""

    separator: Annotated[str, Field(max_length=8)] = ""
    columns: Annotated[list[Text], Field(min_length=1, max_length=50)]
    header: bool = False
    quoted: bool = False


class NewImport(Shape):
    """`cost` is that of one card, in minor units, `face` its face value, and `expires_at` its end, where the
    file is silent; without cost and currency those of the `supplier` count.

    `uses` is how often each card of a `shared` product is sold, 1 where neither this nor the file says it.

    Either the cards are given as `text`, or the answer holds a form with which the file is uploaded.
    """

    sku: Text
    file_name: Annotated[Text, Field(min_length=1)] = "cards.txt"
    cost: Minor | None = None
    currency: Text | None = None
    face: Minor | None = None
    supplier: Text = ""
    expires_at: GivenMoment | None = None
    layout: LayoutShape | None = None
    uses: Annotated[int, Field(ge=1, le=MOST_USES, strict=True)] | None = None
    note: LongText = ""
    text: Annotated[
        str | None,
        Field(
            max_length=MOST_TEXT, repr=False, description=f"At most {MOST_LINES} lines and {MOST_TEXT} bytes."
        ),
    ] = None


class UndoImport(Shape):
    reason: Annotated[LongText, Field(min_length=1)]


class UploadForm(Shape):
    """POST the `fields`, and last the file as `file`, as multipart/form-data to `url` within 15 minutes."""

    url: str
    fields: dict[str, str]


class CountsShape(Shape):
    """How the rows divide; the parts add up to `rows`. `codes` counts the rows left out by their reason."""

    rows: int
    accepted: int
    duplicates_in_file: int
    duplicates_in_stock: int
    expired: int
    bad: int
    codes: dict[str, int]


class SampleShape(Shape):
    """An accepted row, masked."""

    row: int
    number: str | None
    code: str
    expires_at: Moment | None
    cost: int | None
    warnings: list[str]


class LeftOutShape(Shape):
    """A row that is left out, masked, and why."""

    row: int
    code: str
    hint: str
    masked: str


class ProgressShape(Shape):
    """How far the work is: `phase` reading, writing, stopping or voiding; `rate` in rows a second.

    `rows` of the file are known when it was read once; `eta_seconds` when both are known.
    """

    phase: str
    done_rows: int
    rows: int | None
    rate: int | None
    eta_seconds: int | None


class ImportShape(Shape):
    """`state`: created, previewing, previewed, committing, committed, cancelling, cancelled, undoing, undone,
    or failed with `error`.

    `counts` are those of the preview until it is committed; `blocking` says why it cannot be. `reject_url` is
    a link of five minutes to the rows left out. Of an undone import `voided` cards were taken off sale.
    """

    id: str
    state: str
    sku: str
    file_name: str
    cost: Money
    supplier: str = ""
    note: str
    created_at: Moment
    by: str
    done_rows: int = 0
    progress: ProgressShape | None = None
    counts: CountsShape | None = None
    total_cost: Money | None = None
    blocking: list[str] = Field(default_factory=list)
    warnings: dict[str, int] = Field(default_factory=dict)
    understood: dict[str, Any] | None = None
    samples: list[SampleShape] = Field(default_factory=list)
    left_out: list[LeftOutShape] = Field(default_factory=list)
    batch: str | None = None
    voided: int | None = None
    error: Failure | None = None


class OneImport(ImportShape):
    reject_url: str | None = None


class OrderedImport(ImportShape):
    upload: UploadForm | None = None


@routes.on("GET", "/v1/imports", "All imports, the newest first", scope="stock:read")
def imports(limit: Limit = 20, cursor: Cursor = None) -> List[ImportShape]:
    page = wiring.merchants().jobs(routes.caller.tenant, PREFIX, read_cursor("imports", cursor), limit)
    return List(
        items=[ImportShape(**_facts(job)) for job in page.items],
        next_cursor=write_cursor("imports", page.next),
    )


@routes.on(
    "POST",
    "/v1/imports",
    "Begin an import",
    scope="stock:import",
    status=201,
    repeat=Repeat.AGAIN,
    heavy=True,
)
def create(body: NewImport) -> Response[OrderedImport]:
    caller = routes.caller
    order = Order(
        sku=body.sku,
        file_name=body.file_name,
        cost=body.cost,
        currency=body.currency,
        face=body.face,
        supplier=body.supplier,
        expires_at=body.expires_at,
        layout=body.layout.model_dump() if body.layout else None,
        uses=body.uses,
        note=body.note,
        text=body.text,
    )
    ordered = wiring.import_desk().create(caller.tenant, order, routes.act, caller.by)
    upload = UploadForm(**ordered.upload) if ordered.upload else None
    return answer(OrderedImport(upload=upload, **_facts(ordered.job)), 201)


@routes.on(
    "POST",
    "/v1/imports/<job>/preview",
    "Look a file through",
    scope="stock:import",
    status=202,
    repeat=Repeat.AGAIN,
    heavy=True,
)
def preview(job: PathId) -> Response[ImportShape]:
    """Nothing is written; ask for the import until it is `previewed`."""
    return answer(ImportShape(**_facts(wiring.import_desk().preview(routes.caller.tenant, job))), 202)


@routes.on(
    "POST",
    "/v1/imports/<job>/commit",
    "Write the cards into stock",
    scope="stock:import",
    status=202,
    repeat=Repeat.AGAIN,
    heavy=True,
)
def commit(job: PathId) -> Response[ImportShape]:
    """Duplicates are skipped. Ask for the import until it is `committed`."""
    return answer(ImportShape(**_facts(wiring.import_desk().commit(routes.caller.tenant, job))), 202)


@routes.on(
    "POST",
    "/v1/imports/<job>/cancel",
    "Bring in no more of a file",
    scope="stock:import",
    status=202,
    repeat=Repeat.AGAIN,
)
def cancel(job: PathId) -> Response[ImportShape]:
    """Cards that are in stock by then stay there, and `counts` says how many. Ask until it is `cancelled`."""
    caller = routes.caller
    return answer(ImportShape(**_facts(wiring.import_desk().cancel(caller.tenant, job, caller.by))), 202)


@routes.on(
    "POST",
    "/v1/imports/<job>/undo",
    "Take an import's cards off sale",
    scope="stock:import",
    status=202,
    repeat=Repeat.AGAIN,
)
def undo(job: PathId, body: UndoImport) -> Response[ImportShape]:
    """Cards that are not sold yet are void for ever; what was sold stays sold. Ask until it is `undone`."""
    caller = routes.caller
    done = wiring.import_desk().undo(caller.tenant, job, body.reason, caller.by)
    return answer(ImportShape(**_facts(done)), 202)


@routes.on("GET", "/v1/imports/<job>", "One import and how far it is", scope="stock:read")
def one_import(job: PathId) -> OneImport:
    desk = wiring.import_desk()
    found = desk.get(routes.caller.tenant, job)
    return OneImport(reject_url=desk.reject_link(found), **_facts(found))


def _facts(job: Job) -> dict[str, Any]:
    data = job.data
    return {
        "id": job.id,
        "state": job.state,
        "sku": data["sku"],
        "file_name": data["file_name"],
        "cost": money(int(data["cost"]), data["currency"]),
        "supplier": data.get("supplier") or "",
        "note": data.get("note") or "",
        "created_at": job.created_at,
        "by": job.by,
        "done_rows": int(data.get("done_rows", 0)),
        "progress": _progress(job),
        "counts": _counts(data),
        "total_cost": money(int(data["total_cost"]), data["currency"]) if "total_cost" in data else None,
        "blocking": list(data.get("blocking") or ()),
        "warnings": dict(data.get("warnings") or {}),
        "understood": data.get("understood"),
        "samples": [SampleShape(**_as_int(sample)) for sample in data.get("sample") or ()],
        "left_out": [LeftOutShape(**_as_int(row)) for row in data.get("rejects") or ()],
        "batch": data.get("batch"),
        "voided": data.get("voided"),
        "error": Failure(**data["error"]) if data.get("error") else None,
    }


def _progress(job: Job) -> ProgressShape | None:
    if job.state not in PHASES:
        return None
    data, undoing = job.data, job.state == "undoing"
    done = int(data.get("voided" if undoing else "done_rows", 0))
    rows, rate = data.get("accepted" if undoing else "rows"), data.get("rate")
    left = max(rows - done, 0) if rows is not None else None
    eta = None if left is None or not rate else -(-left // rate)
    return ProgressShape(phase=PHASES[job.state], done_rows=done, rows=rows, rate=rate, eta_seconds=eta)


def _counts(data: Mapping[str, Any]) -> CountsShape | None:
    if "accepted" not in data:
        return None
    return CountsShape(**{name: data[name] for name in CountsShape.model_fields})


def _as_int(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
