"""How to connect: the options that every command has, from the command line, the environment and contexts.

The first of these that names a broker is used: the URL argument of a command, ``--url``, ``--host`` and ``--port``,
``--context`` (or ``STOMP_CONTEXT``), ``STOMP_URL``, ``STOMP_HOST`` and ``STOMP_PORT``, the context of ``stomp context
use``, ``stomp://localhost:61613``.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from stomp_core.session import Endpoint, Listener, Reconnect, parse_endpoints
from stomp_socket import Connection

from ._contexts import Contexts
from ._terminal import note, warn

if TYPE_CHECKING:
    import ssl

__all__ = [
    "Connecting",
    "Interruptions",
    "connecting",
    "header_option",
    "parse_header",
    "parse_own_header",
    "short_options_of_stomp_py",
]

F = TypeVar("F", bound=Callable[..., Any])

#: What a context may store: the options by these names.
STORED = (
    "url", "user", "passcode_file", "vhost", "client_id", "connect_header", "protocol", "heart_beat", "ca", "cert",
    "key", "insecure", "tls", "proxy",
)  # fmt: skip
#: Headers that a command writes by itself, and what does so.
_HEADERS_OF_COMMANDS = {
    "receipt": "the command asks for receipts by itself",
    "transaction": "the shell has transactions (begin, commit, abort), other commands have none",
    "destination": "it is an argument",
}
#: The options of TLS, and the arguments of ``connect()`` that they are.
_TLS_FILES = (("ca", "ca_file"), ("cert", "cert_file"), ("key", "key_file"))
_DEFAULT_URL = "stomp://localhost:61613"


class Connecting:
    """The options as they were given. The object of the click context.

    Attributes:
        debug: show tracebacks and everything that the library logs.
        verbose: log connections, too.
        given: the options that were given, by their names.
        log: what the library logs.
    """

    def __init__(self) -> None:
        self.debug = False
        self.verbose = False
        self.given: dict[str, Any] = {}
        self.log = LogOnStderr()
        self._contexts = Contexts()

    @property
    def url(self) -> str:
        """The URL, or several separated by commas, without asking for a passcode."""
        stored = self._stored
        if (url := self.given.get("url")) is not None:
            return str(url)
        if "host" in self.given or "port" in self.given:
            return self._url_of(self.given.get("host"), self.given.get("port"))
        if self._context_was_named:
            return str(stored.get("url", _DEFAULT_URL))
        if url := os.environ.get("STOMP_URL"):
            return url
        if "STOMP_HOST" in os.environ or "STOMP_PORT" in os.environ:
            return self._url_of(os.environ.get("STOMP_HOST"), os.environ.get("STOMP_PORT"))
        return str(stored.get("url", _DEFAULT_URL))

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """The brokers, in order of preference.

        Raises:
            click.BadParameter: a URL is not valid.
        """
        try:
            return parse_endpoints(self.url)
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="the URL") from None

    @property
    def shown(self) -> str:
        """The brokers as text, without credentials."""
        return ", ".join(str(endpoint) for endpoint in self.endpoints)

    def use(self, url: str | None) -> None:
        """Use the broker that is an argument of a command, if it is given, in place of any option."""
        if url is not None:
            self.given["url"] = url

    def options(self, **changes: Any) -> dict[str, Any]:
        """Return the arguments of ``connect()``, the same in each adapter. It may ask for the passcode.

        Args:
            changes: what the command itself says; ``None`` is as if it was not given.

        Raises:
            click.UsageError: options contradict each other, or a file cannot be read.
        """
        endpoints = self.endpoints
        options: dict[str, Any] = {"endpoints": endpoints}
        login, passcode = self._credentials(endpoints)
        if login is not None:
            options |= {"login": login, "passcode": passcode}
        given = self._stored | self.given
        for name, argument in (
            ("vhost", "host"),
            ("client_id", "client_id"),
            *_TLS_FILES,
            ("connect_timeout", "connect_timeout"),
            ("receipt_timeout", "receipt_timeout"),
            ("proxy", "proxy"),
        ):
            if given.get(name) is not None:
                options[argument] = given[name]
        if given.get("connect_header"):
            options["headers"] = [parse_header(header) for header in given["connect_header"]]
        if given.get("protocol"):
            options["versions"] = given["protocol"].split(",")
        if (beats := given.get("heartbeats")) is not None:
            options["heart_beat"] = tuple(
                milliseconds / 1000 for milliseconds in _pair(beats, "--heartbeats")
            )
        if (beats := given.get("heart_beat")) is not None:
            options["heart_beat"] = _pair(beats, "--heart-beat")
        if given.get("no_reconnect"):
            options["reconnect"] = Reconnect.never()
        if given.get("insecure"):
            options["ssl_context"] = _insecure_context(options)
        options |= {name: value for name, value in changes.items() if value is not None}
        return options

    def connect(self, *, listener: Listener | None = None, **changes: Any) -> Connection:
        """Connect with the blocking adapter.

        Args:
            listener: an observer of the connection; by default one that prints a lost connection.
            changes: further arguments of :func:`stomp_socket.connect`.

        Raises:
            ConnectFailed: as :func:`stomp_socket.connect` does.
        """
        import stomp_socket

        options = self.options(listener=Interruptions() if listener is None else listener, **changes)
        return stomp_socket.connect(options.pop("endpoints"), **options)

    def ssl_context(self) -> ssl.SSLContext:
        """Return the context for TLS with the broker: that of --ca, --cert, --key and --insecure.

        Raises:
            OSError: a file cannot be read.
            ValueError: options contradict each other.
        """
        from stomp_core.adapter import TransportOptions

        given = self._stored | self.given
        options = {argument: given[name] for name, argument in _TLS_FILES if given.get(name) is not None}
        if given.get("insecure"):
            context: ssl.SSLContext = _insecure_context(options)
            return context
        return TransportOptions(self.endpoints, **options).tls_context()

    def _url_of(self, host: str | None, port: str | int | None) -> str:
        given = self._stored | self.given
        secure = given.get("tls") or any(given.get(name) for name in ("ca", "cert", "key", "insecure"))
        host = host or "localhost"
        if ":" in host:
            host = f"[{host}]"
        return f"{'stomp+ssl' if secure else 'stomp'}://{host}:{port or (61614 if secure else 61613)}"

    @property
    def _context_was_named(self) -> bool:
        return bool(self.given.get("context") or os.environ.get("STOMP_CONTEXT"))

    @property
    def _stored(self) -> dict[str, Any]:
        name = self.given.get("context") or os.environ.get("STOMP_CONTEXT")
        if name is None and ("url" in self.given or "host" in self.given or os.environ.get("STOMP_URL")):
            return {}  # its credentials are for another broker
        return self._contexts.options(name)

    def _credentials(self, endpoints: tuple[Endpoint, ...]) -> tuple[str | None, str | None]:
        """Return login and passcode; ``None`` for those of the URL."""
        given = self._stored | self.given
        in_url = any(endpoint.credentials is not None for endpoint in endpoints)
        login = given.get("user")
        if login is None and not in_url:
            login = os.environ.get("STOMP_USER")
        passcode = given.get("password")
        if passcode is not None:
            warn(
                "a passcode on the command line is seen by everybody on this machine: use STOMP_PASSCODE or "
                "--passcode-file"
            )
        elif "url" in self.given and any(
            endpoint.credentials is not None and endpoint.credentials.passcode for endpoint in endpoints
        ):
            warn(
                "the URL on the command line has a passcode, which everybody on this machine sees: use STOMP_URL "
                "or STOMP_PASSCODE"
            )
        if passcode is None and given.get("passcode_file") is not None:
            passcode = _read_passcode(given["passcode_file"])
        if passcode is None:
            passcode = os.environ.get("STOMP_PASSCODE", os.environ.get("STOMP_PASS"))
        if login is None:
            if passcode is None or in_url:
                return None, None
            raise click.UsageError("There is a passcode, but no user: give --user, or STOMP_USER.")
        if passcode is None and (given.get("ask_passcode") or sys.stdin.isatty()):
            passcode = click.prompt(
                f"Passcode of {login}", hide_input=True, err=True, default="", show_default=False
            )
        return login, passcode or ""


class Interruptions(Listener):
    """Shows that the connection was lost, and when it is back.

    Args:
        show: prints a sentence; by default on stderr.
    """

    def __init__(self, show: Callable[[str], object] = note) -> None:
        self._show = show
        self._lost = False

    def connection_lost(self, endpoint: Endpoint, reason: str) -> None:
        self._lost = True
        self._show(f"connection lost: {reason}")

    def connection_made(self, endpoint: Endpoint, connected: object) -> None:
        if self._lost:
            self._lost = False
            self._show(f"connected again to {endpoint}")


def parse_header(text: str) -> tuple[str, str]:
    """Split ``name:value``.

    Raises:
        click.BadParameter: there is no colon.
    """
    name, colon, value = text.partition(":")
    if not colon or not name:
        raise click.BadParameter(f"a header is NAME:VALUE, got {text!r}")
    return name, value.removeprefix(" ")


def parse_own_header(text: str) -> tuple[str, str]:
    """Split ``name:value``, a header of a message or a subscription.

    Raises:
        click.BadParameter: there is no colon, or it is a header that the command itself has to write.
    """
    name, value = parse_header(text)
    if name in _HEADERS_OF_COMMANDS:
        raise click.BadParameter(f"{name} is no header to pass with -H: {_HEADERS_OF_COMMANDS[name]}")
    return name, value


def _parse_headers(
    ctx: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> list[tuple[str, str]]:
    return [parse_own_header(value) for value in values]


def header_option(what: str) -> Callable[[F], F]:
    """Return the option ``-H name:value`` of a command, which may be repeated.

    Args:
        what: whose headers they are, for the help.
    """
    return click.option(
        "-H", "--header", "headers", multiple=True, metavar="NAME:VALUE", callback=_parse_headers,
        help=f"A header of {what}; may be repeated.",
    )  # fmt: skip


def _store(ctx: click.Context, option: click.Parameter, value: Any) -> None:
    if value is None or value is False or value == ():
        return
    settings = cast(Connecting, ctx.find_root().obj)
    name = option.name or ""
    if name in ("debug", "verbose"):
        setattr(settings, name, True)
        settings.log.show(logging.DEBUG if name == "debug" else logging.INFO)
    else:
        settings.given[name] = value


class LogOnStderr:
    """Shows on stderr what the library logs, from the first :meth:`show` until :meth:`end`."""

    def __init__(self) -> None:
        self._logger = logging.getLogger("stomp_core")
        self._before = (self._logger.level, self._logger.propagate)
        self._handler: logging.Handler = logging.NullHandler()  # else warnings go to stderr
        self._logger.addHandler(self._handler)
        self._level = logging.CRITICAL

    def show(self, level: int) -> None:
        """Show this level and those above; the lowest of several is in force."""
        self._level = min(level, self._level)
        self._logger.removeHandler(self._handler)
        self._handler = logging.StreamHandler()
        self._handler.setFormatter(logging.Formatter("%(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S"))
        self._logger.addHandler(self._handler)
        self._logger.propagate = False
        self._logger.setLevel(self._level)

    def end(self) -> None:
        """Leave the logger as it was."""
        self._logger.removeHandler(self._handler)
        level, self._logger.propagate = self._before
        self._logger.setLevel(level)


_option = partial(click.option, expose_value=False, callback=_store)
_SECONDS = click.FloatRange(0, 3600, min_open=True)
_OPTIONS = (
    _option("--url", "-u", metavar="URL", help="Where the broker is; several, separated by commas, are tried in turn."),
    _option("--context", "-c", metavar="NAME", help="Use a context of `stomp context add`."),
    _option("--host", metavar="HOST", help="In place of --url."),
    _option("--port", type=click.IntRange(1, 65535), help="In place of --url."),
    _option("--user", "--login", "user", metavar="LOGIN", help="The login; by default STOMP_USER."),
    _option("--passcode-file", type=click.Path(),
        help="The passcode is the first line of this file. Otherwise STOMP_PASSCODE, or a prompt."),
    _option("--ask-passcode", is_flag=True, help="Ask for the passcode, also without a terminal."),
    _option("--password", metavar="PASSCODE", help="The passcode, seen by everybody on this machine: better not."),
    _option("--vhost", metavar="NAME", help="The virtual host (header `host`)."),
    _option("--client-id", metavar="ID", help="The client-id, for durable subscriptions of ActiveMQ and Artemis."),
    _option("--connect-header", metavar="NAME:VALUE", multiple=True, help="A header of CONNECT; may be repeated."),
    _option("--protocol", metavar="VERSIONS", help="The versions of STOMP to offer, such as 1.1,1.2."),
    _option("--heart-beat", metavar="SEND,RECEIVE", help="The heart-beats to offer, in seconds (10,10)."),
    _option("--heartbeats", metavar="SEND,RECEIVE", help="The same in milliseconds, as in stomp.py."),
    _option("--tls", "--ssl", "tls", is_flag=True, help="Use TLS; with --url, write stomp+ssl:// instead."),
    _option("--ca", "--ssl-ca-file", "ca", metavar="FILE", help="The authorities to trust (PEM)."),
    _option("--cert", "--ssl-cert-file", "cert", metavar="FILE", help="Our own certificate (PEM)."),
    _option("--key", "--ssl-key-file", "key", metavar="FILE", help="Its key (PEM)."),
    _option("--insecure", "--ssl-insecure", "insecure", is_flag=True, help="Do not verify the server's certificate."),
    _option("--proxy", metavar="URL", help="Connect through socks5://... or http://..."),
    _option("--connect-timeout", type=_SECONDS, metavar="SECONDS", help="For one attempt to connect (10)."),
    _option("--receipt-timeout", type=_SECONDS, metavar="SECONDS", help="For the broker to confirm something (30)."),
    _option("--no-reconnect", is_flag=True, help="Fail when the connection is lost."),
    _option("--verbose", "-v", is_flag=True, help="Show on stderr what happens to the connection."),
    _option("--debug", is_flag=True, help="Show every frame on stderr, and tracebacks."),
)  # fmt: skip
_SHORT = (
    _option("-H", "host", hidden=True),
    _option("-P", "port", type=click.IntRange(1, 65535), hidden=True),
    _option("-U", "user", hidden=True),
    _option("-W", "password", hidden=True),
    _option("-S", "protocol", hidden=True),
    _option("-V", "verbose", is_flag=True, hidden=True),
)


def connecting(function: F) -> F:
    """Give a command the options that say how to connect. They are stored in its :class:`Connecting`."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def short_options_of_stomp_py(function: F) -> F:
    """Give the group of commands the short options of stomp.py, some of which mean other things to a command."""
    for option in reversed(_SHORT):
        function = option(function)
    return function


def _pair(text: str, option: str) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"two numbers separated by a comma, got {text!r}", param_hint=option
        ) from None
    return first, second


def _read_passcode(file: str) -> str:
    try:
        lines = Path(file).read_text("utf-8").splitlines()
    except OSError as error:
        raise click.BadParameter(f"{file}: {error.strerror}", param_hint="--passcode-file") from None
    return lines[0] if lines else ""


def _insecure_context(options: dict[str, Any]) -> Any:
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    options.pop("ca_file", None)
    certificate, key = options.pop("cert_file", None), options.pop("key_file", None)
    if certificate is not None:
        context.load_cert_chain(certificate, key)
    warn("the certificate of the server is not verified")
    return context
