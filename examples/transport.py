"""A complete transport: STOMP through the standard streams of a program, such as `ssh gateway nc broker 61613`.

The session knows STOMP, the driver says what to do; what is here dials, reads, writes and waits. Usage:
    python examples/transport.py stomp://guest:guest@broker /queue/a ssh gateway nc broker 61613
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Callable
from math import inf
from random import Random
from time import monotonic as now
from typing import IO

from stomp_core import Session, StompError
from stomp_core.adapter import Abort, Dial, Driver, End, Line, Read, Timer, Write


class Program:
    """A program that runs, and the streams to and from it."""

    def __init__(self, command: list[str], line: Line) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.line = line
        self.reading = True
        self.unsent = memoryview(b"")
        for stream in (self.stdin, self.stdout):
            os.set_blocking(stream.fileno(), False)  # writing must not stop the clock

    @property
    def stdin(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def write(self) -> None:
        try:
            self.unsent = self.unsent[os.write(self.stdin.fileno(), self.unsent) :]
        except BlockingIOError:
            pass
        except OSError as error:
            self.line.lost(error, now())
        else:
            if not self.unsent:
                self.line.written(now())

    def read(self) -> None:
        data = os.read(self.stdout.fileno(), 65536)
        if data:
            self.line.received(data, now())
        else:
            self.line.eof(now())

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.stdin.close()
        self.stdout.close()


def drive(driver: Driver, command: list[str], step: Callable[[], object]) -> None:
    """Run the session over the program's streams until it has ended. `step()` is called whenever something happened."""
    program: Program | None = None
    timer = inf
    while True:
        for order in driver.poll(now()):
            if isinstance(order, Dial):
                try:
                    program = order.line.tag = Program(command, order.line)
                    order.line.made(now())
                except OSError as error:
                    order.line.lost(error, now())
            elif isinstance(order, Write):
                order.line.tag.unsent = memoryview(order.data)
            elif isinstance(order, Read):
                order.line.tag.reading = order.on
            elif isinstance(order, Abort):
                order.line.tag.kill()
                program = None
            elif isinstance(order, Timer):
                timer = order.at
            elif isinstance(order, End):
                return
        readers = [program.stdout] if program and program.reading else []
        writers = [program.stdin] if program and program.unsent else []
        timeout = None if timer == inf else max(0.0, timer - now())
        readable, writable, _ = select.select(readers, writers, [], timeout)
        if program and readable:
            program.read()
        if program and writable:
            program.write()
        step()


def main(url: str, queue: str, *command: str) -> None:
    session = Session(url, rng=Random())
    sent = session.send(now(), queue, "hello through a pipe", receipt=True)
    subscribed = session.subscribe(now(), queue)

    def close_when_done() -> None:
        if sent.done and subscribed.done and subscribed.result().waiting:
            session.close(now())

    drive(Driver(session), list(command), close_when_done)
    session.opened.result()
    message = subscribed.result().take()
    assert message is not None
    print(f"confirmed and received: {message.text}")


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except (StompError, ValueError) as error:
        sys.exit(f"transport: {error}")
