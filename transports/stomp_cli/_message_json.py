"""A message as a line of JSON, the same for what is printed, recorded and published.

.. code-block:: json

    {"destination": "/queue/orders", "headers": {"content-type": "text/plain"}, "body": "hello"}

A body that is not UTF-8 is ``body_base64``. Of a header that occurs twice, the first counts (STOMP 1.2, "Repeated
Header Entries"). A recorded message also has its ``time``, in seconds since the first one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from stomp_core import Headers
from stomp_core.session import Delivery, forwarded_headers
from stomp_testing.frame_json import body_fields, body_of

__all__ = ["Outgoing", "from_json", "to_dict"]


class Outgoing(NamedTuple):
    """A message to send.

    Attributes:
        body: its body; ``str`` is sent as text.
        headers: its headers, without its destination.
        destination: where to; ``None`` for where the command says.
        content_type: of the body, unless the headers have one.
        content_length: whether to write ``content-length``.
        time: seconds after the first message of a recording.
        source: what it is a copy of.
    """

    body: str | bytes
    headers: list[tuple[str, str]] = []  # noqa: RUF012 - never changed
    destination: str | None = None
    content_type: str | None = None
    content_length: bool = True
    time: float | None = None
    source: Any = None

    @classmethod
    def copy_of(cls, message: Delivery) -> Outgoing:
        """Make the copy of a received message."""
        return cls(
            message.body,
            forwarded_headers(message.headers),
            message.destination,
            content_length="content-length" in message.headers,
            source=message,
        )

    def with_headers(self, headers: list[tuple[str, str]]) -> Outgoing:
        """Return the same message with further headers, in place of those of the same names."""
        names = {name for name, _ in headers}
        return self._replace(headers=headers + [pair for pair in self.headers if pair[0] not in names])

    def send_by(self, send: Callable[..., object], destination: str | None) -> None:
        """Send it.

        Args:
            send: ``send()`` of a connection, a pipeline or a transaction.
            destination: where to; ``None`` for its own destination.

        Raises:
            ValueError: it has none either.
        """
        to = self.destination if destination is None else destination
        if to is None:
            raise ValueError("the message has no destination, and none was given on the command line")
        send(
            to,
            self.body,
            content_type=self.content_type,
            headers=self.headers,
            content_length=self.content_length,
        )

    def to_dict(self, destination: str | None) -> dict[str, Any]:
        """Return what is written of it, so that :func:`from_json` reads it again.

        Args:
            destination: where it was to be sent.
        """
        headers = dict(reversed(self.headers))  # of a header that occurs twice, the first counts
        if self.content_type is not None:
            headers.setdefault("content-type", self.content_type)
        return {"destination": destination, "headers": headers, **body_fields(self.body)}


def to_dict(message: Delivery, *, body: bool = True) -> dict[str, Any]:
    """Return what is printed of a message.

    Args:
        message: as it was received.
        body: whether with its body.
    """
    content: dict[str, Any] = {"destination": message.destination, "headers": message.headers.to_dict()}
    if body:
        content |= body_fields(message.body)
    return content


def from_json(line: str | bytes) -> Outgoing:
    """Read a message from a line of JSON.

    A JSON value that is no object is the body itself. The headers of a delivery, such as ``message-id``, are left out.

    Raises:
        ValueError: it is not JSON, or not a message; the text says where.
    """
    try:
        content = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    if not isinstance(content, dict):
        return Outgoing(
            content if isinstance(content, str) else json.dumps(content), content_type="application/json"
        )
    unknown = content.keys() - {"destination", "headers", "body", "body_base64", "time"}
    if unknown:
        raise ValueError(
            f"a message has destination, headers, and body or body_base64, got {', '.join(sorted(map(repr, unknown)))}"
        )
    destination, time = content.get("destination"), content.get("time")
    if destination is not None and not isinstance(destination, str):
        raise ValueError(f"destination must be a string, got {destination!r}")
    if time is not None and not isinstance(time, (int, float)):
        raise ValueError(f"time must be a number of seconds, got {time!r}")
    given = content.get("headers", {})
    if not isinstance(given, dict):
        raise ValueError(f"headers must be an object of strings, got {given!r}")
    headers = [
        (name, value if isinstance(value, str) else json.dumps(value)) for name, value in given.items()
    ]
    # A delivery without content-length stays without: a TextMessage of ActiveMQ.
    content_length = "content-length" in given or "message-id" not in given
    return Outgoing(
        body_of(content), forwarded_headers(Headers(headers)), destination, None, content_length, time
    )
