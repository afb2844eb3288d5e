"""``stomp context``: store how to connect, by name."""

from __future__ import annotations

from typing import Any

import click

from stomp_core.session import parse_endpoints

from .._connecting import STORED, Connecting, connecting
from .._contexts import Contexts
from .._terminal import warn


@click.group("context")
def command() -> None:
    """Store how to connect, by name, in a TOML file of the user's configuration folder.

    \b
    Examples:
      stomp context add test --url stomp+ssl://broker.test --user me --passcode-file ~/.stomp-test
      stomp context use test
      stomp sub /queue/orders                  uses it
      stomp --context other sub /queue/orders  uses another one
    """


@command.command("add")
@click.argument("name")
@connecting
@click.pass_obj
def add(settings: Connecting, name: str) -> None:
    """Store the options for connecting that are given here as NAME."""
    options: dict[str, Any] = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in settings.given.items()
        if key in STORED
    }
    if "url" not in options and ("host" in settings.given or "port" in settings.given):
        options["url"] = settings.url
    if "password" in settings.given:
        raise click.UsageError(
            "A passcode is not stored: put it into a file and give --passcode-file, or set STOMP_PASSCODE."
        )
    if not options:
        raise click.UsageError("Give the options to store, such as --url stomp://broker.example.")
    if "url" in options and any(endpoint.credentials for endpoint in parse_endpoints(options["url"])):
        warn("the URL is stored with its passcode, in a file that only you can read")
    contexts = Contexts()
    contexts.add(name, options)
    click.echo(f"stored {name!r} in {contexts.file}", err=True)


@command.command("ls")
def list_all() -> None:
    """List the contexts; the current one has a star."""
    contexts = Contexts()
    for name, options in sorted(contexts.all.items()):
        shown = (
            ", ".join(str(endpoint) for endpoint in parse_endpoints(options["url"]))
            if "url" in options
            else ""
        )
        others = " ".join(sorted(key for key in options if key != "url"))
        star = "*" if name == contexts.current else " "
        click.echo(f"{star} {name}\t{shown}\t{others}".rstrip())


@command.command("use")
@click.argument("name", required=False)
def use(name: str | None) -> None:
    """Use NAME from now on; without NAME, use none."""
    Contexts().use(name)


@command.command("rm")
@click.argument("name")
def remove(name: str) -> None:
    """Remove NAME."""
    Contexts().remove(name)
