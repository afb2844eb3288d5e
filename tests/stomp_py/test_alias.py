"""``import stomp`` that finds ``stomp_py``; each in an interpreter of its own, since it stays so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import stomp_py

SUBMODULES = [
    "adapter",
    "adapter.multicast",
    "adapter.ws",
    "colours",
    "connect",
    "constants",
    "exception",
    "listener",
    "log",
    "logging",
    "protocol",
    "transport",
    "utils",
]


def run(source: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *options, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{source}"],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    "line",
    [
        "import stomp_py; stomp_py.install_as_stomp()",
        "import stomp_py.as_stomp",
        "import stomp_py.as_stomp as s",
    ],
)
def test_one_line_makes_import_stomp_find_it(line: str) -> None:
    imports = "\n".join(f"import stomp.{name}" for name in SUBMODULES)
    same = "\n".join(
        f"assert sys.modules['stomp.{name}'] is importlib.import_module('stomp_py.{name}')"
        for name in SUBMODULES
    )
    done = run(
        f"{line}\nimport importlib, stomp, stomp_py\n{imports}\nassert stomp is stomp_py\n{same}\n"
        "from stomp.exception import NotConnectedException\n"
        "from stomp import ConnectionListener, exception\n"
        "assert exception.NotConnectedException is NotConnectedException\n"
        "print(stomp.Connection.__module__)"
    )
    assert done.stderr == ""
    assert done.stdout == "stomp_py.connect\n"


def test_a_library_that_imports_stomp_gets_it(tmp_path: Path) -> None:
    (tmp_path / "library.py").write_text(
        "import stomp\nfrom stomp.connect import StompConnection11\nfrom stomp.utils import *\n"
        "class Mine(stomp.ConnectionListener):\n    pass\n"
    )
    done = run(
        f"import stomp_py\nstomp_py.install_as_stomp()\nsys.path.insert(0, {str(tmp_path)!r})\nimport library\n"
        "assert issubclass(library.Mine, stomp_py.ConnectionListener)\nprint(library.Frame.__module__)"
    )
    assert done.stderr == ""
    assert done.stdout == "stomp_py.utils\n"


def test_to_install_it_twice_does_no_harm() -> None:
    done = run("import stomp_py\nstomp_py.install_as_stomp()\nstomp_py.install_as_stomp()\nimport stomp")
    assert done.returncode == 0, done.stderr


def test_it_does_not_mix_with_stomp_py_itself() -> None:
    done = run(
        "import types\nsys.modules['stomp'] = types.ModuleType('stomp')\nimport stomp_py\nstomp_py.install_as_stomp()"
    )
    assert "ImportError: stomp.py is imported already" in done.stderr


def test_importing_it_alone_changes_nothing() -> None:
    done = run("import stomp_py\nprint('stomp' in sys.modules)")
    assert done.stdout == "False\n", done.stderr


def test_every_public_name_is_there() -> None:
    for name in stomp_py.__all__:
        assert hasattr(stomp_py, name), name


def test_its_public_names_are_those_of_stomp_py() -> None:
    """Its modules have the names of those that they import, too, and programs import them from anywhere."""
    stomp = pytest.importorskip("stomp", reason="pip install stomp.py")
    for name in ("connect", "constants", "exception", "listener", "protocol", "transport", "utils"):
        theirs, ours = getattr(stomp, name), getattr(stomp_py, name)
        missing = [
            entry
            for entry, value in vars(theirs).items()
            if not entry.startswith("_")
            and (
                str(getattr(value, "__module__", "")).startswith("stomp.")
                or type(value) in (str, bytes, re.Pattern)
            )
            and not hasattr(ours, entry)
        ]
        # A queue that a selector can watch serves the socket of stomp.py alone.
        assert [entry for entry in missing if entry != "PollableQueue"] == [], name


def test_the_version_as_text_and_as_numbers() -> None:
    done = run(
        "import stomp_py\nprint(stomp_py.__version__)\nstomp_py.tuple_version()\nprint(stomp_py.__version__)"
    )
    text, numbers = done.stdout.splitlines()
    assert numbers == str(tuple(int(number) for number in text.split(".")))
