"""examples/embedding/anyio_adapter.py on asyncio and on trio."""

from __future__ import annotations

import pytest

from .frameworks import require
from .scenario import Scene, scenario

require("anyio", "trio")


@pytest.mark.parametrize(
    ("backend", "tls"), [("asyncio", False), ("trio", True)], ids=lambda value: str(value)
)
def test_the_life_of_a_connection(backend: str, tls: bool) -> None:
    import anyio

    from examples.embedding import anyio_adapter

    with Scene.open(tls=tls) as scene:
        anyio.run(scenario, anyio_adapter.connect, scene, backend=backend)
