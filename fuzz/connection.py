"""One side of a connection, with a peer and a program that do anything at any time.

An input is four bytes of settings and then operations (see :func:`connection`).
"""

from __future__ import annotations

from collections.abc import Callable

from stomp_core import (
    NEED_DATA,
    Abort,
    Ack,
    Begin,
    ClientConnection,
    Commit,
    Connect,
    Connected,
    ConnectionClosed,
    ConnectionGoneError,
    Disconnect,
    Error,
    Event,
    Frame,
    FrameParser,
    HeartBeat,
    Leniency,
    Limits,
    LocalProtocolError,
    Message,
    Nack,
    NeedData,
    Receipt,
    RemoteProtocolError,
    Send,
    ServerConnection,
    State,
    Subscribe,
    Tolerated,
    Unsubscribe,
)
from stomp_core.protocol import CLIENT_RECEIVES, CLIENT_SENDS, SERVER_RECEIVES, SERVER_SENDS

from .choices import Choices

__all__ = [
    "BEATS",
    "JUMPS",
    "NAMES",
    "OPERATIONS",
    "VERSIONS",
    "Watched",
    "client_frame",
    "connection",
    "server_frame",
]

VERSIONS = (
    ("1.0", "1.1", "1.2"),
    ("1.0",),
    ("1.1",),
    ("1.2",),
    ("1.0", "1.1"),
    ("1.1", "1.2"),
    ("1.0", "1.2"),
)
LENIENCIES = (
    None,
    Leniency(),
    Leniency.permissive(),
    Leniency(escapes_in_1_0=True, escapes_in_connect=True, crlf=True),
)
LIMITS = (None, Limits(max_command=12, max_header_line=32, max_headers=6, max_head=128, max_body=32))
#: Seconds.
JUMPS = (0.0, 0.001, 0.5, 1.0, 9.9, 25.0, 3600.0, 1e9)
BEATS = (None, (0, 0), (1000, 1000), (0, 10_000), (10_000, 0), (1, 999_999_999_999))
NAMES = ("a", "b", "1:2", "")
MODES = (None, "auto", "client", "client-individual")


def connection(data: bytes) -> None:
    """Check that only events and documented errors come out, that a refusal changes nothing, and that deadlines move.

    Byte 0 picks the role, 1 the versions, 2 the leniency, 3 the limits. Then one byte picks each operation of
    :data:`OPERATIONS`, which reads what else it needs.
    """
    choices = Choices(data)
    role: type[ClientConnection] | type[ServerConnection] = (ClientConnection, ServerConnection)[
        choices.byte() & 1
    ]
    conn = role(choices.pick(VERSIONS), leniency=choices.pick(LENIENCIES), limits=choices.pick(LIMITS))
    watched = Watched(conn)
    while choices.left:
        choices.pick(OPERATIONS)(watched, choices)
        watched.drain()


