"""Events: one class a frame of the specification. They are the things that you send and the things that you get.

An event is a view of a :class:`~stomp_core.Frame`: its fields are read from the headers when you ask, nothing is
copied. Optional fields that are not there are ``None``. Everything that a frame carries besides its named fields is
in ``event.headers``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, Literal, Self

from ..errors import ErrorCode, LocalProtocolError
from ..wire import Frame, Headers, HeaderSource, Version
from ._heartbeat import HeartBeatRange, format_heart_beat, parse_heart_beat

__all__ = [
    "Abort",
    "Ack",
    "AckMode",
    "Begin",
    "Body",
    "Commit",
    "Connect",
    "Connected",
    "Disconnect",
    "Error",
    "Event",
    "Message",
    "Nack",
    "Receipt",
    "Send",
    "Subscribe",
    "Tolerated",
    "Unsubscribe",
    "event_from_frame",
]

Body = bytes | bytearray | memoryview | str
AckMode = Literal["auto", "client", "client-individual"]
_TEXT = "text/plain;charset=utf-8"
_NO_HEADERS = Headers()


def _merged(said: Iterable[tuple[str, str | None]], headers: HeaderSource) -> Headers:
    """What the call itself says, then the caller's own headers, which may not contradict it."""
    return _before([(name, value) for name, value in said if value is not None], _own(headers))


def _own(headers: HeaderSource) -> Headers:
    if isinstance(headers, Headers):
        return headers
    return Headers(headers) if headers else _NO_HEADERS


def _before(said: list[tuple[str, str]], own: Headers) -> Headers:
    merged = own.prepend(said)
    return _merged_one_by_one(said, own) if merged is None else merged


def _merged_one_by_one(said: list[tuple[str, str]], own: Headers) -> Headers:
    stated = dict(said)
    merged = list(said)
    for name, value in own.items():
        if name in stated:
            if stated[name] != value:
                shown = "" if name == "passcode" else f", as {stated[name]!r} and {value!r}"
                raise LocalProtocolError(
                    f"header {name!r} is given twice{shown}: by the call itself and in its headers",
                    code=ErrorCode.HEADER_CLASH,
                )
            continue
        merged.append((name, value))
    return Headers(merged)


class Event:
    """What all events share.

    Attributes:
        command: the frame's command.
    """

    __slots__ = ("frame",)

    command: ClassVar[str]
    frame: Frame

    @classmethod
    def from_frame(cls, frame: Frame) -> Self:
        """View a frame as this event. The caller has seen to it that the command fits."""
        self = cls.__new__(cls)
        self.frame = frame
        return self

    @property
    def headers(self) -> Headers:
        """All headers of the frame."""
        return self.frame.headers

    @property
    def content_length_wanted(self) -> bool:
        """Whether a serializer writes ``content-length``."""
        return not self.frame.omits_content_length

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Event):
            return NotImplemented
        return self.frame == other.frame

    def __hash__(self) -> int:
        return hash(self.frame)

    def __repr__(self) -> str:
        frame = self.frame
        body = f", body={frame.body[:60]!r}{'...' if len(frame.body) > 60 else ''}" if frame.body else ""
        return f"{type(self).__name__}({frame.headers!r}{body})"


class _Bodied(Event):
    __slots__ = ()

    @property
    def body(self) -> bytes:
        """The octets of the body."""
        return self.frame.body

    @property
    def content_type(self) -> str | None:
        """The MIME type of the body (STOMP 1.2, "Header content-type")."""
        return self.frame.headers.find("\ncontent-type:")

    @property
    def content_length(self) -> int | None:
        """The ``content-length`` header, if the frame has one."""
        value = self.frame.headers.find("\ncontent-length:")
        return None if value is None else int(value)

    @property
    def text(self) -> str:
        """The body as text: in the charset that ``content-type`` names, else UTF-8.

        Raises:
            UnicodeDecodeError: it is not text in that charset.
            LookupError: Python does not know the charset.
        """
        charset = "utf-8"
        for parameter in (self.content_type or "").split(";")[1:]:
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "charset":
                charset = value.strip().strip('"')
        return self.frame.body.decode(charset)


class _Receiptable(Event):
    __slots__ = ()

    @property
    def receipt(self) -> str | None:
        """The id under which the server is asked for a RECEIPT (STOMP 1.2, "Header receipt")."""
        return self.frame.headers.get("receipt")


