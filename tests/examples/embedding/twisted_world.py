"""Go through the scenario with examples/embedding/twisted_adapter.py: a process of its own, for the reactor."""

from __future__ import annotations

import ssl
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.ssl import Certificate, trustRootFromCertificates
from twisted.internet.task import react

from examples.embedding import twisted_adapter

from .scenario import Scene, scenario


async def main(kind: str) -> None:
    with Scene.open(tls=kind == "tls") as scene:
        trust_root: Any = None
        if kind == "tls":
            trust_root = trustRootFromCertificates([Certificate.loadPEM(scene.broker.ca_file.read_bytes())])

        def connect(url: str, *, ssl_context: ssl.SSLContext | None, **options: Any) -> Any:
            return twisted_adapter.connect(url, trust_root=trust_root if ssl_context else None, **options)

        await scenario(connect, scene)
    print(kind)


async def all_kinds() -> None:
    for kind in sys.argv[1:]:
        await main(kind)


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(all_kinds()))
