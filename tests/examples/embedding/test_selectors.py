"""examples/embedding/selectors_loop.py: one session goes through the scenario, then 200 at once."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from examples.embedding.selectors_loop import Echo, Loop, main
from stomp_core.adapter import BlockingLoopEngine, Line, TransportOptions
from stomp_core.session import Config, Endpoint
from stomp_socket import SocketTransport
from stomp_testing import Broker

from .scenario import Scene, Waited, run_blocking, scenario


class Event:
    """Lets the loop run while it is waited for."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._is_set = False

    def set(self) -> None:
        self._is_set = True

    def wait(self, timeout: float | None = None) -> None:
        expired: list[bool] = []
        if timeout is not None:
            self._loop.call_later(timeout, lambda: expired.append(True))
        self._loop.run_until(lambda: self._is_set or expired)


class Engine(BlockingLoopEngine):
    """The Connection API on the loop of the example."""

    def __init__(self, loop: Loop, config: Config, options: TransportOptions) -> None:
        super().__init__(config, monotonic)
        self._loop, self._options = loop, options

    def call_later(self, seconds: float, callback: Callable[[], object]) -> Callable[[], object]:
        return self._loop.call_later(seconds, callback)

    def dial(self, line: Line, endpoint: Endpoint) -> SocketTransport:
        return SocketTransport(self, line, endpoint, self._options, self._loop.watch)

    def new_event(self) -> Event:
        return Event(self._loop)

    def run_workers(
        self, worker: Callable[[], None], count: int, name: str, stop: Callable[[], object]
    ) -> None:
        for _ in range(count):
            worker()


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