class _Transactional(_Receiptable):
    __slots__ = ()

    @property
    def transaction(self) -> str | None:
        """The transaction that this belongs to."""
        return self.frame.headers.get("transaction")


# -------------------------------------------------------------------------------- client frames


class Connect(Event):
    """CONNECT or STOMP (STOMP 1.2, "Connecting").

    Args:
        host: the virtual host; required from 1.1 on.
        login, passcode: credentials.
        heart_beat: what this side can send and would like to get, in milliseconds; 0 is not at all.
        accept_version: versions that this side speaks; a connection fills it in from its own when it is left out.
        command: ``"STOMP"`` reads the same for 1.1 and 1.2 servers and is unlike HTTP.
        headers: any others.

    Raises:
        LocalProtocolError: a header that contradicts an argument, or a heart-beat that is not two whole numbers.
        TypeError: ``accept_version`` is one ``str``.
    """

    __slots__ = ()
    command = "CONNECT"

    def __init__(
        self,
        *,
        host: str | None = None,
        login: str | None = None,
        passcode: str | None = None,
        heart_beat: tuple[int, int] | None = None,
        accept_version: Iterable[str] | None = None,
        command: Literal["CONNECT", "STOMP"] = "CONNECT",
        headers: HeaderSource = (),
    ) -> None:
        if isinstance(accept_version, str):
            raise TypeError(f"accept_version is several versions, as in ({accept_version!r},), not one str")
        said = (
            ("accept-version", None if accept_version is None else ",".join(accept_version)),
            ("host", host),
            ("login", login),
            ("passcode", passcode),
            ("heart-beat", None if heart_beat is None else format_heart_beat(heart_beat)),
        )
        self.frame = Frame(command, _merged(said, headers))

    @property
    def host(self) -> str | None:
        """The virtual host."""
        return self.headers.get("host")

    @property
    def login(self) -> str | None:
        """The user."""
        return self.headers.get("login")

    @property
    def passcode(self) -> str | None:
        """The password; shown in no repr."""
        return self.headers.get("passcode")

    @property
    def accept_version(self) -> tuple[str, ...]:
        """The offered versions; ``("1.0",)`` where the header is missing ("Protocol Negotiation")."""
        value = self.headers.get("accept-version")
        if value is None:
            return (Version.V1_0.value,)
        return tuple(entry for part in value.split(",") if (entry := part.strip()))

    @property
    def heart_beat(self) -> HeartBeatRange:
        """``(can send, would like to get)`` in milliseconds; ``(0, 0)`` if missing or nonsense."""
        return parse_heart_beat(self.headers.get("heart-beat")) or (0, 0)


class Send(_Transactional, _Bodied):
    """SEND (STOMP 1.2, "SEND").

    Args:
        destination: where to; its syntax is the broker's own.
        body: ``bytes`` go as they are; ``str`` goes as UTF-8 with ``content-type:text/plain;charset=utf-8``,
            unless you name another ``content_type``.
        content_type: the MIME type of the body.
        transaction: an open transaction.
        receipt: an id to get a RECEIPT for.
        headers: any others.
        content_length: whether to write ``content-length``; ActiveMQ makes a BytesMessage of what has it, a
            TextMessage of what has not.
    """

    __slots__ = ("_content_length",)
    command = "SEND"

    def __init__(
        self,
        destination: str,
        body: Body = b"",
        *,
        content_type: str | None = None,
        transaction: str | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
        content_length: bool = True,
    ) -> None:
        own = _own(headers)
        if isinstance(body, str):
            body = body.encode()
            if content_type is None and body and "content-type" not in own:
                content_type = _TEXT
        if destination is None:
            raise _required("destination")
        said = [("destination", destination)]
        if content_type is not None:
            said.append(("content-type", content_type))
        if transaction is not None:
            said.append(("transaction", transaction))
        if receipt is not None:
            said.append(("receipt", receipt))
        self.frame = Frame(self.command, _before(said, own), body)
        self._content_length = content_length

    @classmethod
    def from_frame(cls, frame: Frame, *, content_length: bool = True) -> Self:
        """View a SEND frame.

        Args:
            frame: which.
            content_length: as above.
        """
        self = cls.__new__(cls)
        self.frame = frame
        self._content_length = content_length
        return self

    @property
    def content_length_wanted(self) -> bool:
        return self._content_length and not self.frame.omits_content_length

    @property
    def destination(self) -> str:
        """Where to."""
        return self.headers.get("destination", "")


