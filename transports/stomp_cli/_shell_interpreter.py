"""Runs lines of commands: one after the other, an error of one of them is a line and the next one follows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import click

from stomp_core import StompError

from ._exit_status import ExitStatus, status_of
from ._shell_arguments import Arguments
from ._shell_commands import COMMANDS_BY_NAME, Quit
from ._shell_output import ShellOutput
from ._shell_session import ShellSession

__all__ = ["Interpreter"]

_IDLE = 1.0  # seconds without a message after which no more are expected at the end of a pipe
_WAITING = ("wait", "sleep", "sub", "drain")
_DEEPEST = 20  # files that run each other


class Interpreter:
    """Runs commands.

    Args:
        session: what they are done with.
        output: where answers and errors go.
        run_other: runs another command of ``stomp``, given its words, and returns its exit status; ``None`` if there is
            none of this name.

    Attributes:
        status: the exit status of the first error.
    """

    def __init__(
        self,
        session: ShellSession,
        output: ShellOutput,
        run_other: Callable[[list[str]], int | None],
    ) -> None:
        self.session = session
        self.output = output
        self.status = ExitStatus.OK
        self._run_other = run_other
        self._depth = 0
        self._waited = False

    def run(self, line: str) -> None:
        """Run a line.

        Raises:
            Quit: it is ``quit``.
            Exception: why it has failed.
        """
        name, _, rest = line.strip().partition(" ")
        if not name or name.startswith("#"):
            return
        self._waited = self._waited or name in _WAITING
        command = COMMANDS_BY_NAME.get(name)
        if command is not None:
            command.run(self, Arguments(rest, command.usage, command.options))
            return
        status = self._run_other([name, *Arguments(rest).words()])
        if status is None:
            raise click.UsageError(f"unknown command: {name}; help lists them{_similar(name)}")
        if status:
            raise _CommandFailed(name, status)

    def run_and_report(self, line: str, where: str = "") -> None:
        """Run a line; an error is printed, and its exit status is remembered.

        Args:
            line: the command.
            where: the line stands, for errors.

        Raises:
            Quit: it is ``quit``.
            BrokenPipeError: nobody reads our output.
        """
        try:
            self.run(line)
            self.session.check()
        except Quit:
            raise
        except BrokenPipeError as error:
            if not isinstance(error, StompError):
                raise
            self.report(error, where)
        except Exception as error:
            self.report(error, where)

    def report(self, error: Exception, where: str = "") -> None:
        """Print an error, and remember its exit status if it is the first."""
        if not self.status:
            self.status = _status_of(error)
        self.output.error(f"{where}{_text_of(error)}")

    def run_numbered_lines(self, lines: Iterable[str]) -> None:
        """Run the lines of a pipe; errors begin with their number. See :meth:`run_lines`."""
        self._run_all((f"line {number}: ", line) for number, line in enumerate(lines, 1))

    def run_lines(self, lines: Iterable[str]) -> None:
        """Run lines, up to ``quit``.

        At their end messages may still come: unless something has waited for them, it waits until none has come for a
        second.
        """
        self._run_all(("", line) for line in lines)

    def _run_all(self, lines: Iterable[tuple[str, str]]) -> None:
        try:
            for where, line in lines:
                self.run_and_report(line, where)
        except Quit:
            return
        if not self._waited:
            try:
                self.session.wait_until_idle(_IDLE)
            except StompError as error:
                self.report(error)

    def run_file(self, name: str) -> None:
        """Run the lines of a file, up to the first that fails.

        Raises:
            Quit: one is ``quit``.
            OSError, UnicodeError: the file cannot be read.
            Exception: why a line has failed; its text begins with file and line.
        """
        if self._depth == _DEEPEST:
            raise click.UsageError(f"{name}: files run each other without end")
        lines = Path(name).read_text("utf-8").splitlines()
        self._depth += 1
        try:
            for number, line in enumerate(lines, 1):
                try:
                    self.run(line)
                    self.session.check()
                except (Quit, _FailedAt):
                    raise
                except BrokenPipeError as error:
                    if not isinstance(error, StompError):
                        raise
                    raise _FailedAt(name, number, error) from error
                except Exception as error:
                    raise _FailedAt(name, number, error) from error
        finally:
            self._depth -= 1


class _CommandFailed(Exception):
    """Another command of ``stomp`` has failed, and has printed why."""

    def __init__(self, name: str, status: int) -> None:
        super().__init__(f"{name}: exit status {status}")
        self.status = status


class _FailedAt(Exception):
    """A line of a file has failed."""

    def __init__(self, file: str, line: int, error: Exception) -> None:
        super().__init__(f"{file}:{line}: {_text_of(error)}")
        self.error = error


def _status_of(error: Exception) -> ExitStatus:
    match error:
        case _FailedAt():
            return _status_of(error.error)
        case _CommandFailed():
            return ExitStatus(error.status) if error.status in list(ExitStatus) else ExitStatus.FAILURE
        case click.UsageError():
            return ExitStatus.USAGE
        case _:
            return status_of(error)


def _text_of(error: Exception) -> str:
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, OSError) and not isinstance(error, StompError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or type(error).__name__


def _similar(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS_BY_NAME, n=1)
    return f". Did you mean {close[0]}?" if close else ""
