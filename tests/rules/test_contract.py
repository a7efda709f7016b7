"""Programs written against the released API go on working; and the comparer notices what would stop them."""

import copy
import json

import pytest

from cardcourier.domain.access import implied_by
from tests.rules.contract import breaks
from tests.rules.reading import ROOT

RELEASED = json.loads((ROOT / "docs/openapi.released.json").read_text("utf-8"))


def test_nothing_that_was_released_is_broken():
    made = json.loads((ROOT / "docs/openapi.json").read_text("utf-8"))

    assert list(breaks(RELEASED, made, implied_by)) == []


def operation(document, method, path):
    return document["paths"][path][method]


def shape(document, name):
    return document["components"]["schemas"][name]


def gone(*way):
    def change(document):
        *above, last = way
        for name in above:
            document = document[name]
        del document[last]

    return change


SCHEMAS = ("components", "schemas")
PRODUCTS, ORDERS, SHOP = "/v1/products", "/v1/orders", "/v1/shops/{shop}"


def parameter(document, name, path=ORDERS):
    return next(p for p in operation(document, "get", path)["parameters"] if p["name"] == name)


def new_parameter(document, **changes):
    operation(document, "get", ORDERS)["parameters"].append(
        {"in": "query", "name": "region", "required": False, "schema": {"type": "string"}, **changes}
    )


def put(name, field, **changes):
    return lambda document: shape(document, name)["properties"].setdefault(field, {}).update(changes)


def require(name, field):
    return lambda document: shape(document, name).setdefault("required", []).append(field)


def renamed(document):
    fields = shape(document, "RowShape")["properties"]
    fields["state"] = fields.pop("status")


def status(document):
    answers = operation(document, "post", PRODUCTS)["responses"]
    answers["200"] = answers.pop("201")


def scope(text):
    return lambda document: operation(document, "get", ORDERS).update({"x-scope": text})


BREAKS = {
    "a path": gone("paths", ORDERS),
    "an operation": gone("paths", SHOP, "patch"),
    "a status": status,
    "a second good status": lambda d: operation(d, "get", ORDERS)["responses"].update({"202": {}}),
    "a scope": scope("keys:write"),
    "a key for what needed none": lambda d: operation(d, "get", "/v1/health").update({"x-scope": "any"}),
    "a parameter": lambda d: operation(d, "get", ORDERS)["parameters"].pop(0),
    "a new required parameter": lambda d: new_parameter(d, required=True),
    "a parameter that becomes required": lambda d: parameter(d, "status").update(required=True),
    "a tighter parameter": lambda d: parameter(d, "limit")["schema"].update(maximum=10),
    "a body that becomes required": lambda d: operation(d, "get", ORDERS).update(
        requestBody={"required": True}
    ),
    "no body any more": gone("paths", PRODUCTS, "post", "requestBody"),
    "a field of an answer": gone(*SCHEMAS, "RowShape", "properties", "status"),
    "a field of an answer, renamed": renamed,
    "a field deep in an answer": gone(*SCHEMAS, "Money", "properties", "currency"),
    "a field of the errors": gone(*SCHEMAS, "Problem", "properties", "code"),
    "a field that may be missing": lambda d: shape(d, "RowShape")["required"].remove("status"),
    "the type of an answer": put("RowShape", "status", type="integer"),
    "an answer that may be null": put("RowShape", "number", anyOf=[{"type": "string"}, {"type": "null"}]),
    "an answer narrowed to values": put("RowShape", "status", enum=["delivered"]),
    "a request's field": gone(*SCHEMAS, "NewProduct", "properties", "issuer"),
    "a request's field that becomes required": require("NewProduct", "issuer"),
    "the type of a request": put("NewProduct", "name", type="integer"),
    "a request that may not be null": put("ProductPatch", "release_at", anyOf=[{"type": "string"}]),
    "a value of a request": put("NewProduct", "policy", enum=["repeat"]),
    "a tighter limit": put("NewProduct", "name", maxLength=10),
    "a new limit": put("NewProduct", "steps", minItems=1),
    "a pattern": put("NewProduct", "name", pattern="[a-z]+"),
    "the kind of content": gone("paths", ORDERS, "get", "responses", "200", "content", "application/json"),
}

ADDITIONS = {
    "a path": lambda d: d["paths"].update({"/v1/more": {}}),
    "an operation": lambda d: d["paths"][ORDERS].update({"post": operation(d, "post", PRODUCTS)}),
    "an optional parameter": new_parameter,
    "a wider parameter": lambda d: parameter(d, "limit")["schema"].update(maximum=1_000),
    "a field of an answer": put("RowShape", "region", type="string"),
    "a field of a request": put("NewProduct", "region", type="string"),
    "a value of a request": put("NewProduct", "policy", enum=["repeat", "proof", "once"]),
    "an answer for any key": scope("any key"),
    "a wider limit": put("NewProduct", "name", maxLength=1_000),
}


@pytest.mark.parametrize("change", BREAKS.values(), ids=BREAKS.keys())
def test_a_break_is_noticed(change):
    made = copy.deepcopy(RELEASED)
    change(made)

    assert list(breaks(RELEASED, made))


@pytest.mark.parametrize("change", ADDITIONS.values(), ids=ADDITIONS.keys())
def test_an_addition_is_none(change):
    made = copy.deepcopy(RELEASED)
    change(made)

    assert list(breaks(RELEASED, made)) == []


def test_a_scope_that_the_old_one_holds_is_no_break():
    made = copy.deepcopy(RELEASED)
    scope("orders:less")(made)

    assert list(breaks(RELEASED, made, lambda held: {held, "orders:less"})) == []