class Subscribe(_Receiptable):
    """SUBSCRIBE (STOMP 1.2, "SUBSCRIBE").

    Args:
        destination: what to listen to.
        id: names the subscription on this connection; required from 1.1 on.
        ack: ``"auto"``, ``"client"`` (cumulative) or ``"client-individual"``; ``None`` leaves the header out, which
            means ``"auto"``.
        receipt: an id to get a RECEIPT for.
        headers: any others, such as ``selector`` or ``prefetch-count``.
    """

    __slots__ = ()
    command = "SUBSCRIBE"

    def __init__(
        self,
        destination: str,
        *,
        id: str | None = None,
        ack: AckMode | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
    ) -> None:
        said = (("id", id), ("destination", destination), ("ack", ack), ("receipt", receipt))
        self.frame = Frame(self.command, _merged(_text(said, "destination"), headers))

    @property
    def destination(self) -> str:
        """What to listen to."""
        return self.headers.get("destination", "")

    @property
    def id(self) -> str | None:
        """The name of the subscription on its connection."""
        return self.headers.get("id")

    @property
    def ack(self) -> str:
        """How messages are acknowledged; ``"auto"`` where the header is missing."""
        return self.headers.get("ack", "auto")


class Unsubscribe(_Receiptable):
    """UNSUBSCRIBE (STOMP 1.2, "UNSUBSCRIBE").

    Args:
        id: the subscription's; required from 1.1 on.
        destination: 1.0 only: ends a subscription that was made without an id.
        receipt: an id to get a RECEIPT for.
        headers: any others.
    """

    __slots__ = ()
    command = "UNSUBSCRIBE"

    def __init__(
        self,
        id: str | None = None,
        *,
        destination: str | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
    ) -> None:
        said = (("id", id), ("destination", destination), ("receipt", receipt))
        self.frame = Frame(self.command, _merged(said, headers))

    @property
    def id(self) -> str | None:
        """The subscription's id."""
        return self.headers.get("id")

    @property
    def destination(self) -> str | None:
        """The destination of a 1.0 subscription without id."""
        return self.headers.get("destination")


class _Acknowledgement(_Transactional):
    __slots__ = ()

    def __init__(
        self,
        id: str | None = None,
        *,
        message_id: str | None = None,
        subscription: str | None = None,
        transaction: str | None = None,
        receipt: str | None = None,
        headers: HeaderSource = (),
    ) -> None:
        said = (
            ("id", id),
            ("message-id", message_id),
            ("subscription", subscription),
            ("transaction", transaction),
            ("receipt", receipt),
        )
        self.frame = Frame(self.command, _merged(said, headers))

    @property
    def id(self) -> str | None:
        """1.2: the MESSAGE's ``ack`` header, never its message-id."""
        return self.headers.get("id")

    @property
    def message_id(self) -> str | None:
        """1.0 and 1.1: the MESSAGE's ``message-id``."""
        return self.headers.get("message-id")

    @property
    def subscription(self) -> str | None:
        """1.1: the MESSAGE's ``subscription``."""
        return self.headers.get("subscription")


class Ack(_Acknowledgement):
    """ACK (STOMP 1.2, "ACK"). :meth:`Message.acknowledge` makes the right one for every version.

    Args:
        id: 1.2: the MESSAGE's ``ack`` header.
        message_id: 1.0 and 1.1: the MESSAGE's ``message-id``.
        subscription: 1.1: the MESSAGE's ``subscription``.
        transaction: an open transaction.
        receipt: an id to get a RECEIPT for.
        headers: any others.
    """

    __slots__ = ()
    command = "ACK"


class Nack(_Acknowledgement):
    """NACK (STOMP 1.2, "NACK"); not in 1.0. :meth:`Message.reject` makes the right one. Arguments as for Ack."""

    __slots__ = ()
    command = "NACK"


class _Demarcation(_Receiptable):
    __slots__ = ()

    def __init__(self, transaction: str, *, receipt: str | None = None, headers: HeaderSource = ()) -> None:
        said = _text((("transaction", transaction), ("receipt", receipt)), "transaction")
        self.frame = Frame(self.command, _merged(said, headers))

    @property
    def transaction(self) -> str:
        """The transaction's id."""
        return self.headers.get("transaction", "")


class Begin(_Demarcation):
    """BEGIN: start a transaction of this id."""

    __slots__ = ()
    command = "BEGIN"


class Commit(_Demarcation):
    """COMMIT: all that was said in the transaction, at once."""

    __slots__ = ()
    command = "COMMIT"


