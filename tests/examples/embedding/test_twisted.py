"""examples/embedding/twisted_adapter.py."""

from __future__ import annotations

from .frameworks import require, run_world

require("twisted", "OpenSSL", "service_identity")


def test_the_life_of_a_connection() -> None:
    run_world("twisted_world")
