"""TransportOptions: how an adapter gets from an endpoint to a byte stream. TLS, proxies, and a caller's own dialling.

Everything is checked when the object is made, before anything is dialled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._arguments import check_text, shown
from ..session import Endpoint, EndpointSource, parse_endpoints
from ._dial_errors import DialFailed, dial_error, local_address_error, proxy_error
from ._proxies import ProxyServer, check_proxy, check_proxy_library, proxy_of_environment

if TYPE_CHECKING:
    import ssl

__all__ = ["TransportOptions"]

_TRANSPORTS = ("tcp", "unix", "websocket")
_NAMES = (
    "dial", "proxy", "ssl_context", "ca_file", "cert_file", "key_file", "server_hostname", "local_address",
)  # fmt: skip


class TransportOptions:
    """The options of ``connect()`` that the session knows nothing of.

    Args:
        endpoints: where the broker listens: URLs or endpoints, in order of preference.
        dial: a function that connects to an endpoint in place of the adapter. With it, any URL scheme is allowed.
        proxy: the URL of a proxy: ``socks5://``, ``socks5h://``, ``socks4://``, ``socks4a://`` or ``http://``
            (CONNECT). ``True``: the one that the environment names, if any. ``None``: no proxy.
        ssl_context: the TLS settings. Default: a context that verifies the certificate and the name of the server.
        ca_file: a PEM file with the certificate authorities to trust. Default: those of the system.
        cert_file: a PEM file with the client's certificate and its chain.
        key_file: a PEM file with the private key of ``cert_file``, if that does not contain it.
        server_hostname: the name that the server's certificate must have. Default: the host of the URL.
        local_address: the IP address of this machine to connect from. Default: the operating system chooses.

    Attributes:
        endpoints: the endpoints, parsed.
        dial: see above.
        local_address: see above.

    Raises:
        OSError: a file cannot be read.
        TypeError: an option is of a wrong type.
        ValueError: a URL is not valid, options contradict each other, an option could have no effect, or a library for
            it is not installed.
    """

    def __init__(
        self,
        endpoints: EndpointSource,
        *,
        dial: Callable[..., Any] | None = None,
        proxy: str | bool | None = True,
        ssl_context: ssl.SSLContext | None = None,
        ca_file: str | None = None,
        cert_file: str | None = None,
        key_file: str | None = None,
        server_hostname: str | None = None,
        local_address: str | None = None,
    ) -> None:
        # The URL first: connect("localhost", 61613) is better refused for it than for anything else.
        self.endpoints: tuple[Endpoint, ...] = parse_endpoints(endpoints, any_scheme=dial is not None)
        self.dial: Callable[..., Any] | None = dial
        self.local_address: str | None = local_address
        self._server_hostname = server_hostname
        self._context: ssl.SSLContext | None = ssl_context
        _check_dial(dial, proxy, local_address)
        self._check_transports()
        if proxy is False:
            proxy = None
        check_text("local_address", local_address)
        if local_address is not None:
            _check_address(local_address)
        check_text("server_hostname", server_hostname)
        if server_hostname == "":
            raise ValueError(
                "server_hostname must be the name in the server's certificate, got '': an ssl_context whose "
                "check_hostname is False switches the check off"
            )
        if ssl_context is not None:
            _check_ssl_context(ssl_context)
        files: dict[str, Any] = {"ca_file": ca_file, "cert_file": cert_file, "key_file": key_file}
        self._check_files(files)
        for name, value in {"ssl_context": ssl_context, "server_hostname": server_hostname, **files}.items():
            if value is not None:
                self._check_secure(name)
        if ca_file is not None or cert_file is not None:
            self._context = _make_context(ca_file, cert_file, key_file)
        self._proxy = proxy
        self._check_proxy(proxy)
        if local_address is not None and all(endpoint.transport == "unix" for endpoint in self.endpoints):
            raise ValueError("local_address is for TCP: a Unix socket has none")

    @classmethod
    def take_from(cls, endpoints: EndpointSource, options: dict[str, Any]) -> TransportOptions:
        """Remove the options that are for the transport from those of ``connect()``, and return them.

        The rest is for :class:`.Config`.

        Args:
            endpoints: where the broker listens.
            options: the keyword arguments of ``connect()``. Those for the transport are removed.

        Returns:
            The options for the transport.

        Raises:
            OSError, TypeError, ValueError: as for the class.
        """
        return cls(endpoints, **{name: options.pop(name) for name in _NAMES if name in options})

    # ------------------------------------------------------------------ what engines ask

    def tls_context(self) -> ssl.SSLContext:
        """Return the context for TLS. It is the same one each time."""
        if self._context is None:
            import ssl

            self._context = ssl.create_default_context()
        return self._context

    def server_name(self, endpoint: Endpoint) -> str:
        """Return the name that the certificate of an endpoint must have.

        Args:
            endpoint: the endpoint.
        """
        return endpoint.host if self._server_hostname is None else self._server_hostname

    def proxy_for(self, endpoint: Endpoint) -> str | None:
        """Return the URL of the proxy that leads to an endpoint; ``None`` if it is connected to directly.

        Args:
            endpoint: the endpoint.

        Raises:
            ValueError: the environment names a proxy whose URL is not valid.
        """
        if self.dial is not None or endpoint.transport not in ("tcp", "websocket"):
            return None
        if self._proxy is True:
            return proxy_of_environment(endpoint)
        return self._proxy or None

    def proxy_server(self, endpoint: Endpoint) -> ProxyServer | None:
        """Return the proxy that leads to an endpoint, with its credentials; ``None`` if it is connected to directly.

        Args:
            endpoint: the endpoint.

        Raises:
            ValueError: the environment names a proxy whose URL is not valid.
        """
        url = self.proxy_for(endpoint)
        return None if url is None else ProxyServer.parse(url)

    def via(self, endpoint: Endpoint) -> str:
        """Return what leads to an endpoint, for :meth:`.Session.connection_made`; ``""`` for a direct connection.

        Args:
            endpoint: the endpoint.

        Raises:
            ValueError: the environment names a proxy whose URL is not valid.
        """
        if self.dial is not None:
            return "dial()"
        proxy = self.proxy_server(endpoint)
        return "" if proxy is None else f"the proxy {proxy}"

    def explain(
        self, endpoint: Endpoint, error: BaseException, timeout: float, *, too_late: bool = False
    ) -> BaseException:
        """Return the exception to report when there was no stream to an endpoint, before TLS.

        Args:
            endpoint: where it should have led.
            error: what was raised.
            timeout: seconds that it was allowed to take.
            too_late: whether it took longer, and ``error`` only says so.

        Returns:
            A :class:`DialFailed` whose text says what to check; ``error`` itself where the session explains it.
        """
        if isinstance(error, DialFailed):
            return error
        if self.dial is not None:
            return dial_error(error, timeout, too_late=too_late)
        if self.local_address is not None:
            failure = local_address_error(self.local_address, error)
            if failure is not None:
                return failure
        proxy = self.proxy_server(endpoint)
        return error if proxy is None else proxy_error(proxy, endpoint, error, timeout)

    # ------------------------------------------------------------------ checks

    def _check_transports(self) -> None:
        for endpoint in self.endpoints:
            if self.dial is None and endpoint.transport not in _TRANSPORTS:
                raise ValueError(
                    f"{endpoint}: {endpoint.scheme}:// is unknown here: pass dial=..., a function that connects to it"
                )

    def _check_files(self, files: dict[str, Any]) -> None:
        for name, value in files.items():
            if value is not None and not isinstance(value, str) and not hasattr(value, "__fspath__"):
                raise TypeError(f"{name} must be the path of a PEM file, got {shown(value)}")
            if value is not None and self._context is not None:
                raise ValueError(
                    f"both ssl_context and {name} were given: load the file into the context, or leave the context out"
                )
        if files["key_file"] is not None and files["cert_file"] is None:
            raise ValueError("key_file was given without cert_file: it is the key of that certificate")

    def _check_secure(self, name: str) -> None:
        for endpoint in self.endpoints:
            # A Unix socket beside others is no mistake: nobody else reads it.
            if not endpoint.secure and endpoint.transport != "unix":
                secure = {"websocket": "wss"}.get(endpoint.transport, "stomp+ssl")
                article = "an ssl_context was" if name == "ssl_context" else f"{name} was"
                raise ValueError(
                    f"{endpoint}: {article} given, but this URL means plaintext; use {secure}:// for TLS"
                )

    def _check_proxy(self, proxy: str | bool | None) -> None:
        if isinstance(proxy, str):
            check_proxy(proxy)
            for endpoint in self.endpoints:
                if endpoint.transport == "unix":
                    raise ValueError(
                        f"{endpoint}: a Unix socket cannot be reached through a proxy: leave out proxy="
                    )
        for endpoint in self.endpoints:
            url = self.proxy_for(endpoint)
            if url is not None:
                check_proxy_library(url, from_environment=proxy is True)


def _check_dial(dial: object, proxy: object, local_address: object) -> None:
    if dial is not None and not callable(dial):
        raise TypeError(f"dial must be a function that connects to an endpoint, got {shown(dial)}")
    if not isinstance(proxy, (str, bool)) and proxy is not None:
        raise TypeError(f"proxy must be a URL such as 'socks5://localhost:1080', got {shown(proxy)}")
    if dial is not None:
        if isinstance(proxy, str):
            raise ValueError(
                "both dial and proxy were given: dial connects by itself, through a proxy if it likes"
            )
        if local_address is not None:
            raise ValueError(
                "both dial and local_address were given: dial connects by itself, so bind its socket there"
            )


def _check_address(text: str) -> None:
    from ipaddress import ip_address

    try:
        ip_address(text)
    except ValueError:
        raise ValueError(
            f"local_address must be an address of this machine, such as '192.0.2.1', got {text!r}"
        ) from None


def _check_ssl_context(context: object) -> None:
    # Recognised by the name of the class, so that nobody imports ssl who does not use it.
    if "SSLContext" not in {entry.__name__ for entry in type(context).__mro__}:
        instead = "ca_file='ca.pem' trusts an authority of your own"
        if isinstance(context, bool):
            instead = "the scheme stomp+ssl:// alone means TLS with a verified certificate"
        raise TypeError(f"ssl_context must be an ssl.SSLContext, got {shown(context)}: {instead}")
    if getattr(getattr(context, "protocol", None), "name", "") == "PROTOCOL_TLS_SERVER":
        raise ValueError(
            "ssl_context is one for servers (Purpose.CLIENT_AUTH): use ssl.create_default_context(), whose purpose is "
            "to verify a server"
        )


def _make_context(ca_file: str | None, cert_file: str | None, key_file: str | None) -> ssl.SSLContext:
    import ssl

    try:
        context = ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ValueError(f"ca_file {str(ca_file)!r} has no certificates in PEM form: {error}") from error
    except OSError as error:
        raise type(error)(error.errno, f"ca_file cannot be read: {error.strerror}", str(ca_file)) from error
    if cert_file is None:
        return context
    try:
        context.load_cert_chain(cert_file, key_file, _refuse_encrypted_key)
    except ssl.SSLError as error:
        raise ValueError(
            f"cert_file {str(cert_file)!r} and key_file {str(key_file or cert_file)!r} are no certificate and its key "
            f"in PEM form: {error}"
        ) from error
    except OSError as error:
        text = f"cert_file or key_file cannot be read: {error.strerror}"
        raise type(error)(error.errno, text, str(cert_file), None, str(key_file or cert_file)) from error
    return context


def _refuse_encrypted_key() -> str:
    # Without this, OpenSSL would ask for the password on the terminal.
    raise ValueError(
        "the key is encrypted: make an ssl.SSLContext with load_cert_chain(certfile, keyfile, password) and pass it as "
        "ssl_context"
    )
