"""The cards of one order as a text file, a line for each: for orders too large to show one by one."""

from urllib.parse import quote

from cardcourier.domain.language import DEFAULT, Language
from cardcourier.domain.redeem_page import CardBlock, OrderPage
from cardcourier.pages.render import texts

LINE_END = "\r\n"


def card_list(page: OrderPage, now: int, language: Language = DEFAULT) -> str:
    """The answer to a reveal as text: what it is in lines that begin with `#`, then number, tab and code.

    A line is always one card; line ends inside of one become spaces.
    """
    t = texts(language)
    shown = [block for block in page.blocks if block.plain]
    head = [
        t("file_order", number=page.order_number),
        t("file_count", n=len(shown), total=page.total),
        t("file_date", moment=t.moment(now, page.time_zone)),
        t("file_format"),
    ]
    lines = [f"# {line}" for line in head]
    for product in dict.fromkeys(block.product_name for block in shown):
        lines += ["#", f"# {t('file_product', product=_one_line(product))}"]
        lines += [_line(block) for block in shown if block.product_name == product]
    return LINE_END.join([*lines, ""])


def disposition(page: OrderPage, language: Language = DEFAULT) -> str:
    """Content-Disposition with the file's name, in ASCII for old browsers and in full (RFC 5987)."""
    name = texts(language)("file_name", number=page.order_number.lstrip("#"))
    plain = "".join(char for char in page.order_number if char.isascii() and char.isalnum()) or "order"
    return f"attachment; filename=\"cards-{plain}.txt\"; filename*=UTF-8''{quote(name, safe='')}"


def _line(block: CardBlock) -> str:
    parts = [block.number, block.code] if block.number else [block.code]
    return "\t".join(_one_line(part or "") for part in parts)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
