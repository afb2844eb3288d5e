"""``stomp drain``: take all messages of a destination away."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from stomp_testing.frame_json import to_json

from .._connecting import Connecting, connecting
from .._message_json import to_dict
from .._progress import progress
from .._receiver import Enough, Receiver
from .._terminal import note


@click.command("drain")
@click.argument("destination")
@click.option("-n", "--count", type=click.IntRange(1), help="So many at most.")
@click.option(
    "--idle",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="End when no message came for so long: it is empty.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE",
    help="Write the messages there first, as lines of JSON for `stomp pub --jsonl`.",
)
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@connecting
@click.pass_obj
def command(
    settings: Connecting, destination: str, count: int | None, idle: float, output: str | None, yes: bool
) -> None:
    """Take all messages of DESTINATION away: they are gone, unless --output names a file for them.

    \b
    Examples:
      stomp drain /queue/test --yes
      stomp drain /queue/dead -o dead.jsonl
    """
    if not yes and output is None:
        if not sys.stdin.isatty():
            raise click.UsageError("The messages will be gone: give --yes, or --output to keep them.")
        click.confirm(f"Take all messages of {destination} away?", abort=True, err=True)
    with settings.connect() as connection, contextlib.ExitStack() as stack:
        file = None if output is None else stack.enter_context(Path(output).open("x", encoding="utf-8"))
        subscribing = {"ack": "client-individual", "prefetch": 100}
        with Receiver(connection, (destination,), subscribing, Enough(count, idle=idle)) as receiver:
            with progress("drained") as shown:
                for message in shown(receiver):
                    if file is not None:
                        print(to_json(to_dict(message)), file=file, flush=True)
                    message.ack()
    note(f"{receiver.count} taken from {destination}")
