"""``python -m stomp_py``: the command line client of stomp.py, with the same options and commands.

``help`` lists the commands. The exit status is 1 if there is no connection, or, with commands from a pipe or a file, if
one of them has failed. Commands from a pipe or a file are followed by a pause, so that the messages that they ask for
can come: until none has come for a second.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any, NoReturn

import stomp_py

from ._command_line import StompCLI
from .exception import StompException
from .utils import Frame

__all__ = ["StompCLI", "main"]

#: Seconds without a message after which no more are expected.
_IDLE = 1.0


class _Program(StompCLI):
    """The interpreter as a program: an error is a line, never a traceback."""

    def __init__(self, **options: Any) -> None:
        self._established = False
        self._disconnected = False
        self._activity = threading.Condition()
        self._received = 0
        self.coloured = sys.stdout.isatty()
        super().__init__(**options)

    def onecmd(self, line: str) -> bool:
        try:
            return bool(super().onecmd(line))
        except (StompException, OSError, ValueError) as error:
            self.print_error(error)
        except Exception as error:
            self.print_error(f"{type(error).__name__}: {error}")
        return False

    # Why a broker refuses CONNECT is in the exception of the constructor, which main() prints.

    def on_connected(self, frame: Frame) -> None:
        self._established = True
        super().on_connected(frame)

    def on_error(self, frame: Frame) -> None:
        if self._established:
            super().on_error(frame)

    def on_disconnected(self) -> None:
        if self._established:
            super().on_disconnected()
        self._disconnected = True
        self._notify()

    def on_message(self, frame: Frame) -> None:
        super().on_message(frame)
        self._notify()

    def _notify(self) -> None:
        with self._activity:
            self._received += 1
            self._activity.notify_all()

    def wait_until_idle(self) -> None:
        """Wait for the messages of the subscriptions, until none has come for a second."""
        with self._activity:
            seen = -1
            while self.subscriptions and self.conn.is_connected() and seen != self._received:
                seen = self._received
                self._activity.wait(_IDLE)

    def wait_until_disconnected(self) -> None:
        """Wait until the connection is lost, and that was reported."""
        with self._activity:
            self._activity.wait_for(lambda: self._disconnected)

    def do_quit(self, args: str) -> bool:
        if not self.stdin.isatty():
            self.wait_until_idle()
        return super().do_quit(args)

    do_exit = do_EOF = do_quit  # noqa: N815 - the name that Cmd looks for

    def close(self) -> int:
        """Disconnect, and wait until the broker has confirmed that it has processed everything.

        Returns:
            The exit status for commands from a pipe or a file.
        """
        super().do_quit("")
        self.conn.disconnect()
        self.stdout.flush()
        return 1 if self.failures else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: of the command line; ``None`` takes them from ``sys.argv``.

    Returns:
        The exit status.
    """
    options = _parse(arguments)
    logging.getLogger("stomp.py").addHandler(logging.NullHandler())  # what the user needs is printed
    interactive = sys.stdin.isatty() and options.file is None and options.listen is None
    try:
        program = _Program(
            host=options.host,
            port=options.port,
            user=options.user,
            passcode=options.password,
            ver=options.protocol,
            prompt="> " if interactive else "",
            verbose=options.verbose,
            heartbeats=options.heartbeats,
            use_ssl=options.ssl,
            ssl_key_file=options.ssl_key_file,
            ssl_cert_file=options.ssl_cert_file,
            ssl_ca_file=options.ssl_ca_file,
            ssl_insecure=options.ssl_insecure,
        )
    except (StompException, OSError, ValueError, RuntimeError) as error:
        print(f"stomp: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        if options.listen is not None:
            return _listen(program, options.listen)
        if options.file is not None:
            program.onecmd(f"run {options.file}")
            program.wait_until_idle()
        else:
            _read_commands(program, interactive)
        status = program.close()
        return 0 if interactive else status
    except KeyboardInterrupt:
        program.close()
        return 130
    finally:
        signal.signal(signal.SIGTERM, previous)


def _listen(program: _Program, destination: str) -> int:
    """Print messages until Ctrl-C, SIGTERM or a lost connection."""
    program.onecmd(f"subscribe {destination}")
    try:
        program.wait_until_disconnected()
    except KeyboardInterrupt:
        print()
    return program.close()


def _read_commands(program: _Program, interactive: bool) -> None:
    while True:
        try:
            program.cmdloop()
        except KeyboardInterrupt:
            if not interactive:
                raise
            print()  # Ctrl-C drops the line that is being typed
        else:
            return


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m stomp_py",
        add_help=False,
        description="The command line client of stomp.py. Without -F and -L it reads commands: `help` lists them.",
    )
    option = parser.add_argument
    option(
        "--version", action="version", version=str(stomp_py.__version__), help="print the version and exit"
    )
    option("-h", "--help", action="help", help="print this help and exit")
    option("-H", "--host", default="localhost", metavar="<host>", help="where the broker is (%(default)s)")
    option("-P", "--port", type=int, default=61613, metavar="<port>", help="its port (%(default)s)")
    option("-U", "--user", metavar="<user>", help="the login")
    option(
        "-W", "--password", metavar="<password>", default=os.environ.get("STOMP_PASSCODE"),
        help="the passcode; better in the environment, as STOMP_PASSCODE: everybody on this machine sees options",
    )  # fmt: skip
    option("-F", "--file", metavar="<filename>", help="run the commands of a file")
    option(
        "-S", "--protocol", default="1.1", choices=("1.0", "1.1", "1.2"), metavar="<version>",
        help="the version of STOMP: 1.0, 1.1 or 1.2 (%(default)s)",
    )  # fmt: skip
    option(
        "-L", "--listen", metavar="<destination>", help="print the messages of a destination, until Ctrl-C"
    )
    option("-V", "--verbose", action="store_true", help="print all headers, and the frames that are sent")
    option(
        "--heartbeats", type=_heart_beats, default=(0, 0), metavar="<send,receive>",
        help="the heart-beats to ask for, in milliseconds (0,0: none)",
    )  # fmt: skip
    option("--ssl", action="store_true", help="connect with TLS")
    option("--ssl-key-file", metavar="<file>", help="the key of our own certificate")
    option("--ssl-cert-file", metavar="<file>", help="our own certificate")
    option("--ssl-ca-file", metavar="<file>", help="the authorities to trust")
    option("--ssl-insecure", action="store_true", help="do not verify the server's certificate")
    return parser.parse_args(arguments)


def _heart_beats(text: str) -> tuple[int, int]:
    try:
        sending, receiving = map(int, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError("Invalid heartbeats, expecting cx,cy") from None
    return sending, receiving


if __name__ == "__main__":
    sys.exit(main())
