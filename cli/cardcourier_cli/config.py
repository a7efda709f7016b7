"""Where the API is and with which key: the environment first, then a profile that nobody else can read.

A profile is a JSON file in ~/.config/cardcourier, mode 0600: {"url": "https://…", "key": "ck_…"}. A key never
stands on the command line, where other users of the machine could see it.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from cardcourier_cli.endings import Exit, Failed
from cardcourier_cli.words import Words

URL, KEY, PROFILE = "CARDCOURIER_URL", "CARDCOURIER_KEY", "CARDCOURIER_PROFILE"
USUAL = "default"


@dataclass(frozen=True, slots=True)
class Config:
    url: str
    key: str = field(repr=False)


def folder() -> Path:
    """Respects XDG_CONFIG_HOME."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "cardcourier"


def path_of(profile: str) -> Path:
    name = profile.strip()
    if not name or any(sign in name for sign in "/\\\0") or name.startswith("."):
        raise Failed(f"--profile: {profile!r} is no name", Exit.USAGE)
    return folder() / f"{name}.json"


def read(
    profile: str | None, words: Words, endpoint_url: str | None = None, *, key_needed: bool = True
) -> Config:
    """The environment wins over a profile, unless the profile was asked for by name."""
    named = profile or os.environ.get(PROFILE)
    kept = _kept(path_of(named or USUAL), words, must_exist=named is not None)
    first, second = (kept, dict(os.environ)) if profile else (dict(os.environ), kept)
    url = endpoint_url or first.get(URL) or second.get(URL) or ""
    key = first.get(KEY) or second.get(KEY) or ""
    if not url:
        raise Failed(words("no_url"), Exit.USAGE)
    if key_needed and not key:
        raise Failed(words("no_key"), Exit.USAGE)
    return Config(url.rstrip("/"), key)


def save(profile: str | None, config: Config) -> Path:
    """Write a profile that only its owner can read, from its first moment."""
    path = path_of(profile or os.environ.get(PROFILE) or USUAL)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"url": config.url, "key": config.key}, file)
    draft.replace(path)
    return path


def _kept(path: Path, words: Words, *, must_exist: bool) -> dict[str, str]:
    try:
        if path.stat().st_mode & 0o077:
            raise Failed(words("open_profile", path=path), Exit.USAGE)
        told = json.loads(path.read_text("utf-8"))
        return {URL: str(told.get("url", "")), KEY: str(told.get("key", ""))}
    except FileNotFoundError as error:
        if must_exist:
            raise Failed(words("bad_profile", path=path, why=error.strerror), Exit.USAGE) from error
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise Failed(words("bad_profile", path=path, why=type(error).__name__), Exit.USAGE) from error
