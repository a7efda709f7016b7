"""What events say, how they are named and signed, and that docs/webhooks.md says the same."""

import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from cardcourier.adapters.channels import standard
from cardcourier.adapters.outbound_signing import signed_headers
from cardcourier.domain.backoff import HOUR, MINUTE, SECOND, WEBHOOKS
from cardcourier.domain.journal import lines_of
from cardcourier.domain.orders import Header, OrderKey, OrderLine, Step, Unit
from cardcourier.domain.outbound import MOST_UNITS, TYPES, delivered, event_of, imported, make_event, untold
from cardcourier.domain.states import State

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs/webhooks.md").read_text()
VECTORS = json.loads((ROOT / "tests/vectors/standard-webhooks.json").read_text())
AT = 1_793_520_000_500
KEY = {"pk": "O#t#s#A-1", "sk": "U#1#0001"}
COMMON = {"t": "t", "shop": "s", "order": "A-1", "by": "key:secret-name", "rid": "r", "at": AT}
UNIT = COMMON | {"kind": "unit", "line": "1", "n": 1, "piece": 1, "sku": "MONTH", "ver": 1}
CARD = {"card": "c1hidden", "l4": "0042", "batch": "b-hidden", "cost": 1500, "ccy": "CNY"}
HEADER = COMMON | {
    "kind": "order",
    "ver": 1,
    "number": "#1",
    "paid_at": AT - 9,
    "amount": 5000,
    "total": 5000,
    "currency": "CNY",
    "contact": "sealed-contact",
    "search": ["digest"],
    "lines": [{"id": "1", "item": "i", "variant": "v", "sku": "MONTH", "qty": 2, "price": 2500}],
}


def told(before, after, sk="U#1#0001"):
    [line] = lines_of(before, after, KEY | {"sk": sk})
    return event_of(line, after)


def data(event):
    return json.loads(event.body)["data"]


@pytest.mark.parametrize(
    ("state", "was"),
    [
        ("HELD", None),
        ("SCHEDULED", "HELD"),
        ("BACKORDER", "HELD"),
        ("ALLOCATED", None),
        ("DELIVERED", "ALLOCATED"),
        ("REVEALED", "DELIVERED"),
        ("CANCELLED", "HELD"),
        ("RETURNED", "DELIVERED"),
        ("REFUNDED", "REVEALED"),
    ],
)
def test_every_move_of_a_unit_is_told_by_its_journal_name(state, was):
    before = UNIT | CARD | {"st": was} if was else None
    event = told(before, UNIT | CARD | {"st": state, "ver": 2, "why": "amount differs"})

    assert event.type == f"unit.{state.lower()}" and event.type in TYPES
    said = data(event)
    assert (said["unit"], said["sku"], said["state"], said["last4"]) == ("1/0001", "MONTH", state, "0042")
    assert said["previous_state"] == (was or "PENDING") and said["version"] == 2
    assert ("reason" in said) == (state == "HELD")
    assert "hidden" not in event.body and "secret-name" not in event.body


def test_a_replacement_is_told_with_what_it_costs():
    shown = UNIT | CARD | {"st": "REVEALED"}
    event = told(shown, shown | {"st": "ALLOCATED", "card": "c2", "l4": "7777", "gen": 1, "ver": 3})

    assert (event.type, data(event)["last4"]) == ("unit.replaced", "7777")
    [entry] = data(event)["entries"]
    assert (entry["kind"], entry["amount"]) == ("replacement_cost", {"amount": -1500, "currency": "CNY"})


def test_a_payment_is_told_with_its_lines_and_entries_and_nothing_of_the_buyer():
    event = told(None, HEADER, "H")
    said = data(event)

    assert (event.type, event.at) == ("order.paid", AT)
    assert said["amount"] == said["total"] == {"amount": 5000, "currency": "CNY"}
    assert said["lines"][0]["unit_price"] == {"amount": 2500, "currency": "CNY"}
    assert said["paid_at"] == "2026-11-01T08:00:00.491Z"
    assert sum(entry["amount"]["amount"] for entry in said["entries"]) == 5000
    assert not re.search("sealed-contact|digest", event.body)


@pytest.mark.parametrize(
    ("fact", "kind"),
    [
        ("pay", "order.payment_added"),
        ("refund", "order.refunded"),
        ("cancel", "order.cancelled"),
        ("chargeback", "order.charged_back"),
    ],
)
def test_every_fact_is_told(fact, kind):
    event = told(None, COMMON | {"kind": "fact", "fact": fact, "id": "f-1", "amount": 5, "currency": "CNY"})

    assert (event.type, data(event)["fact"]) == (kind, {"kind": fact, "id": "f-1"})
    assert data(event)["amount"] == {"amount": 5, "currency": "CNY"}


def test_what_is_nobodys_business_is_no_event():
    assert told(HEADER, HEADER | {"ver": 2, "approved": True}, "H") is None
    viewed = UNIT | CARD | {"st": "REVEALED", "ver": 2}
    assert told(viewed, viewed | {"ver": 3}) is None


def test_the_same_change_gives_the_same_event_and_another_another():
    after = UNIT | CARD | {"st": "ALLOCATED"}
    first, again = told(None, after), told(None, dict(after))
    other = told(None, after | {"t": "t2"})

    assert first == again and first.id != other.id
    assert re.fullmatch(r"evt_\d{13}_[0-9a-f]{20}", first.id)
    ids = [make_event("t", "webhook.test", at, "x", {}).id for at in (1, 20, 3_000, AT)]
    assert all(one < two for one, two in pairwise(ids))