class Abort(_Demarcation):
    """ABORT: nothing that was said in the transaction."""

    __slots__ = ()
    command = "ABORT"


class Disconnect(_Receiptable):
    """DISCONNECT: the client's last frame (STOMP 1.2, "DISCONNECT").

    Args:
        receipt: an id; once its RECEIPT is there, the server has processed all that was said before.
        headers: any others.
    """

    __slots__ = ()
    command = "DISCONNECT"

    def __init__(self, *, receipt: str | None = None, headers: HeaderSource = ()) -> None:
        self.frame = Frame(self.command, _merged((("receipt", receipt),), headers))


# -------------------------------------------------------------------------------- server frames


class Connected(Event):
    """CONNECTED (STOMP 1.2, "CONNECTED Frame").

    Args:
        version: a server connection fills in what was negotiated.
        session, server: who and what answers.
        heart_beat: what the server can send and would like to get, in milliseconds.
        headers: any others.
    """

    __slots__ = ()
    command = "CONNECTED"

    def __init__(
        self,
        *,
        version: str | None = None,
        session: str | None = None,
        server: str | None = None,
        heart_beat: tuple[int, int] | None = None,
        headers: HeaderSource = (),
    ) -> None:
        said = (
            ("version", None if version is None else str(version)),
            ("session", session),
            ("server", server),
            ("heart-beat", None if heart_beat is None else format_heart_beat(heart_beat)),
        )
        self.frame = Frame(self.command, _merged(said, headers))

    @property
    def version(self) -> str:
        """The version of the rest of the connection; ``"1.0"`` where the header is missing."""
        return self.headers.get("version", Version.V1_0.value)

    @property
    def session(self) -> str | None:
        """The server's name for this connection."""
        return self.headers.get("session")

    @property
    def server(self) -> str | None:
        """What the server is, as in ``"RabbitMQ/3.10.8"``."""
        return self.headers.get("server")

    @property
    def heart_beat(self) -> HeartBeatRange:
        """``(can send, would like to get)`` in milliseconds; ``(0, 0)`` if missing or nonsense."""
        return parse_heart_beat(self.headers.get("heart-beat")) or (0, 0)


class Message(_Bodied):
    """MESSAGE (STOMP 1.2, "MESSAGE").

    Args:
        destination: where it was sent to.
        message_id: its unique id.
        subscription: the id of the subscription that gets it; required from 1.1 on.
        ack: 1.2: what an ACK or NACK has to name, if the subscription is not ``auto``.
        body: octets, or text as for :class:`Send`.
        content_type: the MIME type of the body.
        headers: any others.
    """

    __slots__ = ()
    command = "MESSAGE"

    def __init__(
        self,
        destination: str,
        *,
        message_id: str,
        subscription: str | None = None,
        ack: str | None = None,
        body: Body = b"",
        content_type: str | None = None,
        headers: HeaderSource = (),
    ) -> None:
        own = _own(headers)
        if isinstance(body, str):
            body = body.encode()
            if content_type is None and body and "content-type" not in own:
                content_type = _TEXT
        said = (
            ("subscription", subscription),
            ("message-id", message_id),
            ("destination", destination),
            ("ack", ack),
            ("content-type", content_type),
        )
        self.frame = Frame(self.command, _merged(_text(said, "destination", "message-id"), own), body)

    @property
    def destination(self) -> str:
        """Where it was sent to."""
        return self.frame.headers.find("\ndestination:") or ""

    @property
    def message_id(self) -> str:
        """Its unique id."""
        return self.frame.headers.find("\nmessage-id:") or ""

    @property
    def subscription(self) -> str | None:
        """The subscription that it came on; ``None`` in 1.0 if SUBSCRIBE had no id."""
        return self.frame.headers.find("\nsubscription:")

    @property
    def ack(self) -> str | None:
        """1.2: the id for ACK and NACK."""
        return self.frame.headers.find("\nack:")

    def acknowledge(
        self, *, transaction: str | None = None, receipt: str | None = None, headers: HeaderSource = ()
    ) -> Ack:
        """The ACK of this message, as its version wants it."""
        return Ack(**self._named(), transaction=transaction, receipt=receipt, headers=headers)

    def reject(
        self, *, transaction: str | None = None, receipt: str | None = None, headers: HeaderSource = ()
    ) -> Nack:
        """The NACK of this message, as its version wants it (1.0 has none: sending it is refused)."""
        return Nack(**self._named(), transaction=transaction, receipt=receipt, headers=headers)

    def _named(self) -> dict[str, str | None]:
        version = self.frame.version
        if version == Version.V1_0:
            return {"message_id": self.message_id}
        ack = self.ack
        if version == Version.V1_1 or (not version and ack is None):
            return {"message_id": self.message_id, "subscription": self.subscription}
        if ack is None:
            raise LocalProtocolError(
                f"message {self.message_id!r} has no 'ack' header: its subscription is in auto mode",
                code=ErrorCode.NOT_ACKNOWLEDGEABLE,
            )
        return {"id": ack}


