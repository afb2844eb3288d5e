"""``stomp shell``: do all of this interactively."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable

import click

from .._connecting import Connecting, connecting
from .._exit_status import ExitStatus
from .._shell_interpreter import Interpreter
from .._shell_output import ShellOutput
from .._shell_session import ShellSession


@click.command("shell")
@click.argument("broker", metavar="[URL]", required=False)
@click.option(
    "-F",
    "--file",
    type=click.Path(),
    help="Run the commands of a file, up to the first that fails, and exit.",
)
@connecting
@click.pass_context
def command(ctx: click.Context, broker: str | None, file: str | None) -> None:
    """Connect to URL, and run the commands that are typed: `help` lists them.

    Messages are printed above the prompt. Tab completes commands, destinations and headers; Ctrl-C drops the line,
    Ctrl-D quits. Without a terminal the commands are read from standard input: messages are lines of JSON, and the exit
    status is that of the first error. `wait 3` waits for three messages.

    \b
    Examples:
      stomp shell stomp://broker.example
      printf '%s\\n' 'subscribe /queue/a' 'send /queue/a hello' wait | stomp shell
      stomp shell -F commands.txt
    """
    settings: Connecting = ctx.obj
    settings.use(broker)
    interactive = file is None and sys.stdin.isatty() and sys.stdout.isatty()
    output = ShellOutput(interactive=interactive)
    session = ShellSession(lambda listener: settings.connect(listener=listener), output)
    others, run_other = _other_commands(ctx, settings)
    interpreter = Interpreter(session, output, run_other)
    with session.connection as connection:
        if file is not None:
            interpreter.run_lines([f"run {shlex.quote(file)}"])
        elif not interactive:
            interpreter.run_numbered_lines(sys.stdin)
        else:
            from .._shell_prompt import read_commands

            output.remark(f"connected to {settings.shown}; help lists the commands, Ctrl-D quits")
            read_commands(interpreter, session, output, others)
        lost = connection.closed
    if not interactive:
        ctx.exit(interpreter.status)
    elif lost:
        ctx.exit(ExitStatus.CONNECT)


def _other_commands(
    ctx: click.Context, settings: Connecting
) -> tuple[list[str], Callable[[list[str]], int | None]]:
    """Return the names of the other commands of ``stomp``, and a function that runs one of them."""
    root = ctx.find_root()
    group = root.command
    assert isinstance(group, click.Group)
    names = [name for name in group.list_commands(root) if name != ctx.info_name]

    def run(words: list[str]) -> int | None:
        if words[0] not in names:
            return None
        own = Connecting()  # an option of this command does not change how the next one connects
        own.given = dict(settings.given)
        try:
            status = group.main(words, prog_name="stomp", standalone_mode=False, obj=own)
        finally:
            own.log.end()
        return status if isinstance(status, int) else 0

    return names, run
