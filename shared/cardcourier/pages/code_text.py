"""How a code is laid out so that people read it right and programs copy it exactly."""

import re
from typing import NamedTuple

_GROUP = 4
_LOOKALIKES = frozenset("0OoQ1Il")


class Piece(NamedTuple):
    """A run of characters; `digit` runs are drawn differently, so that 0 is not taken for O."""

    text: str
    digit: bool


def grouped(code: str) -> list[list[Piece]]:
    """Cut a code into groups for the eye; joined together they are the code, to the character.

    A plain run of letters and digits is cut every four characters, one that brings its own separators
    after each of them, and an address not at all.
    """
    if "://" in code:
        return [[Piece(code, False)]]
    if code.isalnum():
        size = _GROUP if len(code) > _GROUP + 2 else len(code)
        chunks = [code[start : start + size] for start in range(0, len(code), size)]
    else:
        chunks = re.findall(r"[^-_. ]*[-_. ]+|[^-_. ]+", code)
    mixed = _mixed(code)
    return [_pieces(chunk, mixed) for chunk in chunks]


def _mixed(code: str) -> bool:
    """Where everything is a digit, or nothing is, there is nothing to tell apart."""
    return bool(re.search(r"[0-9]", code) and re.search(r"[A-Za-z]", code))


def _pieces(chunk: str, mixed: bool) -> list[Piece]:
    return [Piece(run, mixed and run[0].isdigit()) for run in re.findall(r"[0-9]+|[^0-9]+", chunk)]


def has_lookalikes(code: str) -> bool:
    """Whether letters and digits mix in the code and some are easily taken for others."""
    return _mixed(code) and any(character in _LOOKALIKES for character in code)
