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


def run_world(module: str) -> None:
    """Run a module of this package, plain and with TLS, in processes of their own: there is one reactor in a process.

    Args:
        module: its name. It goes through the scenario as its argument says, and prints it.
    """
    root = Path(__file__).parents[3]
    runs = [
        subprocess.Popen(
            [
                sys.executable,
                "-X",
                "faulthandler",
                "-W",
                "error",
                "-m",
                f"tests.examples.embedding.{module}",
                kind,
            ],
            cwd=root,
            env=os.environ
            | {"PYTHONPATH": f"{root}{os.pathsep}{root / 'transports'}", "QT_QPA_PLATFORM": "offscreen"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for kind in ("plain", "tls")
    ]
    try:
        outputs = [run.communicate(timeout=60) for run in runs]
    finally:
        for run in runs:
            run.kill()
            run.communicate()
    assert outputs == [("plain\n", ""), ("tls\n", "")], [run.returncode for run in runs]
