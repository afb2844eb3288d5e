"""Imports point one way, without circles, and stomp_core is pure.

wire <- protocol <- session <- adapter <- stomp_socket, stomp_asyncio, stomp_trio <- stomp_py, stomp_cli
"""

from __future__ import annotations

import ast
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest

import stomp_core
from stomp_core import adapter

from .cycles import find_cycles
from .source import FOLDERS, ROOT, Import, Module, imports_of, module_imported, modules_in
from .structure import (
    ALLOWED_IMPURE,
    CORE_LAYERS,
    IMPORTED_WHEN_USED,
    IMPURE,
    NOT_LOADED,
    PACKAGES,
    REQUIRES,
    SESSION_ORDER,
)

TRANSPORTS = ROOT / "transports"
packages = sorted(path.parent.name for path in TRANSPORTS.glob("*/__init__.py"))


def place(module: Module, one: Import) -> str:
    return f"{module.file}:{one.line}: {one.name}"


# ---------------------------------------------------------------------- a fresh interpreter

_PRINT_LOADED_MODULES = """
import sys
sys.path.insert(0, {path!r})
{statement}
loaded = sorted(sys.modules)
import json
print(json.dumps(loaded))
"""


def _loaded_after(statement: str) -> set[str]:
    """Return the modules that an interpreter has loaded after its start and one statement."""
    # Without -S, files that other packages put into site-packages would load modules of their own.
    source = _PRINT_LOADED_MODULES.format(path=str(Path(stomp_core.__file__).parents[1]), statement=statement)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", source], capture_output=True, text=True, timeout=60, check=True
    )
    return set(json.loads(done.stdout))


def _loaded_by(statement: str) -> set[str]:
    """Return the modules that a statement loads, without those that the interpreter loads at its start."""
    return _loaded_after(statement) - _loaded_after("pass")


@pytest.fixture(scope="module")
def loaded_by_core() -> set[str]:
    return _loaded_by("import stomp_core")


def test_core_needs_the_standard_library_only(loaded_by_core: set[str]) -> None:
    top_level = {name.partition(".")[0] for name in loaded_by_core}
    assert "stomp_core" in top_level
    assert top_level - {"stomp_core"} <= sys.stdlib_module_names


def test_core_loads_no_io_clock_threads_or_randomness(loaded_by_core: set[str]) -> None:
    assert loaded_by_core & NOT_LOADED == set()


def test_core_does_without_inspect(loaded_by_core: set[str]) -> None:
    assert loaded_by_core & {"inspect", "dis", "ast", *IMPORTED_WHEN_USED} == set()


def test_socket_adapter_loads_what_it_uses() -> None:
    """Each of these modules takes milliseconds, which a command-line program pays at every start."""
    loaded = _loaded_by(f"sys.path.insert(0, {str(TRANSPORTS)!r}); import stomp_socket")
    assert "stomp_core.adapter._blocking" in loaded
    assert loaded & IMPORTED_WHEN_USED == set()


@pytest.mark.parametrize(
    "how", ["from stomp_core.adapter import *", "import stomp_core.adapter as a; dir(a)"]
)
def test_names_of_adapter_are_there_before_their_modules(how: str) -> None:
    listed = "dir(a)" if "dir" in how else "globals()"
    names = f"import stomp_core.adapter as b; assert set(b.__all__) <= set({listed})"
    assert "stomp_core.adapter" in _loaded_by(f"{how}; {names}")


def test_every_name_of_adapter_is_found() -> None:
    for name in adapter.__all__:
        assert getattr(adapter, name) is not None
    with pytest.raises(AttributeError, match=r"module 'stomp_core\.adapter' has no attribute 'Diver'"):
        getattr(adapter, "Diver")  # noqa: B009  # type checkers would report it


def test_measuring_loaded_modules_works() -> None:
    assert {"socket", "select", "threading", "random"} <= _loaded_by("import asyncio, random")
    assert _loaded_by("pass") == set()


# ---------------------------------------------------------------------- direction


def _layer(name: str) -> str | None:
    top, _, rest = name.partition(".")
    return rest.partition(".")[0] if top == "stomp_core" else None


@pytest.mark.parametrize("number", range(len(CORE_LAYERS)), ids=CORE_LAYERS)
def test_layer_imports_only_lower_layers(number: int) -> None:
    layer, allowed = CORE_LAYERS[number], CORE_LAYERS[: number + 1]
    wrong = [
        place(module, one)
        for module in modules_in("stomp_core")
        if _layer(module.name) == layer
        for one in module.imports
        # `from stomp_core import ...` would give access to every layer.
        if one.top == "stomp_core" and _layer(one.name) not in allowed
    ]
    assert not wrong, "\n".join(wrong)


def test_every_module_of_core_is_in_a_layer() -> None:
    layers = {_layer(module.name) for module in modules_in("stomp_core") if module.name != "stomp_core"}
    assert layers <= set(CORE_LAYERS)


