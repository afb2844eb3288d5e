"""``stomp replay``: send recorded messages again, at their times."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import click

from stomp_core import StompError

from .._connecting import Connecting, connecting, header_option
from .._message_json import Outgoing, from_json
from .._progress import progress
from .._publisher import Publisher
from .._terminal import note


@click.command("replay")
@click.argument("file", type=click.Path())
@click.argument("destination", required=False)
@click.option(
    "--speed",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="2 is twice as fast as they were recorded, 0 as fast as possible.",
)
@click.option("--loop", is_flag=True, help="Begin again at the end, until Ctrl-C.")
@click.option("-n", "--count", type=click.IntRange(1), help="Send so many at most.")
@header_option("the messages, in place of one of the same name")
@click.option(
    "--window",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="How many may be unconfirmed at a time.",
)
@click.option("--keep-going", is_flag=True, help="Go on after the broker has rejected a message.")
@connecting
@click.pass_obj
def command(
    settings: Connecting,
    file: str,
    destination: str | None,
    speed: float,
    loop: bool,
    count: int | None,
    headers: list[tuple[str, str]],
    window: int,
    keep_going: bool,
) -> None:
    """Send the messages of FILE, which `stomp record` has written, with the times between them.

    They go where they came from, or to DESTINATION. Each is confirmed by the broker. It ends with "1000 confirmed, 0
    rejected, 2 unknown". FILE may be - for standard input.

    \b
    Examples:
      stomp replay prices.jsonl
      stomp replay prices.jsonl /topic/test --speed 10
      stomp replay orders.jsonl /queue/load --speed 0 --loop -n 100000
    """
    if loop and file == "-":
        raise click.UsageError("--loop needs a file: standard input can be read once.")
    messages = itertools.islice(_paced(_rounds(file, loop), speed), count)
    with settings.connect() as connection, progress("sent", count) as shown:
        publisher = Publisher(connection, destination, window=window, keep_going=keep_going)
        try:
            with publisher:
                for message in shown(messages):
                    publisher.send(message.with_headers(headers))
        except StompError:
            if publisher.outcomes.status == 0:  # the counts do not tell what is wrong
                raise
        finally:
            note(str(publisher.outcomes))
    click.get_current_context().exit(publisher.outcomes.status)


def _rounds(file: str, loop: bool) -> Iterator[tuple[int, Outgoing]]:
    """Read the messages, again and again if they are to be; each comes with the number of its round."""
    for number in itertools.count():
        empty = True
        with _open(file) as lines:
            for line_number, line in enumerate(lines, 1):
                if line.strip():
                    empty = False
                    try:
                        yield number, from_json(line)
                    except ValueError as error:
                        raise ValueError(f"{file}, line {line_number}: {error}") from None
        if empty or not loop:
            return


def _open(file: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    return contextlib.nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb")


def _paced(rounds: Iterator[tuple[int, Outgoing]], speed: float) -> Iterator[Outgoing]:
    """Pass messages on, none before its time: those that are late do not make later ones late, too."""
    start, current, begun = 0.0, -1, 0.0
    for number, message in rounds:
        if speed and message.time is not None:
            if number != current:
                current, start, begun = number, message.time, time.monotonic()
            pause = begun + (message.time - start) / speed - time.monotonic()
            if pause > 0:
                time.sleep(pause)
        yield message
