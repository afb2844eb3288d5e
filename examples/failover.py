"""Failover: several brokers in order of preference, and a listener that prints what happens.

python examples/failover.py stomp://guest:guest@first:61613,stomp://guest:guest@second:61613 /queue/a [HOW_MANY]
"""

from __future__ import annotations

import sys
import time

import stomp_socket
from stomp_core.protocol import Connected
from stomp_core.session import Attempt, Endpoint


class PrintingListener(stomp_socket.Listener):
    def dialling(self, attempt: Attempt) -> None:
        print(f"dialling {attempt.endpoint}", flush=True)

    def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
        print(f"failed: {reason}", flush=True)

    def connection_made(self, endpoint: Endpoint, connected: Connected) -> None:
        print(f"connected to {endpoint}", flush=True)

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        print(f"lost: {reason}", flush=True)


def main(urls: str, destination: str, how_many: str = "10") -> None:
    policy = stomp_socket.Reconnect(first_delay=0.1, max_delay=5.0, first_rounds=3)
    with stomp_socket.connect(
        urls, reconnect=policy, listener=PrintingListener(), receipt_timeout=30
    ) as conn:
        for number in range(int(how_many)):
            try:
                conn.send(destination, f"message {number}", receipt=True)
                print(f"confirmed: message {number}", flush=True)
            except stomp_socket.OutcomeUnknown:
                print(f"unknown: message {number}", flush=True)
            time.sleep(0.05)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (stomp_socket.StompError, ValueError) as error:
        sys.exit(f"failover: {error}")
