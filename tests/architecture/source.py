"""Read the project's source files: modules and their imports."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: Every folder with Python code. Modules in transports are named as if it were on the path, which it is.
FOLDERS = ("stomp_core", "transports", "tests", "fuzz", "benchmarks", "examples", "tools")


@dataclass(frozen=True)
class Module:
    """One source file.

    Attributes:
        name: the name that it is imported by, such as ``stomp_core.wire._frame``.
        path: the file.
        package: the package that its relative imports start from.
    """

    name: str
    path: Path
    package: str

    @property
    def file(self) -> str:
        """The path relative to the root of the project."""
        return self.path.relative_to(ROOT).as_posix()

    @property
    def tree(self) -> ast.Module:
        """The source, parsed anew each time: trees of all files would make every garbage collection slow."""
        # Without garbage collection: in CPython 3.11, ast.parse raises SystemError ("recursion depth mismatch") if a
        # finalizer that formats a traceback runs meanwhile, and tests before this one may leave such garbage.
        gc.disable()
        try:
            return ast.parse(self.path.read_text(), self.path.name)
        finally:
            gc.enable()

    @property
    def imports(self) -> tuple[Import, ...]:
        """All imports, in the order of the source."""
        return _imports_of_file(self)


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        name: the full name, such as ``stomp_core.wire._frame.Frame`` or ``socket``.
        line: the line in the source.
        for_types: whether it is under ``if TYPE_CHECKING:``.
        lazy: whether it is inside a function.
    """

    name: str
    line: int
    for_types: bool
    lazy: bool

    @property
    def top(self) -> str:
        """The top-level package of the imported name."""
        return self.name.partition(".")[0]


@cache
def _imports_of_file(module: Module) -> tuple[Import, ...]:
    return tuple(imports_of(module.tree, module.package))


@cache
def modules_in(folder: str) -> tuple[Module, ...]:
    """Return every module below a folder.

    Args:
        folder: relative to the root of the project, such as ``stomp_core/wire`` or ``transports``.
    """
    source_root = ROOT / "transports" if folder.partition("/")[0] == "transports" else ROOT
    found = []
    for path in sorted((ROOT / folder).rglob("*.py")):
        if "__pycache__" in path.parts:
            continue
        parts = path.relative_to(source_root).with_suffix("").parts
        package = ".".join(parts[:-1])
        name = package if parts[-1] == "__init__" else ".".join(parts)
        found.append(Module(name, path, package))
    return tuple(found)


def imports_of(tree: ast.Module, package: str) -> list[Import]:
    """Return all imports of a module.

    Args:
        tree: the parsed module.
        package: the package that relative imports start from.

    Raises:
        ImportError: a relative import leaves the top-level package.
    """
    return list(_imports(tree, package, for_types=False, lazy=False))


def module_imported(name: str, known: Iterable[str]) -> str | None:
    """Return the module that an import of ``name`` loads: the longest prefix of it that is a known module."""
    while name not in known:
        name, _, _ = name.rpartition(".")
        if not name:
            return None
    return name


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
            yield from _imports(ast.Module(child.body, []), package, for_types=True, lazy=lazy)
            yield from _imports(ast.Module(child.orelse, []), package, for_types=for_types, lazy=lazy)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, package, for_types=for_types, lazy=lazy or inside)


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
