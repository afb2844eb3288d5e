"""Producer: send lines to a queue, each confirmed by the broker, and print the outcome of each.

seq 1 5 | python examples/producer.py stomp://guest:guest@localhost:61613 /queue/lines
"""

from __future__ import annotations

import sys

import stomp_socket


def main(url: str, destination: str) -> int:
    failed = 0
    with stomp_socket.connect(url, receipt_timeout=10) as conn:
        for line in sys.stdin:
            text = line.rstrip("\n")
            try:
                conn.send(destination, text, headers={"persistent": "true"}, receipt=True)
            except stomp_socket.Rejected as error:
                print(f"rejected: {text}: {error.error.description}")
                failed += 1
            except stomp_socket.NotSent:
                print(f"not sent: {text}: it is safe to try again")
                failed += 1
            except stomp_socket.OutcomeUnknown as error:
                print(f"unknown: {text}: the broker may have it or not ({error})")
                failed += 1
            else:
                print(f"confirmed: {text}")
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except (stomp_socket.StompError, ValueError) as error:
        sys.exit(f"producer: {error}")
