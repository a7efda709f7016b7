"""Who did what, when, and what came of it. Owner and auditor see everybody's, a manager their own."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from cardcourier import wiring
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes
from cardcourier.api.schemas import GivenMoment, List, Moment, Shape
from cardcourier.domain.audit import AuditLine
from cardcourier.errors import Refused
from cardcourier.services.reading_audit import is_place

routes = Routes("audit")
Only = Annotated[str, Query(max_length=300)]


class AuditShape(Shape):
    """One request. `action` is the `operationId`; `code` is empty for what was done.

    `fields` are the names of what was sent, never their values; `target` is the address that was called.
    """

    at: Moment
    by: str
    role: str
    action: str
    target: str
    fields: list[str]
    status: int
    code: str
    request_id: str
    address: str


@routes.on("GET", "/v1/audit", "Who did what, the newest first", scope="audit:own")
def audit(
    by: Only = "",
    action: Only = "",
    target: Only = "",
    since: Annotated[GivenMoment | None, Query(alias="from")] = None,
    until: Annotated[GivenMoment | None, Query(alias="to")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> List[AuditShape]:
    """The last 31 days unless told otherwise; `target` is the beginning of an address.

    A page may be short, or empty, while `next_cursor` goes on. Without `audit:read` one sees one's own.
    """
    caller, desk = routes.caller, wiring.audit_desk()
    before = read_cursor("audit", cursor)
    if before is not None and not is_place(before):
        raise Refused("bad_cursor", "cursor is not one of this list; begin again without it.")
    wanted = desk.filter(since, until, by, action, target)
    if "audit:read" not in caller.scopes:
        wanted = wanted.own(caller.by)
    page = desk.page(caller.tenant, wanted, before, limit)
    return List(items=[_shape(line) for line in page.items], next_cursor=write_cursor("audit", page.next))


def _shape(line: AuditLine) -> AuditShape:
    return AuditShape(
        at=line.at,
        by=line.by,
        role=line.role,
        action=line.action,
        target=line.target,
        fields=list(line.fields),
        status=line.status,
        code=line.code,
        request_id=line.rid,
        address=line.address,
    )
