"""Attributes of a raw item, read without a word of the product's own reading."""


def text(item, name: str) -> str:
    """Empty where it is absent."""
    return item[name]["S"] if item is not None and name in item else ""


def number(item, name: str) -> int:
    """0 where it is absent."""
    return int(item[name]["N"]) if item is not None and name in item else 0


def has(item, name: str) -> bool:
    return item is not None and name in item


def strings(item, name: str) -> frozenset[str]:
    return frozenset(item[name]["SS"]) if item is not None and name in item else frozenset()


def maps(item, name: str) -> list[dict]:
    """A list of maps, each with plain values."""
    if item is None or name not in item:
        return []
    return [{key: _plain(value) for key, value in entry["M"].items()} for entry in item[name]["L"]]


def _plain(value):
    ((kind, held),) = value.items()
    return int(held) if kind == "N" else held


def stopped(header, line: str, piece: int) -> bool:
    """Whether the header says that this piece must end."""
    stops = strings(header, "stops")
    return "*" in stops or f"{line}/{piece}" in stops
