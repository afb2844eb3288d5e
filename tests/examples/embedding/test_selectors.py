"""examples/embedding/selectors_loop.py: one session goes through the scenario, then 200 at once."""

from __future__ import annotations

from typing import Any

import pytest

from examples.embedding.selectors_loop import Echo, Loop, main
from stomp_core.adapter import TransportOptions
from stomp_core.session import Config
from stomp_testing import Broker

from .scenario import Scene, Waited, run_blocking, scenario
from .selectors_engine import Engine


class Connect:
    """connect(), for ``async with``."""

    def __init__(self, url: str, **options: Any) -> None:
        self._options = TransportOptions.take_from(url, options)
        self._config = Config(url, **options)

    async def __aenter__(self) -> Waited:
        self._loop = Loop()
        try:
            self._connection = Waited(Engine(self._loop, self._config, self._options).open())
        except BaseException:
            self._loop.selector.close()
            raise
        return self._connection

    async def __aexit__(self, *details: Any) -> None:
        await self._connection.__aexit__(*details)
        self._loop.selector.close()


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_the_life_of_a_connection(tls: bool) -> None:
    with Scene.open(tls=tls) as scene:
        run_blocking(scenario(Connect, scene))


def test_200_clients_in_one_thread(capsys: pytest.CaptureFixture[str]) -> None:
    with Broker() as broker:
        main(broker.url, "200")
    assert capsys.readouterr().out == "200 messages, 200 clients\n"


def test_60_clients_with_tls_in_one_thread() -> None:
    with Broker(tls=True) as broker:
        options = TransportOptions(broker.tls_url, ca_file=str(broker.ca_file))
        loop = Loop()
        clients = [Echo(loop, Config(broker.tls_url), options) for _ in range(60)]
        for number, client in enumerate(clients):
            client.start(f"/queue/{number}")
        loop.run_until(lambda: all(client.ended for client in clients))
        loop.selector.close()
        assert [client.received for client in clients] == [[f"for /queue/{n}"] for n in range(60)]
        assert all(client.session.error is None for client in clients)
