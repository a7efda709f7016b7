"""Plants a bug: one exact snippet of one product module is another one when that module is imported.

Nothing is written to disk. A snippet that is not there exactly once is refused, so that no bug is planted
in vain once the product has changed; and so is a module that was imported already.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path


@dataclass(frozen=True)
class Mutation:
    """`old` becomes `new` in `module`. `seeds` is how many are searched for it, `breaks` what is to be
    found. The suite begins at `first`, a little before the seed that found it when it was planted.
    """

    name: str
    what: str
    module: str
    old: str
    new: str
    breaks: tuple[str, ...]
    seeds: int = 1_000
    first: int = 0


class NotPlanted(Exception):
    """The mutation does not fit the product's source."""


def mutated(mutation: Mutation, source: str) -> str:
    """The source with the bug in it. Raises NotPlanted."""
    found = source.count(mutation.old)
    if found != 1:
        raise NotPlanted(f"{mutation.name}: the snippet is {found} times in {mutation.module}, not once")
    return source.replace(mutation.old, mutation.new)


def source_of(module: str) -> str:
    """A product module's source, without importing it."""
    path = Path(__file__).parents[2].joinpath("shared", *module.split("."))
    return (path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py").read_text()


@contextmanager
def planted(mutation: Mutation | None) -> Iterator[None]:
    """Have every import from now on see the bug, until the end."""
    if mutation is None:
        yield
        return
    if mutation.module in sys.modules:
        raise NotPlanted(
            f"{mutation.name}: {mutation.module} was imported before; plant bugs in a fresh process"
        )
    mutated(mutation, source_of(mutation.module))
    finder = _Finder(mutation)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Loader(SourceFileLoader):
    mutation: Mutation

    def get_code(self, fullname: str):
        """Never from a compiled file, and never written to one."""
        source = mutated(self.mutation, Path(self.path).read_text())
        return compile(source, self.path, "exec", dont_inherit=True)


class _Finder(PathFinder):
    def __init__(self, mutation: Mutation) -> None:
        self.mutation = mutation

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.mutation.module:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None:
            loader = _Loader(fullname, spec.origin)
            loader.mutation = self.mutation
            spec.loader = loader
        return spec
