"""The committed OpenAPI document is what the code says, and says enough."""

import importlib.util
import json
from pathlib import Path

import pytest

from cardcourier.api import problems
from cardcourier.api.resolver import ROUTES

DOCS = Path(__file__).parents[2] / "docs"


def generator():
    spec = importlib.util.spec_from_file_location("generate_openapi", DOCS / "generate_openapi.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_document_is_what_the_code_makes():
    made = generator().text()

    assert (DOCS / "openapi.json").read_text("utf-8") == made, "run: python docs/generate_openapi.py"


def operations():
    document = json.loads((DOCS / "openapi.json").read_text("utf-8"))
    return [
        (method, path, operation)
        for path, place in document["paths"].items()
        for method, operation in place.items()
    ]


def test_every_operation_has_a_name_of_its_own_a_summary_and_its_errors():
    names = [operation["operationId"] for _, _, operation in operations()]

    assert len(set(names)) == len(names) > 40
    for _, path, operation in operations():
        assert path.startswith("/v1/") and operation["summary"]
        assert "application/problem+json" in operation["responses"]["default"]["content"]
        assert operation.get("security", []) == ([{"api_key": []}] if "x-scope" in operation else [])


def test_what_creates_or_acts_takes_an_idempotency_key_and_what_edits_a_version():
    for method, path, operation in operations():
        headers = {p["name"] for p in operation.get("parameters", []) if p["in"] == "header"}
        if method == "post" and path != "/v1/bootstrap":
            assert "Idempotency-Key" in headers, path
        if method in ("patch", "put", "delete"):
            assert "If-Match" in headers, path
        if method == "get" and operation.get("security"):
            assert "If-None-Match" in headers and "304" in operation["responses"], path


def test_every_post_says_what_a_repeat_of_it_does():
    posts = {
        (method, rule): routes for routes in ROUTES for method, rule in routes.scopes if method == "POST"
    }

    assert {route for route, routes in posts.items() if route not in routes.repeats} == {
        ("POST", "/v1/bootstrap")
    }


def test_every_list_is_read_page_by_page():
    schemas = json.loads((DOCS / "openapi.json").read_text("utf-8"))["components"]["schemas"]
    lists = set()
    for method, path, operation in operations():
        content = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
        shape = schemas.get(content.get("schema", {}).get("$ref", "").rpartition("/")[2], {})
        if method == "get" and "items" in shape.get("properties", {}):
            lists.add(path)
            names = {parameter["name"] for parameter in operation["parameters"]}
            # A search answers with what it found, a handful at most.
            assert path == "/v1/search" or {"limit", "cursor"} <= names, path
            assert path == "/v1/search" or "next_cursor" in shape["properties"], path
    assert len(lists) > 8


@pytest.mark.parametrize("status", [429, 503])
def test_whoever_shall_come_back_is_told_when(status):
    assert problems.problem("any", "Any.", status, "r").headers["retry-after"].isdigit()


def test_every_shape_is_pointed_at_and_every_pointer_leads_somewhere():
    text = (DOCS / "openapi.json").read_text("utf-8")
    schemas = json.loads(text)["components"]["schemas"]

    pointed = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert pointed <= schemas.keys()
    assert schemas.keys() - pointed == set()
