"""Names and modules that begin with an underscore are used only where they belong."""

from __future__ import annotations

import ast

import pytest

from .private_names import private_uses_in, private_uses_of
from .source import FOLDERS, modules_in
from .structure import ALLOWED_PRIVATE_USES, PRIVATE_MODULES


@pytest.mark.parametrize("folder", [folder for folder in FOLDERS if folder != "tests"])
def test_private_names_stay_in_their_module(folder: str) -> None:
    """Tests are not held to it; ``python -m tests.architecture.private_names`` lists what they use."""
    wrong = [use for use in private_uses_in(folder) if (use.file, use.name) not in ALLOWED_PRIVATE_USES]
    assert not wrong, "\n".join(map(str, wrong))


def test_every_allowed_exception_is_used() -> None:
    folders = {file.rpartition("/")[0] for file, _ in ALLOWED_PRIVATE_USES}
    used = {(use.file, use.name) for folder in folders for use in private_uses_in(folder)}
    assert set(ALLOWED_PRIVATE_USES) - used == set()


@pytest.mark.parametrize("package", PRIVATE_MODULES)
def test_module_names_begin_with_an_underscore(package: str) -> None:
    """Users import from packages, so modules can be moved and split."""
    folder = package if package == "stomp_core" else f"transports/{package}"
    exceptions = {"__init__", "__main__", *PRIVATE_MODULES[package]}
    wrong = [
        module.file
        for module in modules_in(folder)
        if not module.path.stem.startswith("_") and module.path.stem not in exceptions
    ]
    assert not wrong, "\n".join(wrong)


SOURCE = """
from m import _imported, public
from . import _module
from ._module import public
from package._module import public
from other._private import public
import other._private.inner
from m import public as _renamed
class C:
    __slots__ = ("_slot",)
    def __init__(self, other):
        self._own = other._own
        self._inherited()
        super()._inherited_too()
        other._slot, other._renamed, other._replace(), other.__dict__, C._own
        other._foreign = other.x._foreign_too
        getattr(other, "_by_name"), getattr(self, "_inherited"), getattr(other, "public")
"""


def test_every_kind_of_private_use_is_found() -> None:
    assert sorted(private_uses_of(ast.parse(SOURCE), "package.sub")) == [
        (2, "_imported"),
        (6, "other._private"),
        (7, "other._private.inner"),
        (16, "_foreign"),
        (16, "_foreign_too"),
        (17, "_by_name"),
    ]
