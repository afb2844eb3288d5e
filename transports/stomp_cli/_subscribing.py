"""The options of commands that subscribe."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from ._connecting import header_option
from ._receiver import Enough

__all__ = ["ending_options", "subscribing_options"]

_PREFETCH = 100


def ending_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options that say when it ends; it gets them as ``enough``, an :class:`Enough`."""

    @click.option("-n", "--count", type=click.IntRange(1), help="Exit after so many messages.")
    @click.option(
        "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="Exit after this time."
    )
    @click.option(
        "--idle",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="Exit when no message came for so long.",
    )
    @wraps(function)
    def with_end(
        *args: Any, count: int | None, timeout: float | None, idle: float | None, **kwargs: Any
    ) -> Any:
        return function(*args, enough=Enough(count, timeout, idle), **kwargs)

    return with_end


def subscribing_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of SUBSCRIBE; it gets them as ``subscribing``, the arguments of ``subscribe()``."""

    @click.option(
        "--ack", type=click.Choice(["auto", "client", "client-individual"]), default="client-individual",
        show_default=True, help="How messages are acknowledged; with auto, some may be lost.",
    )  # fmt: skip
    @click.option(
        "--prefetch", type=click.IntRange(1), help=f"How many may be unacknowledged at a time ({_PREFETCH})."
    )
    @click.option("--durable", metavar="NAME", help="A durable subscription to a topic.")
    @click.option(
        "--selector",
        metavar="SQL",
        help="Only messages whose headers match, such as \"colour = 'red'\" (ActiveMQ, Artemis).",
    )
    @header_option("SUBSCRIBE")
    @wraps(function)
    def with_subscribing(
        *args: Any,
        ack: str,
        prefetch: int | None,
        durable: str | None,
        selector: str | None,
        headers: list[tuple[str, str]],
        **kwargs: Any,
    ) -> Any:
        if ack == "auto" and prefetch is not None:
            raise click.UsageError("--prefetch has no effect with --ack auto.")
        options = {
            "ack": ack,
            "prefetch": prefetch if ack == "auto" or prefetch is not None else _PREFETCH,
            "durable": durable,
            "headers": [*headers, ("selector", selector)] if selector is not None else headers,
        }
        return function(*args, subscribing=options, **kwargs)

    return with_subscribing
