"""ETags: what was read is told apart from what is there now, on every route of the API's description."""

import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from tests.integration.api_client import problem
from tests.integration.test_api_isolation import NAMED, everything, house  # noqa: F401
from tests.rules.reading import ROOT

DOCUMENT = json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))

# What every tenant has, whoever they are: edits of it with bodies, and the one read with a longer address.
TEXT = "/v1/templates/mail/delivered/en"
OWN = [
    ("PATCH", "/v1/tenant", {"name": "N"}),
    ("PUT", TEXT, {"parts": {"subject": "Here it is"}}),
    ("DELETE", TEXT, None),
    ("PUT", "/v1/sms", {"provider": "none"}),
    ("PUT", "/v1/canary", {"enabled": False}),
]
# What is made at the moment it is asked for: links to files, and the buyer's, which lives from now on.
MOVING = {"/v1/reports/{report}", "/v1/buyers/{copy}", "/v1/orders/{shop}/A-1/link"}
EDITS = ("PATCH", "PUT", "DELETE")


def described(*methods):
    return {
        (method.upper(), path)
        for path, place in DOCUMENT["paths"].items()
        for method, operation in place.items()
        if method.upper() in methods and operation.get("security")
    }


def reads():
    """Every GET with an address that leads somewhere in the house."""
    named = {TEXT} | {path for method, path, _, _ in NAMED if method == "GET"}
    lists = {path for _, path in described("GET") if "{" not in path}
    return sorted(named) + sorted(f"{path}?q=A-1" if path.endswith("/search") else path for path in lists)


def test_every_read_and_every_edit_of_the_description_is_tried():
    edits = [(method, path) for method, path, _, _ in NAMED + [(*own, 0) for own in OWN] if method in EDITS]

    assert len(reads()) == len(described("GET"))
    assert len(edits) == len(described(*EDITS))


@pytest.mark.parametrize("path", reads())
def test_what_was_read_is_not_sent_again_until_it_changes(house, path):  # noqa: F811
    _, owner, _, ids = house
    path, moving = path.format(**ids), path in MOVING

    first, second = owner.get(path), owner.get(path)
    tag = first.headers["etag"]
    again = owner.get(path, if_none_match=f'"other", W/{tag}')
    stale = owner.get(path, if_none_match='"other"')

    assert first.status == second.status == 200 and tag.startswith('"') and tag.endswith('"')
    assert (second.headers["etag"] == tag) == (second.body == first.body)
    if moving:
        return
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert again.headers["cache-control"] == "no-store"
    assert (stale.status, stale.body) == (200, first.body)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [(method, path, body) for method, path, body, _ in NAMED if method in EDITS] + OWN,
    ids=lambda value: str(value)[:50],
)
def test_an_edit_of_what_was_not_seen_is_refused(house, method, path, body):  # noqa: F811
    ours, owner, _, ids = house
    before = everything(ours)

    answer = owner(method, path.format(**ids), body, if_match='"1000000-none"')

    assert problem(answer) == (412, "version_mismatch")
    assert everything(ours) == before


def test_the_tag_of_an_edit_is_that_of_the_next_read(house):  # noqa: F811
    _, owner, _, ids = house
    for path in ("/v1/tenant", "/v1/shops/{shop}", "/v1/products/{sku}"):
        read = owner.get(path.format(**ids))
        name = f"{read.json['name']}!"
        edited = owner("PATCH", path.format(**ids), {"name": name}, if_match=read.headers["etag"])

        assert (edited.status, edited.json["name"]) == (200, name)
        assert owner.get(path.format(**ids)).headers["etag"] == edited.headers["etag"]
        assert owner.get(path.format(**ids), if_none_match=read.headers["etag"]).status == 200


def test_a_listing_is_exchanged_by_whoever_saw_it_last(house):  # noqa: F811
    _, owner, _, ids = house
    place, item = f"/v1/shops/{ids['shop']}/listings", "a/b 卡"
    one = f"{place}/{quote(item.replace('/', '%2F'), safe='')}"
    parts = [{"sku": "MONTH", "quantity": 1}]

    def put(parts, **headers):
        return owner("PUT", place, {"item": item, "parts": parts}, **headers)

    unseen = put(parts, if_match="*")
    first = put(parts)
    read = owner.get(one)
    with ThreadPoolExecutor(4) as threads:
        twice = [{"sku": "MONTH", "quantity": n} for n in range(2, 6)]
        raced = list(threads.map(lambda part: put([part], if_match=read.headers["etag"]).status, twice))
    forgotten = owner("DELETE", f"{place}?item={quote(item)}", if_match=read.headers["etag"])
    owner("DELETE", f"{place}?item={quote(item)}")
    anew = put(parts)
    late = put(parts, if_match=read.headers["etag"])

    assert problem(unseen) == problem(forgotten) == problem(late) == (412, "version_mismatch")
    assert read.json == first.json and read.headers["etag"] == first.headers["etag"] != anew.headers["etag"]
    assert raced.count(200) == 1 and set(raced) <= {200, 409, 412}


def test_a_key_is_revoked_as_it_was_seen(house):  # noqa: F811
    _, owner, _, _ = house
    made = owner.post("/v1/keys", {"name": "robot", "role": "stock"}).json["id"]

    read = owner.get(f"/v1/keys/{made}")
    revoked = owner("DELETE", f"/v1/keys/{made}", if_match=read.headers["etag"])
    again = owner("DELETE", f"/v1/keys/{made}", if_match=read.headers["etag"])

    assert revoked.status == 200 and revoked.json == {**read.json, "revoked": True}
    assert problem(again) == (412, "version_mismatch")
    assert owner.get(f"/v1/keys/{made}").headers["etag"] == revoked.headers["etag"]
