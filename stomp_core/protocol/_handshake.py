"""The handshake: what CONNECT and CONNECTED state, and what both sides agree on (STOMP 1.2, "Protocol Negotiation").

The client *offers* versions and heart-beats in CONNECT; the server chooses the highest version that both have, and
states it with heart-beats of its own in CONNECTED. Each side checks both frames: the one that it sends before it is
written, and the one that it receives. That makes four functions here, one for each frame on each side:

======== =============================== =================================
side     CONNECT                         CONNECTED
======== =============================== =================================
client   sends: :func:`prepare_connect`  receives: :func:`check_connected`
server   receives: :func:`check_connect` sends: :func:`prepare_connected`
======== =============================== =================================

They change nothing. What was offered is an :class:`Offer`, which the connection keeps until CONNECTED.

The handshake is read and written before a version is known, so its frames are neither escaped nor trimmed, and the
parser cannot know yet whether they may have a body: 1.0 allows it, 1.1 and 1.2 do not. That is checked here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .._arguments import shown
from ..errors import ErrorCode, LocalProtocolError
from ..wire import ALL_VERSIONS, Frame, Leniency, Version
from ._events import Connect, Connected, Event, Tolerated
from ._heartbeat import HeartBeatRange, parse_heart_beat
from ._tracker import RuleViolation

__all__ = [
    "Offer",
    "any_offer",
    "check_connect",
    "check_connected",
    "check_versions",
    "prepare_connect",
    "prepare_connected",
]


class Offer(NamedTuple):
    """What a CONNECT offers.

    Attributes:
        versions: the offered versions, on the client; on the server only the one that it chose of them.
        heart_beat: what the client can send and would like to receive, in milliseconds.
        explicit: it has an ``accept-version`` header. A client without it may know nothing of versions, and its
            CONNECTED has no ``version`` header.
    """

    versions: tuple[str, ...]
    heart_beat: HeartBeatRange
    explicit: bool


def check_versions(versions: Iterable[str]) -> tuple[Version, ...]:
    """Return versions in ascending order, each once.

    Args:
        versions: the versions, as in ``("1.1", "1.2")``.

    Raises:
        TypeError: it is one ``str``, or something that has no versions.
        ValueError: one of them does not exist, or there is none.
    """
    given: Any = versions
    if isinstance(given, str):
        raise TypeError(f"versions must be several, as in ({str(given)!r},), got the str {str(given)!r}")
    if isinstance(given, bytes) or not hasattr(given, "__iter__"):
        instead = (
            f": write ({str(given)!r},)"
            if isinstance(given, float)
            else ": leave it out to offer all of them"
        )
        raise TypeError(f"versions must be several, as in ('1.1', '1.2'), got {shown(given)}{instead}")
    known = []
    for version in given:
        try:
            known.append(Version(version))
        except ValueError:
            instead = "" if isinstance(version, str) else f": a version is a str, as in {str(version)!r}"
            raise ValueError(
                f"versions must be of '1.0', '1.1' and '1.2', got {shown(version)}{instead}"
            ) from None
    if not known:
        raise ValueError("versions must name at least one version of STOMP, got none")
    return tuple(sorted(set(known)))


# ---------------------------------------------------------------------- the client


def prepare_connect(connect: Connect, versions: tuple[Version, ...]) -> tuple[Connect, Offer]:
    """Complete a CONNECT that is to be sent.

    Args:
        connect: what the caller wants to send.
        versions: the versions of the connection.

    Returns:
        The frame with the right ``accept-version`` header, and what it offers.

    Raises:
        LocalProtocolError: it offers what the connection does not have, or states something that is not allowed. Of a
            received CONNECT, which a proxy passes on, what the connection does not have is left out.
    """
    listed = connect.headers.get("accept-version")
    offered = versions
    if listed is not None:
        offered = tuple(version for version in versions if version in connect.accept_version)
        # A proxy passes on what its client offers, of which it may not know everything.
        if connect.frame.version is None:
            for version in connect.accept_version:
                if version not in versions:
                    raise LocalProtocolError(
                        f"accept-version offers {version!r}, but this connection has {', '.join(versions)}",
                        code=ErrorCode.BAD_HEADER_VALUE,
                    )
        if not offered:
            raise LocalProtocolError(
                f"accept-version offers no version of this connection, which has {', '.join(versions)}",
                code=ErrorCode.BAD_HEADER_VALUE,
            )
    offer = ",".join(offered)
    if listed != offer and not (listed is None and offered == (Version.V1_0,)):
        # It was left out, or it is not the list of increasing versions that the specification demands ("Protocol
        # Negotiation"). A client of 1.0 alone leaves it out: 1.0 does not have it.
        others = connect.headers.without("accept-version").items()
        pairs = [("accept-version", offer), *others]
        connect = Connect.from_frame(Frame(connect.frame.command, pairs, connect.frame.body))
    if "receipt" in connect.headers:
        raise LocalProtocolError("CONNECT may not ask for a receipt", code=ErrorCode.HEADER_NOT_ALLOWED)
    return connect, Offer(offered, _own_heart_beat(connect), listed is not None)


def any_offer(connect: Connect) -> Offer:
    """Return what a CONNECT offers that :func:`prepare_connect` refuses, and that is sent all the same."""
    heart_beat = parse_heart_beat(connect.headers.get("heart-beat")) or (0, 0)
    return Offer(connect.accept_version, heart_beat, "accept-version" in connect.headers)


def check_connected(
    connected: Connected, offer: Offer, leniency: Leniency
) -> tuple[Version, HeartBeatRange, Tolerated | None]:
    """Check a received CONNECTED against the offer.

    Returns:
        The version of the connection, the heart-beat of the server, and what had to be tolerated.

    Raises:
        RuleViolation: the server chose a version that was not offered, or states something that is not allowed.
    """
    version = connected.version
    known = [offered for offered in ALL_VERSIONS if offered in offer.versions]
    if version not in known and leniency.unchecked_conversation:
        taken_as = known[-1] if known else ALL_VERSIONS[-1]  # the one in which CONNECT was written
        why = "is not known here" if version in offer.versions else "was not offered"
        problem = f"the server chose STOMP {version!r}, which {why}; taken as {taken_as}"
        heart_beat, _ = _received_heart_beat(connected, leniency)
        return taken_as, heart_beat, Tolerated(ErrorCode.VERSION_NOT_OFFERED, problem)
    if version not in offer.versions:
        missing = "" if "version" in connected.headers else " (it names no version, which means 1.0)"
        raise RuleViolation(
            ErrorCode.VERSION_NOT_OFFERED,
            f"the server chose STOMP {version!r}{missing}, but {', '.join(offer.versions)} was offered",
        )
    if version not in ALL_VERSIONS:
        raise RuleViolation(
            ErrorCode.VERSION_NOT_OFFERED,
            f"the server chose STOMP {version!r}, which was offered, but is not known here",
        )
    if version != Version.V1_0:
        _refuse_body(connected, leniency)
    heart_beat, tolerated = _received_heart_beat(connected, leniency)
    return Version(version), heart_beat, tolerated


# ---------------------------------------------------------------------- the server


def check_connect(
    connect: Connect, versions: tuple[Version, ...], leniency: Leniency
) -> tuple[Version, Offer, Tolerated | None]:
    """Check a received CONNECT and choose a version.

    Returns:
        The version of the connection, what the client offered, and what had to be tolerated.

    Raises:
        RuleViolation: the client and the server have no version in common, or the frame is not allowed as it is.
    """
    offered = connect.accept_version
    shared = [version for version in versions if version in offered]
    if not shared:
        raise RuleViolation(
            ErrorCode.VERSION_NOT_SHARED, f"Supported protocol versions are {' '.join(versions)}"
        )
    version = shared[-1]
    command = connect.frame.command
    if version is not Version.V1_0:
        if "host" not in connect.headers and not leniency.missing_host:
            raise RuleViolation(ErrorCode.MISSING_HEADER, f"{command} without its 'host' header")
        _refuse_body(connect, leniency)
    if "receipt" in connect.headers and not leniency.receipt_on_connect:
        raise RuleViolation(ErrorCode.HEADER_NOT_ALLOWED, f"{command} may not ask for a receipt")
    heart_beat, tolerated = _received_heart_beat(connect, leniency)
    return version, Offer((version,), heart_beat, "accept-version" in connect.headers), tolerated


def prepare_connected(connected: Connected, offer: Offer) -> tuple[Connected, HeartBeatRange]:
    """Complete a CONNECTED that is to be sent.

    Returns:
        The frame with a ``version`` header, unless CONNECT had no ``accept-version``; and the heart-beat in it.

    Raises:
        LocalProtocolError: it states another version than the one that was chosen, or its heart-beat is malformed.
    """
    version = offer.versions[0]
    if offer.explicit and "version" not in connected.headers:
        pairs = [("version", str(version)), *connected.headers.items()]
        connected = Connected.from_frame(Frame("CONNECTED", pairs, connected.frame.body))
    if connected.version != version:
        raise LocalProtocolError(
            f"CONNECTED states version {connected.version!r}, but {version} was negotiated",
            code=ErrorCode.VERSION_NOT_OFFERED,
        )
    return connected, _own_heart_beat(connected)


# ---------------------------------------------------------------------- both


def _own_heart_beat(event: Connect | Connected) -> HeartBeatRange:
    value = event.headers.get("heart-beat")
    heart_beat = parse_heart_beat(value)
    if heart_beat is None:
        raise LocalProtocolError(
            f"the heart-beat header must be two numbers of milliseconds, got {value!r}",
            code=ErrorCode.BAD_HEART_BEAT,
        )
    return heart_beat


def _received_heart_beat(event: Event, leniency: Leniency) -> tuple[HeartBeatRange, Tolerated | None]:
    value = event.headers.get("heart-beat")
    heart_beat = parse_heart_beat(value)
    if heart_beat is not None:
        return heart_beat, None
    problem = f"the heart-beat header {value!r} of {event.command} is not two numbers"
    if not leniency.bad_heart_beat:
        raise RuleViolation(ErrorCode.BAD_HEART_BEAT, problem)
    return (0, 0), Tolerated(ErrorCode.BAD_HEART_BEAT, problem + "; taken as 0,0")


def _refuse_body(event: Event, leniency: Leniency) -> None:
    """Refuse the body of a frame of the handshake, or remove it."""
    if event.frame.body:
        if not leniency.unexpected_body:
            raise RuleViolation(ErrorCode.BODY_NOT_ALLOWED, f"{event.frame.command} has a body")
        event.frame = Frame(event.frame.command, event.headers)
