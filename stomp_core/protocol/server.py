"""ServerConnection: the server's side of one socket."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ErrorCode, LocalProtocolError, RemoteProtocolError
from ..wire import ALL_VERSIONS, Frame, Leniency, Limits, Version
from .connection import Connection
from .events import Connect, Connected, Event, Message, event_from_frame
from .heartbeat import negotiate, parse_heart_beat
from .ledger import RuleBroken
from .states import SERVER_RECEIVES, SERVER_SENDS, State

__all__ = ["ServerConnection"]


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

    def send(self, what: Event | Frame, *, now: float | None = None) -> bytes:
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
        self._state = state
        self._tick(now)
        self._clock.last_write = self._now
        return wire

    def _say_connected(self, connected: Connected) -> bytes:
        assert self._version is not None
        if "version" not in connected.headers and (
            self._version_was_asked or self._version is not Version.V1_0
        ):
            chosen = ("version", self._version.value)
            connected = Connected.from_frame(Frame("CONNECTED", [chosen, *connected.headers.items()]))
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
        # The client has been heard, just now: its silence counts from here.
        self._clock.last_read = self._now
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
        # What stands behind CONNECT waits for its answer: it obeys the version that the answer sets. Once an end is
        # due, the wait is over.
        return self._state is not State.CONNECTING or self._parser._eof

    def _received(self, event: Event) -> None:
        if isinstance(event, Connect):
            self._hear_connect(event)
            return
        headers = event.headers
        if (
            self._version is Version.V1_0
            and event.command == "UNSUBSCRIBE"
            and "id" not in headers
            and "destination" not in headers
        ):
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
            if connect.frame.body and not self._leniency.unexpected_body:
                raise RuleBroken(ErrorCode.BODY_NOT_ALLOWED, f"{command} has a body")
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
        # Before a version is known, and in 1.0, a header can hold neither escapes nor what they stand for.
        short = "".join(" " if char in ":\r\n\\\0" else char for char in text.decode())
        headers.append(("message", " ".join(short.split())))
        if receipt is not None and not any(char in ":\r\n\\\0" for char in receipt):
            headers.append(("receipt-id", receipt.strip(" ")))
        headers.append(("content-type", "text/plain"))
        error.frame_hint = Frame("ERROR", headers, text)
        return error
