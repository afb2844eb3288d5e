"""mypyc_attr: how mypyc compiles a class, in the optional compiled build. Without effect in Python.

mypyc makes native classes: structs whose attributes and methods are found without a dict. What a native class cannot do
is stated at the class. mypyc knows the decorator as that of ``mypy_extensions``, which is not needed to run anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

__all__ = ["mypyc_attr"]

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:
    _T = TypeVar("_T")

    def mypyc_attr(*flags, **options):
        """Return a decorator that changes nothing."""
        return lambda cls: cls
