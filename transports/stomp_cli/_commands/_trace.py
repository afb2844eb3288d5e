"""``stomp trace``: show what a client and a broker send to each other."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import signal
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import click

from stomp_core.session import Endpoint
from stomp_testing import FAULTS, Fault, FaultProxy, Record, Recorder, Recording, ReplayServer, parse_faults

from .._connecting import Connecting, connecting
from .._exit_status import ExitStatus
from .._frame_filter import parse_filter
from .._frame_printing import FramePrinter
from .._mermaid import MermaidWriter
from .._terminal import colours, note
from .._tracing import ConnectionEvent, FrameRecorder, JsonWriter, Sink, TextWriter, Trace

T = TypeVar("T")


def _first_words(meaning: str) -> str:
    return meaning.split(";", 1)[0].split(":", 1)[0]


_FAULTS_HELP = (
    "\b\nFaults of --fail, each [to-server:|to-client:]NAME[=VALUE][@WHERE], as swallow@RECEIPT:2,\n"
    "cut@frame=5, to-client:stall=2s@byte=100, error=full@SEND@connection=2 (docs/reference/faults.md):\n"
    + "\n".join(f"  {name:<14} {_first_words(kind.meaning)}" for name, kind in FAULTS.items())
)


class _Listen(click.ParamType[tuple[str, int]]):
    """``[HOST:]PORT``; port 0 takes a free one."""

    name = "listen"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        host, _, port = str(value).rpartition(":")
        if not port.isdecimal() or int(port) > 65535:
            self.fail(f"LISTEN is PORT or HOST:PORT, got {value!r}", param, ctx)
        return host.strip("[]") or "127.0.0.1", int(port)


@click.command("trace", epilog=_FAULTS_HELP)
@click.argument("listen", type=_Listen(), metavar="[HOST:]PORT")
@click.argument("target", metavar="[TARGET]", required=False)
@click.option(
    "--listen-cert", type=click.Path(), metavar="FILE", help="Accept TLS, with this certificate (PEM)."
)
@click.option(
    "--listen-key", type=click.Path(), metavar="FILE", help="Its key, if it is not in the same file (PEM)."
)
@click.option("--heart-beats", "beats", is_flag=True, help="Show heart-beats, too.")
@click.option(
    "--filter",
    "filters",
    multiple=True,
    metavar="WHAT,...",
    help="Show only these: SEND (a command), to-server, to-client, /queue/a* (a destination), header=value, "
    "violations. Each further --filter must match, too.",
)
@click.option("--one-line", is_flag=True, help="A line for each frame.")
@click.option("--jsonl", is_flag=True, help="A line of JSON for each frame.")
@click.option(
    "--mermaid",
    type=click.Path(),
    metavar="FILE",
    help="Draw a sequence diagram (Mermaid) in this file, too.",
)
@click.option("--fail", metavar="FAULT,...", help="Cause faults; they are listed below.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the faults that are random.")
@click.option("--record", type=click.Path(), metavar="FILE", help="Write everything to this file, too.")
@click.option(
    "--replay",
    type=click.Path(),
    metavar="FILE",
    help="No TARGET: play its part, as --record has recorded it.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Of --replay; 0 does not wait.",
)
@click.option("-n", "--connections", type=click.IntRange(1), help="End when so many connections have ended.")
@click.option("--strict", is_flag=True, help="Exit status 1 if there was a violation.")
@connecting
@click.pass_obj
def command(
    settings: Connecting,
    listen: tuple[str, int],
    target: str | None,
    listen_cert: str | None,
    listen_key: str | None,
    beats: bool,
    filters: tuple[str, ...],
    one_line: bool,
    jsonl: bool,
    mermaid: str | None,
    fail: str | None,
    seed: int,
    record: str | None,
    replay: str | None,
    speed: float,
    connections: int | None,
    strict: bool,
) -> None:
    """Listen on PORT, pass everything on to TARGET, and show both directions as frames.

    TARGET is the URL of a broker, by default the one that other commands use. Point the client at PORT. Passcodes are
    masked. What breaks the specification is marked, with its section. Ctrl-C or SIGTERM ends it with a summary.

    With TARGET stomp+ssl:// or wss://, TLS ends here: the client connects without TLS, or with that of --listen-cert.
    With ws:// and wss:// the client speaks WebSocket, too.

    \b
    Examples:
      stomp trace 61614 stomp://broker.example
      stomp trace 61614 --filter SEND,MESSAGE --filter '/queue/orders*'
      stomp trace 61614 stomp+ssl://broker.example --ca ca.pem --jsonl | jq .command
      stomp trace 61614 --fail to-client:delay=0.2,reset@frame=50 --mermaid diagram.mmd
      stomp trace 61614 --record session.jsonl
      stomp trace 61614 --replay session.jsonl
    """
    if replay is not None and (target is not None or fail is not None):
        raise click.UsageError("--replay takes the place of TARGET, and has no faults.")
    if listen_key is not None and listen_cert is None:
        raise click.UsageError("--listen-key needs --listen-cert.")
    frame_filter = _option("--filter", lambda: parse_filter(filters))
    faults = [] if fail is None else _option("--fail", lambda: parse_faults(fail))
    tls = None if listen_cert is None else _server_context(listen_cert, listen_key)
    with contextlib.ExitStack() as stack:
        started = time.time()
        sinks: list[Sink] = [_shown(jsonl, one_line, started)]
        if mermaid is not None:
            sinks.append(MermaidWriter(stack.enter_context(Path(mermaid).open("w", encoding="utf-8"))))
        recording = None
        if record is not None:
            recording = FrameRecorder(stack.enter_context(Path(record).open("w", encoding="utf-8")))
        trace = Trace(sinks, frame_filter, heart_beats=beats, record=recording)
        try:
            with _interrupted_by_sigterm():
                if replay is None:
                    settings.use(target)
                    _pass_on(settings, listen, tls, faults, seed, trace, connections)
                else:
                    asyncio.run(_replay(replay, _read(replay), listen, tls, speed, trace, connections))
        except KeyboardInterrupt:
            pass  # how a trace ends: nothing is left undone, so this is no failure
        finally:
            note(str(trace))
    if strict and trace.violations:
        click.get_current_context().exit(ExitStatus.FAILURE)


@contextlib.contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM end a trace as Ctrl-C does: a script has no other way to end it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous: Any = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _pass_on(
    settings: Connecting,
    listen: tuple[str, int],
    tls: ssl.SSLContext | None,
    faults: list[Fault],
    seed: int,
    trace: Trace,
    connections: int | None,
) -> None:
    """Run the proxy until enough connections have ended."""
    endpoint = settings.endpoints[0]
    if endpoint.transport == "unix":
        raise click.UsageError("TARGET must have a host and a port: a Unix socket cannot be traced.")
    # The proxy runs in a thread of its own. It must not wait until something is printed.
    happened: queue.SimpleQueue[Record | ConnectionEvent] = queue.SimpleQueue()
    created = time.monotonic()
    proxy = FaultProxy(
        _without_credentials(endpoint),
        recorder=Recorder(happened.put, keep=False),
        host=listen[0],
        port=listen[1] or None,
        tls=tls,
        upstream_tls=settings.ssl_context() if endpoint.secure else None,
        on_event=lambda number, text: happened.put(ConnectionEvent(number, time.monotonic() - created, text)),
        faults=faults,
        seed=seed,
        on_strike=lambda number, fault, what: happened.put(
            ConnectionEvent(number, time.monotonic() - created, f"fault {fault}: {what}", is_edge=False)
        ),
    )
    try:
        with proxy:
            note(f"connect to {proxy.url}; everything is passed on to {endpoint}; Ctrl-C ends it")
            while connections is None or trace.ended < connections:
                trace.handle(happened.get())
    finally:
        # What has passed before Ctrl-C belongs to the trace.
        while not happened.empty():
            trace.handle(happened.get())


def _read(file: str) -> Recording:
    with Path(file).open(encoding="utf-8") as lines:
        try:
            return Recording(lines)
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None


async def _replay(
    file: str,
    recording: Recording,
    listen: tuple[str, int],
    tls: ssl.SSLContext | None,
    speed: float,
    trace: Trace,
    connections: int | None,
) -> None:
    """Play the recorded server until enough connections have ended."""
    created = time.monotonic()
    enough = asyncio.Event()

    def on_event(number: int, text: str) -> None:
        trace.handle(ConnectionEvent(number, time.monotonic() - created, text))
        if connections is not None and trace.ended >= connections:
            enough.set()

    def on_difference(number: int, text: str) -> None:
        trace.handle(ConnectionEvent(number, time.monotonic() - created, text, is_edge=False))

    server = ReplayServer(recording, Recorder(trace.handle, keep=False), on_event, on_difference, speed)
    async with await server.serve(*listen, tls) as listening:
        host, port = listening.sockets[0].getsockname()[:2]
        scheme = "stomp" if tls is None else "stomp+ssl"
        note(f"connect to {scheme}://{host}:{port}; the server of {file} answers; Ctrl-C ends it")
        await enough.wait()


def _shown(jsonl: bool, one_line: bool, started: float) -> Sink:
    def write(text: str) -> None:
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()

    if jsonl:
        return JsonWriter(write, started)
    return TextWriter(write, FramePrinter(colour=colours(sys.stdout), one_line=one_line), started)


def _option(name: str, make: Callable[[], T]) -> T:
    try:
        return make()
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=name) from None


def _server_context(certificate: str, key: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise click.BadParameter(f"{certificate}: {error}", param_hint="--listen-cert") from None
    return context


def _without_credentials(endpoint: Endpoint) -> str:
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{endpoint.scheme}://{host}:{endpoint.port}{endpoint.path}"
