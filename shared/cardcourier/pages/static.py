"""The style sheet and the script, under names that change with their content."""

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}

STATIC_HEADERS = MappingProxyType(
    {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
)
"""Headers of every static file. A year is safe: another content has another name."""


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file to serve as it is."""

    body: bytes
    content_type: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Every static file by its content-hashed name, as it stands after `/static/`."""
    return {
        _hashed(path.name): StaticFile(path.read_bytes(), _TYPES[path.suffix])
        for path in sorted(_FOLDER.iterdir())
        if path.suffix in _TYPES
    }


@cache
def static_path(name: str) -> str:
    """The address of a static file: `redeem.css` → `/static/redeem.<hash>.css`."""
    return f"/static/{_hashed(name)}"


@cache
def _hashed(name: str) -> str:
    path = _FOLDER / name
    return f"{path.stem}.{sha256(path.read_bytes()).hexdigest()[:12]}{path.suffix}"
