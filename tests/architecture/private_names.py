"""Find uses of private names outside of the module that defines them.

``python -m tests.architecture.private_names [FOLDER...]`` lists those in tests, or in the given folders.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .source import Module, modules_in

__all__ = ["PrivateUse", "find_private_uses", "private_uses_in", "private_uses_of"]

#: These begin with an underscore so that they cannot collide with names of fields. They are documented and public.
_PUBLIC = {"_asdict", "_field_defaults", "_fields", "_make", "_replace"}
_OWN = {"self", "cls"}


@dataclass(frozen=True)
class PrivateUse:
    """One use of a private name of another module."""

    file: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.name}"


def private_uses_in(folder: str) -> list[PrivateUse]:
    """Return all uses in the modules below a folder, relative to the root of the project."""
    return [use for module in modules_in(folder) for use in find_private_uses(module)]


def find_private_uses(module: Module) -> list[PrivateUse]:
    """Return all uses in a module."""
    return [
        PrivateUse(module.file, line, name) for line, name in private_uses_of(module.tree, module.package)
    ]


def private_uses_of(tree: ast.Module, package: str) -> list[tuple[int, str]]:
    """Return line and name of each use in a parsed module.

    A use is ``x._name``, ``getattr(x, "_name")``, ``from m import _name`` or an import from a private module of
    another top-level package. What a class may do with names that it inherits (``self``, ``cls``, ``super()``) is
    not counted, nor is any name that the same module defines.
    """
    defined = set(_definitions(tree))
    return [
        (line, name)
        for line, name in _uses(tree, package)
        if name.rpartition(".")[2] not in defined | _PUBLIC
    ]


def _is_private(name: str) -> bool:
    return name.startswith("_") and not (name.startswith("__") and name.endswith("__")) and name != "_"


def _uses(tree: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=value, attr=name) if _is_private(name) and not _is_own(value):
                yield node.lineno, name
            case ast.Call(
                func=ast.Name(id="getattr" | "setattr" | "delattr" | "hasattr"),
                args=[owner, ast.Constant(value=str(name)), *_],
            ) if _is_private(name) and not _is_own(owner):
                yield node.lineno, name
            case ast.ImportFrom(module=source, names=names, level=level):
                yield from (
                    (node.lineno, alias.name)
                    for alias in names
                    # `from . import _module` imports a module of the own package.
                    if _is_private(alias.name) and not (level and source is None)
                )
                if not level and source is not None and _is_foreign(source, package):
                    yield node.lineno, source
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names if _is_foreign(alias.name, package))


def _is_own(value: ast.expr) -> bool:
    match value:
        case ast.Name(id=name):
            return name in _OWN
        case ast.Call(func=ast.Name(id="super")):
            return True
    return False


def _is_foreign(module: str, package: str) -> bool:
    """Whether a module is private, and to a top-level package other than ``package``."""
    top, _, rest = module.partition(".")
    return top != package.partition(".")[0] and any(map(_is_private, [top, *rest.split(".")]))


def _definitions(tree: ast.Module) -> Iterator[str]:
    """Names that a module defines: functions, classes, variables, attributes of self and cls, slots."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Attribute(value=value, attr=name, ctx=ast.Store()) if _is_own(value):
                yield name
            case ast.alias(asname=str(name)):
                yield name
            case ast.Assign(targets=[ast.Name(id="__slots__")], value=slots):
                yield from (
                    one.value
                    for one in ast.walk(slots)
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                )


def main(folders: Sequence[str]) -> None:
    """Print the uses in some folders, one a line."""
    for folder in folders or ["tests"]:
        for use in private_uses_in(folder):
            print(use)


if __name__ == "__main__":
    main(sys.argv[1:])
