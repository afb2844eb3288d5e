"""examples/embedding/gevent_adapter.py, without monkey patching."""

from __future__ import annotations

from .frameworks import require, run_world

require("gevent")


def test_the_life_of_a_connection() -> None:
    run_world("gevent_world")