class Watched:
    """A connection, with checks of everything that must hold at each call.

    Args:
        conn: the connection, in any state.
        takes_receipts: whether RECEIPTs are received on their straight path, where that is possible.
    """

    def __init__(self, conn: ClientConnection | ServerConnection, *, takes_receipts: bool = False) -> None:
        self.conn = conn
        self._takes_receipts = takes_receipts
        client = isinstance(conn, ClientConnection)
        self.sends = CLIENT_SENDS if client else SERVER_SENDS
        self.receives = CLIENT_RECEIVES if client else SERVER_RECEIVES
        self.now = 0.0
        self.messages: list[Message] = []  # those that the client may acknowledge
        self.error: RemoteProtocolError | None = None
        self._ends = 0
        self._eof = False
        self._silent = False  # the peer has broken its promise of heart-beats

    # ------------------------------------------------------------------ calls

    def receive(self, data: bytes) -> None:
        """Receive bytes from the peer, ``b""`` for the end. They are refused after the end, and only then."""
        over = self._eof or self.conn.state is State.CLOSED
        try:
            self.conn.receive_data(data, now=self.now)
        except ConnectionGoneError:
            assert over, f"refused {data!r} in {self.conn.state}"
            assert data, "refused the end"
        else:
            assert not over or not data, "took bytes after the end"
        self._eof = self._eof or not data

    def drain(self) -> list[Event | HeartBeat | ConnectionClosed | Tolerated]:
        """Return all events that are there."""
        events: list[Event | HeartBeat | ConnectionClosed | Tolerated] = []
        before = self.conn.state
        while True:
            try:
                event = self._next_event()
            except RemoteProtocolError as error:
                self._check_error(error)
                if not (self._eof or self._silent):
                    return events
                continue
            if event is NEED_DATA:
                assert self.error is None or self._ends, f"{self.error!r} is not raised again"
                assert self.conn.next_event() is NEED_DATA, "an event came after NEED_DATA"
                self._check_deadline()
                return events
            self._check_event(event, before)
            events.append(event)
            if not isinstance(event, Tolerated):
                # Tolerated is returned before the frame that it is about, when the state has changed already.
                before = self.conn.state

    def _next_event(self) -> Event | HeartBeat | ConnectionClosed | Tolerated | NeedData:
        conn = self.conn
        if self._takes_receipts and isinstance(conn, ClientConnection):
            receipt = conn.take_receipt(Receipt)
            if receipt is not None:
                return receipt
        return conn.next_event()

    def send(self, make: Callable[[], Event | Frame]) -> bytes | None:
        """Send what ``make`` makes, and return its bytes; ``None`` if it is refused."""
        before, state = self.picture(), self.conn.state
        try:
            what = make()
            wire = self.conn.send(what, now=self.now)
        except LocalProtocolError:
            assert self.picture() == before, "a refusal has changed something"
            return None
        except ConnectionGoneError:
            assert state in (State.FAILED, State.CLOSED) or self._silent
            assert self.picture() == before, "a refusal has changed something"
            return None
        command = what.frame.command if isinstance(what, Event) else what.command
        allowed = self.sends[state]
        assert command in allowed, f"sent {command} in {state}"
        assert self.conn.state is allowed[command]
        self._check_wire(wire, command)
        self._check_deadline()
        if isinstance(what, Message):
            self.messages.append(what)
        return wire

    def timeout(self) -> bytes:
        """Call handle_timeout, and return its bytes."""
        deadline, before = self.conn.next_deadline(), self.picture()
        wire = self.conn.handle_timeout(self.now)
        assert wire in (b"", b"\n")
        if deadline is None or self.now < deadline:
            assert not wire, "a heart-beat before it was due"
            assert self.picture() == before, "an early call has changed something"
        else:
            later = self.conn.next_deadline()
            assert later is None or later > self.now, (
                f"what was due at {deadline} is due at {later}, now {self.now}"
            )
            if not wire:
                self._silent = True
                end = self.drain()[-1]
                assert isinstance(end, ConnectionClosed), f"nothing was written, and {end!r} was returned"
                assert end.code == "heart-beat", f"{end!r} at a deadline"
        return wire

    # ------------------------------------------------------------------ what must hold

    def _check_event(self, event: object, before: State) -> None:
        state = self.conn.state
        if isinstance(event, ConnectionClosed):
            self._ends += 1
            assert self._ends == 1, "the end is returned twice"
            assert state is State.CLOSED
            assert not event.clean or before is State.DISCONNECTING
            return
        assert not self._ends, f"{event!r} after the end"
        assert self.error is None, f"{event!r} after {self.error!r}"
        if isinstance(event, Event):
            allowed = self.receives[before]
            assert event.frame.command in allowed, f"{event!r} in {before}"
            _read_fields(event)
            if isinstance(event, Message):
                self.messages.append(event)
        else:
            assert isinstance(event, HeartBeat | Tolerated), f"{event!r} is no event"
            repr(event)

    def _check_error(self, error: RemoteProtocolError) -> None:
        assert error.code, "an error without a code"
        client = isinstance(self.conn, ClientConnection)
        assert self.conn.state in (State.FAILED, State.CLOSED) or not client
        if self.error is not None:
            assert error.code == self.error.code, f"{error!r} after {self.error!r}"
            return
        self.error = error
        assert self.conn.next_deadline() is None
        hint = error.frame_hint
        assert (hint is None) == client
        if hint is not None:
            assert self.conn.state is State.REFUSING
            assert isinstance(hint, Frame)
            wire = self.send(lambda: hint)
            # What the peer did wrong may be read when its silence has ended the connection.
            assert wire is not None or self._silent, f"the answer to {error!r} cannot be sent: {hint!r}"

    def _check_wire(self, wire: bytes, command: str) -> None:
        """Check that a peer reads one frame in these bytes, with this command."""
        handshake = command in ("CONNECT", "STOMP", "CONNECTED")
        parser = FrameParser(None if handshake else self.conn.version)
        parser.receive_data(wire)
        frame = parser.next_frame()
        assert isinstance(frame, Frame), f"{wire!r} is {frame!r}"
        assert frame.command == command
        assert parser.next_frame() is NEED_DATA, f"{wire!r} is more than one frame"

    def _check_deadline(self) -> None:
        deadline = self.conn.next_deadline()
        if deadline is not None:
            assert self.conn.state in (State.CONNECTED, State.DISCONNECTING), (
                f"a deadline in {self.conn.state}"
            )
            assert 0 <= deadline < float("inf")

    def picture(self) -> object:
        """Return everything that can be seen of the connection, but for the events that were not returned yet."""
        conn = self.conn
        subscriptions = [
            (tracked.id, tracked.destination, tracked.ack, tracked.unacknowledged)
            for tracked in conn.subscriptions
        ]
        seen = (conn.state, conn.version, conn.heart_beat, conn.next_deadline())
        return seen, subscriptions, list(conn.transactions.items())


