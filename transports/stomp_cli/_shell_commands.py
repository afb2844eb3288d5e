"""The commands of the shell: what each does, and its help."""

from __future__ import annotations

import json
import mimetypes
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast, get_args

import click

from stomp_core import Frame, __version__
from stomp_core.protocol import AckMode

from ._connecting import parse_own_header
from ._message_json import Outgoing
from ._shell_arguments import Arguments, Option, to_number
from ._shell_output import ShellOutput
from ._shell_session import ShellSession

__all__ = ["ACK_MODES", "COMMANDS", "COMMANDS_BY_NAME", "Command", "Quit", "Shell"]

#: How a subscription may acknowledge.
ACK_MODES: tuple[str, ...] = get_args(AckMode)
_WAIT = 30.0  # seconds


class Shell(Protocol):
    """What commands need of the shell."""

    @property
    def session(self) -> ShellSession:
        """The connection, and what was done with it."""
        ...

    @property
    def output(self) -> ShellOutput:
        """Where answers go."""
        ...

    def run_file(self, name: str) -> None:
        """Run the commands of a file, up to the first that fails."""
        ...


class Quit(Exception):
    """The user wants to end the shell."""


@dataclass(frozen=True)
class Command:
    """A command of the shell.

    Attributes:
        usage: its name and its arguments.
        summary: what it does, in a line.
        run: does it.
        options: its options.
        examples: lines to try.
        aliases: other names of it.
        words: what its words are, for completion: ``"destination"``, ``"subscription"``, ``"ack mode"``,
            ``"message"``, ``"file"``, ``"switch"`` or ``"command"``.
    """

    usage: str
    summary: str
    run: Callable[[Shell, Arguments], None]
    options: tuple[Option, ...] = ()
    examples: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The word that it begins with."""
        return self.usage.partition(" ")[0]

    @property
    def help(self) -> str:
        """Its usage, its summary and examples."""
        lines = [f"Usage: {self.usage}", "", f"  {self.summary}"]
        if self.aliases:
            lines += ["", f"Also: {', '.join(self.aliases)}"]
        if self.examples:
            lines += ["", "Examples:", *(f"  {example}" for example in self.examples)]
        return "\n".join(lines)


def _headers(arguments: Arguments) -> list[tuple[str, str]]:
    return [parse_own_header(header) for header in arguments.all_values("header")]


# ---------------------------------------------------------------------- sending


def _message(arguments: Arguments, body: str | bytes) -> Outgoing:
    headers = _headers(arguments)
    if arguments.has("persistent"):
        headers.append(("persistent", "true"))
    content_type = arguments.value("type")
    # As bytes it gets no content-type but the one that was asked for.
    data = body.encode() if content_type is not None and isinstance(body, str) else body
    return Outgoing(
        data, headers, content_type=content_type, content_length=not arguments.has("no-content-length")
    )


def _send(shell: Shell, arguments: Arguments) -> None:
    destination, body = arguments.word(), arguments.rest()
    shell.session.send(destination, _message(arguments, body))


def _send_and_report(shell: Shell, arguments: Arguments) -> None:
    destination, body = arguments.word(), arguments.rest()
    start = time.perf_counter()
    shell.session.send(destination, _message(arguments, body))
    if shell.session.transaction is not None:
        shell.output.remark(f"sent to {destination}; the broker confirms it with the transaction")
    else:
        shell.output.remark(
            f"RECEIPT: {destination} has it, after {1000 * (time.perf_counter() - start):.1f} ms"
        )


def _send_reply(shell: Shell, arguments: Arguments) -> None:
    destination, correlation, body = arguments.word(), arguments.word(), arguments.rest()
    message = _message(arguments, body)
    shell.session.send(
        destination, message._replace(headers=[*message.headers, ("correlation-id", correlation)])
    )


def _send_file(shell: Shell, arguments: Arguments) -> None:
    destination, name, headers_name = arguments.word(), arguments.word(), arguments.optional_word()
    arguments.end()
    body = Path(name).read_bytes()
    message = _message(arguments, b64encode(body) if arguments.has("base64") else body)
    own = list(message.headers)
    if arguments.has("base64"):
        own.append(("filename", Path(name).name))
    elif message.content_type is None and (guessed := mimetypes.guess_type(name)[0]) is not None:
        message = message._replace(content_type=guessed)
    if headers_name is not None:
        own += _headers_of_json(json.loads(Path(headers_name).read_bytes()), headers_name)
    shell.session.send(destination, message._replace(headers=own))
    shell.output.remark(f"{len(body)} bytes of {name} sent to {destination}")


def _headers_of_json(content: Any, what: str) -> list[tuple[str, str]]:
    if not isinstance(content, dict):
        raise click.UsageError(f"{what} must be a JSON object of headers, got {content!r}")
    return [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in content.items()]


def _request(shell: Shell, arguments: Arguments) -> None:
    destination, body = arguments.word(), arguments.rest()
    message = _message(arguments, body)
    shell.session.seen.add([destination], [name for name, _ in message.headers])
    reply = shell.session.connection.request(
        destination,
        message.body,
        content_type=message.content_type,
        headers=message.headers,
        timeout=arguments.number("timeout"),
    )
    shell.session.remember(reply)
    shell.output.message(reply)


def _send_raw(shell: Shell, arguments: Arguments) -> None:
    command = arguments.word()
    headers = _headers_of_json(arguments.json_object(), "the headers") + _headers(arguments)
    shell.session.send_raw(Frame(command, headers, arguments.optional_rest().encode()))


# ---------------------------------------------------------------------- receiving


def _subscribe(shell: Shell, arguments: Arguments) -> None:
    destination, ack = arguments.word(), arguments.optional_word() or "auto"
    arguments.end()
    if ack not in ACK_MODES:
        raise click.UsageError(f"the ack mode is one of {', '.join(ACK_MODES)}, got {ack!r}")
    headers = _headers(arguments)
    if (selector := arguments.value("selector")) is not None:
        headers.append(("selector", selector))
    prefetch = arguments.number("prefetch")
    subscription = shell.session.subscribe(
        destination,
        cast(AckMode, ack),
        id=arguments.value("id"),
        durable=arguments.value("durable"),
        prefetch=None if prefetch is None else int(prefetch),
        headers=headers,
    )
    shell.output.remark(f"subscribed to {destination} ({subscription.ack}, id {subscription.id})")


def _unsubscribe(shell: Shell, arguments: Arguments) -> None:
    name = arguments.word()
    arguments.end()
    subscription = shell.session.unsubscribe(name)
    shell.output.remark(f"unsubscribed from {subscription.destination}")


def _subscriptions(shell: Shell, arguments: Arguments) -> None:
    arguments.end()
    for subscription in shell.session.subscriptions:
        shell.output.answer(f"{subscription.id}\t{subscription.ack}\t{subscription.destination}")


def _ack(shell: Shell, arguments: Arguments) -> None:
    name, subscription = arguments.word(), arguments.optional_word()
    arguments.end()
    message = shell.session.acknowledge(name, subscription, _headers(arguments))
    shell.output.remark(f"acknowledged {message.message_id}")


def _nack(shell: Shell, arguments: Arguments) -> None:
    name, subscription = arguments.word(), arguments.optional_word()
    arguments.end()
    message = shell.session.refuse(name, subscription, _headers(arguments))
    shell.output.remark(f"not consumed: {message.message_id}")


def _wait(shell: Shell, arguments: Arguments) -> None:
    count, seconds = arguments.optional_word(), arguments.optional_word()
    arguments.end()
    shell.session.wait(
        1 if count is None else int(to_number(count, "N")),
        _WAIT if seconds is None else to_number(seconds, "SECONDS"),
    )


def _sleep(shell: Shell, arguments: Arguments) -> None:
    seconds = arguments.word()
    arguments.end()
    time.sleep(to_number(seconds, "SECONDS"))
    shell.session.check()


# ---------------------------------------------------------------------- transactions


def _begin(shell: Shell, arguments: Arguments) -> None:
    name = arguments.optional_word()
    arguments.end()
    shell.output.remark(f"transaction {shell.session.begin(name).id}")


def _commit(shell: Shell, arguments: Arguments) -> None:
    arguments.end()
    shell.output.remark(f"committed {shell.session.end_transaction(commit=True).id}")


def _abort(shell: Shell, arguments: Arguments) -> None:
    arguments.end()
    shell.output.remark(f"aborted {shell.session.end_transaction(commit=False).id}")


# ---------------------------------------------------------------------- the shell itself


def _stats(shell: Shell, arguments: Arguments) -> None:
    switch = arguments.optional_word()
    arguments.end()
    statistics = shell.session.statistics
    if switch == "on":
        statistics.start()
    elif switch == "off":
        statistics.stop()
    elif switch is not None:
        raise click.UsageError("expecting: stats [on|off]")
    elif statistics.counting:
        shell.output.answer(str(statistics))
    else:
        raise click.UsageError("nothing is counted; begin with: stats on")


def _version(shell: Shell, arguments: Arguments) -> None:
    arguments.end()
    connection = shell.session.connection
    connected = connection.connected
    server = None if connected is None else connected.server
    shell.output.answer(
        f"stomp {__version__}, STOMP {connection.version or 'not connected'}, server {server or 'unknown'}"
    )


def _run(shell: Shell, arguments: Arguments) -> None:
    name = arguments.word()
    arguments.end()
    shell.run_file(name)


def _help(shell: Shell, arguments: Arguments) -> None:
    name = arguments.optional_word()
    arguments.end()
    if name is None:
        width = max(len(command.usage) for command in COMMANDS)
        lines = [f"  {command.usage:<{width}}  {command.summary}" for command in COMMANDS]
        shell.output.answer("\n".join(["Commands:", *lines, "", *_HELP_MORE]))
    elif name in COMMANDS_BY_NAME:
        shell.output.answer(COMMANDS_BY_NAME[name].help)
    else:
        raise click.UsageError(f"there is no command {name}; help lists them")


def _quit(shell: Shell, arguments: Arguments) -> None:
    raise Quit


_HELP_MORE = (
    "help COMMAND has examples. A body is the rest of the line; options stand before it.",
    "The other commands of `stomp`, such as pub, sub, move and ping, work here too, each with a connection of its own.",
)
_HEADER = Option("header", ("-H", "--header"))
_SENDING = (
    _HEADER,
    Option("type", ("-t", "--content-type")),
    Option("persistent", ("--persistent",), flag=True),
    Option("no-content-length", ("--no-content-length",), flag=True),
)
COMMANDS = (
    Command(
        "send DESTINATION [-H NAME:VALUE]... [-t TYPE] [--persistent] [--no-content-length] BODY",
        "Send a message; it returns when the broker has confirmed it.",
        _send,
        _SENDING,
        (
            "send /queue/orders hello world",
            'send /queue/orders -t application/json -H colour:red {"number": 1}',
        ),
        words=("destination",),
    ),
    Command(
        "sendrec DESTINATION [-H NAME:VALUE]... BODY",
        "The same, and print how long the RECEIPT took.",
        _send_and_report,
        _SENDING,
        ("sendrec /queue/orders hello",),
        words=("destination",),
    ),
    Command(
        "sendreply DESTINATION CORRELATION-ID [-H NAME:VALUE]... BODY",
        "Send the reply to a request.",
        _send_reply,
        _SENDING,
        ("sendreply /reply-queue/abc 17 the answer",),
        words=("destination",),
    ),
    Command(
        "sendfile DESTINATION FILE [-H NAME:VALUE]... [--base64] [HEADERS.json]",
        "Send a file; --base64 as stomp.py does, which saves it when it receives it.",
        _send_file,
        (*_SENDING, Option("base64", ("--base64",), flag=True)),
        ("sendfile /queue/pictures camera.png -H camera:7", "sendfile /queue/files notes.txt headers.json"),
        words=("destination", "file", "file"),
    ),
    Command(
        "request DESTINATION [-H NAME:VALUE]... [--timeout SECONDS] BODY",
        "Send a request, wait for the reply, and print it.",
        _request,
        (*_SENDING, Option("timeout", ("--timeout",))),
        ("request /queue/time what time is it?",),
        words=("destination",),
    ),
    Command(
        "subscribe DESTINATION [auto|client|client-individual] [--id ID] [-s SELECTOR] [-H NAME:VALUE]... "
        "[--prefetch N] [--durable NAME]",
        "Print the messages of a destination.",
        _subscribe,
        (
            _HEADER,
            Option("id", ("--id",)),
            Option("selector", ("-s", "--selector")),
            Option("prefetch", ("--prefetch",)),
            Option("durable", ("--durable",)),
        ),
        (
            "subscribe /topic/prices",
            "subscribe /queue/orders client-individual --prefetch 10",
            "subscribe /topic/prices --id red -s \"colour = 'red'\"",
        ),
        words=("destination", "ack mode"),
    ),
    Command(
        "unsubscribe DESTINATION|ID",
        "End a subscription.",
        _unsubscribe,
        examples=("unsubscribe /topic/prices",),
        words=("subscription",),
    ),
    Command("subscriptions", "Print the subscriptions: id, ack mode, destination.", _subscriptions),
    Command(
        "ack MESSAGE-ID|last [SUBSCRIPTION-ID]",
        "Acknowledge a message, by its message-id or ack header.",
        _ack,
        (_HEADER,),
        ("ack last", "ack T_1@@session-1@@1"),
        words=("message",),
    ),
    Command(
        "nack MESSAGE-ID|last [SUBSCRIPTION-ID]",
        "Tell the broker that a message was not consumed.",
        _nack,
        (_HEADER,),
        ("nack last", "nack last -H requeue:false"),
        words=("message",),
    ),
    Command(
        "begin [ID]",
        "Begin a transaction: what is sent and acknowledged from now on is part of it.",
        _begin,
        examples=("begin", "begin my-transaction"),
    ),
    Command("commit", "Do what is part of the transaction; the broker confirms it.", _commit),
    Command("abort", "Do nothing of what is part of the transaction.", _abort, aliases=("rollback",)),
    Command(
        "raw COMMAND [JSON-HEADERS] [BODY]",
        "Send a frame as it is, and print the RECEIPT and the messages that answer it.",
        _send_raw,
        (_HEADER,),
        (
            'raw SEND {"destination": "/queue/a", "receipt": "1"} hello',
            'raw SUBSCRIBE {"destination": "/queue/a", "id": "mine"}',
        ),
    ),
    Command(
        "wait [N] [SECONDS]",
        f"Wait for N messages (1), for {_WAIT:g} seconds at most; those that came before count, unless waited for.",
        _wait,
        examples=("wait", "wait 10 2.5"),
    ),
    Command("sleep SECONDS", "Do nothing for a while; messages are printed.", _sleep, examples=("sleep 1",)),
    Command(
        "stats [on|off]",
        "Count frames, and print the numbers.",
        _stats,
        examples=("stats on", "stats"),
        words=("switch",),
    ),
    Command(
        "run FILE",
        "Run the commands of a file, up to the first that fails. Lines with # are comments.",
        _run,
        examples=("run commands.txt",),
        words=("file",),
    ),
    Command("version", "Print versions, and what the broker is.", _version, aliases=("ver",)),
    Command(
        "help [COMMAND]", "Print this list, or usage and examples of a command.", _help, words=("command",)
    ),
    Command("quit", "End the shell, as Ctrl-D does.", _quit, aliases=("exit", "EOF")),
)
COMMANDS_BY_NAME = {name: command for command in COMMANDS for name in (command.name, *command.aliases)}
