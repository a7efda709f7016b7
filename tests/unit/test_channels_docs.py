"""The examples of docs/own-shop.md, run as they stand there."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from cardcourier.adapters.channels import standard
from cardcourier.domain.order_events import OrderPaid, OrderStopped

DOCUMENT = (Path(__file__).parents[2] / "docs/own-shop.md").read_text()
SECRET = "whsec_AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="

# Stands in for curl: prints the headers and the body it was given.
CURL = r"""curl() {
  while [ $# -gt 0 ]; do
    case "$1" in -H) printf '%s\n' "$2"; shift ;; --data-binary) printf '\n%s' "$2"; shift ;; esac
    shift
  done
}
"""


def example(language):
    return re.search(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)[1]


@pytest.mark.skipif(not shutil.which("openssl"), reason="the example needs openssl")
def test_the_shell_example_is_accepted_as_typed():
    sent = subprocess.run(
        ["sh", "-c", CURL + example("sh")], capture_output=True, text=True, check=True
    ).stdout
    head, body = sent.split("\n\n", 1)
    headers = dict(line.split(": ", 1) for line in head.splitlines())

    assert standard.verify([SECRET], headers, body.encode(), int(time.time() * 1000), {})
    (event,) = standard.parse(headers, body.encode())
    assert isinstance(event, OrderPaid) and event.total == event.paid == 2500


def test_the_python_example_signs_what_it_sends(monkeypatch):
    calls = []
    code = {}
    exec(example("python"), code)

    class Answer:
        status = 200

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

    def urlopen(request, timeout):
        calls.append(request)
        return Answer()

    monkeypatch.setattr(code["urllib"].request, "urlopen", urlopen)
    assert code["tell"]("http://127.0.0.1/", SECRET, {"type": "ping"}) == 200
    headers = {name.lower(): value for name, value in calls[0].headers.items()}
    assert standard.verify([SECRET], headers, calls[0].data, int(time.time() * 1000), {})


def test_the_refund_example_is_understood():
    (event,) = standard.parse({}, example("json").encode())
    assert isinstance(event, OrderStopped)
    assert event.pieces == (("1", 1),) and event.amount == 2500 and event.payment_id == "pay"
    assert json.loads(example("json"))["type"] in DOCUMENT
