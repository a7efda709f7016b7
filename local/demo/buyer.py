"""The buyer's side of the story: a browser with a link."""

import re
from typing import Any
from urllib.parse import urlsplit

import httpx

from local.demo.teller import Trouble


class Browser:
    """One browser with its own cookies. `base` is where the pages live."""

    def __init__(self, base: str) -> None:
        self.client = httpx.Client(base_url=base, timeout=20)

    def open(self, link: str) -> str:
        """The page as HTML; it never holds a card."""
        answer = self.client.get(urlsplit(link).path)
        answer.raise_for_status()
        return answer.text

    def reveal(self, link: str, proof: str = "") -> dict[str, Any]:
        """Press the button: the answer to a POST, as JSON."""
        answer = self.client.post(
            urlsplit(link).path + "/reveal", data={"proof": proof}, headers={"accept": "application/json"}
        )
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def download(self, link: str) -> list[str]:
        """The cards of a big order as a text file: a line each, number and code with a TAB between."""
        answer = self.client.post(urlsplit(link).path + "/download")
        answer.raise_for_status()
        return [line for line in answer.text.splitlines() if line and not line.startswith(("#", "\ufeff#"))]

    def report(self, link: str, ref: str) -> None:
        answer = self.client.post(urlsplit(link).path + "/problem", data={"ref": ref, "reason": "invalid"})
        answer.raise_for_status()


def link_in(mail: dict[str, Any]) -> str:
    """The link of a mail's text."""
    found = re.search(r"https?://\S+/r/[\w-]+", mail["text"])
    if found is None:
        raise Trouble("a mail went out without a link")
    return found.group()


def code_in(mail: dict[str, Any]) -> str:
    """The pick-up code of a mail's text."""
    found = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", mail["text"])
    if found is None:
        raise Trouble("a mail went out without a pick-up code")
    return found.group()
