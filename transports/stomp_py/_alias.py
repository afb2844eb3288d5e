"""Makes ``import stomp`` find this package."""

from __future__ import annotations

import importlib
import pkgutil
import sys

__all__ = ["install_as_stomp"]

_HERE = __name__.rpartition(".")[0]


def install_as_stomp() -> None:
    """Make ``import stomp`` and the imports of its submodules find this package, everywhere in this process.

    Call it before anything imports stomp. A second call does no harm.

    Raises:
        ImportError: stomp.py itself is imported already: its modules and ours would be mixed.
    """
    package = sys.modules[_HERE]
    present = sys.modules.get("stomp")
    if present is not None and present is not package:
        raise ImportError(
            "stomp.py is imported already: call stomp_py.install_as_stomp() before anything imports stomp"
        )
    sys.modules["stomp"] = package
    for module in pkgutil.walk_packages(package.__path__, f"{_HERE}."):
        if not module.name.endswith(".as_stomp"):
            sys.modules["stomp" + module.name.removeprefix(_HERE)] = importlib.import_module(module.name)
