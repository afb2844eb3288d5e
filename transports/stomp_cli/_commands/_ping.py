"""``stomp ping``: check that a broker answers, and how quickly."""

from __future__ import annotations

import time
from typing import Any

import click

from stomp_core.session import Reconnect
from stomp_socket import Connection
from stomp_testing.frame_json import to_json

from .._connecting import Connecting, connecting
from .._terminal import note


@click.command("ping")
@click.argument("broker", metavar="[URL]", required=False)
@click.option(
    "-n", "--count", type=click.IntRange(1), default=4, show_default=True, help="So many round trips."
)
@click.option(
    "--interval", type=click.FloatRange(0), default=0.2, show_default=True, help="Seconds between them."
)
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing: for probes.")
@connecting
@click.pass_obj
def command(
    settings: Connecting, broker: str | None, count: int, interval: float, as_json: bool, quiet: bool
) -> None:
    """Connect to URL, and measure how long the broker takes to confirm something.

    A round trip is BEGIN and ABORT of an empty transaction, each with a receipt: it needs no destination, and no right
    to send anything. The exit status is 0 if all of it worked, so the command can be a probe.

    \b
    Examples:
      stomp ping stomp://broker.example
      stomp ping -n 1 -q || echo "the broker is down"
    """
    settings.use(broker)
    import stomp_socket

    # The import, and a prompt for the passcode, are not part of the time.
    options = settings.options()
    start = time.perf_counter()
    options["reconnect"] = Reconnect.never()
    with stomp_socket.connect(options.pop("endpoints"), **options) as connection:
        connected = time.perf_counter() - start
        facts = _facts(connection)
        if not (quiet or as_json):
            click.echo(
                f"{facts['endpoint']}: connected in {1000 * connected:.1f} ms, STOMP {facts['version']}, "
                f"server {facts['server']} ({facts['profile']}), heart-beats {facts['heart_beat'][0]:g} s, "
                f"{facts['heart_beat'][1]:g} s"
            )
        times = []
        for number in range(count):
            if number:
                time.sleep(interval)
            times.append(_round_trip(connection))
            if not (quiet or as_json):
                click.echo(f"receipt {number + 1}: {1000 * times[-1]:.2f} ms")
    if as_json:
        percentiles = {f"p{percent}": _percentile(times, percent) for percent in (50, 90, 99)}
        click.echo(to_json(facts | {"connect": connected, "receipts": times} | percentiles))
    elif not quiet and count > 1:
        note(
            f"{count} receipts: min {1000 * min(times):.2f}, p50 {1000 * _percentile(times, 50):.2f}, "
            f"p90 {1000 * _percentile(times, 90):.2f}, p99 {1000 * _percentile(times, 99):.2f}, "
            f"max {1000 * max(times):.2f} ms"
        )


def _facts(connection: Connection) -> dict[str, Any]:
    connected = connection.connected
    return {
        "endpoint": str(connection.session.endpoint),
        "version": connection.version,
        "server": (connected.server if connected is not None else None) or "unknown",
        "profile": connection.session.broker_profile.name,
        "heart_beat": connection.heart_beat,
    }


def _round_trip(connection: Connection) -> float:
    transaction = connection.begin()
    start = time.perf_counter()
    transaction.abort(receipt=True)
    return time.perf_counter() - start


def _percentile(values: list[float], percent: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
