"""Checker: which frames of one connection break STOMP, as seen by somebody in the middle.

A peer that finds a violation ends the conversation. A checker goes on, as real brokers and clients often do. So it
keeps two connections of its own, which never see a socket: a client, by which it "sends" what the client has sent, and
a server, by which it "sends" what the server has sent. Each is unchecked (see :class:`stomp_core.Leniency`): it notes
which rules a frame breaks, and sends it all the same. What has broken no rule is then received by the other one, so
that both know subscriptions, messages and transactions.

From the middle two things cannot be told from violations, and are none: frames that a client sends directly behind
CONNECT, before CONNECTED has come; and a MESSAGE that was on its way when its subscription ended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from stomp_core import (
    ALL_VERSIONS,
    NEED_DATA,
    ClientConnection,
    Connect,
    Connected,
    ErrorCode,
    Frame,
    FrameParser,
    Leniency,
    ServerConnection,
    StompError,
    Tolerated,
)

__all__ = ["Checker", "Violation"]

_UNCHECKED = replace(Leniency.permissive(), unchecked_conversation=True)  # type: ignore[type-var, unused-ignore]
_TO_SERVER = "to-server"
_HANDSHAKE = ("CONNECT", "STOMP")


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of STOMP that a frame breaks.

    Attributes:
        code: the rule; see :class:`stomp_core.ErrorCode`.
        text: what is wrong, in a sentence.
    """

    code: str
    text: str

    @property
    def section(self) -> str | None:
        """The section of the STOMP 1.2 specification, by its title."""
        return ErrorCode(self.code).section

    def __str__(self) -> str:
        return self.text if self.section is None else f'{self.text} (STOMP 1.2, "{self.section}")'


class Checker:
    """Checks the frames of one connection, in both directions. For proxies and recorders.

    >>> checker = Checker()
    >>> recorder = Recorder(lambda record: print(*checker.check(record.direction, record.what)))
    >>> recorder.note(1, "to-server", b"SEND\\ndestination:/queue/a\\n\\n\\0")
    SEND may not be received by a server in state 'new' (STOMP 1.2, "Connecting")
    """

    def __init__(self) -> None:
        self._connect: bytes | None = None
        self._client: ClientConnection | None = None
        self._server: ServerConnection | None = _server_with(ALL_VERSIONS)
        self._subscribed: set[str] = set()  # ids that were ever subscribed
        # What the client has sent before CONNECTED, and a server that has chosen the highest version, to check it by.
        self._early = b""
        self._assumed: ServerConnection | None = None

    def check(self, direction: str, what: object) -> list[Violation]:
        """Return the rules that the next frame of a direction breaks.

        Args:
            direction: ``"to-server"`` or ``"to-client"``.
            what: the ``what`` of a :class:`~stomp_testing.Record`. Heart-beats and notes break no rule. Bytes that are
                not STOMP do.
        """
        if isinstance(what, bytes):
            return [Violation(ErrorCode.UNEXPECTED_BYTE, what[:200].decode(errors="backslashreplace"))]
        if not isinstance(what, Frame):
            return []
        if direction == _TO_SERVER:
            if self._client is None:
                return self._check_first(what)
            return self._check_client(self._client, what)
        return self._check_server(what)

    def _check_first(self, frame: Frame) -> list[Violation]:
        """Check the first frame of the client as a strict server does."""
        found = _received(ServerConnection(heart_beats=False), frame.raw)
        if frame.command in _HANDSHAKE:
            versions = Connect.from_frame(frame).known_versions or ALL_VERSIONS
            self._client = ClientConnection(versions, leniency=_UNCHECKED, heart_beats=False)
            self._connect, _ = _sent(self._client, frame)  # the strict server has found what is wrong with it
            self._server_receives(self._connect)
            self._assumed = _server_with([max(versions)])
            _received(self._assumed, self._connect)
            _sent(self._assumed, Connected(version=max(versions)).frame)
        return found

    def _check_client(self, client: ClientConnection, frame: Frame) -> list[Violation]:
        malformed = _malformed(frame)
        data, found = _sent(client, frame)
        if client.version is None and frame.command not in _HANDSHAKE:
            found = self._check_early(data)
        elif not found:
            found = self._server_receives(data)
        if frame.command == "SUBSCRIBE" and "id" in frame.headers:
            self._subscribed.add(frame.headers["id"])
        return malformed or found

    def _check_early(self, data: bytes | None) -> list[Violation]:
        """Check a frame that the client has sent before CONNECTED."""
        self._early += data or b""
        if self._assumed is None:
            return []
        found = _received(self._assumed, data)
        if found:
            self._assumed = None  # it has ended the conversation
        return found

    def _check_server(self, frame: Frame) -> list[Violation]:
        malformed = _malformed(frame)
        first = self._client is not None and self._client.version is None
        if frame.command == "CONNECTED" and self._connect is not None and first:
            # It is the server that knows which versions it has.
            version = Connected.from_frame(frame).version
            if version in ALL_VERSIONS:
                self._server = _server_with([version])
                self._server_receives(self._connect)
        data, found = frame.raw, list[Violation]()
        if self._server is not None:
            data, found = _sent(self._server, frame)
            if any(self._was_on_its_way(violation, frame) for violation in found):
                return malformed
            if first and self._early:
                early, self._early = self._early, b""
                self._server_receives(early)  # what is wrong with it was found when it came
        if self._client is not None and not found:
            found = _received(self._client, data)
        return malformed or found

    def _server_receives(self, data: bytes | None) -> list[Violation]:
        if self._server is None:
            return []
        found = _received(self._server, data)
        if found:
            self._server = None  # it has ended the conversation, which the real one may not have done
        return found

    def _was_on_its_way(self, violation: Violation, frame: Frame) -> bool:
        return (
            violation.code == ErrorCode.UNKNOWN_SUBSCRIPTION
            and frame.headers.get("subscription") in self._subscribed
        )


def _server_with(versions: object) -> ServerConnection:
    return ServerConnection(versions, leniency=_UNCHECKED, heart_beats=False)  # type: ignore[arg-type]


def _malformed(frame: Frame) -> list[Violation]:
    """Return what a strict parser finds in the bytes of a frame."""
    raw = frame.raw
    if raw is None:
        return [Violation(ErrorCode.BODY_NOT_ALLOWED, f"{frame.command} has a body")]
    parser = FrameParser(frame.version or None)
    parser.receive_data(raw)
    try:
        parser.next_frame()
    except StompError as error:
        return [Violation(error.code, str(error).replace("of the stream", "of the frame"))]
    return []


def _sent(
    connection: ClientConnection | ServerConnection, frame: Frame
) -> tuple[bytes | None, list[Violation]]:
    """Send a frame by an unchecked connection; return its bytes, and the rules that it breaks."""
    try:
        data = connection.send(frame)
    except StompError as error:
        return None, [Violation(error.code, str(error))]
    return data, [Violation(rule.code, rule.description) for rule in connection.take_broken_rules()]


def _received(connection: ClientConnection | ServerConnection, data: bytes | None) -> list[Violation]:
    """Let a connection receive a frame; return what it finds wrong."""
    found: list[Violation] = []
    if not data:
        return found
    try:
        connection.receive_data(data)
        while (event := connection.next_event()) is not NEED_DATA:
            if isinstance(event, Tolerated):
                found.append(Violation(event.code, event.description))
    except StompError as error:
        found.append(Violation(error.code, str(error)))
    return found
