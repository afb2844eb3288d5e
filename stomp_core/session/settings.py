"""Settings: what a session was asked to be, checked once, before anything is dialled."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ErrorCode, LocalProtocolError
from ..protocol import ClientConnection, Connect
from ..wire import Headers, Leniency, Limits
from .dialect import Dialect
from .endpoint import Credentials, Endpoint
from .reconnect import Reconnect

__all__ = ["Settings"]

_MASK = "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The arguments of :class:`~stomp_core.Session` that are values; see there for what they mean.

    Raises:
        ValueError: one is out of its range.
        LocalProtocolError: CONNECT cannot carry one, or two of them contradict each other.
    """

    endpoints: tuple[Endpoint, ...]
    credentials: Credentials | None
    host: str | None
    client_id: str | None
    heart_beat: tuple[float, float]
    versions: tuple[str, ...]
    headers: Headers
    reconnect: Reconnect
    connect_timeout: float
    handshake_timeout: float
    receipt_timeout: float
    close_timeout: float
    buffer_size: int
    dialect: Dialect | None
    limits: Limits | None
    leniency: Leniency | None
    escape_connect: bool
    heart_beat_tolerance: float
    connect: Connect | None

    def __post_init__(self) -> None:
        for name in ("connect_timeout", "handshake_timeout", "receipt_timeout", "close_timeout"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} is a number of seconds of at least 0, not {getattr(self, name)!r}")
        if self.buffer_size < 1:
            raise ValueError(f"buffer_size is a number of bytes of at least 1, not {self.buffer_size!r}")
        stated = self.headers.get("client-id")
        if stated is not None and self.client_id is not None and stated != self.client_id:
            raise LocalProtocolError(
                f"header 'client-id' is given twice, as {self.client_id!r} and {stated!r}",
                code=ErrorCode.HEADER_CLASH,
            )
        # Said once here, so that a wrong argument is an error now and not in the middle of a handshake.
        for endpoint in self.endpoints:
            self.new_connection().send(self.connect_frame(endpoint))

    @property
    def known_client_id(self) -> str | None:
        """The ``client-id`` header of CONNECT, however it is given."""
        headers = self.headers if self.connect is None else self.connect.headers
        if self.connect is None and self.client_id is not None:
            return self.client_id
        return headers.get("client-id")

    def new_connection(self) -> ClientConnection:
        """The state machine of one socket's life."""
        return ClientConnection(
            self.versions,
            limits=self.limits,
            leniency=self.leniency,
            escape_connect=self.escape_connect,
            heart_beat_tolerance=self.heart_beat_tolerance,
        )

    def connect_frame(self, endpoint: Endpoint) -> Connect:
        """The CONNECT frame for this endpoint."""
        if self.connect is not None:
            return self.connect
        credentials = self._credentials_for(endpoint)
        pairs = list(self.headers.items())
        if self.client_id is not None and "client-id" not in self.headers:
            pairs.append(("client-id", self.client_id))
        host = self.host if self.host is not None else endpoint.virtual_host
        return Connect(
            # "/" is RabbitMQ's default virtual host, which refuses what it does not know; ActiveMQ does not care.
            host="/" if host is None else host,
            login=credentials.login,
            passcode=credentials.passcode,
            heart_beat=_milliseconds(self.heart_beat),
            headers=pairs,
        )

    def masked(self, endpoint: Endpoint, text: str) -> str:
        """Text that a peer had a hand in, without the passcode that it was sent."""
        credentials = self._credentials_for(endpoint)
        passcode = credentials.passcode
        # A passcode that is the login too (guest, guest) hides nothing, and the login is worth reading.
        if not passcode or passcode == credentials.login:
            return text
        return text.replace(passcode, _MASK)

    def _credentials_for(self, endpoint: Endpoint) -> Credentials:
        if self.connect is not None:
            return Credentials(self.connect.login, self.connect.passcode)
        return self.credentials or endpoint.credentials or Credentials()


def _milliseconds(heart_beat: tuple[float, float]) -> tuple[int, int]:
    """Seconds of the API to milliseconds of the wire.

    Raises:
        ValueError: not two numbers of seconds that are 0 or at least a millisecond.
    """
    try:
        sending, receiving = (float(seconds) for seconds in heart_beat)
    except (TypeError, ValueError):
        raise ValueError(
            f"heart_beat is two numbers of seconds, (send, receive), not {heart_beat!r}"
        ) from None
    for seconds in (sending, receiving):
        if seconds != 0 and not 0.001 <= seconds < 1e9:
            raise ValueError(f"heart_beat is in seconds, each 0 or at least 0.001, not {heart_beat!r}")
    return round(sending * 1000), round(receiving * 1000)
