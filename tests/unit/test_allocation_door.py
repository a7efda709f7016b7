"""The door of the allocation function: what it makes of a batch."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace

import pytest
from aws_lambda_powertools import Metrics

from cardcourier import wiring
from tests.integration.shop import failed, messages

ROOT = Path(__file__).parents[2]
CONTEXT = SimpleNamespace(
    function_name="allocation",
    memory_limit_in_mb=1024,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:allocation",
    aws_request_id="r1",
    get_remaining_time_in_millis=lambda: 60_000,
)


def order(name):
    return {"kind": "order", "tenant": "acme", "shop": "main", "order": name}


def room(ref):
    return {"kind": "room", "tenant": "acme", "room": "BACK", "ref": ref}


@pytest.fixture
def door(monkeypatch):
    """The function with passes that only write down what is asked of them; the room `LOST` fails."""
    served = []

    def run(body, headers, rid, until, *, again):
        served.append(body.get("order") or body["ref"])
        if body.get("ref") == "LOST":
            raise ValueError("lost")
        return 1

    passes = SimpleNamespace(read=lambda bodies: {}, run=run)
    monkeypatch.setattr(wiring, "passes", lambda: passes)
    monkeypatch.setattr(wiring, "metrics", Metrics(namespace="CardCourier", service="test"))
    spec = spec_from_file_location("allocation_app", ROOT / "functions/allocation/app.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return SimpleNamespace(
        served=served, handle=lambda *bodies: module.handler(messages("orders", *bodies), CONTEXT)
    )


def test_nobody_waits_behind_a_room(door):
    bodies = [room("MONTH"), order("1"), json.dumps(room("LOST")), order("2"), order("3")]

    assert failed(door.handle(*bodies)) == ["m2"]
    assert door.served == ["1", "2", "3", "MONTH", "LOST"]


def test_what_cannot_be_read_fails_alone(door):
    assert failed(door.handle("not json", room("MONTH"), "[]", order("1"))) == ["m0", "m2"]
    assert door.served == ["1", "MONTH"]
