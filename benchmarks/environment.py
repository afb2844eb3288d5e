"""What was measured with: interpreter, clients and machine. Results without them cannot be compared with others."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from stomp_core import __version__

from .clients import CLIENTS, version_of

__all__ = ["describe", "load", "python"]


def describe() -> dict[str, str]:
    """Return names and versions of what the results depend on, without brokers."""
    packages = [client.distribution for client in CLIENTS if client.distribution]
    return {
        "Python": python(),
        "This library": __version__,
        "Other packages": ", ".join(f"{name} {version_of(name)}" for name in packages),
        "Machine": f"{_processor()}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}",
    }


def python() -> str:
    """Return name and version of the interpreter."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def load() -> str:
    """Return the load of the machine in the last minute: above its number of CPUs, times mean little."""
    try:
        return f"{os.getloadavg()[0]:.1f}"
    except OSError:
        return "unknown"


def _processor() -> str:
    try:
        model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        model = None
    return model[1] if model else platform.processor() or platform.machine()
