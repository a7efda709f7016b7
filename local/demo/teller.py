"""Tells the story: one sentence at a time, in the reader's language, with codes masked."""

import os

from rich.console import Console

from local.demo.words import WORDS


class Teller:
    """Prints sentences of `words`. English unless the environment asks for Chinese."""

    def __init__(self, language: str | None = None) -> None:
        wanted = language or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
        self.chinese = wanted.lower().startswith("zh")
        self.console = Console(highlight=False, soft_wrap=True)

    def text(self, key: str, **values: object) -> str:
        chinese, english = WORDS[key]
        return (chinese if self.chinese else english).format(**values)

    def heading(self, key: str) -> None:
        self.console.print(f"\n[bold]{self.text(key)}[/bold]")

    def say(self, key: str, **values: object) -> None:
        self.console.print("  " + self.text(key, **values), markup=False)

    def link(self, key: str, address: str) -> None:
        self.console.print(f"  · {self.text(key)}", markup=False)
        self.console.print(f"    {address}", markup=False)


def masked(text: str) -> str:
    """A code as this output may show it: its last four characters."""
    return "•••• " + text[-4:]


class Trouble(Exception):
    """The story did not go as told."""
