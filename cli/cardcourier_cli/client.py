"""Requests to the API. What acts carries an idempotency key, so that asking again does nothing twice."""

import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import httpx

from cardcourier_cli.config import Config
from cardcourier_cli.endings import Exit, Failed, code_of
from cardcourier_cli.words import Words

TRIES = 4
AGAIN = frozenset({429, 502, 503, 504})
LONGEST_WAIT = 10.0
Body = Mapping[str, Any]


class Dry(Exception):
    """A request that would have changed something was only shown."""


class Api:
    """The API as one caller sees it."""

    def __init__(
        self,
        config: Config,
        words: Words,
        *,
        say: Callable[[str], None],
        dry_run: bool = False,
        verbose: bool = False,
    ) -> None:
        self.config, self.words, self._say = config, words, say
        self._dry, self._verbose = dry_run, verbose
        headers = {"authorization": f"Bearer {config.key}"} if config.key else {}
        self._http = httpx.Client(base_url=config.url, headers=headers, timeout=httpx.Timeout(35, connect=5))

    def close(self) -> None:
        self._http.close()

    @contextmanager
    def in_earnest(self) -> Iterator[None]:
        """What is done in a dry run too, for it changes nothing that is sold."""
        dry, self._dry = self._dry, False
        try:
            yield
        finally:
            self._dry = dry

    def get(self, path: str, **query: Any) -> Any:
        asked = {name: value for name, value in query.items() if value not in (None, "")}
        return self._send("GET", path, None, params=asked)

    def every(self, path: str, most: int | None = None, **query: Any) -> Iterator[dict[str, Any]]:
        """The items of a list, page after page, at most `most`."""
        cursor, count = None, 0
        while True:
            page = self.get(path, cursor=cursor, **query)
            for item in page["items"]:
                yield item
                count += 1
                if count == most:
                    return
            cursor = page.get("next_cursor")
            if cursor is None:
                return

    def post(self, path: str, body: Body | None = None, headers: Mapping[str, str] | None = None) -> Any:
        return self._send(
            "POST", path, body, headers={"idempotency-key": str(uuid.uuid4()), **(headers or {})}
        )

    def file(self, path: str) -> bytes:
        """An answer that is a file."""
        return self._answer("GET", path, None).content

    def change(self, path: str, fields: Body) -> Any:
        """Change what is there, unless somebody else changed it in between."""
        seen = self._answer("GET", path, None).headers.get("etag")
        return self._send("PATCH", path, fields, headers={"if-match": seen} if seen else {})

    def put(self, path: str, body: Body) -> Any:
        return self._send("PUT", path, body)

    def delete(self, path: str, **query: Any) -> Any:
        return self._send("DELETE", path, None, params=query)

    def upload(self, form: Mapping[str, Any], file: BinaryIO, name: str) -> None:
        """Post a file by a signed form; the key goes to the API alone, never with this."""
        with httpx.Client(timeout=httpx.Timeout(300, connect=10)) as store:
            answer = self._try(
                lambda: store.post(form["url"], data=form["fields"], files={"file": (name, file)})
            )
        if answer.status_code >= 300:
            raise Failed(f"upload: HTTP {answer.status_code}")

    def download(self, url: str, path: Path) -> None:
        with httpx.Client(timeout=60) as store, store.stream("GET", url) as answer:
            if answer.status_code != 200:
                raise Failed(f"download: HTTP {answer.status_code}")
            with path.open("wb") as file:
                for piece in answer.iter_bytes():
                    file.write(piece)

    def _send(self, method: str, path: str, body: Body | None, **options: Any) -> Any:
        if self._dry and method != "GET":
            hidden = {"secret", "text"} if path.endswith("/content") else {"secret"}
            hidden |= {"code", "rows"} if path.startswith("/v1/cards/") else set()
            shown = {name: "…" if name in hidden else value for name, value in (body or {}).items()}
            text = json.dumps(shown, ensure_ascii=False) if body else ""
            self._say(self.words("would", method=method, path=path, body=text))
            raise Dry
        answer = self._answer(method, path, body, **options)
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, body: Body | None, **options: Any) -> httpx.Response:
        answer = self._patiently(lambda: self._http.request(method, path, json=body, **options))
        if self._verbose:
            took = round(answer.elapsed.total_seconds() * 1000)
            self._say(f"{method} {path} {answer.status_code} {took} ms")
        if answer.status_code >= 400:
            raise _failed(answer)
        return answer

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Ask again while nothing is known for sure; a daily limit is known for sure."""
        for left in reversed(range(TRIES)):
            answer = self._try(send)
            wait = _seconds(answer.headers.get("retry-after"), TRIES - left)
            if answer.status_code not in AGAIN or not left or wait > LONGEST_WAIT:
                return answer
            time.sleep(wait)
        return answer

    def _try(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        for left in reversed(range(TRIES)):
            try:
                return send()
            except httpx.TransportError as error:
                if not left:
                    why = f"{type(error).__name__} {error}".strip()
                    text = self.words("unreachable", url=self.config.url, why=why)
                    raise Failed(text, Exit.UNAVAILABLE) from error
                time.sleep(0.2 * (TRIES - left))
        raise AssertionError("unreachable")


def part(text: str) -> str:
    """An id as a part of an address; a slash inside of it is written as the API asks."""
    return quote(text.replace("/", "%2F"), safe="")


def _seconds(text: str | None, tries: int) -> float:
    try:
        return float(text) if text else 0.5 * float(2**tries)
    except ValueError:
        return 0.5 * float(2**tries)


def _failed(answer: httpx.Response) -> Failed:
    try:
        problem = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return Failed(f"HTTP {answer.status_code}", code_of(answer.status_code, ""))
    text = f"{detail} [{code}, {problem.get('request_id', '')}]"
    for flaw in problem.get("errors", [])[1:]:
        text += f"\n  {flaw['where']}: {flaw['detail']}"
    return Failed(text, code_of(answer.status_code, code))
