"""The house: arrows point one way, the core is pure, and every package is in the wheel.

errors <- wire <- protocol <- session <- stomp_socket, stomp_asyncio, stomp_trio, ... <- stomp_py, stomp_cli
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import stomp_core

from .source import ROOT, Import, imports_of, modules

CORE = ROOT / "stomp_core"
TRANSPORTS = ROOT / "transports"

#: nothing pure needs these, and whoever imports them does I/O, looks at a clock, throws dice or starts threads
IMPURE = {
    "asyncio", "concurrent", "multiprocessing", "os", "pathlib", "queue", "random", "sched", "secrets", "select",
    "selectors", "signal", "socket", "socketserver", "ssl", "subprocess", "threading", "time", "urllib.request",
}  # fmt: skip

#: the layers of the core, and what each may see
LAYERS: dict[str, set[str]] = {
    "errors": set(),
    "wire": {"errors"},
    "protocol": {"errors", "wire"},
    "session": {"errors", "wire", "protocol"},
}

#: the packages beside the core, and which of ours each may see
PACKAGES: dict[str, set[str]] = {
    "stomp_socket": {"stomp_core"},
    "stomp_asyncio": {"stomp_core"},
    "stomp_trio": {"stomp_core"},
    "stomp_websocket": {"stomp_core"},
    "stomp_py": {"stomp_core", "stomp_socket"},
    "stomp_cli": {"stomp_core", "stomp_socket"},
    "stomp_observe": {"stomp_core"},
    "stomp_testing": {"stomp_core"},
}

#: what a package needs from outside the standard library. Elsewhere it may be imported when asked for, in a function.
REQUIRES: dict[str, set[str]] = {
    "stomp_trio": {"trio"},
    "stomp_observe": {"opentelemetry"},
    "stomp_websocket": {"wsproto"},
    "stomp_testing": {"pytest", "hypothesis", "trustme", "trio", "cryptography"},
}

packages = [
    path.name for path in sorted(TRANSPORTS.glob("*")) if path.is_dir() and path.name != "__pycache__"
]


def where(path: Path, one: Import) -> str:
    return f"{path.relative_to(ROOT)}:{one.line}: {one.name}"


# ---------------------------------------------------------------------- a fresh interpreter

_TELL_MODULES = """
import sys
sys.path.insert(0, {path!r})
before = set(sys.modules)
{statement}
import json
print(json.dumps([sorted(before), sorted(sys.modules)]))
"""


def _modules_after(statement: str) -> set[str]:
    """What an interpreter that knows nothing of the world has loaded after a statement, and not without it."""
    # Without -S, files that other packages put into site-packages would bring modules of their own.
    source = _TELL_MODULES.format(path=str(Path(stomp_core.__file__).parents[1]), statement=statement)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", source], capture_output=True, text=True, timeout=60, check=True
    )
    before, after = json.loads(done.stdout)
    return set(after) - set(before)


@pytest.fixture(scope="module")
def came_with_the_core() -> set[str]:
    # json is how the answer gets here.
    return _modules_after("import stomp_core") - _modules_after("pass")


def test_stomp_core_comes_alone(came_with_the_core: set[str]) -> None:
    tops = {name.partition(".")[0] for name in came_with_the_core}
    assert "stomp_core" in tops
    assert tops - {"stomp_core"} <= sys.stdlib_module_names


def test_stomp_core_brings_neither_sockets_nor_threads_nor_a_clock_nor_dice(
    came_with_the_core: set[str],
) -> None:
    banned = {
        "socket",
        "_socket",
        "ssl",
        "_ssl",
        "select",
        "selectors",
        "asyncio",
        "threading",
        "time",
        "random",
    }
    assert came_with_the_core & banned == set()


def test_the_measurement_sees_what_it_looks_for() -> None:
    assert {"socket", "select", "threading", "random"} <= _modules_after("import asyncio, random")


# ---------------------------------------------------------------------- the arrows


def _layer(name: str) -> str | None:
    top, _, rest = name.partition(".")
    return rest.partition(".")[0] if top == "stomp_core" else None


def _is_impure(name: str) -> bool:
    return any(name == banned or name.startswith(banned + ".") for banned in IMPURE)


@pytest.mark.parametrize("layer", LAYERS)
def test_an_arrow_of_the_core_never_turns_round(layer: str) -> None:
    folder = CORE / layer
    files = modules(folder, ROOT) if folder.is_dir() else [("stomp_core", CORE / f"{layer}.py")]
    wrong = []
    for package, path in files:
        for one in imports_of(path.read_text(), package):
            seen = _layer(one.name)
            # `from stomp_core import ...` would see every layer there is.
            if not one.for_types and one.top == "stomp_core" and seen not in LAYERS[layer] | {layer}:
                wrong.append(where(path, one))
    assert files
    assert wrong == []


def test_every_module_of_the_core_is_in_a_layer() -> None:
    known = {*LAYERS, "__init__", "__pycache__", "py.typed"}
    assert {path.stem if path.suffix == ".py" else path.name for path in CORE.iterdir()} <= known


@pytest.mark.parametrize(
    ("package", "path"), modules(CORE, ROOT), ids=lambda value: str(value).rpartition("/")[2]
)
def test_a_module_of_the_core_is_pure(package: str, path: Path) -> None:
    wrong = [
        where(path, one)
        for one in imports_of(path.read_text(), package)
        if not one.for_types
        and (_is_impure(one.name) or one.top not in (*sys.stdlib_module_names, "stomp_core"))
    ]
    assert wrong == []


@pytest.mark.parametrize("name", packages)
def test_a_package_sees_the_core_and_what_it_is_made_of_but_no_neighbour(name: str) -> None:
    assert name in PACKAGES, f"say in {Path(__file__).name} what {name} may import"
    ours = {"stomp_core", *PACKAGES}
    wrong = [
        where(path, one)
        for package, path in modules(TRANSPORTS / name, TRANSPORTS)
        for one in imports_of(path.read_text(), package)
        if one.top in ours - PACKAGES[name] - {name}
    ]
    assert wrong == []


@pytest.mark.parametrize("name", packages)
def test_a_package_needs_only_what_it_says(name: str) -> None:
    allowed = {*sys.stdlib_module_names, "stomp_core", *PACKAGES, *REQUIRES.get(name, ())}
    wrong = [
        where(path, one)
        for package, path in modules(TRANSPORTS / name, TRANSPORTS)
        for one in imports_of(path.read_text(), package)
        if one.top not in allowed and not one.for_types and not one.lazy
    ]
    assert wrong == []


def test_nobody_imports_transports() -> None:
    folders = ("stomp_core", "transports", "tests", "fuzz", "benchmarks", "examples", "tools")
    wrong = [
        where(path, one)
        for folder in folders
        for package, path in modules(ROOT / folder, TRANSPORTS if folder == "transports" else ROOT)
        for one in imports_of(path.read_text(), package)
        if one.top == "transports"
    ]
    assert wrong == []
    assert not (TRANSPORTS / "__init__.py").exists(), "transports is a source root, not a package"


# ---------------------------------------------------------------------- the packages


@pytest.fixture(scope="module")
def wheel() -> list[str]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    listed: list[str] = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return listed


@pytest.mark.parametrize("name", packages)
def test_a_package_is_typed_and_in_the_wheel(name: str, wheel: list[str]) -> None:
    assert (TRANSPORTS / name / "py.typed").is_file()
    assert f"transports/{name}" in wheel


def test_the_wheel_is_the_core_and_the_packages(wheel: list[str]) -> None:
    assert sorted(wheel) == sorted(["stomp_core", *(f"transports/{name}" for name in packages)])
    assert (CORE / "py.typed").is_file()


# ---------------------------------------------------------------------- the check checks

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


def test_every_kind_of_import_is_seen() -> None:
    found = {one.name: (one.for_types, one.lazy) for one in imports_of(SOURCE, "top.package")}
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


def test_a_relative_import_cannot_leave_its_package() -> None:
    with pytest.raises(ImportError, match="line 1: a relative import that leaves stomp_core"):
        imports_of("from ..wire import Frame", "stomp_core")
