"""Layers as they would ship: folders that hold what a layer's lock file names, and no package more.

Nothing is built: the packages are links into the environment that runs the local cloud, which the same pins
filled. What `layers/core/Makefile` takes out of botocore is left out here too.
"""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from pathlib import Path
from typing import Any

from local.template import Template, TemplateError


def layer_folders(template: Template, into: Path | None) -> dict[str, str]:
    """Logical id → the folder of each layer, as it would be on Lambda's import path.

    Other people's code is linked together in folders under `into`; without one such layers are left out.
    """
    folders = {}
    for name, spec in template.of_type("AWS::Serverless::LayerVersion").items():
        content = template.folder / spec["ContentUri"]
        lock = content / "requirements.txt"
        if not lock.exists():
            folders[name] = str(content)
        elif into is not None:
            folders[name] = str(linked(lock, into / name))
    return folders


def layers_of(template: Template, properties: dict[str, Any]) -> tuple[str, ...]:
    """The logical ids of a function's layers, in their order."""
    return tuple(template.resolve(properties.get("Layers", []), _own_layer))


def _own_layer(logical: str, attribute: str) -> str:
    return logical


def linked(lock: Path, folder: Path) -> Path:
    """Fill a folder with links to what a lock file names; raises TemplateError for what is not installed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in re.findall(r"^([a-z0-9-]+)==", lock.read_text("utf-8"), re.MULTILINE):
        try:
            _link(importlib.metadata.distribution(name), folder)
        except importlib.metadata.PackageNotFoundError:
            raise TemplateError(f"{lock} names {name}, which is not installed: run local/setup.sh") from None
    _prune(folder / "botocore", lock.with_name("Makefile"))
    return folder


def _link(package: importlib.metadata.Distribution, folder: Path) -> None:
    for top in {file.parts[0] for file in package.files or () if file.parts[0] not in ("..", "__pycache__")}:
        (folder / top).symlink_to(Path(str(package.locate_file(top))))


def _prune(botocore: Path, makefile: Path) -> None:
    """Of botocore's descriptions of services only those that ship, as the Makefile names them."""
    kept = re.search(r"^SERVICES := (.+)$", makefile.read_text("utf-8"), re.MULTILINE)
    if not botocore.exists() or kept is None:
        return
    whole = botocore.resolve()
    botocore.unlink()
    (botocore / "data").mkdir(parents=True)
    for entry in whole.iterdir():
        if entry.name != "data":
            (botocore / entry.name).symlink_to(entry)
    for entry in (whole / "data").iterdir():
        if entry.is_file() or entry.name in kept[1].split():
            (botocore / "data" / entry.name).symlink_to(entry)
