"""The prompt of the shell at a terminal: history, completion, and messages printed above it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.patch_stdout import StdoutProxy

from ._shell_commands import Quit
from ._shell_completion import complete
from ._shell_interpreter import Interpreter
from ._shell_output import ShellOutput
from ._shell_session import ShellSession

__all__ = ["read_commands"]

_PAUSE = 0.05  # seconds between two times that messages are printed above the prompt


def read_commands(
    interpreter: Interpreter, session: ShellSession, output: ShellOutput, others: list[str]
) -> None:
    """Run what is typed, until Ctrl-D or ``quit``.

    Args:
        interpreter: runs the lines.
        session: for completion, and the prompt.
        output: prints above the prompt.
        others: further names of commands to complete.
    """
    prompt: PromptSession[str] = PromptSession(
        history=_history(),
        completer=_Completer(session, others),
        complete_while_typing=False,
        auto_suggest=AutoSuggestFromHistory(),
    )
    with StdoutProxy(sleep_between_writes=_PAUSE, raw=True) as above:
        output.terminal = above
        try:
            while True:
                try:
                    line = prompt.prompt(lambda: _prompt_of(session))
                except KeyboardInterrupt:
                    continue  # the line is dropped
                except EOFError:
                    return
                try:
                    interpreter.run_and_report(line)
                except Quit:
                    return
                except KeyboardInterrupt:
                    output.remark("interrupted")
                if session.connection.closed:
                    return
        finally:
            output.terminal = None


def _prompt_of(session: ShellSession) -> str:
    return "stomp> " if session.transaction is None else f"stomp ({session.transaction.id})> "


class _Completer(Completer):
    def __init__(self, session: ShellSession, others: list[str]) -> None:
        self._session = session
        self._others = others

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        word, candidates = complete(document.text_before_cursor, self._session, self._others)
        for candidate in candidates:
            yield Completion(candidate, start_position=-len(word))


class _History(FileHistory):
    """A line that begins with a space is not stored, as in other shells."""

    def store_string(self, string: str) -> None:
        if not string.startswith(" "):
            super().store_string(string)

    def load_history_strings(self) -> Iterable[str]:
        try:
            yield from super().load_history_strings()
        except OSError:
            return


def _history() -> History:
    file = _state_folder() / "history"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)  # what was sent may be nobody else's business
    except OSError:
        return InMemoryHistory()
    return _History(str(file))


def _state_folder() -> Path:
    if os.name == "nt":
        return Path(click.get_app_dir("stomp"))
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state") / "stomp"
