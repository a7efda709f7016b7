"""The committed OpenAPI document is what the code says, and says enough."""

import importlib.util
import json
from pathlib import Path

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
        if method == "patch":
            assert "If-Match" in headers, path


def test_every_shape_is_pointed_at_and_every_pointer_leads_somewhere():
    text = (DOCS / "openapi.json").read_text("utf-8")
    schemas = json.loads(text)["components"]["schemas"]

    pointed = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}

    assert pointed <= schemas.keys()
    assert schemas.keys() - pointed == set()
