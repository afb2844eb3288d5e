"""Worker pool: four workers on one queue; ACK when a handler returns, NACK when it raises.

python examples/worker_pool.py stomp://guest:guest@localhost:61613 /queue/jobs [HOW_MANY]
"""

from __future__ import annotations

import sys
import threading

import stomp_socket


def main(url: str, destination: str, how_many: str = "0") -> None:
    left = int(how_many)
    lock = threading.Lock()
    enough = threading.Event()

    def handle(message: stomp_socket.Message) -> None:
        nonlocal left
        print(f"done: {message.text}", flush=True)
        with lock:
            left -= 1
            if left == 0:
                enough.set()

    with stomp_socket.connect(url) as conn:
        with conn.subscribe(destination, ack="client-individual", prefetch=20) as jobs:
            pool = threading.Thread(target=jobs.run, args=(handle,), kwargs={"concurrency": 4})
            pool.start()
            enough.wait()
            jobs.unsubscribe()
            pool.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
