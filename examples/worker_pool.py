"""Worker pool: four workers on one queue; ACK when a handler returns, NACK when it raises.

python examples/worker_pool.py stomp://guest:guest@localhost:61613 /queue/jobs [HOW_MANY]
"""

from __future__ import annotations

import itertools
import sys

import stomp_socket


def main(url: str, destination: str, how_many: str = "0") -> None:
    done = itertools.count(1)
    with stomp_socket.connect(url) as conn:
        with conn.subscribe(destination, ack="client-individual", prefetch=20) as jobs:

            def handle(message: stomp_socket.Message) -> None:
                sys.stdout.write(f"done: {message.text}\n")  # print() would mix the lines of several threads
                if next(done) == int(how_many):
                    jobs.stop()

            jobs.run(handle, concurrency=4)


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (stomp_socket.StompError, ValueError) as error:
        sys.exit(f"worker_pool: {error}")
