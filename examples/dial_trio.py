"""Transports for stomp_trio, to copy: a serial line, a program's pipes, a pair in memory, a proxy of your own.

Each is a function for `connect(dial=...)`: it connects to an endpoint, and the library does the rest, TLS included:
    stomp_trio.connect("serial:///dev/ttyUSB0", dial=serial_line)
"""

from __future__ import annotations

import os
import subprocess
import tty
from collections.abc import Awaitable, Callable

import trio
import trio.testing

from stomp_core import Endpoint


async def serial_line(endpoint: Endpoint) -> trio.abc.Stream:
    """Open the device of a URL such as serial:///dev/ttyUSB0. For the speed of a real one: termios, or pyserial."""
    fd = os.open(endpoint.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(fd)
    return trio.lowlevel.FdStream(fd)


def program(*command: str) -> Callable[[Endpoint], Awaitable[trio.abc.Stream]]:
    """Return a dialler that starts a program, such as `ssh gateway nc broker 61613`, and talks to its pipes."""

    async def dial(endpoint: Endpoint) -> trio.abc.Stream:
        return Program(
            await trio.lowlevel.open_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )

    return dial


class Program(trio.abc.Stream):
    def __init__(self, process: trio.Process) -> None:
        assert process.stdin
        assert process.stdout
        self.process, self.stdin, self.stdout = process, process.stdin, process.stdout

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.stdin.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stdin.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stdout.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.process.kill()
        with trio.CancelScope(shield=True):
            await self.process.wait()
            await self.stdin.aclose()
            await self.stdout.aclose()


def memory(accept: Callable[[trio.abc.Stream], object]) -> Callable[[Endpoint], Awaitable[trio.abc.Stream]]:
    """Return a dialler that connects to a server in this very program, which gets the other end by `accept`."""

    async def dial(endpoint: Endpoint) -> trio.abc.Stream:
        ours, theirs = trio.testing.memory_stream_pair()
        accept(theirs)
        return ours

    return dial


def through(url: str) -> Callable[[Endpoint], Awaitable[trio.socket.SocketType]]:
    """Return a dialler that goes through a proxy of python-socks, if `proxy="socks5://..."` is not enough."""
    from python_socks.async_.trio import Proxy

    async def dial(endpoint: Endpoint) -> trio.socket.SocketType:
        return await Proxy.from_url(url).connect(endpoint.host, endpoint.port)

    return dial
