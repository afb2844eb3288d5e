"""``stomp bench``: measure throughput and latency."""

from __future__ import annotations

import json
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from stomp_core.session import Listener

from .._benchmark._adapters import ADAPTERS, adapter_named
from .._benchmark._live_line import live_line
from .._benchmark._overhead import measure_overhead
from .._benchmark._plan import Plan
from .._benchmark._report import comparison, report, write_csv, write_percentiles
from .._benchmark._results import load_results, results_of
from .._benchmark._workload import Workload
from .._connecting import Connecting, connecting, header_option
from .._exit_status import ExitStatus, status_of
from .._terminal import note, warn

_SECONDS = click.FloatRange(0, min_open=True)
_DURATION = 5.0  # seconds, if nothing else says when to stop


@click.command("bench")
@click.argument("broker", metavar="[URL]", required=False)
@click.option(
    "--clients",
    type=click.IntRange(1),
    metavar="N",
    help="N producers and N consumers, or N that send requests (1).",
)
@click.option("--producers", type=click.IntRange(0), metavar="N", help="Connections that send; 0 is none.")
@click.option("--consumers", type=click.IntRange(0), metavar="N", help="Connections that receive; 0 is none.")
@click.option(
    "--request",
    "requests",
    is_flag=True,
    help="Send requests. The consumers reply; with --consumers 0 the service at --destination does.",
)
@click.option(
    "-n", "--msgs", "messages", type=click.IntRange(1), metavar="N", help="Measure so many messages in all."
)
@click.option(
    "--duration", type=_SECONDS, metavar="SECONDS", help=f"Measure for so long; the default is {_DURATION:g}."
)
@click.option(
    "--warmup",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Send before that, unmeasured.",
)
@click.option(
    "--rate",
    type=_SECONDS,
    metavar="N",
    help="Send N messages a second in all, whatever the broker does (an open loop). Latencies count from when a "
    "message was meant to be sent.",
)
@click.option(
    "--size", type=click.IntRange(0), default=100, show_default=True, metavar="BYTES", help="Of each body."
)
@click.option(
    "--window",
    type=click.IntRange(1),
    metavar="N",
    help="In flight for each producer (100; 1 with --request).",
)
@click.option(
    "--prefetch",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    metavar="N",
    help="Unacknowledged for each consumer.",
)
@click.option(
    "--ack",
    type=click.Choice(["auto", "client", "client-individual"]),
    default="client-individual",
    show_default=True,
    help="How messages are acknowledged.",
)
@header_option("the messages, such as persistent:true")
@click.option(
    "--adapter",
    type=click.Choice(ADAPTERS),
    default="socket",
    show_default=True,
    help="The client to measure with.",
)
@click.option("--destination", metavar="DEST", help="Use this one; it is not emptied at the end.")
@click.option(
    "--patience",
    type=_SECONDS,
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for a message that is missing, or for a reply.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option(
    "--csv", "csv_file", type=click.Path(path_type=Path), help="Write a row for each latency there."
)
@click.option(
    "--hdr",
    "hdr_file",
    type=click.Path(path_type=Path),
    help="Write each latency's distribution there, for HdrHistogram's plotters; FILE-send-to-receipt.hgrm and so on.",
)
@click.option(
    "--compare",
    "old_file",
    type=click.Path(path_type=Path),
    help="Compare with the --json of an earlier run.",
)
@connecting
@click.pass_obj
def command(
    settings: Connecting,
    broker: str | None,
    clients: int | None,
    producers: int | None,
    consumers: int | None,
    requests: bool,
    messages: int | None,
    duration: float | None,
    warmup: float,
    rate: float | None,
    size: int,
    window: int | None,
    prefetch: int,
    ack: str,
    headers: list[tuple[str, str]],
    adapter: str,
    destination: str | None,
    patience: float,
    as_json: bool,
    csv_file: Path | None,
    hdr_file: Path | None,
    old_file: Path | None,
) -> None:
    """Measure how many messages a second go through the broker at URL, and how long each takes.

    Messages go from producers to consumers through a queue of the benchmark's own. Each is confirmed by a RECEIPT
    and acknowledged. Latencies are: send->RECEIPT, from when a message was meant to be sent until its RECEIPT was
    read; send->MESSAGE, until a consumer has read it; MESSAGE->ACK, from there until its ACK was sent, which is time
    inside of this client.

    Without --rate the next message is sent when there is room in the window, so a slow broker is asked less often,
    and latencies are mostly the time in queues. For latencies give a --rate that the broker can keep up with. Ctrl-C
    ends the run early and prints what was measured until then.

    Producers and consumers share this process. The report says how much of its CPU a message takes, and how much of
    that is the benchmark's own: it is measured at each run, in a loop without a broker; 3 to 10 us are usual.

    \b
    Examples:
      stomp bench                                      throughput, for 5 seconds
      stomp bench --rate 1000 --duration 30            latency at 1000 messages a second
      stomp bench --producers 4 --consumers 1 --size 10000
      stomp bench --request --rate 100                 request and reply
      stomp bench --json > before.json; ...; stomp bench --compare before.json
    """
    settings.use(broker)
    plan = _plan(
        clients=clients, producers=producers, consumers=consumers, requests=requests, messages=messages,
        duration=duration, warmup=warmup, rate=rate, size=size, window=window, prefetch=prefetch, ack=ack,
        headers=headers, destination=destination, patience=patience,
    )  # fmt: skip
    old = None if old_file is None else load_results(old_file)
    chosen = adapter_named(adapter)
    options = settings.options()
    endpoints = options.pop("endpoints")
    options.pop("client_id", None)  # a broker accepts it once, and no subscription here is durable
    overhead = measure_overhead(plan)
    workload = Workload(plan, chosen, uuid.uuid4().hex[:8])

    def connect(listener: Listener) -> Any:
        return chosen.connect(endpoints, **(options | {"listener": listener}))

    with _ended_by_interrupt(workload), live_line(workload):
        workload.run(connect)
    total = workload.total()
    results = results_of(plan, adapter, settings.shown, workload, overhead)
    lines = [json.dumps(results, indent=2)] if as_json else list(report(results, total))
    if old is not None and not as_json:
        lines += ["", *comparison(old, results)]
    click.echo("\n".join(lines))
    if old is not None and as_json:
        click.echo("\n".join(comparison(old, results)), err=True)
    if csv_file is not None:
        write_csv(csv_file, results)
    if hdr_file is not None:
        for path in write_percentiles(hdr_file, total):
            note(f"wrote {path}")
    if workload.error is not None:
        warn(str(workload.error))
        click.get_current_context().exit(status_of(workload.error))
    click.get_current_context().exit(_status(total.errors))


def _plan(
    *,
    clients: int | None,
    producers: int | None,
    consumers: int | None,
    messages: int | None,
    duration: float | None,
    window: int | None,
    headers: list[tuple[str, str]],
    destination: str | None,
    requests: bool,
    **others: Any,
) -> Plan:
    """Return the plan, with what was not given filled in.

    Raises:
        click.UsageError: options contradict each other.
    """
    if messages is not None and duration is not None:
        raise click.UsageError("Give --msgs or --duration, not both.")
    if messages is None and duration is None:
        duration = _DURATION
    if producers is None:
        producers = clients or 1
    if consumers is None:
        consumers = clients or 1
    if destination is None and (producers == 0 or (requests and consumers == 0)):
        raise click.UsageError("Give the --destination whose messages to receive, or whose service to ask.")
    if producers == 0 and (requests or others["rate"] is not None or consumers == 0):
        raise click.UsageError("Without producers there is nothing to send: give --consumers only.")
    return Plan(
        destination=destination or f"/queue/stomp-bench-{uuid.uuid4().hex[:12]}",
        own_destination=destination is None,
        producers=producers,
        consumers=consumers,
        messages=messages,
        duration=duration,
        window=window or (1 if requests else 100),
        headers=dict(headers),
        requests=requests,
        **others,
    )


@contextmanager
def _ended_by_interrupt(workload: Workload) -> Iterator[None]:
    """Let Ctrl-C end a run early, and a second one at once."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        if workload.stopped:
            raise KeyboardInterrupt
        workload.stopped = True

    previous: Any = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _status(errors: dict[str, int]) -> ExitStatus:
    if errors["rejected"]:
        return ExitStatus.REJECTED
    if errors["unknown"]:
        return ExitStatus.UNKNOWN
    return ExitStatus.FAILURE if errors["lost"] or errors["not_sent"] else ExitStatus.OK
