"""``stomp record``: record messages, with their times, in a file."""

from __future__ import annotations

import contextlib
import sys
import time
from pathlib import Path
from typing import IO, Any

import click

from stomp_testing.frame_json import to_json

from .._connecting import Connecting, connecting
from .._exit_status import ExitStatus
from .._message_json import to_dict
from .._progress import progress
from .._receiver import Enough, Receiver
from .._subscribing import ending_options, subscribing_options
from .._terminal import note


@click.command("record")
@click.argument("destinations", nargs=-1, required=True, metavar="DESTINATION...")
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    required=True,
    metavar="FILE",
    help="Where to; it must not exist, unless it is to be --append-ed to. - is standard output.",
)
@click.option("--append", is_flag=True, help="Write behind what is in FILE.")
@ending_options
@subscribing_options
@connecting
@click.pass_obj
def command(
    settings: Connecting,
    destinations: tuple[str, ...],
    output: str,
    append: bool,
    enough: Enough,
    subscribing: dict[str, Any],
) -> None:
    """Write the messages of each DESTINATION to a file, for `stomp replay`: a line of JSON each, with its time.

    The time is in seconds since the first message. A message is acknowledged when its line is in the file; so those of
    a queue are taken away. Ctrl-C ends it.

    \b
    Examples:
      stomp record /topic/prices -o prices.jsonl
      stomp record /topic/orders /topic/stock -o hour.jsonl --timeout 3600
    """
    acknowledges = subscribing["ack"] != "auto"
    received = 0
    with contextlib.ExitStack() as stack:
        file = _open(stack, output, append)
        connection = stack.enter_context(settings.connect())
        receiver = stack.enter_context(Receiver(connection, destinations, subscribing, enough))
        stack.callback(lambda: note(f"{received} recorded in {output}"))
        shown = stack.enter_context(progress("recorded"))
        first: float | None = None
        for message in shown(receiver):
            now = time.monotonic()
            first = now if first is None else first
            print(to_json({"time": round(now - first, 6)} | to_dict(message)), file=file, flush=True)
            received += 1
            if acknowledges:
                message.ack()
    if receiver.timed_out and enough.count is not None:
        click.get_current_context().exit(ExitStatus.TIMEOUT)


def _open(stack: contextlib.ExitStack, output: str, append: bool) -> IO[str]:
    if output == "-":
        return sys.stdout
    try:
        return stack.enter_context(Path(output).open("a" if append else "x", encoding="utf-8"))
    except FileExistsError:
        raise click.BadParameter(
            f"{output} exists: name another file, or give --append", param_hint="--output"
        ) from None
