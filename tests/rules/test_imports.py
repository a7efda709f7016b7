"""The directions in which code may look: functions → wiring, web, services → domain ← adapters."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "shared" / "cardcourier"
STANDARD = sys.stdlib_module_names | {"_typeshed"}

# Room → what of ours it may import. A room may always import itself.
ROOMS = {
    "errors": set(),
    "clock": set(),
    "settings": set(),
    "domain": {"errors"},
    "services": {"domain", "errors", "clock"},
    "messages": {"domain"},
    "adapters": {"domain", "errors", "messages"},
    "web": {"errors"},
    "batches": {"wiring"},
    "pages": {"domain", "errors", "web", "adapters.qr"},
    "api": {"services", "domain", "errors", "clock", "web", "wiring", "settings"},
    "functions": {
        "services",
        "domain",
        "errors",
        "clock",
        "web",
        "batches",
        "wiring",
        "settings",
        "pages",
        "api",
    },
}

# Room → what of others it may import, beside the standard library.
OTHERS = {
    "messages": {"jinja2"},
    "pages": {"jinja2"},
    "adapters": {
        "boto3",
        "botocore",
        "cryptography",
        "jwt",
        "phonenumbers",
        "pynamodb",
        "python_calamine",
        "segno",
        "urllib3",
        "xlsxwriter",
    },
    "api": {"aws_lambda_powertools", "pydantic", "pydantic_core"},
    "batches": {"aws_lambda_powertools"},
    "functions": {"aws_lambda_powertools"},
    "wiring": {"aws_lambda_powertools", "boto3", "botocore"},
}

# Module → the only places that may know it, by the beginning of their path.
KNOWN_TO = {
    "cryptography": (
        "adapters/oidc/",
        "adapters/sealing.py",
        "adapters/keyring.py",
        "adapters/vault.py",
        "adapters/tables/",
    ),
    "pynamodb": ("adapters/tables/", "adapters/vault.py", "adapters/unread.py"),
    "xlsxwriter": ("adapters/",),
    "python_calamine": ("adapters/workbooks.py",),
    "segno": ("adapters/qr.py",),
    "jwt": ("adapters/oidc/",),
    "phonenumbers": ("adapters/sms/phones.py",),
    "urllib3": ("adapters/sms/http.py", "adapters/front_door.py"),
    "smtplib": ("adapters/notifiers/",),
    "pydantic": ("api/",),
}


def product():
    """(room, path) of every module of the product."""
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        yield inside.parts[0].removesuffix(".py"), path
    for path in sorted((ROOT / "functions").rglob("*.py")):
        yield "functions", path


def imports(path):
    """Every module that a file imports, wherever in it, by its full name; `from a import b` gives `a.b`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the room"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def allowed(room, name):
    """Whether a room may import a module."""
    if name == "cardcourier.VERSION" or (room == "wiring" and name.startswith("cardcourier.")):
        return True
    first, _, rest = name.partition(".")
    if first != "cardcourier":
        return first in STANDARD or first in OTHERS.get(room, ())
    known = ROOMS[room] | {room}
    return any(rest == other or rest.startswith(f"{other}.") for other in known)


MODULES = [pytest.param(room, path, id=str(path.relative_to(ROOT))) for room, path in product()]


@pytest.mark.parametrize(("room", "path"), MODULES)
def test_a_module_imports_only_what_its_room_may(room, path):
    if path == PACKAGE / "__init__.py":
        assert list(imports(path)) == []
        return
    assert [name for name in imports(path) if not allowed(room, name)] == []


@pytest.mark.parametrize("module", KNOWN_TO)
def test_a_library_is_known_in_its_place_alone(module):
    users = [
        str(path.relative_to(PACKAGE))
        for room, path in product()
        if room != "functions" and any(name.split(".")[0] == module for name in imports(path))
    ]
    assert users
    assert [user for user in users if not user.startswith(KNOWN_TO[module])] == []


def test_the_rules_bite():
    assert not allowed("services", "cardcourier.adapters.vault.Vault")
    assert not allowed("adapters", "cardcourier.services.intake.Intake")
    assert not allowed("domain", "cardcourier.services.picking.Picker")
    assert not allowed("functions", "cardcourier.adapters.queues.Queue")
    assert not allowed("functions", "boto3")
    assert not allowed("domain", "boto3")
    assert not allowed("services", "local.cloud")
    assert not allowed("pages", "cardcourier.adapters.vault.Vault")
    assert not allowed("adapters", "cardcourier.servicesx")
    assert allowed("wiring", "cardcourier.adapters.vault.Vault")


@pytest.mark.parametrize("folder", sorted((ROOT / "functions").glob("*/")), ids=lambda folder: folder.name)
def test_a_function_is_one_door(folder):
    files = [path.name for path in folder.iterdir() if path.name != "__pycache__"]
    assert files == ["app.py"]
    tree = ast.parse((folder / "app.py").read_text())
    assert ast.get_docstring(tree)
    assert "handler" in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def test_every_function_of_the_template_has_its_folder():
    named = set(re.findall(r"CodeUri: functions/([\w-]+)/", (ROOT / "template.yaml").read_text()))
    assert named == {path.parent.name for path in (ROOT / "functions").glob("*/app.py")}


def test_every_module_says_what_it_is_for():
    assert [path for _, path in product() if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_no_module_is_a_drawer():
    drawers = ("util", "helper", "manager", "common", "misc", "base")
    assert [path for _, path in product() if path.stem.rstrip("s") in drawers] == []


def test_nobody_swallows_every_error():
    """Whoever catches everything hides what is wrong; only the process boundaries of `local/` may."""
    found = [
        path.relative_to(ROOT)
        for folder in ("shared", "functions", "cli")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and takes_all(node) and not goes_on(node)
    ]
    assert found == []


def takes_all(handler):
    kind = handler.type
    return kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))


def goes_on(handler):
    """Whether it raises again what it caught."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_the_command_line_knows_the_product_only_through_the_api():
    """What operators do needs the tables; everything else goes over HTTP."""
    users = {
        path.parent.name
        for path in (ROOT / "cli").rglob("*.py")
        for name in imports(path)
        if name.startswith(("cardcourier.adapters", "cardcourier.services", "cardcourier.wiring", "local"))
    }
    assert users <= {"ops"}
