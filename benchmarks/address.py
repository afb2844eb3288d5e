"""Where a broker is and how to log in, for clients that take no URL."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit

__all__ = ["Address"]


class Address(NamedTuple):
    """The parts of a URL such as ``stomp://login:passcode@127.0.0.1:61613``."""

    host: str
    port: int
    login: str
    passcode: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Return the parts of a URL.

        Raises:
            ValueError: a part is missing.
        """
        parts = urlsplit(url)
        if not (parts.hostname and parts.port and parts.username and parts.password):
            raise ValueError("the URL must have host, port, login and passcode")
        return cls(parts.hostname, parts.port, unquote(parts.username), unquote(parts.password))
