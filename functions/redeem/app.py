"""The buyer's pages: /r/{token}, its forms to reveal, download and report, the look-up /q, and files.

GET and HEAD change nothing; a card is only ever in the answer to a POST.
"""

from dataclasses import replace
from typing import Any

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from cardcourier import web, wiring
from cardcourier.clock import now_ms
from cardcourier.domain.redeem_page import (
    MOST_ON_A_PAGE,
    PROBLEMS,
    LockedPage,
    LookupPage,
    NotFoundPage,
    Page,
    UnavailablePage,
)
from cardcourier.errors import CardCourierError, NotFound, Refused
from cardcourier.pages import requests
from cardcourier.pages.static import STATIC_HEADERS, static_files
from cardcourier.services.redeeming import TooMany
from cardcourier.services.showing import Visitor

logger, metrics = wiring.logger, wiring.metrics
redeem = wiring.redeem()


@metrics.log_metrics
@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> web.Answer:
    rid = event["requestContext"].get("requestId", context.aws_request_id)
    route = event["routeKey"]
    logger.append_keys(route=route, request_id=rid)
    if route == "GET /static/{file}":
        return _static(web.parameter(event, "file"))
    try:
        return _get(event, rid) if web.method(event) in ("GET", "HEAD") else _post(event, rid)
    except NotFound:
        return requests.answer(event, NotFoundPage(), requests.language_of(event))
    except TooMany:
        logger.info("visitor slowed down")
        return requests.answer(event, LockedPage(), requests.language_of(event))
    except Refused as error:
        return requests.protected(web.problem(error, rid))
    except CardCourierError as error:
        return _away(event, error)


def _away(event: dict[str, Any], error: CardCourierError, cookie: str = "") -> web.Answer:
    """Nothing was shown. The browser gets its mark all the same: a showing may have been committed for it."""
    metrics.add_metric(name="RevealFailed", unit=MetricUnit.Count, value=1)
    if error.code == "key_service":
        metrics.add_metric(name="KeyServiceFailed", unit=MetricUnit.Count, value=1)
    logger.exception("nothing shown", code=error.code)
    return requests.answer(event, UnavailablePage(), requests.language_of(event), cookie)


def _get(event: dict[str, Any], rid: str) -> web.Answer:
    language = requests.language_of(event)
    if event["routeKey"].endswith("/q"):
        return requests.answer(event, LookupPage(), language)
    if not event["routeKey"].endswith("/r/{token}"):
        # Somebody opened the address of a form's answer: the page itself is meant.
        return requests.go_to(f"/r/{web.parameter(event, 'token')}?lang={language}")
    base_url = web.own_url(event, wiring.settings().public_url)
    kept, new = requests.viewer_of(event, base_url)
    visitor = Visitor(web.source_ip(event), "" if new else kept, rid, base_url, language)
    page = redeem.page(web.parameter(event, "token"), visitor)
    return requests.answer(event, replace(page, mark=kept if new else ""), language)


def _post(event: dict[str, Any], rid: str) -> web.Answer:
    base_url = web.own_url(event, wiring.settings().public_url)
    requests.check_origin(event, base_url)
    form = requests.form_of(event)
    language = requests.language_of(event, form)
    viewer, cookie = requests.viewer_of(event, base_url, form.get("mark", ""))
    agent = web.headers(event).get("user-agent", "")
    visitor = Visitor(web.source_ip(event), viewer, rid, base_url, language, agent)
    if event["routeKey"].endswith("/q"):
        return _look_up(event, form, visitor)
    token = web.parameter(event, "token")
    page: Page
    if event["routeKey"].endswith("/problem"):
        reason = form.get("reason", "")
        if reason not in PROBLEMS:
            raise Refused("bad_request", f"The reason must be one of {', '.join(PROBLEMS)}.")
        page = redeem.report_problem(token, visitor, form.get("ref", ""), reason, form.get("text", ""))
        return requests.answer(event, page, language)
    as_file = event["routeKey"].endswith("/download")
    most = None if as_file else MOST_ON_A_PAGE
    try:
        page = redeem.reveal(token, visitor, form.get("proof", ""), most)
    except (NotFound, Refused, TooMany):
        raise
    except CardCourierError as error:
        return _away(event, error, cookie)
    if page.revealed_now:
        metrics.add_metric(name="Revealed", unit=MetricUnit.Count, value=1)
        logger.info("cards shown", cards=page.delivered, as_file=as_file)
        if as_file:
            return requests.file_answer(page, language, now_ms(), cookie)
    return requests.answer(event, page, language, cookie)


def _look_up(event: dict[str, Any], form: dict[str, str], visitor: Visitor) -> web.Answer:
    language = requests.language_of(event, form)
    number = form.get("order", "")[:128]
    try:
        if form.get("way") == "mail":
            redeem.mail_again(visitor, number, form.get("email", "")[:254])
            return requests.answer(event, LookupPage(message_kind="sent"), language)
        token = redeem.look_up(visitor, number, form.get("pickup", "")[:16])
    except TooMany:
        return requests.answer(event, LookupPage(message_kind="limited"), language)
    if token is None:
        return requests.answer(event, LookupPage(message_kind="wrong", order_number=number), language)
    return requests.go_to(f"/r/{token}?lang={language}")


def _static(name: str) -> web.Answer:
    file = static_files().get(name)
    if file is None:
        headers = {"content-type": "text/plain"}
        return requests.protected({"statusCode": 404, "headers": headers, "body": "not found"})
    return {
        "statusCode": 200,
        "headers": {
            "content-type": file.content_type,
            **{name.lower(): value for name, value in STATIC_HEADERS.items()},
        },
        "body": file.body.decode(),
    }