def unit(n, state=State.DELIVERED, gen=0, at=AT, **more):
    steps = (Step(at - 5, State.ALLOCATED, "a", "", "r", ""), Step(at, State.DELIVERED, "d", "", "r", ""))
    if state is State.REVEALED:
        steps += (Step(at + 99, State.REVEALED, "b", "", "r", ""),)
    key = OrderKey("t", "s", "A-1")
    return Unit(
        key=key, line="1", n=n, piece=n, state=state, sku="M", last4="0042", gen=gen, log=steps, **more
    )


def test_an_order_is_delivered_once_for_each_generation_of_its_cards():
    header = Header(key=OrderKey("t", "s", "A-1"), ver=3, lines=(OrderLine("1", "", "", "M", 2, None),))
    first = delivered(header, [unit(1), unit(2, at=AT + 7)])
    seen = delivered(header, [unit(1, State.REVEALED), unit(2, at=AT + 7)])
    replaced = delivered(header, [unit(1, gen=1, at=AT + 900), unit(2, at=AT + 7)])

    assert (first.id, first.at) == (seen.id, AT + 7)
    assert replaced.id != first.id and replaced.at == AT + 900
    assert data(first)["unit_count"] == 2
    assert len(data(delivered(header, [unit(n) for n in range(1, 300)]))["units"]) == MOST_UNITS


def test_an_import_is_told_once_it_is_committed():
    job = {
        "id": "imp-1",
        "tenant": "t",
        "kind": "import",
        "data": {"sku": "M", "accepted": 2, "object_key": "k"},
    }
    doc = {"at": AT, "doc": json.dumps(job | {"state": "committed"})}
    before = {"at": AT - 1, "doc": json.dumps(job | {"state": "committing"})}

    assert data(imported(before, doc)) == {"import": "imp-1", "sku": "M", "accepted": 2}
    assert imported(doc, doc) is None and imported(None, before) is None
    assert imported(doc, None) is None and imported(None, {"at": AT, "doc": "no json"}) is None


def test_a_buyer_who_could_not_be_told_is_told_of_without_an_address():
    note = COMMON | {
        "kind": "notification",
        "told": "delivered",
        "channel": "mail",
        "ver": 3,
        "why": "a@b.c no",
    }
    key = KEY | {"sk": "N#1.0001.0.mail"}
    event = untold(note | {"st": "pending"}, note | {"st": "refused"}, key)

    assert event.type == "notification.failed" and "a@b" not in event.body
    assert data(event) == {
        "shop": "s",
        "order_id": "A-1",
        "notification": "1.0001.0.mail",
        "occasion": "delivered",
        "channel": "mail",
        "state": "refused",
    }
    assert untold(note | {"st": "refused"}, note | {"st": "refused", "ver": 4}, key) is None
    assert untold(None, note | {"st": "sent"}, key) is None and untold(note, None, key) is None
    assert untold(None, UNIT | {"st": "HELD"}, KEY) is None


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["inputs"]["scheme"] == "sw-v1"])
def test_the_signature_is_that_of_the_standard(vector):
    given = vector["inputs"]
    now, body = int(given["webhook_timestamp"]) * 1000 + 999, given["body"].encode()
    headers = signed_headers([given["secret"]], given["webhook_id"], now, body)

    assert headers["webhook-signature"] == vector["expected"]["webhook_signature"]
    assert headers["webhook-timestamp"] == given["webhook_timestamp"]


def test_either_secret_of_a_rotation_is_enough():
    old, new = (standard.make_secret(bytes([n]) * 32) for n in (1, 2))
    headers = signed_headers([old, new], "evt_1", AT, b"{}")

    assert headers["webhook-signature"].count("v1,") == 2
    assert all(standard.verify([secret], headers, b"{}", AT, {}) for secret in (old, new))
    assert not standard.verify([standard.make_secret(bytes(32))], headers, b"{}", AT, {})


# ---------------------------------------------------------------- the document


def test_the_document_lists_every_type_as_the_code_means_it():
    rows = re.findall(r"^\| `([a-z]+\.[a-z_]+)` \| (.+) \|$", DOCUMENT, re.MULTILINE)

    assert dict(rows) == dict(TYPES) and len(rows) == len(TYPES)


def test_the_document_gives_the_schedule():
    row = re.search(r"^\| after \| (.+) \|$", DOCUMENT, re.MULTILINE)[1]
    units = {"s": SECOND, "min": MINUTE, "h": HOUR}
    waits = [int(n) * units[unit] for n, unit in (cell.split() for cell in row.split(" | "))]

    assert tuple(waits) == WEBHOOKS.waits


def example(language):
    return re.search(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)[1]


def signed(body, now):
    old, new = (standard.make_secret(bytes([n]) * 32) for n in (1, 2))
    return new, signed_headers([old, new], "evt_1", now, body)


def test_the_python_example_knows_ours_and_no_others():
    import time

    place = {}
    exec(example("python"), place)
    now, body = int(time.time() * 1000), '{"a":"卡"}'.encode()
    secret, headers = signed(body, now)

    assert place["is_ours"](secret, headers, body)
    assert not place["is_ours"](secret, headers, body + b" ")
    assert not place["is_ours"](standard.make_secret(bytes(32)), headers, body)
    assert not place["is_ours"](*signed(body, now - 400_000), body)


@pytest.mark.skipif(not shutil.which("node"), reason="the example needs node")
def test_the_node_example_knows_ours_and_no_others():
    import time

    body = '{"a":"卡"}'
    secret, headers = signed(body.encode(), int(time.time() * 1000))
    late = signed(body.encode(), 1)[1]
    calls = [(secret, headers, body), (secret, headers, body + " "), (secret, late, body)]
    program = example("js") + (
        f"for (const [s, h, b] of {json.dumps(calls)}) console.log(isOurs(s, h, Buffer.from(b)));"
    )
    said = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["true", "false", "false"]
