"""From bytes to lines: which encoding, where lines end, what is invisible and does not belong.

An encoding is never guessed by statistics: a mark at the start decides, else strict UTF-8, else strict
GB18030 (which holds GBK and GB2312), else the file is refused. Files are read in pieces; nothing here holds
more than one piece and one line.
"""

import codecs
import io
from collections.abc import Iterable, Iterator

from cardcourier.errors import Refused

MOST_LINE = 8192
"""Longest line, in characters. A longer one is cut just behind, so that its length still shows."""

_PIECE = 1 << 16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it starts with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONGEST_MARK = 4
_UNMARKED = ("utf-8-sig", "gb18030")
# Zero-width, soft-hyphen and direction marks: they come along when text is copied from a page or a chat.
_INVISIBLE = dict.fromkeys(
    map(
        ord,
        "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",
    )
)


def encoding_of(chunks: Iterable[bytes]) -> str:
    """The codec of a file, from all of its bytes; raises Refused `unreadable_text` if there is none."""
    readers: dict[str, codecs.IncrementalDecoder] = {}
    for chunk in _pieces(chunks):
        readers = readers or {name: codecs.getincrementaldecoder(name)() for name in _candidates(chunk)}
        readers = {name: reader for name, reader in readers.items() if _reads(reader, chunk)}
        if not readers:
            raise _unreadable()
    for name, reader in readers.items():
        if _reads(reader, b"", final=True):
            return name
    if readers:
        raise _unreadable()
    return _UNMARKED[0]


def decode(data: bytes) -> str:
    """The whole text of a small file; raises Refused `unreadable_text`."""
    return data.decode(encoding_of([data]))


def lines(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The lines of a file, without their ends (LF, CRLF or CR) and without invisible characters.

    A line longer than `MOST_LINE` comes cut to one character more. Raises Refused `unreadable_text`.
    """
    reader = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    rest = ""
    for piece in _pieces(chunks):
        *whole, rest = (rest + _text(reader, piece)).split("\n")
        yield from map(visible, whole)
        rest = rest[: MOST_LINE + 1]
    *whole, rest = (rest + _text(reader, b"", final=True)).split("\n")
    yield from map(visible, whole)
    if rest:
        yield visible(rest)


def text_lines(text: str) -> Iterator[str]:
    """The lines of text that is at hand already, as from a paste box."""
    return lines([text.encode(errors="surrogatepass")], "utf-8-sig")


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces that are small, and not so small that a mark is torn apart."""
    held = b""
    for chunk in chunks:
        held += chunk
        if len(held) >= _LONGEST_MARK:
            yield from (held[at : at + _PIECE] for at in range(0, len(held), _PIECE))
            held = b""
    if held:
        yield held


def _candidates(start: bytes) -> tuple[str, ...]:
    return next(((name,) for mark, name in _MARKS if start.startswith(mark)), _UNMARKED)


def _reads(reader: codecs.IncrementalDecoder, data: bytes, *, final: bool = False) -> bool:
    try:
        reader.decode(data, final)
    except UnicodeDecodeError:
        return False
    return True


def _text(reader: io.IncrementalNewlineDecoder, data: bytes, *, final: bool = False) -> str:
    try:
        return reader.decode(data, final)
    except UnicodeDecodeError as error:
        raise _unreadable() from error


def visible(line: str) -> str:
    """A line without invisible characters, and no longer than one character more than `MOST_LINE`."""
    if not line.isascii():
        line = line.translate(_INVISIBLE)
    return line[: MOST_LINE + 1]


def _unreadable() -> Refused:
    return Refused(
        "unreadable_text", "the file is neither UTF-8 nor GB18030 text: save it as UTF-8, upload again"
    )
