"""Go through the scenario with examples/embedding/gevent_adapter.py: a process of its own, whose hub is gevent's."""

from __future__ import annotations

import sys
from typing import Any

import gevent.socket

from examples.embedding import gevent_adapter

from .scenario import Scene, Waited, run_blocking, scenario


class Connect:
    """connect(), for ``async with``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._arguments = args, options

    async def __aenter__(self) -> Waited:
        args, options = self._arguments
        self._connection = Waited(gevent_adapter.connect(*args, **options))
        return self._connection

    async def __aexit__(self, *details: Any) -> None:
        await self._connection.__aexit__(*details)


if __name__ == "__main__":
    import socket

    assert socket.socket is not gevent.socket.socket, "it is not patched"
    for kind in sys.argv[1:]:
        with Scene.open(tls=kind == "tls") as scene:
            run_blocking(scenario(Connect, scene))
        print(kind)
