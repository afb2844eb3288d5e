"""The ERROR with which a server answers a violation (STOMP 1.2, "ERROR").

Its ``message`` header is a short description, the body the whole one, and ``receipt-id`` names the frame that caused
it. Two difficulties make this more than three lines:

* A violation in the handshake is answered before a version is known, and it is unknown how the client reads ERROR:
  1.0 does not unescape, and trims spaces. So texts are written in characters that read the same in every version.
* A receipt id is either echoed exactly or not at all, since the client compares it. Where the version cannot carry it,
  or where no version is known and not all of them would read it alike, it is left out.
"""

from __future__ import annotations

from ..errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from ..wire import Frame, Version

__all__ = ["error_answer"]

_LONGEST_MESSAGE = 200  # characters of the `message` header: the text may quote a name of any length


def error_answer(
    error: RemoteProtocolError, receipt: str | None, version: Version | None, versions: tuple[Version, ...]
) -> Frame:
    """Make the ERROR that answers a violation.

    Args:
        error: the violation.
        receipt: the ``receipt`` header of the frame that caused it, if it had one.
        version: the version of the connection; ``None`` if it is not negotiated.
        versions: the versions of the server, which it states if the client has none of them.
    """
    body = str(error).encode(errors="replace")
    headers = []
    if error.code == ErrorCode.VERSION_NOT_SHARED:
        headers.append(("version", ",".join(versions)))
    headers.append(("message", _plain(body.decode())[:_LONGEST_MESSAGE].rstrip()))
    if receipt is not None and _can_be_echoed(receipt, version):
        headers.append(("receipt-id", receipt))
    headers.append(("content-type", "text/plain"))
    return Frame("ERROR", headers, body)


def _can_be_echoed(receipt: str, version: Version | None) -> bool:
    if version is None and receipt != _plain(receipt):
        return False
    try:
        Frame("ERROR", [("receipt-id", receipt)]).to_bytes(version or Version.V1_2)
    except LocalProtocolError:
        return False
    return True


def _plain(text: str) -> str:
    """Return a text without the characters that are escaped or trimmed in any version."""
    return " ".join("".join(" " if char in ":\\\0" else char for char in text).split())
