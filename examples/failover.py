"""Failover: several brokers in order of preference, and a listener that prints what happens.

python examples/failover.py stomp://guest:guest@first:61613,stomp://guest:guest@second:61613 /queue/a [HOW_MANY]
"""

from __future__ import annotations

import sys
import time

import stomp_socket
from stomp_core.protocol import Connected
from stomp_core.session import Attempt, Endpoint


def show(line: str) -> None:
    # With its line end in one piece: the listener is called in another thread, and print() writes the end apart.
    print(line + "\n", end="", flush=True)


class PrintingListener(stomp_socket.Listener):
    def dialling(self, attempt: Attempt) -> None:
        show(f"dialling {attempt.endpoint}")

    def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
        show(f"failed: {reason}")

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        show(f"connected to {endpoint}")

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        show(f"lost: {reason}")


def main(urls: str, destination: str, how_many: str = "10") -> None:
    policy = stomp_socket.Reconnect(first_delay=0.1, max_delay=5.0, first_rounds=3)
    with stomp_socket.connect(
        urls, reconnect=policy, listener=PrintingListener(), receipt_timeout=30
    ) as conn:
        for number in range(int(how_many)):
            try:
                conn.send(destination, f"message {number}", receipt=True)
                show(f"confirmed: message {number}")
            except stomp_socket.OutcomeUnknown:
                show(f"unknown: message {number}")
            time.sleep(0.05)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (stomp_socket.StompError, ValueError) as error:
        sys.exit(f"failover: {error}")
