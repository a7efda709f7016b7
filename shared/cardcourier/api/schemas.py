"""Shapes that several resources share: moments, money, pages."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Generic, TypeVar

from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

from cardcourier.domain.money import LARGEST

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
Item = TypeVar("Item")


class Shape(BaseModel):
    """A field that nobody knows is an error, not a surprise later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_moment(value: Any) -> Any:
    """Epoch milliseconds of an RFC 3339 time; whole numbers are that already."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        moment = datetime.fromisoformat(str(value))
        if moment.tzinfo is None or str(value)[10:11].upper() not in ("T", " "):
            raise ValueError
        since = (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):
        raise ValueError("must be a time with its zone, such as 2026-11-01T08:00:00Z") from None
    if not 0 <= since < 10**14:
        raise ValueError("is out of range")
    return since


def say_moment(at: int) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    moment = _EPOCH + at * _MILLISECOND
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at % 1000:03d}Z"


def _only_text(value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise ValueError("must be a time with its zone, such as 2026-11-01T08:00:00Z")
    return value


_TIME = WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-01T08:00:00.000Z"]})
Moment = Annotated[int, BeforeValidator(read_moment), PlainSerializer(say_moment, return_type=str), _TIME]
"""A time in an answer; inside, epoch milliseconds."""

GivenMoment = Annotated[int, BeforeValidator(read_moment), BeforeValidator(_only_text), _TIME]
"""A time in a request: text only, for a bare number could be seconds as well."""


def unslash(text: str) -> str:
    """In an address a slash inside of an id is written %252F, which arrives here as %2F."""
    return text.replace("%2F", "/").replace("%2f", "/")


def one_line(text: str) -> str:
    """Text that cannot take over a terminal or a list: no control character."""
    if any(unicodedata.category(char) == "Cc" for char in text):
        raise ValueError("must not hold control characters")
    return text


def lines(text: str) -> str:
    one_line(text.replace("\n", "").replace("\r", ""))
    return text


PathId = Annotated[str, AfterValidator(unslash), Path(max_length=256)]


class Money(Shape):
    """Whole minor units of a currency: 5800 CNY is 58.00 yuan."""

    amount: int
    currency: str


Minor = Annotated[int, Field(ge=0, le=LARGEST, strict=True, description="Whole minor units.")]
Count = Annotated[int, Field(ge=0, strict=True)]
Text = Annotated[str, AfterValidator(one_line), Field(max_length=200)]
LongText = Annotated[str, AfterValidator(lines), Field(max_length=1000)]


class List(Shape, Generic[Item]):
    """A page; `next_cursor` asks for the next one and is null on the last."""

    items: list[Item]
    next_cursor: str | None = None


class Failure(Shape):
    """Why a job came to nothing."""

    code: str
    detail: str


class Problem(BaseModel):
    """RFC 9457. `code` is stable; `detail` is for people; `errors` names fields that do not fit."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[dict[str, str]] = Field(default_factory=list)


def money(amount: int, currency: str) -> Money:
    return Money(amount=amount, currency=currency)
