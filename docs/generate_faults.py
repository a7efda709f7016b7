"""Write docs/faults.md from the list of faults and the tests' marks: `python docs/generate_faults.py`."""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PLACE = Path(__file__).with_name("faults.md")
ROOT = PLACE.parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "shared")]

HEAD = """# Faults

What may go wrong, and the tests that make it go wrong on purpose. The page on [proof](proof.md#faults) says
where faults are injected and why there. This one is made from the marks of the tests by
`python docs/generate_faults.py`.

"""
WRITES_HEAD = """
## The writes

Each test of `integration/test_write_faults.py` is made for each of these, named as in the
[order protocol](protocol.md); those about transactions for those with several parts.

| write | parts |
|---|---|
"""


def shown() -> dict[str, list[str]]:
    """The tests that name a row, as `group: row`, by row and in the order of their files."""
    found = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        text = file.read_text("utf-8")
        if "mark.fault(" in text:
            for test, row in _marks(ast.parse(text)):
                found[row].append(f"{file.relative_to(ROOT / 'tests')}::{test}")
    return dict(found)


def _marks(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _marks(node, f"{node.name}::")
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for decorator in node.decorator_list:
                for call in ast.walk(decorator):
                    if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.mark.fault":
                        yield from ((inside + node.name, ast.literal_eval(row)) for row in call.args)


def text() -> str:
    """The page as it should be."""
    from tests.fault_list import FAULTS, WITH_RESERVATIONS
    from tests.integration.write_table import WRITES

    tests = shown()
    rows = [f"{name}: {row}" for name, group in FAULTS.items() for row in group.rows]
    covered = sum(row in tests for row in rows)
    page = [HEAD, f"Rows with a test: **{covered} of {len(rows)}**.\n"]
    for number, (name, group) in enumerate(FAULTS.items(), start=1):
        page.append(f"\n## {number}. {group.title}\n\n| name | what goes wrong | shown by |\n|---|---|---|\n")
        for row, words in group.rows.items():
            cells = "<br>".join(f"`{test}`" for test in tests.get(f"{name}: {row}", ["nothing yet"]))
            page.append(f"| `{name}: {row}` | {words} | {cells} |\n")
    page.append(WRITES_HEAD)
    page += [f"| {write.name} | {write.parts} |\n" for write in WRITES]
    page.append(
        "\n## Rows that come with reservations\n\nNo card can be reserved yet; these are not counted.\n\n"
    )
    page += [f"* {row}\n" for row in WITH_RESERVATIONS]
    return "".join(page)


if __name__ == "__main__":
    PLACE.write_text(text(), "utf-8")
