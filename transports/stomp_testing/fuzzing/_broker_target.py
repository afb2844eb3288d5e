"""BrokerTarget: where a broker is, and how it is spoken to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from ._wire import Wire

__all__ = ["BrokerTarget"]


@dataclass(frozen=True, slots=True)
class BrokerTarget:
    """A broker under test.

    Attributes:
        host: the name or address of the broker.
        port: the TCP port of the broker.
        login: the login in CONNECT.
        passcode: the passcode in CONNECT.
        virtual_host: the virtual host in CONNECT.
        destination: what the names of queues begin with.
        timeout: seconds that it has for each answer.
        close_timeout: seconds that it has to close the connection behind ERROR.
    """

    host: str
    port: int
    login: str = "guest"
    passcode: str = "guest"
    virtual_host: str = "/"
    destination: str = "/queue/fuzz-"
    timeout: float = 5.0
    close_timeout: float = 1.0

    @property
    def url(self) -> str:
        """The URL of the broker, without credentials."""
        return f"stomp://{self.host}:{self.port}"

    def values(self) -> dict[str, str]:
        """Return values for ``${queue}`` and the like, with names of queues that nobody else has."""
        unique = f"{self.destination}{uuid.uuid4().hex}"
        return {
            "queue": f"{unique}a",
            "other-queue": f"{unique}b",
            "host": self.virtual_host,
            "login": self.login,
            "passcode": self.passcode,
        }

    def connect(self) -> Wire:
        """Connect to it.

        Returns:
            The connection.

        Raises:
            OSError: it does not accept connections.
        """
        return Wire.connect(self.host, self.port, self.timeout)
