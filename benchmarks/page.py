"""Replace the measured parts of a Markdown page, and keep what people wrote around them."""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["replace_measured"]

_PART = re.compile(r"(<!-- measured: (\S+) -->\n)(.*?)(<!-- end of \2 -->\n)", re.DOTALL)


def replace_measured(page: str, parts: Mapping[str, str]) -> str:
    """Return the page with new measured parts.

    A part stands between the lines `<!-- measured: NAME -->` and `<!-- end of NAME -->`.

    Raises:
        ValueError: the page has other parts than those that are given, or one of them twice.
    """
    names = [found[2] for found in _PART.finditer(page)]
    if sorted(names) != sorted(parts):
        raise ValueError(f"the page must have the parts {sorted(parts)} once each, got {sorted(names)}")
    return _PART.sub(lambda found: f"{found[1]}\n{parts[found[2]].strip()}\n\n{found[4]}", page)
