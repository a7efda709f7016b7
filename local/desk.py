"""The pages beside the API, for whoever runs the local cloud: the mailbox and the status.

Under a name of this machine only, so that no page elsewhere reaches them through a host name of its own; what
changes something must come from these pages themselves.
"""

from __future__ import annotations

import urllib.parse
from typing import Any

from local import mailbox, status_page
from local.faults import FaultError, Faults, read_faults
from local.http import Answer, Request, json_answer
from local.mailbox import mails, texts
from local.status import Status, UnknownThing

NAMES = ("127.0.0.1", "localhost")


class Desk:
    """Answers `/` (mails and SMS), its data, `/status`, its data, and the buttons of the status page."""

    def __init__(self, endpoint: str, status: Status, switches: Any) -> None:
        self._endpoint, self._status, self._switches = endpoint, status, switches

    def answer(self, request: Request) -> Answer:
        """A page, data, or the way back to the page after a button; must not raise."""
        host = request.headers.get("host", "")
        if host.rpartition(":")[0] not in NAMES:
            return json_answer(403, {"message": "open this page as 127.0.0.1"})
        try:
            if request.method in ("GET", "HEAD"):
                return self._look(request.path)
            if request.method == "POST" and request.headers.get("origin") == f"http://{host}":
                return self._act(request)
        except OSError:
            return json_answer(503, {"message": "an engine does not answer"})
        except (FaultError, UnknownThing) as wrong:
            return json_answer(400, {"message": str(wrong)})
        return json_answer(403, {"message": "this is for the buttons of the status page"})

    def _look(self, path: str) -> Answer:
        match path:
            case "/":
                return _page(mailbox.page(mails(self._endpoint), texts(self._endpoint)), mailbox.POLICY)
            case "/messages.json":
                return json_answer(200, mails(self._endpoint))
            case "/sms.json":
                return json_answer(200, texts(self._endpoint))
            case "/status":
                return _page(status_page.page(self._status.look()), status_page.POLICY)
            case "/status.json":
                return json_answer(200, self._status.look())
        return json_answer(404, {"message": "Not Found"})

    def _act(self, request: Request) -> Answer:
        form = dict(urllib.parse.parse_qsl(request.body.decode("utf-8", "replace")))
        match request.path:
            case "/status/kill":
                self._status.kill(form.get("function", ""))
            case "/status/run":
                self._status.run(form.get("function", ""))
            case "/status/redrive":
                self._status.redrive(form.get("queue", ""))
            case "/status/faults":
                self._switches.set(*_asked(form))
            case _:
                return json_answer(404, {"message": "Not Found"})
        return Answer(303, [("location", "/status")], b"")


def _asked(form: dict[str, str]) -> tuple[Faults, ...]:
    """The faults of the form: empty fields are faults that are off."""
    place = f"{form['only']}:" if form.get("only") else ""
    wished = {kind: value for kind, value in form.items() if value and kind not in ("only", "seed")}
    seed = [f"seed={form['seed']}"] if form.get("seed") else []
    return read_faults([*seed, *(f"{place}{kind}={value}" for kind, value in wished.items())])


def _page(text: str, policy: str) -> Answer:
    headers = [("content-type", "text/html; charset=utf-8"), ("content-security-policy", policy)]
    return Answer(200, [*headers, ("cache-control", "no-store")], text.encode())
