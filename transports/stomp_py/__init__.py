"""The API of stomp.py on :mod:`stomp_core`: programs written for stomp.py run unchanged.

    import stomp_py as stomp

    class MyListener(stomp.ConnectionListener):
        def on_message(self, frame):
            print(frame.body)

    conn = stomp.Connection([("localhost", 61613)])
    conn.set_listener("", MyListener())
    conn.connect("guest", "guest", wait=True)
    conn.subscribe("/queue/test", id=1, ack="auto")
    conn.send("/queue/test", "hello")
    conn.disconnect()

The API is that of stomp.py 9.0, with what programs for its earlier versions call. For libraries that contain ``import
stomp``, call :func:`install_as_stomp` first. ``docs/migration/from-stomp-py.md`` lists what is different.

Modules and names without an underscore are those of stomp.py, because programs import them; modules with one are ours.
:mod:`stomp_py.transport` explains how they fit together.
"""

import re

from . import (
    adapter,
    colours,
    connect,
    constants,
    exception,
    listener,
    log,
    logging,
    protocol,
    transport,
    utils,
)
from ._alias import install_as_stomp
from .adapter.ws import WSStompConnection
from .connect import StompConnection10, StompConnection11, StompConnection12
from .listener import (
    ConnectionListener,
    HeartbeatListener,
    PrintingListener,
    StatsListener,
    TestListener,
    WaitingListener,
)

#: The version of stomp.py whose API this is.
__version__: str | tuple[int, ...] = "9.0.0"

Connection10 = StompConnection10
Connection11 = StompConnection11
Connection12 = StompConnection12
Connection = StompConnection11
WSConnection = WSStompConnection

__all__ = [
    "Connection",
    "Connection10",
    "Connection11",
    "Connection12",
    "ConnectionListener",
    "HeartbeatListener",
    "PrintingListener",
    "StatsListener",
    "StompConnection10",
    "StompConnection11",
    "StompConnection12",
    "TestListener",
    "WSConnection",
    "WSStompConnection",
    "WaitingListener",
    "adapter",
    "colours",
    "connect",
    "constants",
    "exception",
    "install_as_stomp",
    "listener",
    "log",
    "logging",
    "protocol",
    "transport",
    "tuple_version",
    "utils",
]


def tuple_version() -> None:
    """Make ``__version__`` a tuple of numbers, as it was up to stomp.py 7."""
    global __version__
    if isinstance(__version__, str):
        __version__ = tuple(int(number) for number in re.findall(r"\d+", __version__))
