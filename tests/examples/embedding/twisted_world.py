"""Go through the scenario with examples/embedding/twisted_adapter.py: a process of its own, for the reactor."""

from __future__ import annotations

import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from examples.embedding import twisted_adapter

from .scenario import Scene, scenario


async def main(kind: str) -> None:
    with Scene.open(tls=kind == "tls") as scene:
        await scenario(twisted_adapter.connect, scene)
    print(kind)


async def all_kinds() -> None:
    for kind in sys.argv[1:]:
        await main(kind)


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(all_kinds()))
