"""A merchant's programs: callers of `/v1` with a key of any role."""

import json
import secrets
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl

from cardcourier import wiring
from cardcourier.api.resolver import make_resolver
from cardcourier.clock import now_ms
from cardcourier.services.managing.api_keys import make_key
from tests.integration.shop import Merchant, call

EVERYONE = "owner manager stock support finance auditor"


def new_key(tenant, role="owner", scopes=(), days=30, now=None, **changes):
    """The text of a new key, kept as the product keeps it."""
    from dataclasses import replace

    made = make_key(tenant, role, role, scopes, days, "local", now or now_ms(), secrets.token_bytes)
    wiring.merchants().add_key(replace(made.key, **changes), now_ms(), "test")
    return made.text


class Caller:
    """Calls `/v1` with one key."""

    def __init__(self, cloud, key):
        self.cloud, self.key = cloud, key

    def __call__(self, method, path, body=None, **headers):
        sent = {"authorization": f"Bearer {self.key}"} if self.key else {}
        if body is not None:
            sent["content-type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return call(self.cloud, method, path, raw, {name: v for name, v in sent.items() if v is not None})

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def post(self, path, body=None, **headers):
        return self("POST", path, body, **headers)


class Inside(Caller):
    """Calls `/v1` in this process, where its parts can be exchanged; answers as over HTTP."""

    def __init__(self, key, ip="192.0.2.1"):
        super().__init__(None, key)
        self.ip = ip

    def __call__(self, method, path, body=None, **headers):
        event = json.loads(Path("events/api.json").read_text())
        place, _, query = path.partition("?")
        event |= {
            "rawPath": place,
            "rawQueryString": query,
            "body": None if body is None else json.dumps(body),
        }
        event["body"] = None if body is None else json.dumps(body)
        event["queryStringParameters"] = dict(parse_qsl(query)) or None
        event["requestContext"]["http"] |= {"method": method, "path": place, "sourceIp": self.ip}
        event["requestContext"]["requestId"] = secrets.token_hex(8)
        sent = {"authorization": f"Bearer {self.key}"} if self.key else {}
        event["headers"] = sent | {name.replace("_", "-"): value for name, value in headers.items()}
        answer = resolver().resolve(event, None)
        body = answer.get("body") or ""
        told = {name.lower(): value for name, value in answer["headers"].items()}
        return Answered(int(answer["statusCode"]), told, body, json.loads(body) if body else None)


@cache
def resolver():
    """One for this process, as in a function: the routes know the last one only."""
    return make_resolver()


class Answered(NamedTuple):
    status: int
    headers: dict
    text: str
    json: object


def caller(merchant, role="owner", **key):
    return Caller(merchant.cloud, new_key(merchant.id, role, **key))


def listed(merchant):
    """Write a test merchant's shops into its list too, as connecting them does."""
    for shop in (merchant.own, merchant.shopify):
        kept = wiring.catalogue_table().need(*_shop(shop))
        wiring.catalogue_table().put((f"C#{merchant.id}", f"SHOP#{shop}"), _bare(kept), now_ms(), "test")
    return merchant


def _shop(shop):
    from cardcourier.adapters.tables import keys
    from cardcourier.domain.catalogue import Shop

    return Shop, keys.shop(shop)


def _bare(shop):
    from dataclasses import replace

    return replace(shop, secrets=())


def open_merchant(cloud, **options):
    return listed(Merchant(cloud, **options))


def problem(answer):
    """Status and code of an error, whose shape is checked on the way."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json
    assert body["status"] == answer.status and body["request_id"] and body["title"] and body["detail"]
    return answer.status, body["code"]
