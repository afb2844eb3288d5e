"""``stomp req``: send a request and print the reply."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from stomp_core.session import ReceiptTimeout

from .._connecting import Connecting, connecting, header_option
from .._exit_status import ExitStatus
from .._printing import Printer, printing_options
from .._templates import fill
from .._terminal import warn


@click.command("req")
@click.argument("destination")
@click.argument("body", required=False)
@click.option("-f", "--file", type=click.Path(), help="The body is this file; - is standard input.")
@header_option("the request")
@click.option("-t", "--content-type", metavar="TYPE", help="Such as application/json.")
@click.option(
    "--count", type=click.IntRange(1), default=1, help="Ask so often, one after the other; {{n}} counts."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a reply.",
)
@printing_options
@connecting
@click.pass_obj
def command(
    settings: Connecting,
    destination: str,
    body: str | None,
    file: str | None,
    headers: list[tuple[str, str]],
    content_type: str | None,
    count: int,
    timeout: float,
    printer: Printer,
) -> None:
    """Send a request to DESTINATION, wait for the reply, and print it.

    The request has a reply-to and a correlation-id, as `stomp reply` and most services expect. Without BODY it is
    standard input. If no reply comes in time, the exit status is 124.

    \b
    Examples:
      stomp req /queue/time "what time is it?"
      stomp req /queue/sum -t application/json '{"a": 1, "b": 2}' --raw
    """
    if body is not None and file is not None:
        raise click.UsageError("Give BODY or --file, not both.")
    data: str | bytes
    if body is not None:
        data = body
    elif file is not None and file != "-":
        data = Path(file).read_bytes()
    else:
        data = sys.stdin.buffer.read()
    with settings.connect() as connection:
        for number in range(1, count + 1):
            try:
                reply = connection.request(
                    destination,
                    fill(data, number) if isinstance(data, str) else data,
                    content_type=content_type,
                    headers=[(name, fill(value, number)) for name, value in headers],
                    timeout=timeout,
                )
            except ReceiptTimeout:
                warn(f"no reply from {destination} within {timeout:g} s: is there a service that answers?")
                click.get_current_context().exit(ExitStatus.TIMEOUT)
            printer(reply)
