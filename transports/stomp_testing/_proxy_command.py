"""``python -m stomp_testing proxy``: faults between any client and any broker, for tests in any language."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import queue
import signal
import ssl
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from stomp_core.session import Endpoint

from ._control import COMMANDS, Control, ControlServer
from ._fault import FAULTS, Fault, parse_faults
from ._network import LoopThread
from ._proxy import FaultProxy
from ._recorder import Record, Recorder
from ._recording import Recording, RecordingWriter
from ._replay_client import ReplayClient
from ._replay_server import ReplayServer
from .frame_json import to_json

__all__ = ["main"]

_FAULTS_HELP = "\n".join(f"  {name:<14} {kind.meaning}" for name, kind in FAULTS.items())
_COMMANDS_HELP = "\n".join(f'  {{"{name}": ...}}'.ljust(18) + f" {text}" for name, text in COMMANDS.items())
_EPILOG = f"""\
A fault is [to-server:|to-client:]NAME[=VALUE][@CONDITION]...; the conditions are
  frame=SEND:2, or SEND:2   the second SEND; also SEND (the first), SEND:2+ (and all behind it), SEND:every-3,
                            SEND:all, heart-beat, frame=5 (any command)
  before=SEND:2             the place before that frame, for cut, reset, stall, half-open and drop
  byte=100, after=2.5s      a number of bytes; a time since the connection was accepted
  offset=-1                 bytes from the place at a frame
  connection=2, =each       a certain connection; without it the first one that gets there

{_FAULTS_HELP}

Lines for --control, each with one command:
{_COMMANDS_HELP}

docs/reference/faults.md has examples. SIGTERM and SIGINT end the program with status 0, which is how a proxy and a
replayed server end; a client that was not played to its end gives 143 and 130. It is 1 if the port or the target cannot
be used, or a replayed conversation differs.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the proxy, or play a recording, until a signal.

    Args:
        arguments: of the command line; ``None`` takes them from ``sys.argv``.

    Returns:
        The exit status.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    _check(parser, chosen)
    try:
        faults = [fault for text in chosen.fault for fault in parse_faults(text)]
        with contextlib.ExitStack() as stack:
            output = _Output(chosen.events)
            if chosen.record is not None:
                file = stack.enter_context(Path(chosen.record).open("w", encoding="utf-8"))
                output.writer = RecordingWriter(file, secrets=chosen.secrets)
            if chosen.replay is None:
                return _run_proxy(chosen, faults, output)
            with Path(chosen.replay).open(encoding="utf-8") as lines:
                recording = Recording(lines)
            if chosen.role == "client":
                return _play_client(chosen, recording, output)
            return _play_server(chosen, recording, output)
    except (OSError, ValueError) as error:
        print(f"stomp_testing: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stomp_testing proxy",
        description="Pass everything on between clients and a broker, and cause faults on the way.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen",
        type=_address,
        default=("127.0.0.1", 0),
        metavar="HOST:PORT",
        help="where clients connect (127.0.0.1:0); port 0 takes a free one, which the first line of output names",
    )
    parser.add_argument("--target", metavar="URL", help="the broker: a URL or HOST:PORT")
    parser.add_argument("--fault", action="append", default=[], metavar="FAULT,...", help="repeatable")
    parser.add_argument("--seed", type=int, default=0, help="of what is random (%(default)s)")
    parser.add_argument(
        "--control",
        metavar="[HOST:]PORT",
        help="listen for commands here, one JSON object a line; 0 takes a free port; - reads them from stdin",
    )
    parser.add_argument("--events", action="store_true", help="print a line of JSON for each event")
    parser.add_argument("--record", metavar="FILE", help="write what passes to this file, as lines of JSON")
    parser.add_argument("--secrets", action="store_true", help="do not mask passcodes in it")
    parser.add_argument("--replay", metavar="FILE", help="play one side of this recording again")
    parser.add_argument(
        "--as",
        dest="role",
        choices=("server", "client"),
        default="server",
        help="which side: the server (default), for clients that connect to --listen, or the clients, to --target",
    )
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="of --replay: 2 is twice as fast, 0 does not wait (%(default)s)",
    )
    parser.add_argument("--listen-cert", metavar="FILE", help="accept TLS, with this certificate (PEM)")
    parser.add_argument("--listen-key", metavar="FILE", help="its key, if it is in another file (PEM)")
    parser.add_argument(
        "--ca",
        metavar="FILE",
        help="speak TLS with the target, and trust this authority (PEM); without it, TLS passes through unread",
    )
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"an address is HOST:PORT, got {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


