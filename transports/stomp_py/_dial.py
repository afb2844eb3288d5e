"""Dialling: try one host after the other until one answers, in the caller's own thread."""

from __future__ import annotations

import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from random import Random
from time import monotonic

from stomp_core.session import Endpoint, Reconnect, Schedule, dial_failure
from stomp_socket import dial

from . import log
from .exception import ConnectFailedException

__all__ = ["dial_any"]


def dial_any(
    contexts: Mapping[Endpoint, ssl.SSLContext | None],
    policy: Reconnect,
    timeout: float,
    prepare: Callable[[socket.socket], object],
    check: Callable[[Endpoint, socket.socket], object],
    cancelled: threading.Event,
) -> tuple[Endpoint, socket.socket]:
    """Return the endpoint that answered, and the connected socket.

    Args:
        contexts: the endpoints in order of preference, each with what its TLS needs.
        policy: how many rounds, and how long to pause between two.
        timeout: seconds that one attempt may take.
        prepare: called with each socket before it is connected.
        check: called with one that is connected; may raise :class:`OSError`.
        cancelled: set to stop dialling.

    Raises:
        ConnectFailedException: no host answered; it says why, and what to check, for each of the last round.
    """
    schedule = Schedule(tuple(contexts), policy, Random(), timeout)
    failures: dict[Endpoint, str] = {}
    while (attempt := schedule.next(monotonic())) is not None:
        endpoint = attempt.endpoint
        if cancelled.wait(max(0.0, attempt.at - monotonic())):
            raise ConnectFailedException("dialling was cancelled")
        try:
            sock = dial(endpoint, attempt.timeout, contexts[endpoint], _wait, prepare)
            try:
                check(endpoint, sock)
            except BaseException:
                sock.close()
                raise
            return endpoint, sock
        except OSError as error:
            failures[endpoint] = dial_failure(endpoint, error, timeout)
            log.warning("%s", failures[endpoint], exc_info=log.verbose)
            schedule.failed()
    raise ConnectFailedException(f"could not connect: {'; '.join(failures.values())}")


def _wait(sock: socket.socket | None, read: bool, write: bool, deadline: float) -> bool:
    assert sock is not None  # dial() waits for nothing else
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ * read | selectors.EVENT_WRITE * write)
        return bool(selector.select(max(0.0, deadline - monotonic())))
