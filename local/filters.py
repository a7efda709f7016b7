"""Event patterns as Lambda matches them before a function is called."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from local.template import TemplateError

_MISSING = object()

_RULES: dict[str, Callable[[Any, Any], bool]] = {
    "prefix": lambda value, wish: isinstance(value, str) and value.startswith(wish),
    "exists": lambda value, wish: (value is not _MISSING) == wish,
    "anything-but": lambda value, wish: value is not _MISSING and not _excluded(value, wish),
}


def _excluded(value: Any, wish: Any) -> bool:
    if isinstance(wish, dict):
        return _leaf(value, [wish])
    return value in (wish if isinstance(wish, list) else [wish])


def parse(criteria: dict[str, Any] | None) -> list[Any]:
    """The patterns of a FilterCriteria; raises TemplateError for a rule that is not known here."""
    patterns = [json.loads(one["Pattern"]) for one in (criteria or {}).get("Filters", [])]
    for pattern in patterns:
        _check(pattern)
    return patterns


def _check(pattern: dict[str, Any]) -> None:
    for key, wish in pattern.items():
        if isinstance(wish, dict):
            _check(wish)
        elif unknown := [one for one in wish if isinstance(one, dict) and not one.keys() <= _RULES.keys()]:
            raise TemplateError(f"the local cloud knows no filter rule {unknown[0]} (at {key})")


def passes(patterns: list[Any], event: Any) -> bool:
    """Whether one pattern matches, or there is none."""
    return not patterns or any(_matches(pattern, event) for pattern in patterns)


def _matches(pattern: dict[str, Any], event: Any) -> bool:
    for key, wish in pattern.items():
        value = event.get(key, _MISSING) if isinstance(event, dict) else _MISSING
        fits = _leaf(value, wish) if isinstance(wish, list) else _matches(wish, value)
        if not fits:
            return False
    return True


def _leaf(value: Any, wishes: list[Any]) -> bool:
    values = value if isinstance(value, list) else [value]
    return any(_fits(one, wish) for one in values for wish in wishes)


def _fits(value: Any, wish: Any) -> bool:
    if isinstance(wish, dict):
        return all(_RULES[rule](value, argument) for rule, argument in wish.items())
    return type(value) is type(wish) and bool(value == wish)
