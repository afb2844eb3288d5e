"""StompCLI: the commands of stomp.py's command line client.

What it prints, line by line, is what stomp.py 9.0 prints: programs and tests read it. It differs where stomp.py would
harm its user: ``sendrec`` waits for the RECEIPT, and a received file is written neither outside of the current folder
nor over another file.

Private attributes have two underscores, as in :mod:`stomp_py.transport`: programs make subclasses.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from cmd import Cmd
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any, NamedTuple

import stomp_py

from . import colours
from ._command_help import HELP
from .adapter.multicast import MulticastConnection
from .connect import StompConnection10, StompConnection11, StompConnection12
from .listener import ConnectionListener, StatsListener
from .utils import Frame, get_uuid

__all__ = ["StompCLI", "SubscriptionInfo"]

#: Seconds that sendrec waits.
_RECEIPT_TIMEOUT = 10.0


class SubscriptionInfo(NamedTuple):
    """A subscription: its id, and how messages are acknowledged."""

    id: int
    ack: str


def _show_help(command: str) -> Callable[[StompCLI], None]:
    def show(self: StompCLI) -> None:
        self.help(*HELP[command])

    show.__doc__ = f"Print the help of ``{command}``."
    return show


class StompCLI(Cmd, ConnectionListener):
    """The interpreter of commands. It connects when it is made.

    Args:
        host: where the broker is.
        port: its port.
        user: the login.
        passcode: its passcode.
        ver: the version of STOMP: ``"1.0"``, ``"1.1"`` or ``"1.2"``.
        prompt: printed when a command is awaited, and after each message.
        verbose: print all headers of received frames, and the frames that are sent.
        heartbeats: ``(sending, receiving)`` in milliseconds, what to ask for; 0 is never.
        use_ssl: connect with TLS.
        ssl_key_file: the key of our own certificate.
        ssl_cert_file: our own certificate.
        ssl_ca_file: the authorities to trust; by default those of the operating system.
        ssl_insecure: do not verify the server's certificate.
        stdin: where ``cmdloop()`` reads commands; by default ``sys.stdin``.
        stdout: where everything is printed; by default ``sys.stdout``.

    Attributes:
        coloured: whether errors, help and version are printed in colours.
        conn: the connection.
        failures: how many commands have failed, and how many ERROR frames were received.
        transaction_id: the transaction that was begun.
        user, passcode, prompt, verbose: see above.
        version: the version of STOMP that was asked for, as text.
        nversion: the same as a number.

    Raises:
        ConnectFailedException: there is no connection, or the broker has refused it.
        RuntimeError: the version is not known.
    """

    coloured = True

    def __init__(
        self,
        host: str = "localhost",
        port: int = 61613,
        user: str | None = "",
        passcode: str | None = "",
        ver: str = "1.1",
        prompt: str = "> ",
        verbose: bool = True,
        heartbeats: tuple[int, int] = (0, 0),
        use_ssl: bool = False,
        ssl_key_file: str | None = None,
        ssl_cert_file: str | None = None,
        ssl_ca_file: str | None = None,
        ssl_insecure: bool = False,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
    ) -> None:
        Cmd.__init__(self, stdin=stdin, stdout=stdout)
        if stdin is not None:
            self.use_rawinput = False  # otherwise it would be sys.stdin all the same
        ConnectionListener.__init__(self)
        self.prompt = prompt
        self.verbose = verbose
        self.user = user
        self.passcode = passcode
        self.failures = 0
        self.transaction_id: str | None = None
        self.__connected = False
        self.__quit = False
        self.__subscriptions: dict[str, SubscriptionInfo] = {}
        self.__next_id = 1
        self.__files_sent: set[str] = set()
        self.__answers = threading.Condition()
        self.__answered: set[str] = set()
        self.conn: Any = _connection([(host, port)], ver, heartbeats)
        if use_ssl:
            self.conn.set_ssl(
                [(host, port)],
                key_file=ssl_key_file,
                cert_file=ssl_cert_file,
                ca_certs=ssl_ca_file,
                verify=not ssl_insecure,
            )
        self.conn.set_listener("", self)
        self.conn.connect(user, passcode, wait=True)
        self.version = ver
        self.nversion = float(ver)

    @property
    def subscriptions(self) -> dict[str, SubscriptionInfo]:
        """The subscriptions, by their destinations."""
        return dict(self.__subscriptions)

    # ------------------------------------------------------------------ output

    def print_error(self, text: object) -> None:
        """Print that a command has failed, and count it."""
        self.failures += 1
        self.stdout.write(f"{self.__styled(text, colours.RED)}\n")

    def __styled(self, text: object, colour: str = "") -> str:
        return f"{colours.BOLD}{colour}{text}{colours.NO_COLOUR}" if self.coloured else str(text)

    def __print(self, text: object, end: str = "\n") -> None:
        if not self.__quit:
            self.stdout.write(f"{text}{end}")

    def __print_frame(self, frame: Frame) -> None:
        if self.__quit:
            return
        if self.verbose:
            self.__print(frame.cmd)
        for name in frame.headers if self.verbose else ("message-id", "subscription"):
            if name in frame.headers:
                self.__print(f"{name}: {frame.headers[name]}")
        if self.prompt:
            self.__print("")
        self.__print(frame.body)
        if self.__connected:
            self.__print(self.prompt, end="")
        self.__connected = True  # the first frame comes before the first prompt
        self.stdout.flush()

    # ------------------------------------------------------------------ what the connection calls

    def on_connected(self, frame: Frame) -> None:
        self.__print_frame(frame)

    def on_disconnected(self) -> None:
        if not self.__quit:
            self.print_error("lost connection")
        self.__wake()

    def on_message(self, frame: Frame) -> None:
        """Print a message. One with a ``filename`` header is written to a file, as ``sendfile`` sends it."""
        self.__print("")
        if "filename" in frame.headers:
            try:
                frame.body = f"Saved file: {self.__save(frame.headers['filename'], frame.body)}"
            except (OSError, ValueError) as error:
                self.print_error(f"the file {frame.headers['filename']!r} was not saved: {error}")
        self.__print_frame(frame)

    def on_error(self, frame: Frame) -> None:
        self.failures += 1
        self.__print_frame(frame)
        self.__wake(frame.headers.get("receipt-id"))

    def on_receipt(self, frame: Frame) -> None:
        self.__print_frame(frame)
        self.__wake(frame.headers["receipt-id"])

    def on_send(self, frame: Frame) -> None:
        if self.verbose:
            self.__print(f"Sending {frame}")

    def __wake(self, receipt_id: str | None = None) -> None:
        with self.__answers:
            if receipt_id is not None:
                self.__answered.add(receipt_id)
            self.__answers.notify_all()

    def __wait_for_receipt(self, receipt_id: str) -> None:
        with self.__answers:
            self.__answers.wait_for(
                lambda: receipt_id in self.__answered or not self.conn.is_connected(), _RECEIPT_TIMEOUT
            )
            if receipt_id not in self.__answered:
                self.print_error(f"No receipt within {_RECEIPT_TIMEOUT:g} s")
            self.__answered.discard(receipt_id)

    def __save(self, name: str, body: str | bytes) -> str:
        content = base64.b64decode(body)
        # The sender chooses the name. One that this program has sent itself may be anywhere.
        path = Path(name)
        if name not in self.__files_sent and (path.is_absolute() or ".." in path.parts):
            path = Path(path.name)
        name = path.name
        dates = count(int(time.time()))
        while True:
            try:
                with path.open("xb") as file:
                    file.write(content)
            except FileExistsError:
                path = path.with_name(f"{name}.{next(dates)}")
            else:
                return str(path)

    # ------------------------------------------------------------------ help

    def help(
        self, usage: str, description: str, required: Sequence[str] = (), optional: Sequence[str] = ()
    ) -> None:
        """Print the help of a command; see :class:`~stomp_py._command_help.CommandHelp` for the arguments."""
        sections = [("Usage", [usage])]
        if required:
            sections.append(("Required Parameters", list(required)))
        if optional:
            sections.append(("Optional Parameters", list(optional)))
        sections.append(("Description", [description]))
        self.__print(
            "\n\n".join(
                self.__styled(f"{title}:", colours.GREEN) + "\n\t" + "\n\t".join(lines)
                for title, lines in sections
            )
            + "\n        "
        )

    help_abort = help_rollback = _show_help("abort")
    help_ack = _show_help("ack")
    help_begin = _show_help("begin")
    help_commit = _show_help("commit")
    help_EOF = _show_help("EOF")  # noqa: N815 - the name that Cmd looks for
    help_nack = _show_help("nack")
    help_quit = help_exit = _show_help("quit")
    help_run = _show_help("run")
    help_send = _show_help("send")
    help_sendfile = _show_help("sendfile")
    help_sendrec = _show_help("sendrec")
    help_sendreply = _show_help("sendreply")
    help_stats = _show_help("stats")
    help_subscribe = _show_help("subscribe")
    help_unsubscribe = _show_help("unsubscribe")
    help_version = help_ver = _show_help("version")

    def help_help(self) -> None:
        """Print the help of ``help``."""
        self.__print("Quick help on commands")

    # ------------------------------------------------------------------ commands

    def default(self, line: str) -> None:
        """Print that there is no such command."""
        self.print_error(f"Unknown command: {line.split()[0]}")

    def emptyline(self) -> bool:
        """Do nothing; :class:`cmd.Cmd` would repeat the latest command."""
        return False

    def do_quit(self, args: str) -> bool:
        """End the loop of commands. Nothing more is printed."""
        self.__quit = True
        return True

    do_exit = do_EOF = do_quit  # noqa: N815 - the name that Cmd looks for

    def do_subscribe(self, args: str) -> None:
        destination, ack, *_ = [*args.split(), "", ""]
        if not destination:
            self.print_error("Expecting: subscribe <destination> [ack]")
        elif destination in self.__subscriptions:
            self.print_error(f"Already subscribed to {destination}")
        else:
            subscription = SubscriptionInfo(self.__next_id, ack or "auto")
            self.__next_id += 1
            self.__print(
                f"Subscribing to '{destination}' with acknowledge set to '{subscription.ack}', "
                f"id set to '{subscription.id}'"
            )
            self.conn.subscribe(destination=destination, ack=subscription.ack, id=subscription.id)
            self.__subscriptions[destination] = subscription

    def do_unsubscribe(self, args: str) -> None:
        destination, *_ = [*args.split(), ""]
        if not destination:
            self.print_error("Expecting: unsubscribe <destination>")
        elif destination not in self.__subscriptions:
            self.__print(f"Subscription {destination} not found")
        else:
            self.__print(f"Unsubscribing from '{destination}'")
            self.conn.unsubscribe(destination=destination, id=self.__subscriptions[destination].id)
            del self.__subscriptions[destination]

    def do_send(self, args: str) -> None:
        if (words := self.__words(args, 2, "send <destination> <message>")) is not None:
            self.__send(words[0], " ".join(words[1:]))

    def do_sendrec(self, args: str) -> None:
        if (words := self.__words(args, 2, "sendrec <destination> <message>")) is None:
            return
        receipt = get_uuid()
        self.__send(words[0], " ".join(words[1:]), receipt=receipt)
        if (
            self.transaction_id is None
        ):  # RabbitMQ confirms what is part of a transaction when that is committed
            self.__wait_for_receipt(receipt)

    def do_sendreply(self, args: str) -> None:
        if (words := self.__words(args, 3, "sendreply <destination> <correlation-id> <message>")) is not None:
            self.conn.send(words[0], " ".join(words[2:]) + "\n", headers={"correlation-id": words[1]})

    def do_sendfile(self, args: str) -> None:
        words = self.__words(args, 2, "sendfile <destination> <filename> [headers.json]")
        if words is None:
            return
        destination, name, *rest = words
        files = [Path(name), *map(Path, rest[:1])]
        for file in files:
            if not file.exists():
                self.print_error(f"File {file} does not exist")
                return
        headers = {}
        if len(files) == 2:
            self.__print(f"Loading {rest[0]}")
            headers = json.loads(files[1].read_bytes())
            self.__print(f"Using headers {headers}")
        body = base64.b64encode(files[0].read_bytes()).decode()
        self.__files_sent.add(name)
        self.__send(destination, body, headers=headers, filename=name)

    def __send(self, destination: str, body: str, **options: Any) -> None:
        if self.transaction_id is not None:
            options["transaction"] = self.transaction_id
        self.conn.send(destination, body, **options)

    def __words(self, args: str, count: int, usage: str) -> list[str] | None:
        words = args.split()
        if len(words) < count:
            self.print_error(f"Expecting: {usage}")
            return None
        return words

    def complete_send(self, text: str, line: str, begidx: int = 0, endidx: int = 0) -> list[str]:
        """Return what the destination may be: one that is subscribed to."""
        word = line.split(" ")[1]
        start = len(word) - len(text)  # a / ends a word of readline
        return [destination[start:] for destination in self.__subscriptions if destination.startswith(word)]

    complete_unsubscribe = complete_sendrec = complete_sendreply = complete_sendfile = complete_send

    def do_version(self, args: str) -> None:
        self.__print(self.__styled(f"{stomp_py.__version__} [Protocol version {self.conn.version}]"))

    do_ver = do_version

    def do_ack(self, args: str) -> None:
        self.__acknowledge("ack", args)

    def do_nack(self, args: str) -> None:
        self.__acknowledge("nack", args)

    def __acknowledge(self, command: str, args: str) -> None:
        if self.nversion >= 1.2:
            usage = f"{command} <ack-id>"
        elif self.nversion == 1.1:
            usage = f"{command} <message-id> <subscription-id>"
        else:
            usage = f"{command} <message-id>"
        names = usage.count("<")
        words = self.__words(args, names, usage)
        if words is None:
            return
        method = getattr(self.conn, command, None)
        if method is None:
            self.print_error(f"STOMP {self.version} has no {command}")
            return
        call = partial(method, *words[:names])
        if self.transaction_id is None:
            call()
        else:
            call(transaction=self.transaction_id)

    def do_begin(self, args: str) -> None:
        if self.transaction_id is not None:
            self.print_error(f"Currently in a transaction ({self.transaction_id})")
            return
        self.transaction_id = self.conn.begin()
        self.__print(f"Transaction id: {self.transaction_id}")

    def do_abort(self, args: str) -> None:
        if self.transaction_id is None:
            self.print_error("Not currently in a transaction")
            return
        self.conn.abort(transaction=self.transaction_id)
        self.__print(f"Aborted transaction: {self.transaction_id}")
        self.transaction_id = None

    do_rollback = do_abort

    def do_commit(self, args: str) -> None:
        if self.transaction_id is None:
            self.print_error("Not currently in a transaction")
            return
        self.__print(f"Committing {self.transaction_id}")
        self.conn.commit(transaction=self.transaction_id)
        self.transaction_id = None

    def do_stats(self, args: str) -> None:
        word, *_ = [*args.split(), ""]
        if word == "on":
            self.conn.set_listener("stats", StatsListener())
        elif word == "off":
            if self.conn.get_listener("stats") is not None:
                self.conn.remove_listener("stats")
        elif word:
            self.print_error("Expecting: stats [on|off]")
        elif (stats := self.conn.get_listener("stats")) is not None:
            self.__print(stats)
        else:
            self.print_error("No stats available")

    def do_run(self, args: str) -> bool:
        name, *_ = [*args.split(), ""]
        if not name:
            self.print_error("Expecting: run <filename>")
        elif not Path(name).exists():
            self.print_error(f"File {name} was not found")
        else:
            for line in Path(name).read_text("utf-8").split("\n"):
                if self.onecmd(line):
                    return True
        return False


def _connection(address: list[tuple[str, int]], version: str, heartbeats: tuple[int, int]) -> Any:
    match version:
        case "1.0":
            return StompConnection10(address)
        case "1.1":
            return StompConnection11(address, heartbeats=heartbeats)
        case "1.2":
            # As in 1.1. By default it is the name of the machine, a virtual host that RabbitMQ has not.
            return StompConnection12(address, heartbeats=heartbeats, vhost="/")
        case "multicast":
            return MulticastConnection()
        case _:
            raise RuntimeError("Unknown version")
