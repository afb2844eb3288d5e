"""The straight path for SENDs with headers that were sent before.

Many programs send one message after the other with the same headers, and a program or a layer above that keeps their
:class:`~stomp_core.Headers` object gives it to every frame. Headers are immutable, so everything that depends on them
only has to be done once: checking them, escaping them, and finding out that they name no transaction, which is the only
rule that relates a SEND to other frames. What remains is to put length and body behind the bytes of the head.

Headers that come for the second time are taken for ones that will come again. Those that are new each time cost one
comparison.
"""

from __future__ import annotations

from ..wire import Headers
from ..wire._serializer import serialize

__all__ = ["RepeatedHeaders"]


class RepeatedHeaders:
    """The headers that a connection has sent more than once, with their bytes.

    Attributes:
        headers: the object that was repeated; ``None`` if none was.
    """

    __slots__ = ("_head", "_latest", "headers")

    def __init__(self) -> None:
        self.headers: Headers | None = None
        self._latest: Headers | None = None
        self._head = b""

    def note(self, headers: Headers, version: str) -> None:
        """Note the headers of a SEND that was checked and serialized in the usual way."""
        if headers is not self._latest:
            self._latest = headers
        elif "transaction" not in headers and "content-length" not in headers:
            # A SEND without a body is its head, the blank line and NUL.
            self._head = serialize("SEND", headers, b"", version).removesuffix(b"\n\0")
            self.headers = headers

    def serialize(self, body: bytes, content_length: bool) -> bytes | None:
        """Serialize a SEND with the repeated headers; ``None`` if the body cannot be sent without content-length."""
        if not body:
            return b"%b\n\0" % self._head
        if content_length:
            return b"%bcontent-length:%d\n\n%b\0" % (self._head, len(body), body)
        return None if b"\0" in body else b"%b\n%b\0" % (self._head, body)
