"""Bulk producer: send lines to a queue, each confirmed by the broker, with up to a hundred confirmations pending.

seq 1 100000 | python examples/bulk_producer.py stomp://guest:guest@localhost:61613 /queue/lines
"""

from __future__ import annotations

import sys

import stomp_socket


def main(url: str, destination: str) -> int:
    lines = sys.stdin.read().splitlines()
    with stomp_socket.connect(url, receipt_timeout=10) as conn:
        try:
            with conn.pipeline(window=100) as pipeline:
                for line in lines:
                    pipeline.send(destination, line, headers={"persistent": "true"})
        except stomp_socket.Unconfirmed as error:
            for number, why in error.failures:
                print(f"not confirmed: {lines[number]}: {why}")
            for line in lines[error.sent :]:
                print(f"not sent: {line}")
            return 1
    print(f"confirmed: all {len(lines)}")
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except (stomp_socket.StompError, ValueError) as error:
        sys.exit(f"bulk_producer: {error}")
