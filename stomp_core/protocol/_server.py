"""ServerConnection: the server's side of one socket."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import AnswerFrame, ErrorCode, LocalProtocolError, RemoteProtocolError
from ..wire import ALL_VERSIONS, Frame, Leniency, Limits, Version
from ._connection import Connection
from ._events import Connect, Connected, Event, Message, event_from_frame
from ._heartbeat import negotiate, parse_heart_beat
from ._states import SERVER_RECEIVES, SERVER_SENDS, State
from ._tracker import RuleBroken

__all__ = ["ServerConnection"]

_LONGEST_MESSAGE = 200  # characters of the `message` header of an ERROR; its body has them all


class ServerConnection(Connection):
    """A server's side of one connection: for brokers, proxies and test doubles.

    Strict by default. When a client breaks STOMP, :meth:`next_event` raises a
    :class:`~stomp_core.RemoteProtocolError`: send its ``frame_hint``, then close. Frames that a client sends behind
    CONNECT come out once CONNECTED is sent, in the version that was negotiated.

    Args:
        versions: what the server speaks.
        limits: what to refuse because of its size.
        leniency: what to forgive; nothing by default.
        unsolicited_messages: allow MESSAGEs whose subscription the client did not ask for, as RabbitMQ sends them
            in reply to ``reply-to:/temp-queue/...``.
        heart_beat_tolerance: the client is dead after this many of its intervals without a byte.
        heart_beat_pace: a beat is due after this share of our interval without a byte written.

    Raises:
        ValueError: an argument out of its range.

    >>> conn = ServerConnection()
    >>> conn.receive_data(b"CONNECT\\naccept-version:1.1,1.2\\nhost:/\\n\\n\\0", now=0.0)
    >>> conn.next_event().host
    '/'
    >>> conn.send(Connected(server="mine"), now=0.0)
    b'CONNECTED\\nversion:1.2\\nserver:mine\\n\\n\\x00'
    """

    _sends = SERVER_SENDS
    _receives = SERVER_RECEIVES
    _role = "server"

    def __init__(
        self,
        versions: Iterable[str] = ALL_VERSIONS,
        *,
        limits: Limits | None = None,
        leniency: Leniency | None = None,
        unsolicited_messages: bool = False,
        heart_beat_tolerance: float = 2.5,
        heart_beat_pace: float = 1.0,
    ) -> None:
        leniency = Leniency() if leniency is None else leniency
        super().__init__(versions, limits, leniency, heart_beat_tolerance, heart_beat_pace)
        self._unsolicited_messages = unsolicited_messages
        self._client_heart_beat = (0, 0)
        self._version_was_asked = False

    # ------------------------------------------------------------------ writing

    def send(self, what: Event | Frame | AnswerFrame, *, now: float | None = None) -> bytes:
        """Say something: any server event or frame.

        Args:
            what: CONNECTED gets the negotiated ``version`` where it has none.
            now: seconds of any monotonic clock.

        Returns:
            The bytes to write, all of them, in this order.

        Raises:
            LocalProtocolError: STOMP does not allow it here. Nothing has changed.
            ConnectionGoneError: the connection has ended.
        """
        if isinstance(what, Frame):
            what = event_from_frame(what)
        elif not isinstance(what, Event):
            raise TypeError(f"send() takes an event or a frame, not {type(what).__name__}")
        state = self._permitted(what.frame.command)
        if isinstance(what, Connected):
            wire = self._say_connected(what)
        else:
            wire = self._to_bytes(what, self._version or Version.V1_2)
            if isinstance(what, Message):
                self._note_message(what)
        self._tick(now)
        if self._state is State.CONNECTING:
            # However long the answer took, the silence of the client counts from here.
            self._clock.last_read = self._now
        self._state = state
        self._clock.last_write = self._now
        return wire

    def _say_connected(self, connected: Connected) -> bytes:
        assert self._version is not None
        if "version" not in connected.headers and self._version_was_asked:
            chosen = ("version", self._version.value)
            frame = Frame("CONNECTED", [chosen, *connected.headers.items()], connected.frame.body)
            connected = Connected.from_frame(frame)
        if connected.version != self._version:
            raise LocalProtocolError(
                f"CONNECTED says version {connected.version!r}, but {self._version.value} was negotiated",
                code=ErrorCode.VERSION_NOT_OFFERED,
            )
        value = connected.headers.get("heart-beat")
        heart_beat = parse_heart_beat(value)
        if heart_beat is None:
            raise LocalProtocolError(
                f"the heart-beat header {value!r} is not two numbers of milliseconds",
                code=ErrorCode.BAD_HEART_BEAT,
            )
        wire = self._to_bytes(connected, self._version)
        self._clock.sending, self._clock.receiving = negotiate(heart_beat, self._client_heart_beat)
        return wire

    def _note_message(self, message: Message) -> None:
        name = message.subscription
        if not self._unsolicited_messages:
            known = name in self._ledger.subscriptions if name is not None else bool(self._ledger.without_id)
            if not known:
                raise LocalProtocolError(
                    f"MESSAGE for subscription {name!r}, which the client does not have",
                    code=ErrorCode.UNKNOWN_SUBSCRIPTION,
                )
        try:
            self._ledger.delivered(message)
        except RuleBroken as broken:
            raise LocalProtocolError(str(broken), code=broken.code) from None

    # ------------------------------------------------------------------ reading

    def _reading(self) -> bool:
        # What stands behind CONNECT waits for its answer, also if the client has closed after saying it all.
        if self._state is not State.CONNECTING:
            return True
        return self._parser.eof_received and not self._parser.unread().strip(b"\r\n")

    def _received(self, event: Event) -> None:
        if isinstance(event, Connect):
            self._hear_connect(event)
            return
        headers = event.headers
        # From 1.1 on UNSUBSCRIBE has an id: that was seen to before.
        if event.command == "UNSUBSCRIBE" and "id" not in headers and "destination" not in headers:
            raise RuleBroken(ErrorCode.MISSING_HEADER, "UNSUBSCRIBE without an 'id' or 'destination' header")
        self._ledger.check(event)
        self._ledger.enter(event)

    def _hear_connect(self, connect: Connect) -> None:
        offered = connect.accept_version
        shared = [version for version in self._versions if version in offered]
        if not shared:
            raise RuleBroken(
                ErrorCode.VERSION_NOT_SHARED, f"Supported protocol versions are {' '.join(self._versions)}"
            )
        version = shared[-1]
        command = connect.frame.command
        if version is not Version.V1_0:
            if "host" not in connect.headers and not self._leniency.missing_host:
                raise RuleBroken(ErrorCode.MISSING_HEADER, f"{command} without its 'host' header")
            self._refuse_body(connect)
        if "receipt" in connect.headers and not self._leniency.receipt_on_connect:
            raise RuleBroken(ErrorCode.HEADER_NOT_ALLOWED, f"{command} may not ask for a receipt")
        self._client_heart_beat = self._heart_beat_of(connect, connect.headers.get("heart-beat"))
        self._version_was_asked = "accept-version" in connect.headers
        self._agree(version)

    def _broken(self, error: RemoteProtocolError, receipt: str | None) -> RemoteProtocolError:
        super()._broken(error, receipt)
        self._state = State.REFUSING
        sentence = str(error)
        text = sentence.encode(errors="replace")
        headers = []
        if error.code == ErrorCode.VERSION_NOT_SHARED:
            headers.append(("version", ",".join(self._versions)))
        headers.append(("message", _harmless(text.decode())[:_LONGEST_MESSAGE].rstrip()))
        if receipt is not None and self._can_be_echoed(receipt):
            headers.append(("receipt-id", receipt))
        headers.append(("content-type", "text/plain"))
        error.frame_hint = Frame("ERROR", headers, text)
        return error

    def _can_be_echoed(self, receipt: str) -> bool:
        if self._version is None and receipt != _harmless(receipt):
            return False
        try:
            Frame("ERROR", [("receipt-id", receipt)]).to_bytes(self._version or Version.V1_2)
        except LocalProtocolError:
            return False
        return True


def _harmless(text: str) -> str:
    """Text that reads the same whether or not the reader unescapes and trims it."""
    return " ".join("".join(" " if char in ":\\\0" else char for char in text).split())