class Receipt(Event):
    """RECEIPT: the server has processed the frame that asked for it (STOMP 1.2, "RECEIPT").

    Args:
        receipt_id: the ``receipt`` of that frame.
        headers: any others.
    """

    __slots__ = ()
    command = "RECEIPT"

    def __init__(self, receipt_id: str, *, headers: HeaderSource = ()) -> None:
        self.frame = Frame(self.command, _merged(_text((("receipt-id", receipt_id),), "receipt-id"), headers))

    @property
    def receipt_id(self) -> str:
        """The ``receipt`` of the frame that is answered."""
        return self.headers.get("receipt-id", "")


class Error(_Bodied):
    """ERROR: the server's last frame (STOMP 1.2, "ERROR").

    Args:
        message: a short description.
        body: a long one; text as for :class:`Send`.
        receipt_id: the ``receipt`` of the frame that is to blame.
        content_type: the MIME type of the body.
        headers: any others.
    """

    __slots__ = ()
    command = "ERROR"

    def __init__(
        self,
        message: str | None = None,
        *,
        body: Body = b"",
        receipt_id: str | None = None,
        content_type: str | None = None,
        headers: HeaderSource = (),
    ) -> None:
        own = _own(headers)
        if isinstance(body, str):
            body = body.encode()
            if content_type is None and body and "content-type" not in own:
                content_type = "text/plain"
        said = (("message", message), ("receipt-id", receipt_id), ("content-type", content_type))
        self.frame = Frame(self.command, _merged(said, own), body)

    @property
    def message(self) -> str:
        """The short description; ``""`` if there is none."""
        return self.headers.get("message", "")

    @property
    def receipt_id(self) -> str | None:
        """The ``receipt`` of the frame that is to blame; RabbitMQ leaves it out."""
        return self.headers.get("receipt-id")

    @property
    def description(self) -> str:
        """Message and body in one line, for people; bytes that are not text are shown as ``\\ufffd``."""
        detail = " ".join(self.body[:1000].decode(errors="replace").split())
        if not detail or detail == self.message:
            return self.message or "the server gave no reason"
        return f"{self.message}: {detail}" if self.message else detail


# -------------------------------------------------------------------------------- neither frame nor byte


class Tolerated:
    """The peer broke a rule that a leniency forgives, in a way that changes what happens.

    Attributes:
        code: which rule, as an :class:`~stomp_core.ErrorCode`.
        description: a sentence.
    """

    __slots__ = ("code", "description")

    def __init__(self, code: str, description: str) -> None:
        self.code = code
        self.description = description

    def __eq__(self, other: object) -> bool:
        return self.code == other.code if isinstance(other, Tolerated) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.code)

    def __repr__(self) -> str:
        return f"Tolerated({self.code!r}, {self.description!r})"


def _text(said: tuple[tuple[str, str | None], ...], *required: str) -> tuple[tuple[str, str | None], ...]:
    for name, value in said:
        if name in required and value is None:
            raise _required(name)
    return said


def _required(name: str) -> LocalProtocolError:
    return LocalProtocolError(f"{name!r} is required, and None is no text", code=ErrorCode.MISSING_HEADER)


_EVENTS: dict[str, type[Event]] = {
    event.command: event
    for event in (
        Connect, Connected, Send, Subscribe, Unsubscribe, Ack, Nack, Begin, Commit, Abort, Disconnect,
        Message, Receipt, Error,
    )
}  # fmt: skip
_EVENTS["STOMP"] = Connect


def event_from_frame(frame: Frame) -> Event:
    """View a frame as the event of its command.

    Raises:
        LocalProtocolError: there is no such command.
    """
    event = _EVENTS.get(frame.command)
    if event is None:
        raise LocalProtocolError(f"{frame.command!r} is not a STOMP command", code=ErrorCode.UNKNOWN_COMMAND)
    return event.from_frame(frame)
