"""What buyers read: the tenant's own texts, previewed and tried, and the SMS provider that sends them."""

from typing import Annotated, Literal

from aws_lambda_powertools.event_handler import Response
from pydantic import Field

from cardcourier import wiring
from cardcourier.api.idempotency import Repeat
from cardcourier.api.paging import Cursor, Limit, read_cursor, write_cursor
from cardcourier.api.routes import Routes, answer
from cardcourier.api.schemas import List, PathId, Shape, Text, lines
from cardcourier.domain.language import LANGUAGES, Language, known_language
from cardcourier.domain.sms import SmsSettings
from cardcourier.domain.wording import KINDS, PLACEHOLDERS, Wording, check_parts, check_place

routes = Routes("templates")
PLACE = "/v1/templates/<channel>/<kind>/<language>"
Part = Annotated[str, Field(max_length=2000)]
Parts = Annotated[dict[str, Part], Field(max_length=8)]


class Own(Shape):
    """Texts by part: `subject`, `headline`, `intro`, `outro` of a mail, `text` of an SMS.

    Plain text with placeholders such as `{order}`; the answer's `placeholders` names them all.
    """

    parts: Parts


class Draft(Shape):
    """Texts that are not saved; without them those that are."""

    parts: Parts | None = None


class TemplateShape(Shape):
    """`parts` are the tenant's own, `ours` what holds for a part that is left out."""

    channel: str
    kind: str
    language: str
    parts: dict[str, str]
    ours: dict[str, str]
    placeholders: list[str]


class Preview(Shape):
    """With made-up data. An SMS has `text` alone; `one_message` says whether it is charged as one."""

    subject: str = ""
    text: str
    html: str = ""
    one_message: bool | None = None


class To(Shape):
    """A mail address or telephone number of one's own."""

    to: Annotated[Text, Field(min_length=3, max_length=254)]


class Accepted(Shape):
    """It is on its way; whether it arrives shows at the address."""

    accepted: bool


class NewSms(Shape):
    """`rule`: `mail`, `sms`, `both`, or `mail_then_sms`: SMS without a mail address, or when it is refused.

    `templates` maps `<kind>/<language>` to the provider's template. `secret` is never shown again; without it
    the one that is kept stays.
    """

    provider: Literal["none", "aliyun", "tencent", "sns"]
    rule: Literal["mail", "sms", "mail_then_sms", "both"] = "mail_then_sms"
    sign_name: Text = ""
    templates: Annotated[dict[str, Text], Field(max_length=12)] = Field(default_factory=dict)
    region: Text = ""
    app_id: Text = ""
    key_id: Text = ""
    secret: Annotated[str, Field(min_length=8, max_length=200)] | None = None
    default_region: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "CN"


class SmsShape(Shape):
    """`secret_set` says whether there is a secret; of `key_id` the end is shown."""

    provider: str
    rule: str
    sign_name: str
    templates: dict[str, str]
    region: str
    app_id: str
    key_id: str
    secret_set: bool
    default_region: str


@routes.on("GET", "/v1/templates", "All texts that buyers read", scope="orders:read")
def templates(limit: Limit = 50, cursor: Cursor = None) -> List[TemplateShape]:
    own = {(w.channel, w.kind, w.language): w for w in wiring.telling_settings().wordings(_tenant())}
    places = [(c, kind, language) for c, kinds in KINDS.items() for kind in kinds for language in LANGUAGES]
    shapes = [_shape(own.get(place) or _fresh(*place)) for place in places]
    names = ["/".join(place) for place in places]
    last = read_cursor("templates", cursor)
    begin = names.index(last) + 1 if last in names else 0
    more = names[begin + limit - 1] if begin + limit < len(names) else None
    return List(items=shapes[begin : begin + limit], next_cursor=write_cursor("templates", more))


@routes.on("GET", PLACE, "One text", scope="orders:read")
def one_template(channel: PathId, kind: PathId, language: PathId) -> Response[TemplateShape]:
    kept = _kept(channel, kind, language)
    return answer(_shape(kept), ver=kept.ver)


