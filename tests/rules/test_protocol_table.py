"""docs/protocol.md names every write of the order protocol by the function that makes it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "shared" / "cardcourier"
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
NAMED = re.findall(r"^\|.*?`(adapters/tables/\w+\.py)::(\w+)`", PAGE, re.MULTILINE)
SENDS = {"write", "transact", "put_many"}


def functions(module):
    tree = ast.parse((PACKAGE / module).read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def calls(function):
    """Names of what a function calls: of `self.table.write(…)` it is `write`."""
    called = (node.func for node in ast.walk(function) if isinstance(node, ast.Call))
    return {one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in called}


def writers(module):
    """Functions of a module that send a write, themselves or through a private one of the module."""
    found, known = functions(module), set()
    while True:
        more = {
            name for name, node in found.items() if calls(node) & (SENDS | {n for n in known if n[0] == "_"})
        }
        if more == known:
            return known
        known = more


def test_the_page_numbers_the_writes_in_order():
    numbers = [int(number) for number in re.findall(r"^\| W(\d+) ", PAGE, re.MULTILINE)]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize(("module", "name"), NAMED, ids=lambda part: part)
def test_every_function_named_is_there_and_writes(module, name):
    assert name in writers(module)


def test_no_function_is_named_twice():
    assert len(NAMED) == len(set(NAMED))


@pytest.mark.parametrize(
    "module", ["adapters/tables/orders.py", "adapters/tables/waiting.py", "adapters/tables/refunds.py"]
)
def test_every_public_write_is_named(module):
    public = {name for name in writers(module) if not name.startswith("_")}
    assert public == {name for named, name in NAMED if named == module}


@pytest.mark.parametrize(
    ("module", "name"), [pair for pair in NAMED if pair[1] != "put"], ids=lambda part: part
)
def test_a_numbered_write_says_its_number(module, name):
    row = re.search(rf"^\| (W\d+) .*{module}::{name}`", PAGE, re.MULTILINE)
    text = ast.get_docstring(functions(module)[name]) or ""
    assert row is None or text.startswith(f"{row[1]}:") or text.startswith(f"{row[1]},")


def test_files_the_page_points_to_exist():
    for target in re.findall(r"\]\(\.\./([\w./]+)\)", PAGE) + re.findall(r"`(tests/[\w./]+)`", PAGE):
        assert (ROOT / target).is_file(), target