def _check(parser: argparse.ArgumentParser, chosen: argparse.Namespace) -> None:
    """Refuse options that do not fit together, and texts that mean nothing."""
    needs_target = chosen.replay is None or chosen.role == "client"
    if needs_target != (chosen.target is not None):
        parser.error("--target is needed" if needs_target else "--replay takes the place of --target")
    if chosen.replay is not None and (chosen.fault or chosen.control):
        parser.error("--replay has no faults and no --control")
    if chosen.speed < 0:
        parser.error(f"--speed must be 0 or more, got {chosen.speed:g}")
    if chosen.listen_key is not None and chosen.listen_cert is None:
        parser.error("--listen-key needs --listen-cert")
    try:
        for text in chosen.fault:
            parse_faults(text)
        if chosen.target is not None:
            Endpoint.parse(_url(chosen.target))
    except ValueError as error:
        parser.error(str(error))
    if chosen.control not in (None, "-"):
        try:
            chosen.control = _address(chosen.control)
        except argparse.ArgumentTypeError as error:
            parser.error(f"--control: {error}")


def _url(target: str) -> str:
    return target if "://" in target else f"stomp://{target}"


def _server_tls(chosen: argparse.Namespace) -> ssl.SSLContext | None:
    if chosen.listen_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chosen.listen_cert, chosen.listen_key)
    return context


def _client_tls(chosen: argparse.Namespace) -> ssl.SSLContext | None:
    return None if chosen.ca is None else ssl.create_default_context(cafile=chosen.ca)


# ---------------------------------------------------------------------- what is printed and recorded


class _Output:
    """Prints and records in the main thread what happens in others, so that nobody waits until it is printed.

    Args:
        events: whether they are printed.

    Attributes:
        writer: of the recording.
    """

    def __init__(self, events: bool) -> None:
        self.writer: RecordingWriter | None = None
        self._events = events
        self._created = time.monotonic()
        self._queue: queue.SimpleQueue[Record | dict[str, Any] | None] = queue.SimpleQueue()
        self._open: set[int] = set()
        self._printing = threading.Lock()
        self.recorder = Recorder(self._queue.put, keep=False)

    def connection(self, number: int, text: str) -> None:
        """Note that a connection has begun or ended."""
        began = number not in self._open
        (self._open.add if began else self._open.discard)(number)
        self._put("accepted" if began else "ended", number, text=text)

    def strike(self, number: int, fault: Fault, what: str) -> None:
        """Note that a fault has struck."""
        self._put("fault", number, fault=str(fault), what=what)

    def differs(self, number: int, text: str) -> None:
        """Note that something differs from the recording."""
        self._put("differs", number, text=text)

    def stop(self, *_: object) -> None:
        """End :meth:`run`. May be called from a signal handler."""
        self._queue.put(None)

    def line(self, content: dict[str, Any]) -> None:
        """Print a line of JSON."""
        with self._printing:
            print(to_json(content), flush=True)

    def ready(self, where: str, **content: Any) -> None:
        """Print the line that names the port."""
        if self._events:
            self.line({"event": "listening", **content})
        else:
            print(where, flush=True)

    def run(self) -> None:
        """Print and record, until :meth:`stop` is called."""
        while (happened := self._queue.get()) is not None:
            self._handle(happened)

    def finish(self) -> None:
        """Print and record what has happened before the end."""
        while not self._queue.empty():
            happened = self._queue.get()
            if happened is not None:
                self._handle(happened)

    def _put(self, event: str, number: int, **content: Any) -> None:
        at = round(time.monotonic() - self._created, 6)
        self._queue.put({"time": at, "event": event, "connection": number, **content})

    def _handle(self, happened: Record | dict[str, Any]) -> None:
        if isinstance(happened, Record):
            if self.writer is not None:
                self.writer.write(happened)
            return
        if self.writer is not None:
            text = happened.get("text") or f"fault {happened['fault']}: {happened['what']}"
            self.writer.event(happened["connection"], happened["time"], text)
        if self._events:
            self.line(happened)