@routes.on("PUT", PLACE, "Word it oneself", scope="notifications:write")
def word(channel: PathId, kind: PathId, language: PathId, body: Own) -> Response[TemplateShape]:
    """Link and pick-up code stand in every mail by themselves; an SMS must hold `{code}` and `{site}`."""
    return _word(channel, kind, language, body.parts)


@routes.on("DELETE", PLACE, "Bring our text back", scope="notifications:write")
def reset(channel: PathId, kind: PathId, language: PathId) -> Response[TemplateShape]:
    return _word(channel, kind, language, {})


@routes.on("POST", f"{PLACE}/preview", "See it with made-up data", scope="orders:read", repeat=Repeat.AGAIN)
def preview(channel: PathId, kind: PathId, language: PathId, body: Draft) -> Preview:
    kept = _kept(channel, kind, language)
    parts = kept.parts if body.parts is None else body.parts
    check_parts(channel, parts)
    shown = wiring.preview(_tenant(), channel, kind, _language(language), parts, routes.own_url)
    return Preview(**shown)


@routes.on(
    "POST",
    f"{PLACE}/test",
    "Have it sent to oneself",
    scope="notifications:write",
    status=202,
    repeat=Repeat.ANSWER,
)
def test(channel: PathId, kind: PathId, language: PathId, body: To) -> Response[Accepted]:
    """The saved text with made-up data, twenty times a day."""
    _kept(channel, kind, language)
    wiring.telling_desk().ask_test(_tenant(), channel, kind, language, body.to)
    return answer(Accepted(accepted=True), 202)


@routes.on("GET", "/v1/sms", "How SMS are sent, and by which channels buyers are told", scope="orders:read")
def sms() -> Response[SmsShape]:
    kept = wiring.telling_settings().sms(_tenant())
    return answer(_sms(kept), ver=kept.ver)


@routes.on("PUT", "/v1/sms", "Set an SMS provider up", scope="notifications:write")
def set_sms(body: NewSms) -> Response[SmsShape]:
    kept = wiring.telling_settings().sms(_tenant())
    routes.if_match(kept.ver)
    wanted = SmsSettings(tenant=_tenant(), **body.model_dump(exclude={"secret"}))
    changed = wiring.telling_desk().set_sms(kept, wanted, body.secret, routes.caller.by)
    return answer(_sms(changed), ver=changed.ver)


def _word(channel: str, kind: str, language: str, parts: dict[str, str]) -> Response[TemplateShape]:
    kept = _kept(channel, kind, language)
    routes.if_match(kept.ver)
    unbroken = {name: lines(text.replace("\r\n", "\n")) for name, text in parts.items()}
    changed = wiring.telling_desk().word(kept, unbroken, routes.caller.by)
    return answer(_shape(changed), ver=changed.ver)


def _kept(channel: str, kind: str, language: str) -> Wording:
    check_place(channel, kind, language)
    return wiring.telling_settings().wording(_tenant(), channel, kind, language)


def _fresh(channel: str, kind: str, language: str) -> Wording:
    return Wording(tenant=_tenant(), channel=channel, kind=kind, language=language)


def _tenant() -> str:
    return routes.caller.tenant


def _language(text: str) -> Language:
    return known_language(text) or LANGUAGES[0]


def _shape(wording: Wording) -> TemplateShape:
    language = _language(wording.language)
    return TemplateShape(
        channel=wording.channel,
        kind=wording.kind,
        language=wording.language,
        parts=dict(wording.parts),
        ours=wiring.our_parts(wording.channel, wording.kind, language),
        placeholders=sorted(PLACEHOLDERS[wording.channel]),
    )


def _sms(settings: SmsSettings) -> SmsShape:
    return SmsShape(
        provider=settings.provider,
        rule=settings.rule,
        sign_name=settings.sign_name,
        templates=dict(settings.templates),
        region=settings.region,
        app_id=settings.app_id,
        key_id=f"****{settings.key_id[-4:]}" if settings.key_id else "",
        secret_set=bool(settings.secret),
        default_region=settings.default_region,
    )
