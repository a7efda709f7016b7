"""Reports: ordered, made elsewhere, fetched by a link that is made at the moment it is asked for."""

from datetime import date
from typing import Annotated, Any, Literal

from aws_lambda_powertools.event_handler import Response
from pydantic import BeforeValidator, Field, WithJsonSchema

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import Failure, List, Moment, PathId, Shape, read_moment
from cardcourier.domain.catalogue import Job
from cardcourier.services.report_jobs import PREFIX, Order

routes = Routes("reports")


def _read_day(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("must be a day such as 2026-11-01, or a time with its zone")
    try:
        return date.fromisoformat(value) if len(value) == 10 else read_moment(value)
    except ValueError:
        raise ValueError("must be a day such as 2026-11-01, or a time with its zone") from None


Day = Annotated[
    date | int, BeforeValidator(_read_day), WithJsonSchema({"type": "string", "examples": ["2026-11-01"]})
]


class NewReport(Shape):
    """R1 sums up by day, R4 by order line. `from` is included, `to` is not; days are the tenant's own.

    `basis` is `event` (each entry when it was booked) or `order` (all under the order's day of payment).
    """

    report: Literal["R1", "R4"]
    since: Annotated[Day, Field(alias="from")]
    until: Annotated[Day, Field(alias="to")]
    format: Literal["xlsx", "csv", "csv-raw"] = "xlsx"
    language: Literal["zh-CN", "en"] = "zh-CN"
    basis: Literal["event", "order"] = "event"


class ReportShape(Shape):
    """`state`: created, running, done, or failed with `error`. `totals` are control totals by currency.

    `segments` are the first and last sealed segment of the journal that cover the period, if any do.
    """

    id: str
    report: str
    state: str
    since: Annotated[Moment, Field(alias="from")]
    until: Annotated[Moment, Field(alias="to")]
    format: str
    language: str
    created_at: Moment
    by: str
    basis: str
    rows: int | None = None
    totals: list[dict[str, Any]] = Field(default_factory=list)
    segments: list[int] | None = None
    error: Failure | None = None


class FileShape(Shape):
    file_name: str
    download_url: str


class OneReport(ReportShape):
    """The links work for five minutes; ask again for new ones. `download_url` is that of the first file."""

    download_url: str | None = None
    files: list[FileShape] = Field(default_factory=list)


@routes.on("GET", "/v1/reports", "All reports, the newest first", scope="reports:read")
def reports(limit: Limit = 20, cursor: Cursor = None) -> List[ReportShape]:
    page = wiring.merchants().jobs(routes.caller.tenant, PREFIX, read_cursor("reports", cursor), limit)
    items = [ReportShape.model_validate(_facts(job)) for job in page.items]
    return List(items=items, next_cursor=write_cursor("reports", page.next))


@routes.on(
    "POST", "/v1/reports", "Order a report", scope="reports:run", status=202, repeat=Repeat.AGAIN, heavy=True
)
def create(body: NewReport) -> Response[ReportShape]:
    caller = routes.caller
    order = Order(
        report=body.report,
        since=body.since,
        until=body.until,
        format=body.format,
        language=body.language,
        basis=body.basis,
    )
    job = wiring.report_desk().create(caller.tenant, order, routes.act, caller.by)
    return answer(ReportShape.model_validate(_facts(job)), 202)


@routes.on("GET", "/v1/reports/<job>", "One report, with a link to its file", scope="reports:read")
def one_report(job: PathId) -> Response[OneReport]:
    desk = wiring.report_desk()
    found = desk.get(routes.caller.tenant, job)
    files = [FileShape(file_name=file.file_name, download_url=file.url) for file in desk.downloads(found)]
    first = files[0].download_url if files else None
    return answer(OneReport.model_validate({"download_url": first, "files": files, **_facts(found)}))


def _facts(job: Job) -> dict[str, Any]:
    data = job.data
    return {
        "id": job.id,
        "report": data["report"],
        "state": job.state,
        "from": int(data["start"]),
        "to": int(data["end"]),
        "format": data["format"],
        "language": data["language"],
        "created_at": job.created_at,
        "by": job.by,
        "basis": data.get("basis") or "event",
        "rows": data.get("rows"),
        "totals": list(data.get("totals") or ()),
        "segments": list(data["segments"]) if data.get("segments") else None,
        "error": data.get("error"),
    }
