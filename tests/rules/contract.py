"""What a change of the OpenAPI document breaks for programs written against the one before.

`breaks(released, made)` yields one sentence for each thing a caller could notice. Additions pass: a route, a
field of an answer, an optional field or parameter of a request, a wider limit.
"""

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
TIGHTER_WHEN_LESS = ("maxLength", "maximum", "maxItems", "exclusiveMaximum")
TIGHTER_WHEN_MORE = ("minLength", "minimum", "minItems", "exclusiveMinimum")


def breaks(released: Schema, made: Schema, implied: Any = lambda scope: {scope}) -> Iterator[str]:
    """`implied(scope)` are the scopes that whoever holds this one holds as well."""
    for path, place in released["paths"].items():
        for method, operation in place.items():
            name, now = f"{method.upper()} {path}", made["paths"].get(path, {}).get(method)
            if now is None:
                yield f"{name}: is gone"
                continue
            both = _Both(released, made, name)
            yield from both.rights(operation, now, implied)
            yield from both.parameters(operation, now)
            yield from both.request(operation, now)
            yield from both.answers(operation, now)


class _Both:
    """One operation in both documents."""

    def __init__(self, released: Schema, made: Schema, name: str) -> None:
        self.released, self.made, self.name = released, made, name
        self.seen: set[tuple[str, str, bool]] = set()

    def rights(self, old: Schema, new: Schema, implied: Any) -> Iterator[str]:
        before, after = old.get("x-scope"), new.get("x-scope")
        if after not in (None, "any key", *implied(before)) and after != before:
            yield f"{self.name}: needs {after} instead of {before or 'no key'}"

    def parameters(self, old: Schema, new: Schema) -> Iterator[str]:
        before, after = ({(p["in"], p["name"]): p for p in each.get("parameters", [])} for each in (old, new))
        for kind, name in before.keys() - after.keys():
            yield f"{self.name}: {kind} parameter {name} is gone"
        for key, parameter in after.items():
            known = before.get(key)
            if parameter.get("required") and not (known and known.get("required")):
                yield f"{self.name}: {key[0]} parameter {key[1]} is required"
            if known:
                yield from self.schema(known["schema"], parameter["schema"], f"parameter {key[1]}", sent=True)

    def request(self, old: Schema, new: Schema) -> Iterator[str]:
        before, after = old.get("requestBody"), new.get("requestBody")
        if after and after.get("required") and not (before and before.get("required")):
            yield f"{self.name}: a body is required"
        if before and not after:
            yield f"{self.name}: takes no body any more"
        if before and after:
            yield from self.contents(before, after, "body", sent=True)

    def answers(self, old: Schema, new: Schema) -> Iterator[str]:
        before, after = old["responses"], new["responses"]
        for status in before.keys() - after.keys():
            yield f"{self.name}: no longer answers {status}"
        for status in {s for s in after.keys() - before.keys() if s.startswith("2")}:
            yield f"{self.name}: answers {status}"
        for status in before.keys() & after.keys():
            yield from self.contents(before[status], after[status], f"answer {status}", sent=False)

    def contents(self, old: Schema, new: Schema, where: str, *, sent: bool) -> Iterator[str]:
        after = new.get("content", {})
        for kind, body in old.get("content", {}).items():
            if kind not in after:
                yield f"{self.name}: {where} is no longer {kind}"
            elif "schema" in body:
                yield from self.schema(body["schema"], after[kind].get("schema", {}), where, sent=sent)

    def schema(self, old: Schema, new: Schema, where: str, *, sent: bool) -> Iterator[str]:
        """`sent`: by the caller, so that all of the old must still be taken; else all of it still comes."""
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")), sent)
        if pair[0] and pair in self.seen:
            return
        self.seen.add(pair)
        before, after = _kinds(self.released, old), _kinds(self.made, new)
        lost, won = before.keys() - after.keys(), after.keys() - before.keys()
        if "anything" not in after and lost:
            yield f"{self.name}: {where} is no longer {' or '.join(sorted(lost))}"
        if won and not sent:
            yield f"{self.name}: {where} may be {' or '.join(sorted(won))}"
        for kind in before.keys() & after.keys():
            yield from self.one(before[kind], after[kind], where, sent=sent)

    def one(self, old: Schema, new: Schema, where: str, *, sent: bool) -> Iterator[str]:
        yield from self.values(old, new, where, sent=sent)
        if sent:
            yield from self.limits(old, new, where)
        before, after = old.get("properties", {}), new.get("properties", {})
        for field in before.keys() - after.keys():
            yield f"{self.name}: {where}.{field} is gone"
        changed = set(new.get("required", ())) - set(old.get("required", ()))
        if not sent:
            changed = set(old.get("required", ())) - set(new.get("required", ()))
        for field in changed & after.keys():
            yield f"{self.name}: {where}.{field} {'is required' if sent else 'may be missing'}"
        for field in before.keys() & after.keys():
            yield from self.schema(before[field], after[field], f"{where}.{field}", sent=sent)
        for inner in ("items", "additionalProperties"):
            if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
                yield from self.schema(old[inner], new[inner], f"{where}[]", sent=sent)

    def values(self, old: Schema, new: Schema, where: str, *, sent: bool) -> Iterator[str]:
        before, after = _values(old), _values(new)
        if after is not None and (before is None or before - after):
            gone = "all" if before is None else ", ".join(sorted(before - after))
            yield f"{self.name}: {where} {'no longer takes' if sent else 'is never'} {gone}"
        if not sent and before is not None and (after is None or after - before):
            yield f"{self.name}: {where} may be more than {', '.join(sorted(before))}"

    def limits(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        for name, sign in [(n, 1) for n in TIGHTER_WHEN_LESS] + [(n, -1) for n in TIGHTER_WHEN_MORE]:
            if name in new and (name not in old or sign * new[name] < sign * old[name]):
                yield f"{self.name}: {where} has {name} {new[name]:g}"
        if "pattern" in new and new["pattern"] != old.get("pattern"):
            yield f"{self.name}: {where} must match {new['pattern']}"


def _kinds(document: Schema, schema: Schema) -> dict[str, Schema]:
    """The JSON types a schema allows, with what it says of each."""
    if "$ref" in schema:
        return _kinds(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for union in ("anyOf", "oneOf"):
        if union in schema:
            return {k: s for part in schema[union] for k, s in _kinds(document, part).items()}
    return {str(schema.get("type", "anything")): schema}


def _values(schema: Schema) -> set[str] | None:
    found = schema.get("enum") or ([schema["const"]] if "const" in schema else None)
    return None if found is None else {str(value) for value in found}