@contextlib.contextmanager
def _until_signal(output: _Output) -> Iterator[None]:
    """Let SIGINT and SIGTERM end ``output.run()``."""
    before = {number: signal.signal(number, output.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ---------------------------------------------------------------------- three programs


def _run_proxy(chosen: argparse.Namespace, faults: list[Fault], output: _Output) -> int:
    proxy = FaultProxy(
        _url(chosen.target),
        recorder=None if output.writer is None else output.recorder,
        seed=chosen.seed,
        host=chosen.listen[0],
        port=chosen.listen[1] or None,
        tls=_server_tls(chosen),
        upstream_tls=_client_tls(chosen),
        on_event=output.connection,
        on_strike=output.strike,
    )
    control = Control(proxy, [proxy.add(fault) for fault in faults], output.stop)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_until_signal(output))
        stack.enter_context(proxy)
        where, port = f"proxy on {proxy.host}:{proxy.port}", None
        if isinstance(chosen.control, tuple):
            port = stack.enter_context(ControlServer(control, *chosen.control)).port
            where += f", control on {chosen.control[0]}:{port}"
        output.ready(where, host=proxy.host, port=proxy.port, control=port)
        if chosen.control == "-":
            threading.Thread(target=_read_commands, args=(control, output), daemon=True).start()
        output.run()
    output.finish()
    return 0


def _read_commands(control: Control, output: _Output) -> None:
    """Carry out what comes from stdin; its end is not the end of the proxy."""
    for line in sys.stdin:
        output.line(control.answer(line))


def _play_server(chosen: argparse.Namespace, recording: Recording, output: _Output) -> int:
    server = ReplayServer(recording, output.recorder, output.connection, output.differs, chosen.speed)
    thread = LoopThread("stomp_testing replay")
    try:
        with _until_signal(output):
            listening = thread.run(server.serve(chosen.listen[0], chosen.listen[1], _server_tls(chosen)))
            host, port = listening.sockets[0].getsockname()[:2]
            output.ready(f"replay on {host}:{port}", host=host, port=port)
            output.run()
            thread.call(listening.close)
    finally:
        thread.close()
    output.finish()
    return 0


def _play_client(chosen: argparse.Namespace, recording: Recording, output: _Output) -> int:
    endpoint = Endpoint.parse(_url(chosen.target))
    if endpoint.scheme not in ("stomp", "stomp+ssl"):
        raise ValueError(f"a client is played to stomp:// or stomp+ssl://, got {endpoint}")
    tls = _client_tls(chosen) or (ssl.create_default_context() if endpoint.secure else None)
    client = ReplayClient(
        recording,
        output.recorder,
        output.connection,
        output.differs,
        chosen.speed,
        credentials=endpoint.credentials,
    )

    async def play() -> int:
        signals: list[int] = []
        task = asyncio.current_task()
        assert task is not None

        def stop(number: int) -> None:
            signals.append(number)
            task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows
                asyncio.get_running_loop().add_signal_handler(number, stop, number)
        try:
            return 0 if await client.play(endpoint.host, endpoint.port, tls) else 1
        except asyncio.CancelledError:
            if not signals:
                raise
            return 128 + signals[0]  # as a shell reports a program that a signal has ended

    try:
        return asyncio.run(play())
    finally:
        output.finish()
