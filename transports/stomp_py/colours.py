"""Escape sequences for colours in a terminal. Empty on Windows, where a terminal may print them."""

from __future__ import annotations

import platform

_plain = platform.system() == "Windows"

GREEN = "" if _plain else "\33[32m"
RED = "" if _plain else "\33[31m"
NO_COLOUR = "" if _plain else "\33[0m"
BOLD = "" if _plain else "\33[1m"