def test_session_imports_point_down_the_list() -> None:
    below = {name: set(SESSION_ORDER[at + 1 :]) for at, name in enumerate(SESSION_ORDER)}
    prefix = "stomp_core.session."
    wrong = []
    for module in modules_in("stomp_core/session"):
        if module.name == "stomp_core.session":
            continue
        name = module.name.removeprefix(prefix)
        for one in module.imports:
            target = one.name.removeprefix(prefix).partition(".")[0]
            if one.name.startswith(prefix) and target not in below.get(name, ()):
                wrong.append(place(module, one))
    assert not wrong, "\n".join(wrong)


def test_session_list_is_complete() -> None:
    names = {module.path.stem for module in modules_in("stomp_core/session")} - {"__init__"}
    assert sorted(SESSION_ORDER) == sorted(names)


def test_no_circle_of_imports() -> None:
    """Imports under TYPE_CHECKING and inside functions count too."""
    modules = {
        module.name: module for folder in ("stomp_core", "transports") for module in modules_in(folder)
    }
    graph: dict[str, set[str]] = {}
    for name, module in modules.items():
        targets = {module_imported(one.name, modules) for one in module.imports}
        graph[name] = {target for target in targets if target is not None}
    cycles = [" -> ".join(cycle) for cycle in find_cycles(graph)]
    assert not cycles, "\n".join(cycles)


@pytest.mark.parametrize("package", packages)
def test_package_imports_only_packages_below_it(package: str) -> None:
    assert package in PACKAGES, f"list in structure.py what {package} may import"
    forbidden = {"stomp_core", *PACKAGES} - PACKAGES[package] - {package}
    wrong = [
        place(module, one)
        for module in modules_in(f"transports/{package}")
        for one in module.imports
        if one.top in forbidden
    ]
    assert not wrong, "\n".join(wrong)


# ---------------------------------------------------------------------- dependencies


def _is_impure(name: str) -> bool:
    return any(name == banned or name.startswith(banned + ".") for banned in IMPURE)


def test_modules_of_core_are_pure() -> None:
    wrong = [
        place(module, one)
        for module in modules_in("stomp_core")
        for one in module.imports
        # A type may be named: `rng: random.Random` needs no random numbers.
        if not one.for_types
        and not (one.lazy and (module.file, one.name) in ALLOWED_IMPURE)
        and (_is_impure(one.name) or one.top not in (*sys.stdlib_module_names, "stomp_core"))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", packages)
def test_package_imports_only_declared_dependencies(package: str) -> None:
    allowed = {*sys.stdlib_module_names, "stomp_core", *PACKAGES, *REQUIRES.get(package, ())}
    wrong = [
        place(module, one)
        for module in modules_in(f"transports/{package}")
        for one in module.imports
        if one.top not in allowed and not one.for_types and not one.lazy
    ]
    assert not wrong, "\n".join(wrong)


def test_transports_is_not_a_package() -> None:
    wrong = [
        place(module, one)
        for folder in FOLDERS
        for module in modules_in(folder)
        for one in module.imports
        if one.top == "transports"
    ]
    assert not wrong, "\n".join(wrong)
    assert not (TRANSPORTS / "__init__.py").exists()


# ---------------------------------------------------------------------- the checks themselves

SOURCE = """
import socket as s, a.b
from . import wire
from .wire import Frame
from ..x import y
from stomp_core.protocol import Connect
if TYPE_CHECKING:
    import random
    if more:
        from .session import Session
else:
    import queue
if typing.TYPE_CHECKING:
    import ssl
def f():
    import lazy
    class C:
        import lazy2
try:
    import tried
except ImportError:
    pass
"""


def test_every_kind_of_import_is_found() -> None:
    found = {one.name: (one.for_types, one.lazy) for one in imports_of(ast.parse(SOURCE), "top.package")}
    assert found == {
        "socket": (False, False),
        "a.b": (False, False),
        "top.package.wire": (False, False),
        "top.package.wire.Frame": (False, False),
        "top.x.y": (False, False),
        "stomp_core.protocol.Connect": (False, False),
        "random": (True, False),
        "top.package.session.Session": (True, False),
        "queue": (False, False),
        "ssl": (True, False),
        "lazy": (False, True),
        "lazy2": (False, True),
        "tried": (False, False),
    }


def test_relative_import_cannot_leave_its_package() -> None:
    with pytest.raises(ImportError, match="line 1: a relative import that leaves stomp_core"):
        imports_of(ast.parse("from ..wire import Frame"), "stomp_core")


def test_import_is_resolved_to_the_module_that_it_loads() -> None:
    known = {"a", "a.b", "a.b.c"}
    assert module_imported("a.b.c", known) == "a.b.c"
    assert module_imported("a.b.NAME", known) == "a.b"
    assert module_imported("elsewhere.a", known) is None


def test_circles_are_found() -> None:
    assert find_cycles({"a": ["b"], "b": ["c"], "c": []}) == []
    assert find_cycles({"a": ["a"]}) == [["a", "a"]]
    graph = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["e"], "e": ["d"]}
    found = find_cycles(graph)
    assert {frozenset(cycle) for cycle in found} == {frozenset("abc"), frozenset("de")}
    for cycle in found:
        assert all(after in graph[before] for before, after in itertools.pairwise(cycle))
