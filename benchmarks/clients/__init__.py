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

from ..jobs import Job

__all__ = ["CLIENTS", "Client", "contests_of", "version_of"]


class Client(NamedTuple):
    """A client that can be measured.

    Attributes:
        name: for tables.
        module: in this package.
        distribution: the package that has to be installed for it, if it is not one of ours.
    """

    name: str
    module: str
    distribution: str = ""


CLIENTS = (
    Client("a bare socket", "bare_socket"),
    Client("stomp_socket", "socket_adapter"),
    Client("stomp_asyncio", "asyncio_adapter"),
    Client("stomp_trio", "trio_adapter"),
    Client("stomp.py", "stomp_py_client", "stomp.py"),
    Client("stompman", "stompman_client", "stompman"),
    Client("stompest", "stompest_client", "stompest"),
    Client("aiostomp", "aiostomp_client", "aiostomp"),
)


def contests_of(client: Client) -> dict[str, Callable[[Job], None]]:
    """Import a client, and return what it can do.

    Raises:
        ImportError: it is not installed.
    """
    found: dict[str, Callable[[Job], None]] = importlib.import_module(f"{__name__}.{client.module}").CONTESTS
    return found


def version_of(client: Client) -> str:
    """Return the version of a client, or that it is not installed."""
    if not client.distribution:
        import stomp_core

        return stomp_core.__version__
    try:
        return version(client.distribution)
    except PackageNotFoundError:
        return "not installed"
