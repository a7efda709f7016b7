"""ZIP archives that strangers made: looked into without trusting a word of what they say of themselves.

Nothing is ever unpacked under a name from the archive, and every member is counted as it is unpacked, because
what an archive tells of its sizes may be a lie.
"""

import copy
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from cardcourier.errors import Refused

MOST_UNPACKED = 500_000_000
MOST_EXPANSION = 10
"""How many times larger than the archive its text may be."""

KINDS = (".txt", ".csv", ".tsv", ".xlsx")
_PIECE = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_BROKEN = (zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, EOFError, ValueError)


@contextmanager
def opened(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """An archive; whatever is wrong with it, then or later, becomes Refused `bad_archive`."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except _BROKEN as error:
        raise Refused("bad_archive", "The ZIP file is damaged; make it anew and upload it again.") from error


def the_one_file(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The card file of an archive that must hold nothing else. Raises Refused."""
    # What macOS puts beside every file is nothing that anybody packed.
    found = [info for info in archive.infolist() if not info.is_dir() and not _of_macos(info.filename)]
    if len(found) != 1:
        raise Refused("bad_archive", f"A ZIP file must hold exactly one file; this one holds {len(found)}.")
    [info] = found
    name = info.filename
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or not name.isprintable():
        raise Refused("bad_archive", "The file in the ZIP file has a name that no card file has.")
    if name.lower().endswith(".zip"):
        raise Refused("bad_archive", "There is a ZIP file in the ZIP file; upload the inner one.")
    if not name.lower().endswith(KINDS):
        raise Refused("bad_archive", f"The file in the ZIP file must be one of {' '.join(KINDS)}.")
    return info


def unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> Iterator[bytes]:
    """A member in pieces of a megabyte. Raises Refused for one encrypted, or of more than `most` bytes."""
    if info.flag_bits & _ENCRYPTED:
        raise Refused("bad_archive", "The ZIP file is encrypted; pack it without a password.")
    if info.compress_type not in _METHODS:
        raise Refused("bad_archive", "The ZIP file is packed in an unusual way; use plain ZIP.")
    if info.file_size > most:
        raise _too_large(most)
    honest = copy.copy(info)
    honest.file_size = sys.maxsize  # read on behind the size it claims, to see whether there is more
    count = 0
    with archive.open(honest) as member:
        while piece := member.read(_PIECE):
            count += len(piece)
            if count > most:
                raise _too_large(most)
            yield piece
    if count != info.file_size:
        raise zipfile.BadZipFile("the archive lies about a size")


def most_of(packed: int) -> int:
    """How many bytes an archive of `packed` bytes may unpack to."""
    return min(MOST_UNPACKED, packed * MOST_EXPANSION)


def _of_macos(name: str) -> bool:
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1] == ".DS_Store"


def _too_large(most: int) -> Refused:
    return Refused(
        "too_large",
        f"The file would unpack to more than {most:,} bytes: at most {MOST_EXPANSION} times the ZIP file, "
        f"and {MOST_UNPACKED:,}. Upload it unpacked, or in parts.",
    )
