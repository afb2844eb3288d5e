"""The group of commands, and what becomes of their errors: a line on stderr and an exit status, never a traceback."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn

import click

from stomp_core import StompError

from ._connecting import Connecting, connecting, short_options_of_stomp_py
from ._exit_status import ExitStatus, status_of

__all__ = ["run"]

#: The commands, in the order in which the help lists them, and what it says of each. A module is imported only when its
#: command is used, so that the command starts quickly.
_COMMANDS = {
    "pub": "Send messages, confirmed by the broker.",
    "sub": "Print, save or handle messages.",
    "req": "Send a request and print the reply.",
    "reply": "Answer requests with the output of a command.",
    "move": "Move messages to another destination; none is lost.",
    "drain": "Take all messages of a destination away.",
    "record": "Record messages, with their times, in a file.",
    "replay": "Send recorded messages again, at their times.",
    "ping": "Check that a broker answers, and how quickly.",
    "check": "Find out what a broker does with versions, NACK, transactions and more.",
    "bench": "Measure throughput and latency.",
    "fuzz": "Break the rules of STOMP to find faults of a broker or a client.",
    "trace": "Show what a client and a broker send to each other.",
    "decode": "Print bytes of STOMP as frames.",
    "encode": "Make the bytes of frames.",
    "broker": "Run the embedded broker, for development.",
    "shell": "Do all of this interactively.",
    "context": "Store how to connect, by name.",
    "completion": "Print the shell completion.",
}
_STATUSES = """\b
Exit status: 0 done, 1 failure, 2 wrong usage, 3 no connection, 4 login refused, 5 rejected by the broker,
6 outcome unknown, 124 timeout, 130 Ctrl-C.

\b
Examples:
  stomp broker &                                   a broker to try it with
  stomp pub /queue/orders "hello"                  send a message, confirmed
  stomp sub /queue/orders -n 1                     print one
  seq 1000 | stomp pub /queue/orders -l            a message a line
  stomp -H broker.example -P 61613 -U me sub /topic/prices
"""


class _Commands(click.Group):
    """Imports the module of a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"._commands._{cmd_name}", __package__)
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # Without importing every module for a line of its help.
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            close = get_close_matches(args[0], _COMMANDS, n=1)
            if close:
                raise click.UsageError(f"{error.message} Did you mean {close[0]!r}?", ctx) from None
            raise


def _print_version(ctx: click.Context, option: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        import platform

        from stomp_core import __version__

        click.echo(f"stomp {__version__} (Python {platform.python_version()})")
        ctx.exit()


@click.command(
    "stomp",
    cls=_Commands,
    epilog=_STATUSES,
    invoke_without_command=True,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)
@short_options_of_stomp_py
@connecting
@click.option(
    "-F",
    "--file",
    "script",
    type=click.Path(),
    help="Run the commands of a file in the shell, as stomp.py does.",
)
@click.option("-L", "--listen", metavar="DEST", help="Print the messages of a destination, as stomp.py does.")
@click.pass_context
def _stomp(ctx: click.Context, script: str | None, listen: str | None) -> None:
    """Talk to a STOMP broker.

    Options that say how to connect may stand before or after the command. Without any, STOMP_URL is used, then the
    context chosen by `stomp context use`, then stomp://localhost:61613.
    """
    if ctx.invoked_subcommand is not None:
        if script is not None or listen is not None:
            raise click.UsageError("--file and --listen take the place of a command.", ctx)
        return
    if script is not None:
        ctx.invoke(_command("shell"), file=script)
    elif listen is not None:
        ctx.invoke(_command("sub"), destinations=(listen,))
    else:
        click.echo(ctx.get_help())
        ctx.exit(ExitStatus.OK)


def _command(name: str) -> click.Command:
    command = _stomp.get_command(click.Context(_stomp), name)
    assert command is not None
    return command


class _Terminated(BaseException):
    """SIGTERM: ends a command as Ctrl-C does, with DISCONNECT."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    raise _Terminated


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status.

    Args:
        arguments: of the command line; ``None`` takes them from ``sys.argv``.
    """
    settings = Connecting()
    in_main_thread = threading.current_thread() is threading.main_thread()
    previous: Any = signal.signal(signal.SIGTERM, _terminate) if in_main_thread else None
    try:
        if "_STOMP_COMPLETE" in os.environ:
            _stomp.main(prog_name="stomp")  # prints the completion of a shell, and exits
        given = sys.argv[1:] if arguments is None else list(arguments)
        # Not its main(), which has exit statuses of its own for Ctrl-C and closed pipes.
        with _stomp.make_context("stomp", given, obj=settings) as ctx:
            _stomp.invoke(ctx)
        sys.stdout.flush()
        return ExitStatus.OK
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        error.show()
        return ExitStatus.USAGE
    except click.Abort:  # Ctrl-C or Ctrl-D at a prompt
        return ExitStatus.INTERRUPTED
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except _Terminated:
        return ExitStatus.TERMINATED
    except BrokenPipeError as error:
        if isinstance(error, StompError):
            return _report(error, settings)
        # Who reads our output has read enough. At its end the interpreter flushes it once more, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.OK
    except Exception as error:
        return _report(error, settings)
    finally:
        settings.log.end()
        if in_main_thread:
            signal.signal(signal.SIGTERM, previous)


def _report(error: Exception, settings: Connecting) -> int:
    if settings.debug:
        raise error
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    if not isinstance(error, (click.ClickException, StompError, OSError, ValueError)):
        text = (
            f"{type(error).__name__}: {text} (this is a mistake of the command itself; --debug shows where)"
        )
    click.secho(f"stomp: {text or type(error).__name__}", fg="red", err=True)
    return status_of(error)
