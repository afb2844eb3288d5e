"""``stomp fuzz``: fuzz a broker or a client."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from stomp_testing.fuzzing import RunReport


@click.command(
    "fuzz",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def command(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Fuzz a broker or a client: the same as `python -m stomp_testing fuzz`."""
    from stomp_testing.fuzzing import run_command

    try:
        if sys.stderr.isatty() and not {"--quiet", "--help", "-h"}.intersection(arguments):
            ctx.exit(_with_status(arguments))
        ctx.exit(run_command(arguments, prog="stomp fuzz"))
    except SystemExit as end:  # of argparse: --help, or wrong usage
        ctx.exit(int(end.code or 0))


def _with_status(arguments: tuple[str, ...]) -> int:
    """Fuzz, with a line at the terminal that shows how far it is."""
    from rich.console import Console

    from stomp_testing.fuzzing import run_command

    with Console(stderr=True).status("connecting") as status:

        def show(report: RunReport) -> None:
            status.update(f"{report.conversations:,} conversations, {len(report.findings)} findings")

        return run_command(arguments, prog="stomp fuzz", progress=show)
