"""The imports of a source file, and what kind each is."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Import:
    """One imported name, in full: ``stomp_core.wire._frame``, ``socket``."""

    name: str
    line: int
    #: under ``if TYPE_CHECKING:``, so that it never happens
    for_types: bool
    #: inside a function, so that it happens when that is called
    lazy: bool

    @property
    def top(self) -> str:
        """The package."""
        return self.name.partition(".")[0]


def imports_of(source: str, package: str) -> list[Import]:
    """All imports of a module.

    Args:
        source: its text.
        package: the package that relative imports start from.

    Raises:
        ImportError: a relative import leaves the topmost package.
    """
    return list(_imports(ast.parse(source), package, for_types=False, lazy=False))


def _imports(node: ast.AST, package: str, *, for_types: bool, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, for_types, lazy)
        elif isinstance(child, ast.ImportFrom):
            module = _absolute(child, package)
            for alias in child.names:
                yield Import(f"{module}.{alias.name}", child.lineno, for_types, lazy)
        elif isinstance(child, ast.If) and _is_type_checking(child.test):
            for statement in child.body:
                yield from _imports(_wrapped(statement), package, for_types=True, lazy=lazy)
            for statement in child.orelse:
                yield from _imports(_wrapped(statement), package, for_types=for_types, lazy=lazy)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, package, for_types=for_types, lazy=lazy or inside)


def _wrapped(statement: ast.stmt) -> ast.Module:
    return ast.Module([statement], [])


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", None)
    return name == "TYPE_CHECKING"


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    if node.level > len(parts):
        raise ImportError(f"line {node.lineno}: a relative import that leaves {package}")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def modules(folder: Path, root: Path) -> list[tuple[str, Path]]:
    """Every module below ``folder``: the package that it is in, as seen from ``root``, and its file."""
    return [
        (".".join(path.parent.relative_to(root).parts), path)
        for path in sorted(folder.rglob("*.py"))
        if "__pycache__" not in path.parts
    ]
