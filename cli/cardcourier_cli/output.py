"""Data goes to stdout, words and progress to stderr."""

import csv
import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from cardcourier.domain.money import DECIMALS, format_major
from cardcourier_cli.words import Words

Item = Mapping[str, Any]


class Form(StrEnum):
    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(slots=True)
class Output:
    """`form` is how data is written; None means a table for people and JSON for programs."""

    words: Words
    form: Form | None = None
    quiet: bool = False
    verbose: bool = False
    stdout: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    stderr: Console = field(default_factory=lambda: Console(stderr=True, highlight=False, soft_wrap=True))

    @property
    def chosen(self) -> Form:
        return self.form or (Form.TABLE if self.stdout.is_terminal else Form.JSON)

    def items(self, items: Iterable[Item], columns: Sequence[str]) -> None:
        """A list: all that is known as JSON, the columns as a table or CSV."""
        match self.chosen:
            case Form.JSON:
                self._write(json.dumps(list(items), ensure_ascii=False, indent=2))
            case Form.JSONL:
                for item in items:
                    self._write(json.dumps(item, ensure_ascii=False))
            case Form.CSV:
                rows = csv.writer(sys.stdout)
                rows.writerow(columns)
                rows.writerows([_text(_of(item, name)) for name in columns] for item in items)
            case Form.TABLE:
                self.table(items, columns)

    def one(self, item: Item, columns: Sequence[str]) -> None:
        """One thing: as JSON whole, as a table one line for each column."""
        if self.chosen is not Form.TABLE:
            self.items([item], columns) if self.chosen is Form.CSV else self._write(
                json.dumps(item, ensure_ascii=False, indent=None if self.chosen is Form.JSONL else 2)
            )
            return
        lines = [{"": name, " ": _text(_of(item, name))} for name in columns]
        self._table(lines, ("", " "), self.stdout, headed=False)

    def table(
        self, items: Iterable[Item], columns: Sequence[str], *, aside: bool = False, title: str = ""
    ) -> None:
        """A table for people; `aside` on stderr, where it is no data."""
        if aside and self.quiet:
            return
        self._table(items, columns, self.stderr if aside else self.stdout, title=title)

    def _table(
        self,
        items: Iterable[Item],
        columns: Sequence[str],
        to: Console,
        *,
        title: str = "",
        headed: bool = True,
    ) -> None:
        table = Table(title=title or None, show_header=headed, box=None, pad_edge=False, title_justify="left")
        for name in columns:
            table.add_column(name, overflow="fold")
        for item in items:
            table.add_row(*(Text(_printable(_text(_of(item, name)))) for name in columns))
        to.print(table if table.row_count else Text(self.words("nothing")))

    def say(self, text: str) -> None:
        """A word to the person at the terminal."""
        if not self.quiet:
            self.stderr.print(Text(_printable(text)))

    def complain(self, text: str) -> None:
        self.stderr.print(Text(_printable(text), style="red"))

    def progress(self) -> AbstractContextManager[Progress | None]:
        """A progress bar, on a terminal only."""
        if self.quiet or not self.stderr.is_terminal:
            return nullcontext(None)
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self.stderr,
            transient=True,
        )

    def _write(self, text: str) -> None:
        sys.stdout.write(text + "\n")


def say_money(money: Item) -> str:
    """An amount as people write it: 25.00 CNY."""
    amount, currency = int(money["amount"]), str(money["currency"])
    return (
        f"{format_major(amount, currency)} {currency}"
        if currency in DECIMALS
        else f"{amount} {currency}".strip()
    )


def _of(item: Item, name: str) -> Any:
    """A field; `a.b` is a field of a field."""
    value: Any = item
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case {"amount": int(), "currency": str()}:
            return say_money(value)
        case Mapping():
            return " ".join(f"{name}:{_text(part)}" for name, part in value.items())
        case list():
            return ", ".join(map(_text, value))
    return str(value)


def _printable(text: str) -> str:
    """Text from outside must not steer the terminal."""
    return "".join(char if char == "\n" or unicodedata.category(char) != "Cc" else "�" for char in text)
