"""Transports for stomp_socket, to copy: a serial line, a program's pipes, a pair in memory, a proxy of your own.

Each is a function for `connect(dial=...)`. It connects to an endpoint, and may block while it does: it runs in a thread
of its own. What it returns is a connected socket, or a stream with fileno, recv, send and close, which never blocks:
    stomp_socket.connect("serial:///dev/ttyUSB0", dial=serial_line)
The library does the rest: TLS inside it, heart-beats, deadlines, reconnecting.
"""

from __future__ import annotations

import os
import socket
import subprocess
import tty
from collections.abc import Callable

from stomp_core import Endpoint
from stomp_socket import Stream

Dial = Callable[[Endpoint, float], Stream]


# ---------------------------------------------------------------------- a serial line, or any other descriptor


def serial_line(endpoint: Endpoint, timeout: float) -> Stream:
    """Open the device of a URL such as serial:///dev/ttyUSB0. For the speed of a real one: termios, or pyserial."""
    number = os.open(endpoint.path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(number)
    return Descriptor(number)


class Descriptor:
    def __init__(self, number: int) -> None:
        self.number = number

    def fileno(self) -> int:
        return self.number

    def recv(self, size: int) -> bytes:
        return os.read(self.number, size)

    def send(self, data: bytes | memoryview) -> int:
        return os.write(self.number, data)

    def close(self) -> None:
        os.close(self.number)


# ---------------------------------------------------------------------- the standard streams of a program


def program(*command: str) -> Dial:
    """Return a dialler that starts a program, such as `ssh gateway nc broker 61613`, and talks to its streams."""

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno())
        ours.setblocking(False)
        return Program(ours, process)

    return dial


class Program:
    def __init__(self, ours: socket.socket, process: subprocess.Popen[bytes]) -> None:
        self.ours, self.process = ours, process
        self.fileno, self.recv, self.send = ours.fileno, ours.recv, ours.send

    def close(self) -> None:
        self.ours.close()
        self.process.kill()
        self.process.wait()


# ---------------------------------------------------------------------- a pair in memory


def memory(accept: Callable[[socket.socket], object]) -> Dial:
    """Return a dialler that connects to a server in this very program, which gets the other end by `accept`."""

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        ours, theirs = socket.socketpair()
        accept(theirs)
        return ours

    return dial


# ---------------------------------------------------------------------- a proxy, if proxy="socks5://..." is not enough


def through(url: str) -> Dial:
    """Return a dialler that goes through a proxy of python-socks. Its sockets are what is to be returned."""
    from python_socks.sync import Proxy

    def dial(endpoint: Endpoint, timeout: float) -> Stream:
        return Proxy.from_url(url).connect(endpoint.host, endpoint.port, timeout=timeout)

    return dial
