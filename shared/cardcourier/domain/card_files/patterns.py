"""Patterns a product's codes must match, kept to those that can be tried in a bounded time.

A pattern comes from a merchant and runs on every line of a file. Some regular expressions take a lifetime on
a line of thirty characters; here the number of ways in which a pattern can divide a line is counted first.
"""

import re
from dataclasses import dataclass

from cardcourier.errors import Refused

MOST_PATTERN = 200
MOST_CODE = 256
"""Longest code that a pattern is tried on, in characters; a longer one does not match."""

_MOST_WAYS = 100_000  # two open repeats in a row are 257 * 257
_COST_OF_A_REPEATED_CHOICE = 16
_CLASSES = frozenset("dDwWsS")
_SETS_OF_SETS = ("--", "&&", "~~", "||")


def compile_pattern(text: str) -> re.Pattern[str]:
    """The pattern of whole codes; raises Refused `bad_pattern` and says why.

    Characters, `\\d \\w \\s`, sets like [A-Z0-9], groups, `|` and repeats `? * + {m,n}`; no look-around, no
    references. `\\d`, `\\w` and `\\s` mean ASCII.
    """
    if not 1 <= len(text) <= MOST_PATTERN:
        raise Refused("bad_pattern", f"a pattern has 1 to {MOST_PATTERN} characters")
    ways = _Scan(text).whole()
    if ways > _MOST_WAYS:
        raise Refused(
            "bad_pattern", "the pattern could take too long: give repeats a number, such as [A-Z0-9]{16}"
        )
    try:
        return re.compile(text, re.ASCII)
    except (re.error, OverflowError) as error:
        raise Refused("bad_pattern", f"the pattern cannot be read: {error}") from error


def matches(pattern: re.Pattern[str], code: str) -> bool:
    """Whether the whole code matches."""
    return len(code) <= MOST_CODE and pattern.fullmatch(code) is not None


@dataclass(slots=True)
class _Scan:
    """One walk over a pattern, counting the ways in which it could divide the longest code."""

    text: str
    at: int = 0

    def whole(self) -> int:
        ways = self._choice()
        if self.at < len(self.text):
            raise _unreadable(self.at)
        return ways

    def _choice(self) -> int:
        ways = self._sequence()
        while self._take("|"):
            ways += self._sequence()
        return ways

    def _sequence(self) -> int:
        ways = 1
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            ways = min(ways * self._repeated(self._atom()), _MOST_WAYS + 1)
        return ways

    def _atom(self) -> int:
        if self._take("("):
            return self._group()
        if self._take("["):
            self._set()
        elif self._take("\\"):
            self._escape()
        elif self.text[self.at] in "*+?{":
            raise _unreadable(self.at)
        else:
            self.at += 1
        return 1

    def _group(self) -> int:
        if self._take("?") and not self._take(":"):
            raise Refused("bad_pattern", "a pattern has no look-around and no named groups: use (…) or (?:…)")
        ways = self._choice()
        if not self._take(")"):
            raise _unreadable(self.at)
        return ways

    def _set(self) -> None:
        self._take("^")
        first = self.at
        while self.at == first or not self._take("]"):
            rest = self.text[self.at :]
            if not rest or rest.startswith(("[", *_SETS_OF_SETS)):
                raise _unreadable(self.at)
            self.at += 1
            if rest[0] == "\\":
                self._escape()

    def _escape(self) -> None:
        letter = self.text[self.at : self.at + 1]
        if not letter or (letter.isalnum() and letter not in _CLASSES):
            raise Refused(
                "bad_pattern", f"\\{letter} is not allowed in a pattern: use \\d, \\w, \\s or a set"
            )
        self.at += 1

    def _repeated(self, ways: int) -> int:
        least, most = self._bounds()
        self._take("?")  # lazy: the same ways in another order
        if ways > 1 and most > 1:
            ways = min(_COST_OF_A_REPEATED_CHOICE * ways ** min(most, 20), _MOST_WAYS + 1)
        return int(ways) * (most - least + 1)

    def _bounds(self) -> tuple[int, int]:
        for mark, bounds in (("*", (0, MOST_CODE)), ("+", (1, MOST_CODE)), ("?", (0, 1))):
            if self._take(mark):
                return bounds
        if not self._take("{"):
            return 1, 1
        inside, end, _ = self.text[self.at :].partition("}")
        least, comma, most = inside.partition(",")
        digits = least.isdigit() and (most.isdigit() or (comma and not most) or not comma)
        if not end or not digits or len(inside) > 9:
            raise _unreadable(self.at)
        self.at += len(inside) + 1
        return self._in_order(int(least), int(most or (MOST_CODE if comma else least)))

    def _in_order(self, least: int, most: int) -> tuple[int, int]:
        if not least <= most <= MOST_CODE:
            raise Refused(
                "bad_pattern", f"a repeat goes from a smaller to a larger number, at most {MOST_CODE}"
            )
        return least, most

    def _take(self, mark: str) -> bool:
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False


def _unreadable(at: int) -> Refused:
    return Refused("bad_pattern", f"the pattern cannot be read at character {at + 1}")
