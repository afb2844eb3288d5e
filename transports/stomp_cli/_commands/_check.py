"""``stomp check``: find out what a broker does where the specification leaves it open, or brokers differ."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click

from .._broker_check._prober import Answer, Prober
from .._broker_check._questions import QUESTIONS
from .._connecting import Connecting, connecting
from .._progress import progress
from .._terminal import colours

_AT_A_TIME = 4  # probes; most of their time is spent waiting
_COLOURS = {"yes": "green", "no": "red", "unknown": "yellow"}


@click.command("check")
@click.argument("broker", metavar="[URL]", required=False)
@click.option(
    "--timeout",
    "patience",
    type=click.FloatRange(0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for each answer.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
@connecting
@click.pass_obj
def command(settings: Connecting, broker: str | None, patience: float, as_json: bool) -> None:
    """Find out what the broker at URL does: versions, NACK, transactions, durable subscriptions and more.

    Each question has connections and a queue of its own, /queue/stomp-check-...; the messages are taken away again.
    The login needs the right to use such queues, and a topic of that name. "unknown" means that the question could not
    be decided, for example because there was no answer in --timeout seconds.

    \b
    Examples:
      stomp check stomp://broker.example
      stomp check --json | jq '.answers[] | select(.verdict != "yes")'
    """
    settings.use(broker)
    options = settings.options()
    prober = Prober(options.pop("endpoints"), options, patience)
    with prober.connect() as connection:  # if this does not work, nothing else does
        connected = connection.connected
        about = {
            "url": settings.shown,
            "server": (connected.server if connected is not None else None) or "unknown",
            "profile": connection.session.broker_profile.name,
        }
    with ThreadPoolExecutor(_AT_A_TIME) as pool, progress("asked", len(QUESTIONS)) as shown:
        answers = dict(zip(QUESTIONS, shown(pool.map(prober.ask, QUESTIONS.values())), strict=True))
    if as_json:
        rows = [{"question": name, **answer._asdict()} for name, answer in answers.items()]
        click.echo(json.dumps({"broker": about, "answers": rows}, indent=2, ensure_ascii=False))
        return
    click.echo(f"{about['url']}: {about['server']} (treated as {about['profile']})")
    if sys.stdout.isatty():
        _print_table(answers)
    else:
        width = max(map(len, answers))
        for name, answer in answers.items():
            click.echo(f"{name:<{width}}  {answer}")


def _print_table(answers: dict[str, Answer]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table: Any = Table("question", "answer", "", header_style="bold")
    for name, answer in answers.items():
        colour = _COLOURS[answer.verdict]
        table.add_row(name, f"[{colour}]{answer.verdict}[/]", escape(answer.detail))
    Console(no_color=not colours(sys.stdout)).print(table)
