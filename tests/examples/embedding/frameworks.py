"""Whether a framework is installed. In CI (STOMP_BROKERS=required), one that is missing is a failure."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

__all__ = ["require", "run_world"]


def require(*modules: str) -> None:
    """Skip the tests of a module if a framework is not installed.

    Args:
        modules: what it imports.
    """
    for module in modules:
        if os.environ.get("STOMP_BROKERS") == "required":
            importlib.import_module(module)
        pytest.importorskip(module, reason=f"{module} is not installed: pip install --group embedding")


def run_world(module: str, *arguments: str) -> list[str]:
    """Run a module of this package in a process of its own, for frameworks of which a process can have one at a time.

    Args:
        module: its name.
        arguments: of the program.

    Returns:
        The lines that it has printed.
    """
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", f"tests.examples.embedding.{module}", *arguments],
        cwd=root,
        env=os.environ | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'transports'}", "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()
