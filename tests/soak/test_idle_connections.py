"""Many idle connections with the default settings: none of them is lost, at either broker, with any adapter.

IDLE_MINUTES and IDLE_CONNECTIONS say how long, and how many for each adapter and broker. All of them wait at the same
time, each adapter in a process of its own: `IDLE_MINUTES=15 make soak ARGS="-k idle"` takes 15 minutes.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from multiprocessing import get_context

import pytest
import trio

import stomp_asyncio
import stomp_socket
import stomp_trio
from stomp_core.session import Endpoint, Listener
from tests.brokers import Broker

MINUTES = float(os.environ.get("IDLE_MINUTES", "1"))
CONNECTIONS = int(os.environ.get("IDLE_CONNECTIONS", "200"))
_AT_ONCE = 20  # connections that are made at the same time


class Observer(Listener):
    """Note the losses and count the heart-beats of all connections of one adapter."""

    def __init__(self) -> None:
        self.losses: list[str] = []
        self.beats_sent = 0
        self.beats_received = 0

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        self.losses.append(reason)

    def heart_beat_sent(self) -> None:
        self.beats_sent += 1

    def heart_beat_received(self, heart_beat: object) -> None:
        self.beats_received += 1


def idle_socket(url: str, observer: Observer) -> None:
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(stomp_socket.connect(url, listener=observer))
        time.sleep(MINUTES * 60)


def idle_asyncio(url: str, observer: Observer) -> None:
    async def run() -> None:
        async with AsyncExitStack() as stack:
            for first in range(0, CONNECTIONS, _AT_ONCE):
                group = range(first, min(first + _AT_ONCE, CONNECTIONS))
                connections = await asyncio.gather(
                    *(stomp_asyncio.connect(url, listener=observer) for _ in group)
                )
                for conn in connections:
                    stack.push_async_callback(conn.close)
            await asyncio.sleep(MINUTES * 60)

    asyncio.run(run())


def idle_trio(url: str, observer: Observer) -> None:
    async def one() -> None:
        async with stomp_trio.connect(url, listener=observer):
            await trio.sleep(MINUTES * 60)

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(CONNECTIONS):
                nursery.start_soon(one)
                if number % _AT_ONCE == _AT_ONCE - 1:
                    await trio.sleep(0.2)  # so that the broker's backlog of new connections does not overflow

    trio.run(run)


ADAPTERS: dict[str, Callable[[str, Observer], None]] = {
    "stomp_socket": idle_socket,
    "stomp_asyncio": idle_asyncio,
    "stomp_trio": idle_trio,
}


def observe(adapter: str, url: str) -> Observer:
    """Let the connections of one adapter idle, in a process of its own."""
    observer = Observer()
    ADAPTERS[adapter](url, observer)
    return observer


@pytest.mark.soak
def test_idle_connections_are_not_lost(rabbitmq: Broker, activemq: Broker) -> None:
    cases = {(broker.name, adapter): broker.url for broker in (rabbitmq, activemq) for adapter in ADAPTERS}
    with ProcessPoolExecutor(len(cases), mp_context=get_context("spawn")) as processes:
        waiting = {case: processes.submit(observe, case[1], url) for case, url in cases.items()}
        observers = {case: future.result() for case, future in waiting.items()}
    for (broker_name, adapter), observer in observers.items():
        print(
            f"\n{broker_name}, {adapter}: {CONNECTIONS} idle connections for {MINUTES:g} minutes: "
            f"{len(observer.losses)} losses, {observer.beats_sent} heart-beats sent, "
            f"{observer.beats_received} received"
        )
    assert {case: observer.losses for case, observer in observers.items() if observer.losses} == {}
    for observer in observers.values():
        # A heart-beat leaves every 8 s, and comes every 5 s (RabbitMQ) or 10 s, the first one after 20 s (ActiveMQ).
        assert observer.beats_sent >= CONNECTIONS * int(MINUTES * 60 / 10)
        assert observer.beats_received >= CONNECTIONS * int(MINUTES * 60 / 25)
