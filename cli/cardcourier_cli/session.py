"""What every command has at hand: the API, the words, and where to write."""

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import typer

from cardcourier_cli import config
from cardcourier_cli.client import Api
from cardcourier_cli.config import Config
from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.output import Output


@dataclass(slots=True)
class Session:
    """The options that stand before every command."""

    out: Output
    profile: str | None = None
    dry_run: bool = False
    endpoint_url: str | None = None
    _api: Api | None = None
    _open: ExitStack = field(default_factory=ExitStack)

    @property
    def api(self) -> Api:
        if self._api is None:
            self._api = self.api_of(self.config())
        return self._api

    def config(self, *, key_needed: bool = True) -> Config:
        """Where the API is and with which key."""
        return config.read(self.profile, self.out.words, self.endpoint_url, key_needed=key_needed)

    def api_of(self, known: Config) -> Api:
        out = self.out
        api = Api(known, out.words, say=out.say, dry_run=self.dry_run, verbose=out.verbose)
        self.at_close(api.close)
        return api

    def at_close(self, close: Callable[[], object]) -> None:
        """Have something closed when the command ends."""
        self._open.callback(close)

    def close(self) -> None:
        self._open.close()

    def secret(self, name: str, prompt: str) -> str:
        """A secret from the environment, or typed unseen; never from the command line."""
        given = os.environ.get(name) or (sys.stdin.readline().strip() if not sys.stdin.isatty() else "")
        if not given and sys.stdin.isatty():
            given = str(typer.prompt(prompt, hide_input=True, err=True))
        if not given:
            raise Failed(f"{prompt}: {name}", Exit.USAGE)
        return given

    def order(self, text: str, shop: str | None) -> dict[str, Any]:
        """The order that is meant: by its id in a shop, or by any number that leads to one alone."""
        if shop:
            return {"shop": shop, "order": text}
        hits: list[dict[str, Any]] = self.api.get("/v1/search", q=text)["items"]
        if not hits:
            raise Failed(self.out.words("not_found", text=text), Exit.NOT_FOUND)
        if len(hits) > 1:
            names = ", ".join(f"--shop {hit['shop']} {hit['order']}" for hit in hits)
            raise Failed(self.out.words("several", orders=names), Exit.CONFLICT)
        return hits[0]


def session(context: typer.Context) -> Session:
    """The session of this run."""
    found: Session = context.find_root().obj
    return found
