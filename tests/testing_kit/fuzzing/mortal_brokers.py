"""Brokers that die, or hang for good, of one thing that a client sends. Each runs in a process of its own.

python -m tests.testing_kit.fuzzing.mortal_brokers NAME PORT
"""

from __future__ import annotations

import os
import sys
import threading

from stomp_core import Commit, Event, RemoteProtocolError

from .small_broker import Client, SmallBroker

__all__ = ["MORTAL"]


class Aborts(SmallBroker):
    """An escape that there is not ends it with SIGABRT."""

    def on_violation(self, client: Client, error: RemoteProtocolError) -> None:
        if error.code == "undefined-escape":
            os.abort()
        super().on_violation(client, error)


class Exits(SmallBroker):
    """A command that there is not ends it with status 3, and a line."""

    def on_violation(self, client: Client, error: RemoteProtocolError) -> None:
        if error.code == "unknown-command":
            print("no such command", file=sys.stderr, flush=True)
            os._exit(3)
        super().on_violation(client, error)


class ExitsAtCommit(SmallBroker):
    """COMMIT, which is legal, ends it, as if all were well."""

    def on_request(self, client: Client, event: Event) -> None:
        if isinstance(event, Commit):
            os._exit(0)
        super().on_request(client, event)


class Hangs(SmallBroker):
    """A header line without a colon stops it: it accepts connections, and answers nobody."""

    def on_violation(self, client: Client, error: RemoteProtocolError) -> None:
        if error.code == "header-without-colon":
            threading.Event().wait()  # and holds the lock that everybody needs
        super().on_violation(client, error)


MORTAL = {mortal.__name__: mortal for mortal in (Aborts, Exits, ExitsAtCommit, Hangs)}

if __name__ == "__main__":
    with MORTAL[sys.argv[1]](int(sys.argv[2])):
        threading.Event().wait()
