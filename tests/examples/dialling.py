"""What the tests of the examples with diallers share: programs and serial lines that lead to a broker."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import threading
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("pty", reason="serial lines are tested with pseudo-terminals")

import pty

from tests.waiting import HANGS

__all__ = ["EXAMPLES", "SerialServer", "load_example", "netcat"]

EXAMPLES = Path(__file__).parents[2] / "examples"

#: What `nc HOST PORT` does, for machines without it.
NETCAT = """
import os, socket, sys, threading
peer = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    try:
        while data := os.read(0, 65536):
            peer.sendall(data)
    finally:
        os._exit(0)
threading.Thread(target=up, daemon=True).start()
while data := peer.recv(65536):
    os.write(1, data)
"""


def netcat(host: str, port: int) -> list[str]:
    return [sys.executable, "-c", NETCAT, host, str(port)]


def load_example(name: str) -> ModuleType:
    spec = spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class SerialServer:
    """What is at the other end of a serial line, such as ser2net: it connects to the broker when bytes come."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._master, self._slave = pty.openpty()
        self.device = os.ttyname(self._slave)
        self._end, end = socket.socketpair()
        self._thread = threading.Thread(target=self._run, args=(end,), daemon=True)

    def __enter__(self) -> SerialServer:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._end.close()
        self._thread.join(HANGS)
        os.close(self._master)
        os.close(self._slave)

    def _run(self, end: socket.socket) -> None:
        with end, contextlib.ExitStack() as stack:
            peer: socket.socket | None = None
            while True:
                watched: list[Any] = [self._master, end] if peer is None else [self._master, end, peer]
                ready, _, _ = select.select(watched, [], [])
                if end in ready:
                    return
                with contextlib.suppress(OSError):
                    if self._master in ready:
                        data = os.read(self._master, 65536)
                        if peer is None:
                            peer = stack.enter_context(socket.create_connection(("127.0.0.1", self._port)))
                        peer.sendall(data)
                    if peer in ready:
                        assert peer is not None
                        data = receive(peer)
                        if not data:
                            peer.close()
                            peer = None
                        while data:
                            data = data[os.write(self._master, data) :]


def receive(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except OSError:
        return b""
