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
    return [_pieces(chunk) for chunk in chunks]


def _pieces(chunk: str) -> list[Piece]:
    return [Piece(run, run[0].isdigit()) for run in re.findall(r"[0-9]+|[^0-9]+", chunk)]


def has_lookalikes(code: str) -> bool:
    """Whether the code holds characters that are easily taken for others."""
    return any(character in _LOOKALIKES for character in code)
