"""``stomp pub``: send messages, confirmed by the broker."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from stomp_testing.frame_json import to_json

from .._connecting import Connecting, connecting, header_option
from .._message_json import Outgoing, from_json
from .._progress import progress
from .._publisher import Outcomes, Publisher, publish_in_transactions
from .._templates import fill
from .._terminal import note

if TYPE_CHECKING:
    from stomp_socket import Connection

_READ_SIZE = 64 * 1024


class _Source:
    """Where the messages come from."""

    def __init__(
        self, body: str | None, file: str | None, how: str, count: int | None, fills: bool | None
    ) -> None:
        if body is not None and (file is not None or how != "whole"):
            raise click.UsageError(
                "BODY is one message: leave it out with --file, --lines, --nul and --jsonl."
            )
        if count is not None and how != "whole":
            raise click.UsageError(
                "--count repeats one message, and --lines, --nul and --jsonl make one of each piece."
            )
        self._body = body
        self._file = file
        self._how = how
        self._count = 1 if count is None else count
        # The text of a file may contain braces that mean something to somebody else.
        self._fills = body is not None if fills is None else fills

    def __iter__(self) -> Iterator[Outgoing]:
        if self._body is not None:
            yield from self._repeated(self._body)
            return
        with self._open() as file:
            if self._how == "whole":
                data = file.read()
                yield from self._repeated(data.decode() if self._fills else data)
            else:
                for number, piece in enumerate(self._pieces(file), 1):
                    yield self._message(piece, number)

    @property
    def total(self) -> int | None:
        """How many messages there are, if that is known before the end."""
        return self._count if self._how == "whole" else None

    def _open(self) -> contextlib.AbstractContextManager[IO[bytes]]:
        if self._file is not None and self._file != "-":
            return Path(self._file).open("rb")
        if sys.stdin.isatty():
            note("reading from the terminal until Ctrl-D")
        return contextlib.nullcontext(sys.stdin.buffer)

    def _repeated(self, body: str | bytes) -> Iterator[Outgoing]:
        for number in range(1, self._count + 1):
            yield Outgoing(fill(body, number) if isinstance(body, str) and self._fills else body)

    def _pieces(self, file: IO[bytes]) -> Iterator[bytes]:
        if self._how == "nul":
            rest = b""
            while data := file.read1(_READ_SIZE):  # type: ignore[attr-defined] # as both of ours have
                *pieces, rest = (rest + data).split(b"\0")
                yield from pieces
            if rest:
                yield rest
            return
        for line in file:
            yield line.removesuffix(b"\n").removesuffix(b"\r")

    def _message(self, piece: bytes, number: int) -> Outgoing:
        if self._how == "jsonl":
            try:
                return from_json(piece)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None
        try:
            text = piece.decode()
        except UnicodeDecodeError:
            return Outgoing(piece)
        return Outgoing(fill(text, number) if self._fills else text)


@click.command("pub")
@click.argument("destination", required=False)
@click.argument("body", required=False)
@click.option("-f", "--file", type=click.Path(), help="The body is this file; - is standard input.")
@click.option("-l", "--lines", "how", flag_value="lines", help="A message for each line.")
@click.option("-0", "--nul", "how", flag_value="nul", help="A message for each piece that ends with NUL.")
@click.option(
    "--jsonl", "how", flag_value="jsonl", help="A message for each line of JSON, as `stomp sub` prints it."
)
@header_option("the messages")
@click.option("-t", "--content-type", metavar="TYPE", help="Such as application/json.")
@click.option(
    "--no-content-length", is_flag=True, help="Leave content-length out: a TextMessage at ActiveMQ."
)
@click.option("--persistent", is_flag=True, help="Keep it through a restart of the broker.")
@click.option(
    "--expires", metavar="SECONDS", type=click.FloatRange(0, min_open=True), help="Forget it after this time."
)
@click.option(
    "--priority", type=click.IntRange(0, 9), help="9 is delivered first, where the broker knows priorities."
)
@click.option("--count", type=click.IntRange(1), help="Send BODY so often; {{n}} counts.")
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), metavar="N", help="So many messages a second at most."
)
@click.option(
    "--template/--no-template",
    "fills",
    default=None,
    help="Fill in {{n}}, {{uuid}} and {{now}}: by default in BODY and in headers, not in files.",
)
@click.option(
    "--window",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="How many may be unconfirmed at a time.",
)
@click.option(
    "--transaction", "size", type=click.IntRange(1), metavar="N", help="Send N at a time in a transaction."
)
@click.option("--no-confirm", is_flag=True, help="Do not ask the broker to confirm.")
@click.option("--keep-going", is_flag=True, help="Go on after the broker has rejected a message.")
@click.option(
    "--doubtful",
    type=click.Path(),
    metavar="FILE",
    help="Write messages that were not confirmed to FILE, for --jsonl.",
)
@click.option("-q", "--quiet", is_flag=True, help="Do not print what became of the messages.")
@connecting
@click.pass_obj
def command(
    settings: Connecting,
    destination: str | None,
    body: str | None,
    file: str | None,
    how: str | None,
    headers: list[tuple[str, str]],
    content_type: str | None,
    no_content_length: bool,
    persistent: bool,
    expires: float | None,
    priority: int | None,
    count: int | None,
    rate: float | None,
    fills: bool | None,
    window: int,
    size: int | None,
    no_confirm: bool,
    keep_going: bool,
    doubtful: str | None,
    quiet: bool,
) -> None:
    """Send messages to DESTINATION. Each is confirmed by the broker, up to --window of them in flight.

    BODY is the message. Without it, standard input is: the whole of it, or with --lines, --nul or --jsonl a message
    for each piece. It ends with "1000 confirmed, 0 rejected, 2 unknown": a message is unknown if the connection was
    lost before the broker confirmed it.

    \b
    Examples:
      stomp pub /queue/orders "hello"
      stomp pub /queue/orders -f picture.png -t image/png -H camera:7
      tail -f events.log | stomp pub /topic/events -l
      stomp pub /queue/load "message {{n}}" --count 100000 --rate 500
      stomp sub /queue/a | stomp pub --jsonl /queue/b
    """
    source = _Source(body, file, how or "whole", count, fills)
    if destination is None and how != "jsonl":
        raise click.UsageError(
            "Missing argument 'DESTINATION'; only messages of --jsonl bring one of their own."
        )
    with settings.connect() as connection:
        extra = list(headers)
        if persistent:
            extra.append(("persistent", "true"))
        if priority is not None:
            extra.append(("priority", str(priority)))
        if expires is not None:
            extra += connection.session.broker_profile.expiry_headers(expires, time.time())
        messages = (
            _with_options(message, number, extra, content_type, no_content_length, fills is not False)
            for number, message in enumerate(_paced(source, rate), 1)
        )
        with progress("sent", source.total, quiet=quiet) as shown:
            if no_confirm:
                for message in shown(messages):
                    message.send_by(connection.send, destination)
                return
            outcomes = _send_confirmed(
                connection, destination, shown(messages), window, size, keep_going, doubtful, quiet
            )
    click.get_current_context().exit(outcomes.status)


def _with_options(
    message: Outgoing,
    number: int,
    extra: list[tuple[str, str]],
    content_type: str | None,
    no_content_length: bool,
    fills: bool,
) -> Outgoing:
    if not extra and content_type is None and not no_content_length:
        return message
    own = [(name, fill(value, number) if fills else value) for name, value in extra]
    if content_type is not None:
        own.append(("content-type", content_type))
    body = (
        message.body.encode() if isinstance(message.body, str) and content_type is not None else message.body
    )
    content_length = message.content_length and not no_content_length
    return message.with_headers(own)._replace(body=body, content_length=content_length)


def _paced(messages: _Source, rate: float | None) -> Iterator[Outgoing]:
    """Pass messages on, none before its time: those that are late do not make later ones late, too."""
    if rate is None:
        yield from messages
        return
    start = time.monotonic()
    for number, message in enumerate(messages):
        pause = start + number / rate - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        yield message


def _send_confirmed(
    connection: Connection,
    destination: str | None,
    messages: Iterator[Outgoing],
    window: int,
    size: int | None,
    keep_going: bool,
    doubtful: str | None,
    quiet: bool,
) -> Outcomes:
    if size is not None:
        outcomes = publish_in_transactions(connection, destination, messages, size)
        if not quiet:
            note(str(outcomes))
        return outcomes
    with contextlib.ExitStack() as stack:
        file = None if doubtful is None else stack.enter_context(Path(doubtful).open("w", encoding="utf-8"))

        def write(message: Outgoing, error: Exception) -> None:
            if file is not None:
                to = message.destination if destination is None else destination
                print(to_json(message.to_dict(to)), file=file, flush=True)

        publisher = Publisher(connection, destination, window=window, keep_going=keep_going, on_failure=write)
        try:
            with publisher:
                for message in messages:
                    publisher.send(message)
        finally:
            if not quiet:
                note(str(publisher.outcomes))
    return publisher.outcomes
