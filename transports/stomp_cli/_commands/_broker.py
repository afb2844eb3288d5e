"""``stomp broker``: the embedded broker."""

from __future__ import annotations

import click


@click.command(
    "broker",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Run the embedded broker, for development: the same as `python -m stomp_testing`."""
    from stomp_testing.__main__ import main

    ctx.exit(main(arguments, prog="stomp broker"))
