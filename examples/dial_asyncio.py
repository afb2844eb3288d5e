"""Transports for stomp_asyncio, to copy: a serial line, a program's streams, a pair in memory, a proxy.

Each is a function for `connect(dial=...)`: it connects to an endpoint, and the library does the rest, TLS included:
    stomp_asyncio.connect("serial:///dev/ttyUSB0", dial=serial_line)
"""

from __future__ import annotations

import asyncio
import os
import socket
import tty
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from stomp_core import Endpoint

MakeProtocol = Callable[[], asyncio.Protocol]


# ---------------------------------------------------------------------- a serial line, or any other descriptor


async def serial_line(endpoint: Endpoint, protocol: MakeProtocol) -> asyncio.Transport:
    """Open the device of a URL such as serial:///dev/ttyUSB0. For the speed of a real one: termios, or pyserial."""
    fd = os.open(endpoint.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(fd)
    return Descriptor(fd, protocol())


class Descriptor(asyncio.Transport):
    def __init__(self, fd: int, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.fd, self.protocol, self.unsent = fd, protocol, b""
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(fd, self.read)

    def pause_reading(self) -> None:
        self.loop.remove_reader(self.fd)

    def resume_reading(self) -> None:
        self.loop.add_reader(self.fd, self.read)

    def read(self) -> None:
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        if data:
            self.protocol.data_received(data)
        else:
            self.close()

    def write(self, data: bytes | bytearray | memoryview = b"") -> None:
        self.unsent += data
        with suppress(OSError):  # if the line is gone, reading notices it
            self.unsent = self.unsent[os.write(self.fd, self.unsent) :]
        if self.unsent:
            self.loop.add_writer(self.fd, self.write)
            self.protocol.pause_writing()
        elif self.loop.remove_writer(self.fd):
            self.protocol.resume_writing()

    def close(self) -> None:
        if self.fd >= 0:
            self.loop.remove_reader(self.fd)
            self.loop.remove_writer(self.fd)
            os.close(self.fd)
            self.fd = -1
            self.loop.call_soon(self.protocol.connection_lost, None)


# ---------------------------------------------------------------------- the standard streams of a program


def program(*command: str) -> Callable[[Endpoint, MakeProtocol], Awaitable[asyncio.Transport]]:
    """Return a dialler that starts a program, such as `ssh gateway nc broker 61613`, and talks to its pipes."""

    async def dial(endpoint: Endpoint, protocol: MakeProtocol) -> asyncio.Transport:
        loop = asyncio.get_running_loop()
        _, started = await loop.subprocess_exec(lambda: Program(protocol()), *command, stderr=None)
        return started

    return dial


class Program(asyncio.SubprocessProtocol, asyncio.Transport):
    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol = protocol

    def connection_made(self, transport: Any) -> None:  # to the program
        self.process = transport
        self.stdin, self.stdout = transport.get_pipe_transport(0), transport.get_pipe_transport(1)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.protocol.data_received(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self.protocol.pause_writing()

    def resume_writing(self) -> None:
        self.protocol.resume_writing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.stdin.write(data)

    def pause_reading(self) -> None:
        self.stdout.pause_reading()

    def resume_reading(self) -> None:
        self.stdout.resume_reading()

    def close(self) -> None:
        self.process.close()


# ---------------------------------------------------------------------- a pair in memory


def memory(accept: MakeProtocol) -> Callable[[Endpoint, MakeProtocol], Awaitable[asyncio.Transport]]:
    """Return a dialler that connects to a server in this very loop, whose protocols `accept` makes."""

    async def dial(endpoint: Endpoint, protocol: MakeProtocol) -> asyncio.Transport:
        ours, theirs = Memory(protocol()), Memory(accept())
        ours.peer, theirs.peer = theirs, ours
        theirs.protocol.connection_made(theirs)
        return ours

    return dial


class Memory(asyncio.Transport):
    peer: Memory

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self.protocol, self.paused, self.closed = protocol, False, False
        self.received: list[bytes] = []
        self.loop = asyncio.get_running_loop()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.loop.call_soon(self.peer.deliver, bytes(data))

    def deliver(self, data: bytes = b"") -> None:
        self.received += [data] if data else []
        while self.received and not self.paused and not self.closed:
            self.protocol.data_received(self.received.pop(0))

    def pause_reading(self) -> None:
        self.paused = True
        self.peer.protocol.pause_writing()

    def resume_reading(self) -> None:
        self.paused = False
        self.peer.protocol.resume_writing()
        self.loop.call_soon(self.deliver)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        for end in (self, self.peer):
            if not end.closed:
                end.closed = True
                self.loop.call_soon(end.protocol.connection_lost, None)


# ---------------------------------------------------------------------- a proxy, if proxy="socks5://..." is not enough


def through(url: str) -> Callable[[Endpoint, MakeProtocol], Awaitable[socket.socket]]:
    """Return a dialler that goes through a proxy of python-socks. Its sockets are what is to be returned."""
    from python_socks.async_.asyncio import Proxy

    async def dial(endpoint: Endpoint, protocol: MakeProtocol) -> socket.socket:
        return await Proxy.from_url(url).connect(endpoint.host, endpoint.port)

    return dial
