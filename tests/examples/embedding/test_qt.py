"""examples/embedding/qt_adapter.py, without a screen."""

from __future__ import annotations

from .frameworks import require, run_world

require("PySide6.QtCore")


def test_the_life_of_a_connection() -> None:
    run_world("qt_world")
