"""A transport of one's own: STOMP through a program's standard streams, such as `ssh gateway nc broker 61613`.

All that is STOMP is in the session; what is here dials, reads, writes and waits. Usage:
    python examples/transport.py stomp://guest:guest@broker /queue/a ssh gateway nc broker 61613
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from random import Random
from time import monotonic as now

from stomp_core import Session


def drive(session: Session, command: list[str], done: Callable[[], bool]) -> None:
    """Run the session over the program's streams until `done()`, then close it gracefully."""
    while (attempt := session.next_attempt(now())) is not None:
        if attempt.at > now():
            time.sleep(attempt.at - now())
            continue
        try:
            program = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        except OSError as error:
            session.connection_lost(error, now())
            continue
        with program:
            assert program.stdin is not None
            assert program.stdout is not None
            session.connection_made(now())
            reason = None
            while not session.want_close:
                try:
                    program.stdin.write(session.data_to_send())
                    deadline = session.next_deadline()
                    patience = 1.0 if deadline is None else min(1.0, max(0.0, deadline - now()))
                    if select.select([program.stdout] if session.want_read else [], [], [], patience)[0]:
                        session.receive_data(os.read(program.stdout.fileno(), 65536), now())
                except OSError as error:
                    reason = error
                    break
                session.handle_timeout(now())
                if done():
                    session.close()
            program.kill()
        session.connection_lost(reason, now())


def main(url: str, queue: str, *command: str) -> None:
    session = Session(url, rng=Random())
    sent = session.send(queue, "hello through a pipe", receipt=True)
    subscribed = session.subscribe(queue)
    drive(session, list(command), lambda: sent.done and subscribed.done and subscribed.result().waiting > 0)
    session.opened.result()
    message = subscribed.result().take()
    assert message is not None
    print(f"confirmed and received: {message.text}")


if __name__ == "__main__":
    main(*sys.argv[1:])