def _read_fields(event: Event) -> None:
    """Check that the fields of an event can be read, whatever the peer put into the frame."""
    assert type(event).__name__ in repr(event)
    for name in dir(type(event)):
        if isinstance(getattr(type(event), name), property):
            try:
                getattr(event, name)
            except (UnicodeDecodeError, LookupError):
                assert name == "text", f"{name} of {event!r}"


# ---------------------------------------------------------------------- operations


def _raw(watched: Watched, choices: Choices) -> None:
    piece = choices.piece()
    if piece:
        watched.receive(piece)


def _end(watched: Watched, choices: Choices) -> None:
    watched.receive(b"")


def _peer(watched: Watched, choices: Choices) -> None:
    """Receive a well-formed frame, in any state."""
    frame_of_peer = server_frame if isinstance(watched.conn, ClientConnection) else client_frame
    version = watched.conn.version or choices.pick(("1.0", "1.1", "1.2"))
    try:
        what = frame_of_peer(choices, watched.messages)
        wire = (what.frame if isinstance(what, Event) else what).to_bytes(version)
    except LocalProtocolError:
        return
    cut = choices.byte() % len(wire)
    for piece in (wire[:cut], wire[cut:]):
        if piece:
            watched.receive(piece)
            watched.drain()


def _send(watched: Watched, choices: Choices) -> None:
    own_frame = client_frame if isinstance(watched.conn, ClientConnection) else server_frame
    watched.send(lambda: own_frame(choices, watched.messages))


def _wait(watched: Watched, choices: Choices) -> None:
    watched.now += choices.pick(JUMPS)


def _to_the_deadline(watched: Watched, choices: Choices) -> None:
    deadline = watched.conn.next_deadline()
    if deadline is not None:
        watched.now = max(watched.now, deadline)
    watched.timeout()


def _timeout(watched: Watched, choices: Choices) -> None:
    watched.timeout()


