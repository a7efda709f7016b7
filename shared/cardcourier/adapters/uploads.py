"""Uploaded card files, opened: text, a workbook, or either of them in a ZIP file.

What a file is, its bytes decide, not its name. It lies in a temporary file without a name while it is read:
a killed process leaves nothing behind.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from tempfile import TemporaryFile
from typing import IO

from cardcourier.adapters.archives import most_of, opened, the_one_file, unpacked
from cardcourier.adapters.objects import Objects
from cardcourier.domain.imports import Source
from cardcourier.errors import Refused

_PIECE = 1 << 20
_ZIP = b"PK\x03\x04"
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_BOOK = "xl/workbook.xml"


@dataclass(frozen=True, slots=True)
class Uploads:
    """The card files of one bucket."""

    objects: Objects
    bucket: str

    @contextmanager
    def open(self, key: str) -> Iterator[Source | None]:
        """The file, as long as the `with` lasts; None when there is none. Raises Refused, Unavailable."""
        with ExitStack() as files:
            file, digest, size = files.enter_context(_temporary()), sha256(), 0
            for piece in self.objects.chunks(self.bucket, key):
                digest.update(piece)
                size += file.write(piece)
            yield _source(file, digest.hexdigest(), files) if size else None


def _temporary() -> AbstractContextManager[IO[bytes]]:
    return TemporaryFile()


def _source(file: IO[bytes], digest: str, files: ExitStack) -> Source:
    start = _start(file)
    if start == _OLD_OFFICE:
        raise Refused(
            "unreadable_workbook",
            "This is an old or an encrypted workbook; save it as .xlsx without a password.",
        )
    if start != _ZIP:
        return Source(digest, _pieces(file))
    if _is_book(file):
        return _workbook(file, digest)
    size = file.seek(0, 2)
    with opened(file) as archive:
        info = the_one_file(archive)
        inner: IO[bytes] = files.enter_context(_temporary())
        inner.writelines(unpacked(archive, info, most_of(size)))
    if _start(inner) != _ZIP:
        return Source(digest, _pieces(inner), name=info.filename)
    if not _is_book(inner):
        raise Refused("bad_archive", "There is a ZIP file in the ZIP file; upload the inner one.")
    return replace(_workbook(inner, digest), name=info.filename)


def _workbook(file: IO[bytes], digest: str) -> Source:
    # Only here, so that text starts without it.
    from cardcourier.adapters.workbooks import first_sheet

    name, rows = first_sheet(file)
    return Source(digest, _pieces(file), rows, sheet=name)


def _pieces(file: IO[bytes]) -> Callable[[], Iterator[bytes]]:
    def read() -> Iterator[bytes]:
        at = 0
        while piece := _piece(file, at):
            at += len(piece)
            yield piece

    return read


def _piece(file: IO[bytes], at: int) -> bytes:
    file.seek(at)
    return file.read(_PIECE)


def _start(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read(len(_ZIP))


def _is_book(file: IO[bytes]) -> bool:
    with opened(file) as archive:
        return _BOOK in archive.namelist()
