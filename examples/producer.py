"""Producer: send lines to a queue, each confirmed by the broker; say plainly what became of each.

seq 1 5 | python examples/producer.py stomp://guest:guest@localhost:61613 /queue/lines
"""

from __future__ import annotations

import sys

import stomp_socket


def main(url: str, destination: str) -> int:
    doubtful = 0
    with stomp_socket.connect(url, receipt_timeout=10) as conn:
        for line in sys.stdin:
            text = line.rstrip("\n")
            try:
                conn.send(destination, text, headers={"persistent": "true"}, receipt=True)
            except stomp_socket.Rejected as error:
                print(f"rejected: {text}: {error.error.description}")
                doubtful += 1
            except stomp_socket.NotSent:
                print(f"not sent: {text}: it is safe to try again")
                doubtful += 1
            except stomp_socket.OutcomeUnknown as error:
                print(f"unknown: {text}: the broker may have it or not ({error})")
                doubtful += 1
            else:
                print(f"confirmed: {text}")
    return 1 if doubtful else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