def _pause(watched: Watched, choices: Choices) -> None:
    watched.conn.pause_reading(watched.now)


def _resume(watched: Watched, choices: Choices) -> None:
    watched.conn.resume_reading(watched.now)


Operation = Callable[[Watched, Choices], None]
OPERATIONS: tuple[Operation, ...] = (
    _raw, _peer, _send, _wait, _to_the_deadline, _timeout, _end, _pause, _resume
)  # fmt: skip


# ---------------------------------------------------------------------- frames


def client_frame(choices: Choices, messages: list[Message]) -> Event | Frame:
    """Make any client frame, with few different names, so that frames concern each other.

    Args:
        choices: decide which one.
        messages: the messages that may be acknowledged.

    Raises:
        LocalProtocolError: there is no such frame.
    """
    kind = choices.byte() % 13
    receipt = choices.pick((None, None, "r", ""))
    name = choices.pick(NAMES)
    transaction = choices.pick((None, None, *NAMES))
    if kind == 0:
        return Connect(
            host=choices.pick(("/", None)),
            login=name,
            heart_beat=choices.pick(BEATS),
            accept_version=choices.pick((None, *VERSIONS)),
            command=choices.pick(("CONNECT", "STOMP")),
        )
    if kind == 1:
        return Subscribe(
            choices.pick(("/q", "/q/*")),
            id=choices.pick((name, None)),
            ack=choices.pick(MODES),  # type: ignore[arg-type]
            receipt=receipt,
        )
    if kind == 2:
        destination = choices.pick((None, "/q", "/q/*"))
        return Unsubscribe(choices.pick((name, None)), destination=destination, receipt=receipt)
    if kind in (3, 4):
        if messages:
            message = messages[choices.byte() % len(messages)]
            answer = message.acknowledge if kind == 3 else message.reject
            return answer(transaction=transaction, receipt=receipt)
        acknowledgement = Ack if kind == 3 else Nack
        return acknowledgement(
            choices.pick((name, None)),
            message_id=choices.pick((name, None)),
            subscription=choices.pick((name, None)),
            transaction=transaction,
            receipt=receipt,
        )
    if kind == 5:
        return Begin(name, receipt=receipt)
    if kind == 6:
        return Commit(name, receipt=receipt)
    if kind == 7:
        return Abort(name, receipt=receipt)
    if kind == 8:
        return Disconnect(receipt=receipt)
    if kind in (9, 10):
        body = choices.piece()
        return Send("/q", body, transaction=transaction, receipt=receipt, content_length=kind == 9)
    return _any_frame(choices)


def server_frame(choices: Choices, messages: list[Message]) -> Event | Frame:
    """Make any server frame; arguments and errors as for :func:`client_frame`."""
    kind = choices.byte() % 6
    name = choices.pick(NAMES)
    if kind == 0:
        version = choices.pick((None, "1.2", "1.1", "1.0", "1.3"))
        return Connected(version=version, server=name, heart_beat=choices.pick(BEATS))
    if kind in (1, 2):
        return Message(
            choices.pick(("/q", "/q/1")),
            message_id=choices.pick(("m1", "m2", "m3", "")),
            subscription=choices.pick((name, None)),
            ack=choices.pick((None, "m1", "m2", "m3", "")),
            body=choices.piece(),
        )
    if kind == 3:
        return Receipt(choices.pick(("r", "")))
    if kind == 4:
        return Error(name, body=choices.piece(), receipt_id=choices.pick((None, "r")))
    return _any_frame(choices)


def _any_frame(choices: Choices) -> Frame:
    commands = (
        "SEND",
        "MESSAGE",
        "CONNECT",
        "CONNECTED",
        "ACK",
        "NACK",
        "DISCONNECT",
        "ERROR",
        "RECEIPT",
        "HELLO",
    )
    command = choices.pick(commands)
    headers = [(choices.text(), choices.text()) for _ in range(choices.byte() % 4)]
    return Frame(command, headers, choices.piece())
