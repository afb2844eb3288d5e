"""TLS: which hosts of a connection speak it, and what ``set_ssl`` asks for as an :class:`ssl.SSLContext`.

What differs from stomp.py: ``set_ssl`` refuses hosts that the connection does not have. stomp.py 9.0 ignores them, and
then sends the passcode in plaintext. And certificates are always verified; stomp.py 8.2 verifies them only if it is
given ``ca_certs``.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any, Literal, TypedDict

from stomp_core.session import Endpoint

from ._hosts import HostAndPort, Hosts

__all__ = ["CertValidator", "SSLParams", "TLSSettings"]

_ARGUMENTS = "for_hosts, key_file, cert_file, ca_certs, cert_validator, ssl_version, password, verify"

CertValidator = Callable[[Any, str], tuple[bool, str]]

_ONE_VERSION_ONLY = {
    getattr(ssl, f"PROTOCOL_{name}", None): getattr(ssl.TLSVersion, name)
    for name in ("TLSv1", "TLSv1_1", "TLSv1_2")
}


class SSLParams(TypedDict):
    """The arguments of ``set_ssl`` for one host."""

    key_file: str | None
    cert_file: str | None
    ca_certs: str | None
    cert_validator: CertValidator | None
    ssl_version: int | None
    password: str | None
    verify: bool


class TLSSettings:
    """The arguments of ``set_ssl`` for each host of a connection.

    Args:
        hosts: all hosts of the connection.
        web_socket_path: the path of a connection over WebSocket.

    Attributes:
        params: the arguments for each host that speaks TLS.
    """

    def __init__(self, hosts: Hosts, web_socket_path: str | None = None) -> None:
        self._hosts = hosts
        self._plain, self._secure = ("stomp", "stomp+ssl") if web_socket_path is None else ("ws", "wss")
        self._path = web_socket_path or ""
        self.params: dict[HostAndPort, SSLParams] = {}

    def set(self, for_hosts: Iterable[HostAndPort], params: SSLParams) -> None:
        """Use TLS with some hosts of the connection.

        Args:
            for_hosts: the hosts; none of them means all.
            params: the other arguments of ``set_ssl``.

        Raises:
            TypeError: an argument is something else, such as one host or an ``SSLContext``.
            ValueError: the connection has none of these hosts, so that all of it would be plaintext.
        """
        hosts = _pairs(for_hosts) or self._hosts.sorted
        for name in ("key_file", "cert_file", "ca_certs"):
            if not isinstance(params[name], str | bytes | PathLike | None):
                raise TypeError(
                    f"set_ssl: {name} must be the path of a file, got {_shown(params[name])}; the arguments are "
                    f"{_ARGUMENTS}"
                )
        if not set(hosts) & set(self._hosts.sorted):
            raise ValueError(
                f"set_ssl: for_hosts must contain a host of this connection, which has {self._hosts.sorted}, "
                f"got {hosts}; without a match it would use plaintext"
            )
        for host_and_port in hosts:
            self.params[host_and_port] = params

    def get(self, host_and_port: HostAndPort) -> SSLParams | None:
        """Return the arguments of ``set_ssl`` for a host; ``None`` if it is plaintext."""
        return self.params.get(host_and_port)

    def make_contexts(self) -> dict[Endpoint, ssl.SSLContext | None]:
        """Return what to dial, in order of preference, each with its context for TLS; ``None`` is plaintext.

        Raises:
            OSError: a file does not exist or is not what it should be. The text names the file.
        """
        contexts: dict[Endpoint, ssl.SSLContext | None] = {}
        for host, port in self._hosts.sorted:
            params = self.params.get((host, port))
            if params is not None:
                contexts[Endpoint(self._secure, host, port, self._path)] = _make_context(params)
            elif self._hosts.loopbacks.get((host, port)) not in self.params:
                # 127.0.0.1 in place of a name that must speak TLS is left out: it would be plaintext, and the
                # certificate is for the name.
                contexts[Endpoint(self._plain, host, port, self._path)] = None
        return contexts

    def validate(self, endpoint: Endpoint, sock: ssl.SSLSocket) -> None:
        """Show the server's certificate to the ``cert_validator``, if there is one.

        Raises:
            ssl.SSLError: it refuses the certificate.
        """
        params = self.params.get((endpoint.host, endpoint.port))
        if params is not None and params["cert_validator"] is not None:
            accepted, reason = params["cert_validator"](sock.getpeercert(), endpoint.host)
            if not accepted:
                raise ssl.SSLError(f"the certificate was refused by cert_validator: {reason}")


def _shown(value: object) -> str:
    return "an SSLContext" if isinstance(value, ssl.SSLContext) else repr(value)


def _pairs(for_hosts: object) -> list[HostAndPort]:
    """Return the pairs of host and port in the first argument of ``set_ssl``.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(for_hosts, Iterable) and not isinstance(for_hosts, str | bytes):
        pairs = list(for_hosts)
        if all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
            return [(host, port) for host, port in pairs]
        if len(pairs) == 2 and isinstance(pairs[0], str) and isinstance(pairs[1], int):
            for_hosts = tuple(pairs)
    raise TypeError(
        "set_ssl: the first argument is for_hosts, pairs of host and port as in [('broker.example', 61614)], got "
        f"{_shown(for_hosts)}; the arguments are {_ARGUMENTS}, and without for_hosts it is for all hosts"
    )


def _make_context(params: SSLParams) -> ssl.SSLContext:
    """Make a context that verifies the server's certificate and name, unless ``verify=False``."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    version = _ONE_VERSION_ONLY.get(params["ssl_version"])
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if not params["verify"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif params["ca_certs"]:
        with _naming_files(params, "ca_certs"):
            context.load_verify_locations(params["ca_certs"])
    else:
        context.load_default_certs()
    if params["cert_file"]:
        with _naming_files(params, "cert_file", "key_file"):
            context.load_cert_chain(params["cert_file"], params["key_file"], params["password"])
    return context


@contextmanager
def _naming_files(params: SSLParams, *names: Literal["ca_certs", "cert_file", "key_file"]) -> Iterator[None]:
    """Name the files in an error, which the standard library does not."""
    try:
        yield
    except OSError as error:
        files = ", ".join(f"{name}={params[name]!r}" for name in names if params[name])
        raise OSError(f"{files}: {error.strerror or error}") from error
