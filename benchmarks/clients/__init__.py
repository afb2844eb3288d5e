"""The clients that `brokers.py` compares, one module each.

A module has functions that do a `Job`, and `CONTESTS`: which of them does which contest. A contest that is missing
there is one that the client has no call for. A module is imported in the process in which its client is measured, and
nowhere else, so that no client pays for the threads and the memory of another one.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from ..charts import Kind
from ..jobs import Job

__all__ = ["CLIENTS", "Client", "contests_of", "version_of"]


class Client(NamedTuple):
    """A client that can be measured.

    Attributes:
        name: for tables.
        module: its full name.
        kind: whether it is one of ours.
        distribution: the package that has to be installed for it.
    """

    name: str
    module: str
    kind: Kind
    distribution: str = ""


CLIENTS = (
    Client("a bare socket", "benchmarks.clients.bare_socket", "limit"),
    Client("stomp_socket", "benchmarks.clients.socket_adapter", "ours"),
    Client("stomp_asyncio", "benchmarks.clients.asyncio_adapter", "ours"),
    Client("stomp_trio", "benchmarks.clients.trio_adapter", "ours", "trio"),
    Client("stomp.py", "benchmarks.clients.stomp_py_client", "other", "stomp.py"),
    Client("stompman", "benchmarks.clients.stompman_client", "other", "stompman"),
    Client("stompest", "benchmarks.clients.stompest_client", "other", "stompest"),
    Client("aiostomp", "benchmarks.clients.aiostomp_client", "other", "aiostomp"),
)


def contests_of(client: Client) -> dict[str, Callable[[Job], None]]:
    """Import a client, and return what it can do.

    Raises:
        ImportError: it is not installed.
    """
    found: dict[str, Callable[[Job], None]] = importlib.import_module(client.module).CONTESTS
    return found


def version_of(distribution: str) -> str:
    """Return the version of an installed package, or that it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
