"""The rows of a card file that were refused, for people."""

import csv
import io

from cardcourier.domain.card_files import DAMAGED, BadRow

_IN_CHINESE = {
    "E_EMPTY": "卡密为空",
    "E_FIELDS": "列数与其他行不同，或引号不成对",
    "E_LENGTH": "内容过长",
    "E_CHARSET": "含有乱码或控制字符，请用原文件重新导出",
    "E_FORMAT": "卡密格式与商品的规则不符",
    "E_DATE": "日期无法识别，请写成 2026-12-31",
    "E_EXPIRED": "卡已过期或即将过期",
    "E_COST": "成本金额无法识别",
    "E_USES": "使用次数须为 1 到 10000 的整数",
    "E_DUP_FILE": "与文件前面的行重复",
    "E_DUP_STOCK": "此卡已入库或曾经售出，不会重复导入",
}


_DAMAGED_IN_CHINESE = "卡密被表格软件变成了日期或近似数字，请把该列设为文本格式后重新填写"


class Rejects:
    """The rows of a file that were refused, as a CSV file that a person can work through."""

    def __init__(self, language: str) -> None:
        self._chinese = language.startswith("zh")
        self._text = io.StringIO(newline="")
        self._rows = csv.writer(self._text)
        self._rows.writerow(
            ["行号", "内容", "代码", "提示"] if self._chinese else ["row", "value", "code", "hint"]
        )
        self.count = 0

    def add(self, bad: BadRow) -> None:
        hint = self._in_chinese(bad) if self._chinese else bad.hint
        self._rows.writerow([bad.row, bad.masked, bad.code, hint])
        self.count += 1

    def _in_chinese(self, bad: BadRow) -> str:
        return _DAMAGED_IN_CHINESE if bad.hint == DAMAGED else _IN_CHINESE.get(bad.code, bad.hint)

    def as_bytes(self) -> bytes:
        """UTF-8 with the mark by which spreadsheets know it."""
        return self._text.getvalue().encode("utf-8-sig")
