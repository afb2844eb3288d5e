"""``stomp reply``: answer requests with a text, or with the output of a command."""

from __future__ import annotations

import subprocess
from typing import Any

import click

from stomp_core.session import Rejected
from stomp_socket import Connection, Message

from .._connecting import Connecting, connecting, header_option
from .._environment import environment_of
from .._receiver import Enough, Receiver
from .._templates import fill_from_message
from .._terminal import note, warn


@click.command("reply")
@click.argument("destination")
@click.argument("body", required=False)
@click.option(
    "--exec",
    "program",
    metavar="CMD",
    help="The reply is what this shell command prints; the request is its stdin, the headers are STOMP_... in its "
    "environment.",
)
@click.option("-n", "--count", type=click.IntRange(1), help="Exit after so many requests.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Exit after this time."
)
@click.option("-t", "--content-type", metavar="TYPE", help="Of the replies.")
@header_option("the replies")
@connecting
@click.pass_obj
def command(
    settings: Connecting,
    destination: str,
    body: str | None,
    program: str | None,
    count: int | None,
    timeout: float | None,
    content_type: str | None,
    headers: list[tuple[str, str]],
) -> None:
    """Answer the requests that come to DESTINATION: with BODY, or with the output of a command.

    A reply goes to the reply-to of its request, with the same correlation-id. A request is acknowledged when the broker
    has confirmed its reply. In BODY, {{body}} and {{NAME}} are those of the request.

    \b
    Examples:
      stomp reply /queue/time --exec date
      stomp reply /queue/echo "you wrote: {{body}}"
    """
    if (body is None) == (program is None):
        raise click.UsageError("Give BODY or --exec CMD.")
    subscribing: dict[str, Any] = {"ack": "client-individual", "prefetch": 1}
    with settings.connect() as connection:
        with Receiver(connection, (destination,), subscribing, Enough(count, timeout)) as receiver:
            for message in receiver:
                if program is not None:
                    answer = _output_of(program, message)
                else:
                    answer = fill_from_message(body or "", message, receiver.count)
                if answer is not None:
                    _reply(connection, message, answer, content_type, headers)
                message.ack()
    note(f"{receiver.count} requests answered")


def _output_of(program: str, message: Message) -> bytes | None:
    done = subprocess.run(
        program,
        shell=True,
        input=message.body,
        env=environment_of(message),
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        warn(
            f"the command failed with exit status {done.returncode}: request {message.message_id} has no reply"
        )
        return None
    return done.stdout


def _reply(
    connection: Connection,
    message: Message,
    answer: bytes,
    content_type: str | None,
    headers: list[tuple[str, str]],
) -> None:
    to = message.headers.get("reply-to")
    if to is None:
        warn(f"message {message.message_id} has no reply-to: it is no request")
        return
    own = list(headers)
    if (correlation := message.headers.get("correlation-id")) is not None:
        own.append(("correlation-id", correlation))
    try:
        connection.send(to, answer, content_type=content_type, headers=own, receipt=True)
    except Rejected as error:
        warn(f"the reply was rejected, perhaps nobody waits for it any more: {error}")
