"""What columns are called, in Chinese and English: in a header line, or before each value.

Some suppliers send lines such as 卡号：123 密码：456 instead of columns; those names are called labels.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_SYNONYMS = {
    "number": """
        卡号 卡编号 账号 帐号 账户 序列号 卡序列号 流水号
        card cardno cardnumber cardnum cardid serial serialno serialnumber sn account number
    """,
    "code": """
        卡密 卡密码 密码 密钥 兑换码 激活码 激活密钥 券码 券密码 提货码 充值码
        cdk cdkey key keys pin code codes secret password cardcode cardkey cardpin redeemcode redemptioncode
        activationcode activationkey licensekey licencekey couponcode vouchercode
    """,
    "expiry": """
        有效期 有效期至 有效期限 有效日期 截止日期 截止时间 截止 到期 到期日
        到期日期 到期时间 过期时间 过期日期
        expire expires expiry expiration expiresat expirydate expiredate expirationdate validuntil validto
    """,
    "cost": "成本 成本价 进价 进货价 采购价 cost costprice unitcost purchaseprice",
    "face": "面值 面额 卡面值 face facevalue denomination",
    "uses": "使用次数 可用次数 次数 uses usecount maxuses",
    "ignore": "序号 编号 行号 # no index id",
}
_ROLE_OF = {word: role for role, words in _SYNONYMS.items() for word in words.split()}


def _one_of(words: Iterable[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))  # the longest first, or 卡 would hide 卡号


_NAMES = [word for word, role in _ROLE_OF.items() if role != "ignore"]
# Chinese names may follow a value without a gap, Latin ones would be found inside of codes.
_LABEL = re.compile(
    rf"(?:(?<![\u4e00-\u9fff])({_one_of(n for n in _NAMES if not n.isascii())})"
    rf"|(?<![^\s,，;；|、])({_one_of(n for n in _NAMES if n.isascii())}))\s*[:：]\s*",
    re.IGNORECASE,
)
_BETWEEN_VALUES = re.compile(r"(?:-{3,}|[\s,，;；|、])+$")


def role_of(cell: str) -> str | None:
    """What a column of this name holds; None for a name nobody knows."""
    name = re.sub(r"\(.*?\)", "", unicodedata.normalize("NFKC", cell)).casefold()
    return _ROLE_OF.get("".join(c for c in name if c.isalnum() or c == "#"))


def labels_of(line: str) -> list[str]:
    """The roles of the labels of a line, in order; empty if the line does not start with one."""
    return [_label_role(found) for found in _LABEL.finditer(line)] if _LABEL.match(line.lstrip()) else []


def labelled_fields(line: str, columns: Sequence[str]) -> list[str]:
    """The labelled values of a line in the order of `columns`, empty where there is none."""
    found = list(_LABEL.finditer(line))
    ends = [*(label.start() for label in found[1:]), len(line)]
    values: dict[str, str] = {}
    for label, end in zip(found, ends, strict=False):  # a line without labels has one end all the same
        value = line[label.end() : end]
        values.setdefault(_label_role(label), _BETWEEN_VALUES.sub("", value) if end < len(line) else value)
    if "number" in values and "number" not in columns:
        values.setdefault("code", values["number"])
    return [values.get(role, "") for role in columns]


def _label_role(label: re.Match[str]) -> str:
    return role_of(label[1] or label[2]) or "ignore"
