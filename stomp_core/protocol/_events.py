"""Events: typed frames, one class for each command of the specification.

Programs send events and receive events. An event is a view of a :class:`~stomp_core.Frame`, which is its only slot: a
field such as ``message.destination`` is looked up in the headers when it is read, and nothing is copied. So an event
costs little if most of its fields are never read, and it can never disagree with its frame. Optional fields that are
missing read as ``None``, required ones as ``""``. Headers without a field of their own are in ``event.headers``.

An event that a program makes states its headers twice, as arguments and in ``headers``. The arguments are written
first, and the headers must not contradict them: a header that came from elsewhere, such as a message that is passed
on, must not change the destination or the receipt of the call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar, Literal, Self

from .._arguments import shown
from .._text import first_line
from ..errors import ErrorCode, LocalProtocolError
from ..wire import ALL_VERSIONS, Frame, Headers, HeaderSource, HeaderTypeError, Version, body_type_error
from ._heartbeat import HeartBeatRange, format_heart_beat, parse_heart_beat
from ._known_headers import known_headers

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
    "check_destination",
    "encode_body",
    "event_from_frame",
    "merge_send",
    "send_parts",
]

Body = bytes | bytearray | memoryview | str
AckMode = Literal["auto", "client", "client-individual"]
_TEXT = "text/plain;charset=utf-8"
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}")
_NO_HEADERS = Headers()
_new = object.__new__
_MOST_OF_A_BODY = 4096  # bytes in which to look for the first line of an ERROR's body
#: A line of a Java stack trace, or its first line, which names the class of the exception.
_STACK_TRACE = r"(?m)^\s+at [\w.$<>]+\(|^\s*(?:[\w$]+\.)+[\w$]*(?:Exception|Error)\b"


def _as_headers(headers: HeaderSource) -> Headers:
    if isinstance(headers, Headers):
        return headers
    return Headers(headers) if headers else _NO_HEADERS


def _merge(arguments: Iterable[tuple[str, str | None]], headers: HeaderSource) -> Headers:
    """Return the headers that the arguments state, then the caller's own."""
    return _merge_stated(
        [(name, value) for name, value in arguments if value is not None], _as_headers(headers)
    )


def _merge_stated(stated: list[tuple[str, str]], own: Headers) -> Headers:
    merged = own.prepend(stated)
    return _merge_one_by_one(stated, own) if merged is None else merged


def _merge_one_by_one(stated: list[tuple[str, str]], own: Headers) -> Headers:
    values = dict(stated)
    merged = list(stated)
    for name, value in own.items():
        if name not in values:
            merged.append((name, value))
        elif values[name] != value:
            secret = Headers([(name, value)]).secret_values()
            shown = "" if secret else f", as {values[name]!r} and {value!r}"
            raise LocalProtocolError(
                f"header {name!r} is given twice{shown}: as an argument and in headers",
                code=ErrorCode.HEADER_CLASH,
            )
    return Headers(merged)


def _missing(name: str) -> LocalProtocolError:
    return LocalProtocolError(f"{name} is required, got None", code=ErrorCode.MISSING_HEADER)


def _misfit(event: type[Event], frame: Frame) -> LocalProtocolError:
    return LocalProtocolError(
        f"{event.__name__} is made of a {event.command} frame, got {frame.command!r}; event_from_frame() chooses the "
        "class by the command",
        code=ErrorCode.UNEXPECTED_FRAME,
    )


def _offer(versions: Iterable[str]) -> str:
    """Return the ``accept-version`` header that offers these versions, increasing, each once."""
    numbered: dict[tuple[int, ...], str] = {}
    for version in versions:
        if not isinstance(version, str):
            raise HeaderTypeError(
                f"accept_version must be versions as str, as in ('1.1', '1.2'), got {version!r}",
                code=ErrorCode.NOT_TEXT,
            )
        if not _VERSION.fullmatch(version):
            raise LocalProtocolError(
                f"accept_version must be versions as in ('1.1', '1.2'), got {version!r}",
                code=ErrorCode.BAD_HEADER_VALUE,
            )
        numbered[tuple(map(int, version.split(".")))] = str.__str__(version)
    return ",".join(version for _, version in sorted(numbered.items()))


def check_destination(destination: object) -> None:
    """Check a destination that is going to be a header.

    Args:
        destination: the destination.

    Raises:
        HeaderTypeError: it is not a ``str``.
    """
    if isinstance(destination, str):
        return
    if destination is None:
        raise HeaderTypeError(
            "destination is required, got None: pass one such as '/queue/orders'",
            code=ErrorCode.MISSING_HEADER,
        )
    instead = (
        "decode it" if isinstance(destination, (bytes, bytearray)) else "pass one such as '/queue/orders'"
    )
    raise HeaderTypeError(
        f"destination must be a str, got {shown(destination)}: {instead}", code=ErrorCode.NOT_TEXT
    )


def encode_body(body: str) -> bytes:
    """Return text that is a body, encoded as UTF-8.

    Args:
        body: the text.

    Raises:
        LocalProtocolError: it contains a lone surrogate, which UTF-8 cannot express.
    """
    try:
        return body.encode()
    except UnicodeEncodeError as error:
        raise LocalProtocolError(
            f"body cannot be encoded as UTF-8: {body[error.start]!r} at position {error.start} is half of a character "
            "(a lone surrogate); pass bytes if it is not text",
            code=ErrorCode.CANNOT_ENCODE,
        ) from None


class Event:
    """The base class of events: a frame, seen as what its command means.

    Attributes:
        command: the command of this kind of event; ``""`` for one that STOMP does not have.
        frame: the frame itself.
    """

    __slots__ = ("frame",)

    command: ClassVar[str] = ""
    frame: Frame

    @classmethod
    def from_frame(cls, frame: Frame) -> Self:
        """Make an event of a frame whose command fits the class. ``event_from_frame`` chooses the class.

        Args:
            frame: the frame.

        Returns:
            The event.

        Raises:
            LocalProtocolError: the command does not fit.
        """
        # Event itself has no command: it is the class of frames with a command that STOMP does not have.
        fits = (
            frame.command in (cls.command, "STOMP")
            if cls.command == "CONNECT"
            else frame.command == cls.command
        )
        if cls.command and not fits:
            raise _misfit(cls, frame)
        self = cls.__new__(cls)
        self.frame = frame
        return self

    @property
    def headers(self) -> Headers:
        """All headers of the frame."""
        return self.frame.headers

    @property
    def content_length_wanted(self) -> bool:
        """Whether ``content-length`` is written for a body (STOMP 1.2, "Header content-length")."""
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
        """The bytes of the body."""
        return self.frame.body

    @property
    def content_type(self) -> str | None:
        """The MIME type of the body (STOMP 1.2, "Header content-type"); ``None`` if it is not stated."""
        return self.frame.headers.find("\ncontent-type:")

    @property
    def content_length(self) -> int | None:
        """The ``content-length`` header, in bytes; ``None`` if the frame has none.

        Raises:
            ValueError: the header of a frame that was made here is not a number.
        """
        value = self.frame.headers.find("\ncontent-length:")
        return None if value is None else int(value)

    @property
    def text(self) -> str:
        """The body as text, in the charset that ``content-type`` names, else UTF-8.

        Raises:
            UnicodeDecodeError: the body is not text in that charset.
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
        """The id of the RECEIPT that the server is asked for (STOMP 1.2, "Header receipt"); ``None`` if it is not."""
        return self.frame.headers.get("receipt")


class _Transactional(_Receiptable):
    __slots__ = ()

    @property
    def transaction(self) -> str | None:
        """The id of the transaction that this frame belongs to; ``None`` if it belongs to none."""
        return self.frame.headers.get("transaction")


# -------------------------------------------------------------------------------- client frames


class Connect(Event):
    """CONNECT or STOMP: the first frame of a client (STOMP 1.2, "CONNECT or STOMP Frame").

    Args:
        host: the virtual host; required from 1.1 on.
        login: the user name.
        passcode: the password. No repr shows it.
        heart_beat: how often this side can send, and would like to receive something, in milliseconds; 0 is never.
        accept_version: the offered versions, which are written in increasing order, each once ("Protocol
            Negotiation"); by default those of the connection that sends the frame.
        command: ``"STOMP"`` means the same to servers of 1.2 and to most of 1.1, and cannot be mistaken for HTTP.
            Servers of 1.0 know only CONNECT, so a client that offers nothing but 1.0 has to send that.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, the heart-beat is not two whole numbers, or a version is
            not two numbers with a dot.
        TypeError: ``accept_version`` is one ``str``, or contains something that is not a ``str``.
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
            raise TypeError(
                f"accept_version must be several versions, as in ({accept_version!r},), got one str"
            )
        arguments = (
            ("accept-version", None if accept_version is None else _offer(accept_version)),
            ("host", host),
            ("login", login),
            ("passcode", passcode),
            ("heart-beat", None if heart_beat is None else format_heart_beat(heart_beat)),
        )
        self.frame: Frame = Frame(command, _merge(arguments, headers))

    @property
    def host(self) -> str | None:
        """The virtual host; ``None`` if there is none."""
        return self.headers.get("host")

    @property
    def login(self) -> str | None:
        """The user name; ``None`` if there is none."""
        return self.headers.get("login")

    @property
    def passcode(self) -> str | None:
        """The password; ``None`` if there is none. No repr shows it."""
        return self.headers.get("passcode")

    @property
    def accept_version(self) -> tuple[str, ...]:
        """The offered versions, as they are listed; ``("1.0",)`` without the header ("Protocol Negotiation")."""
        value = self.headers.get("accept-version")
        if value is None:
            return (Version.V1_0.value,)
        return tuple(entry for part in value.split(",") if (entry := part.strip()))

    @property
    def known_versions(self) -> tuple[Version, ...]:
        """The offered versions that this library has, in increasing order, each once; ``()`` if there is none.

        A proxy that received this frame makes the connection to its server of them:
        ``ClientConnection(connect.known_versions)``. A client may offer versions that nobody here knows, which a
        server has to ignore. A :class:`ServerConnection` has refused an offer without any version that it knows.
        """
        offered = self.accept_version
        return tuple(version for version in ALL_VERSIONS if version in offered)

    @property
    def heart_beat(self) -> HeartBeatRange:
        """``(can send, would like to receive)`` in milliseconds; ``(0, 0)`` if missing or not two numbers."""
        return parse_heart_beat(self.headers.get("heart-beat")) or (0, 0)


class Send(_Transactional, _Bodied):
    """SEND: a message to a destination (STOMP 1.2, "SEND").

    Args:
        destination: where to send it, such as ``"/queue/orders"``. The syntax is the broker's own.
        body: ``bytes`` are sent as they are. A ``str`` is sent as UTF-8, with
            ``content-type:text/plain;charset=utf-8`` unless ``content_type`` or ``headers`` name another.
        content_type: the MIME type of the body. By default it is not stated for ``bytes``.
        transaction: the id of the open transaction that it belongs to.
        receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
        headers: further headers. They must not contradict the other arguments.
        content_length: whether to write ``content-length``. ActiveMQ makes a BytesMessage of a SEND that has it, and a
            TextMessage of one that has not.

    Raises:
        LocalProtocolError: a header contradicts an argument, a value is of a wrong type (then it is a
            :class:`HeaderTypeError`, which is a ``TypeError``, too), or UTF-8 cannot express the text of the body.

    >>> Send("/queue/orders", "hello", headers={"persistent": "true"}).headers.to_dict()
    {'destination': '/queue/orders', 'content-type': 'text/plain;charset=utf-8', 'persistent': 'true'}
    """

    # A slot in place of the property of the base class: this is read for every message that is sent.
    __slots__ = ("content_length_wanted",)
    command = "SEND"
    content_length_wanted: bool

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
        self.frame: Frame = _send_frame(destination, body, content_type, transaction, receipt, headers)
        self.content_length_wanted = content_length  # pyright: ignore[reportIncompatibleMethodOverride]

    @staticmethod
    def assemble(headers: Headers, body: bytes, receipt: str | None, content_length: bool) -> Send:
        """Make a SEND outside of a transaction from what ``send_parts()`` returns. The straight path of sessions.

        Args:
            headers: all headers but the receipt.
            body: the body.
            receipt: the id of the receipt, or ``None``.
            content_length: whether to write ``content-length``.

        Returns:
            The event.
        """
        self = _new(Send)
        if receipt is not None:
            headers = _with_receipt(headers, receipt)
        self.frame = Frame("SEND", headers, body)
        self.content_length_wanted = content_length
        return self

    @classmethod
    def from_frame(cls, frame: Frame, *, content_length: bool = True) -> Self:
        """Make an event of a SEND frame.

        Args:
            frame: the frame.
            content_length: whether to write ``content-length``. A frame that was received without is written without.

        Returns:
            The event.

        Raises:
            LocalProtocolError: it is not a SEND.
        """
        if frame.command != "SEND":
            raise _misfit(cls, frame)
        self = cls.__new__(cls)
        self.frame = frame
        self.content_length_wanted = content_length and not frame.omits_content_length
        return self

    @property
    def destination(self) -> str:
        """Where it is sent to; ``""`` if the header is missing."""
        return self.headers.get("destination", "")


def _send_frame(
    destination: str,
    body: Body,
    content_type: str | None,
    transaction: str | None,
    receipt: str | None,
    headers: HeaderSource,
) -> Frame:
    """Make the frame of a SEND; see there."""
    merged, octets = send_parts(destination, body, content_type, headers, transaction)
    if receipt is not None:
        merged = _with_receipt(merged, receipt)
    return Frame("SEND", merged, octets)


def send_parts(
    destination: str,
    body: Body,
    content_type: str | None,
    headers: HeaderSource,
    transaction: str | None = None,
) -> tuple[Headers, bytes]:
    """Return all headers of a SEND without receipt, and its body as bytes. The arguments are those of :class:`Send`.

    Args:
        destination: where to send it.
        body: the body.
        content_type: the MIME type of the body, or ``None``.
        headers: further headers.
        transaction: the id of its transaction, or ``None``.

    Raises:
        HeaderTypeError: the body is neither text nor bytes, or a header is not a ``str``.
        LocalProtocolError: a header contradicts an argument, or UTF-8 cannot express the text of the body.
    """
    is_text = False
    if type(body) is bytes:
        octets = body
    elif isinstance(body, str):
        octets = encode_body(body)
        is_text = octets != b""
    elif isinstance(body, (bytes, bytearray, memoryview)):
        octets = bytes(body)
    else:
        raise body_type_error(body, "body", "str or bytes")
    if transaction is not None:
        return merge_send(destination, content_type, is_text, headers, transaction), octets
    return known_headers(destination, content_type, is_text, headers, merge_send), octets


def merge_send(
    destination: str,
    content_type: str | None,
    is_text: bool,
    headers: HeaderSource,
    transaction: str | None = None,
) -> Headers:
    """Return all headers of a SEND without receipt.

    Args:
        destination: its destination.
        content_type: its content-type, if it is stated.
        is_text: whether its body is text, which implies a content-type where none is stated.
        headers: the caller's own.
        transaction: the id of its transaction.

    Raises:
        LocalProtocolError: a header contradicts an argument, or is not a ``str``.
    """
    own = _as_headers(headers) if type(headers) is not dict else headers
    if is_text and content_type is None and "content-type" not in own:
        content_type = _TEXT
    if type(destination) is not str:
        check_destination(destination)
    stated = [("destination", destination)]
    if content_type is not None:
        stated.append(("content-type", content_type))
    if transaction is not None:
        stated.append(("transaction", transaction))
    if type(own) is dict:
        merged = Headers.merge(stated, own)
        if merged is not None:
            return merged
    return _merge_stated(stated, _as_headers(own))


def _with_receipt(merged: Headers, receipt: str) -> Headers:
    """Put the receipt last: what is known of the other headers, such as their bytes, stays known then."""
    if type(receipt) is str:
        own = merged.with_line("receipt", receipt)
        if own is not None:
            return own
    first, *others = _merge_stated([("receipt", receipt)], merged).pairs
    return Headers([*others, first])


class Subscribe(_Receiptable):
    """SUBSCRIBE: ask for the messages of a destination (STOMP 1.2, "SUBSCRIBE").

    Args:
        destination: the destination, such as ``"/queue/orders"``.
        id: names the subscription on this connection; required from 1.1 on.
        ack: ``"auto"``, ``"client"`` (cumulative) or ``"client-individual"``. ``None`` leaves the header out, which
            means ``"auto"``.
        receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
        headers: further headers, such as ``selector`` or ``prefetch-count``.

    Raises:
        LocalProtocolError: a header contradicts an argument, a value is not a ``str``, or the destination is ``None``.
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
        check_destination(destination)
        arguments = (("id", id), ("destination", destination), ("ack", ack), ("receipt", receipt))
        self.frame: Frame = Frame(self.command, _merge(arguments, headers))

    @property
    def destination(self) -> str:
        """The destination that is subscribed to; ``""`` if the header is missing."""
        return self.headers.get("destination", "")

    @property
    def id(self) -> str | None:
        """The id of the subscription on its connection; ``None`` if the header is missing."""
        return self.headers.get("id")

    @property
    def ack(self) -> str:
        """The ack mode; ``"auto"`` if the header is missing (STOMP 1.2, "SUBSCRIBE ack Header")."""
        return self.headers.get("ack", "auto")


class Unsubscribe(_Receiptable):
    """UNSUBSCRIBE: end a subscription (STOMP 1.2, "UNSUBSCRIBE").

    Args:
        id: the id of the subscription; required from 1.1 on.
        destination: 1.0 only: the destination of a subscription without id.
        receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or a value is not a ``str``.
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
        arguments = (("id", id), ("destination", destination), ("receipt", receipt))
        self.frame: Frame = Frame(self.command, _merge(arguments, headers))

    @property
    def id(self) -> str | None:
        """The id of the subscription; ``None`` if the header is missing."""
        return self.headers.get("id")

    @property
    def destination(self) -> str | None:
        """The destination of a subscription of 1.0 without id; ``None`` if the header is missing."""
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
        arguments = (
            ("id", id),
            ("message-id", message_id),
            ("subscription", subscription),
            ("transaction", transaction),
            ("receipt", receipt),
        )
        self.frame: Frame = Frame(self.command, _merge(arguments, headers))

    @property
    def id(self) -> str | None:
        """1.2: the ``ack`` header of the MESSAGE; ``None`` if the header is missing."""
        return self.headers.get("id")

    @property
    def message_id(self) -> str | None:
        """1.0 and 1.1: the ``message-id`` of the MESSAGE; ``None`` if the header is missing."""
        return self.headers.get("message-id")

    @property
    def subscription(self) -> str | None:
        """1.1: the ``subscription`` of the MESSAGE; ``None`` if the header is missing."""
        return self.headers.get("subscription")


class Ack(_Acknowledgement):
    """ACK: acknowledge a message (STOMP 1.2, "ACK").

    :meth:`Message.acknowledge` makes it as the version of the message demands.

    Args:
        id: 1.2: the ``ack`` header of the MESSAGE, never its ``message-id``.
        message_id: 1.0 and 1.1: the ``message-id`` of the MESSAGE.
        subscription: 1.1: the ``subscription`` of the MESSAGE.
        transaction: the id of the open transaction that it belongs to.
        receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or a value is not a ``str``.
    """

    __slots__ = ()
    command = "ACK"


class Nack(_Acknowledgement):
    """NACK: tell the server that a message was not consumed (STOMP 1.2, "NACK"; 1.0 has none).

    :meth:`Message.reject` makes it as the version of the message demands.

    Args:
        id: 1.2: the ``ack`` header of the MESSAGE, never its ``message-id``.
        message_id: 1.1: the ``message-id`` of the MESSAGE.
        subscription: 1.1: the ``subscription`` of the MESSAGE.
        transaction: the id of the open transaction that it belongs to.
        receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or a value is not a ``str``.
    """

    __slots__ = ()
    command = "NACK"


class _TransactionBoundary(_Receiptable):
    __slots__ = ()

    def __init__(self, transaction: str, *, receipt: str | None = None, headers: HeaderSource = ()) -> None:
        if transaction is None:
            raise _missing("transaction")
        self.frame: Frame = Frame(
            self.command, _merge((("transaction", transaction), ("receipt", receipt)), headers)
        )

    @property
    def transaction(self) -> str:
        """The id of the transaction; ``""`` if the header is missing."""
        return self.headers.get("transaction", "")


class Begin(_TransactionBoundary):
    """BEGIN: begin a transaction (STOMP 1.2, "BEGIN").

    Args:
        transaction: the id of the transaction.
        receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or the id is ``None`` or not a ``str``.
    """

    __slots__ = ()
    command = "BEGIN"


class Commit(_TransactionBoundary):
    """COMMIT: perform everything that was sent in a transaction (STOMP 1.2, "COMMIT").

    Args:
        transaction: the id of the transaction.
        receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or the id is ``None`` or not a ``str``.
    """

    __slots__ = ()
    command = "COMMIT"


class Abort(_TransactionBoundary):
    """ABORT: discard everything that was sent in a transaction (STOMP 1.2, "ABORT").

    Args:
        transaction: the id of the transaction.
        receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or the id is ``None`` or not a ``str``.
    """

    __slots__ = ()
    command = "ABORT"


class Disconnect(_Receiptable):
    """DISCONNECT: the client's last frame (STOMP 1.2, "DISCONNECT").

    Args:
        receipt: an id; its RECEIPT means that the server has processed all frames before this one. By default none is
            asked for.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or a value is not a ``str``.
    """

    __slots__ = ()
    command = "DISCONNECT"

    def __init__(self, *, receipt: str | None = None, headers: HeaderSource = ()) -> None:
        self.frame: Frame = Frame(self.command, _merge((("receipt", receipt),), headers))


# -------------------------------------------------------------------------------- server frames


class Connected(Event):
    """CONNECTED: the server accepts the connection (STOMP 1.2, "CONNECTED Frame").

    Args:
        version: the version of the rest of the connection; by default the one that the connection has negotiated.
        session: the server's id for the connection.
        server: the name and version of the server, as in ``"RabbitMQ/3.10.8"``.
        heart_beat: how often the server can send, and would like to receive something, in milliseconds; 0 is never.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or the heart-beat is not two whole numbers.
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
        arguments = (
            ("version", None if version is None else str(version)),
            ("session", session),
            ("server", server),
            ("heart-beat", None if heart_beat is None else format_heart_beat(heart_beat)),
        )
        self.frame: Frame = Frame(self.command, _merge(arguments, headers))

    @property
    def version(self) -> str:
        """The version of the rest of the connection; ``"1.0"`` if the header is missing."""
        return self.headers.get("version", Version.V1_0.value)

    @property
    def session(self) -> str | None:
        """The server's id for the connection; ``None`` if the header is missing."""
        return self.headers.get("session")

    @property
    def server(self) -> str | None:
        """The name and version of the server, as in ``"RabbitMQ/3.10.8"``; ``None`` if the header is missing."""
        return self.headers.get("server")

    @property
    def heart_beat(self) -> HeartBeatRange:
        """``(can send, would like to receive)`` in milliseconds; ``(0, 0)`` if missing or not two numbers."""
        return parse_heart_beat(self.headers.get("heart-beat")) or (0, 0)


class Message(_Bodied):
    """MESSAGE: the server delivers a message to a subscription (STOMP 1.2, "MESSAGE").

    Args:
        destination: where it was sent to.
        message_id: the unique id of the message.
        subscription: the id of the subscription that receives it; required from 1.1 on.
        ack: 1.2: the id that an ACK or NACK has to name, unless the subscription is in mode ``auto``.
        body: ``bytes``, or ``str`` as for :class:`Send`.
        content_type: the MIME type of the body. By default it is not stated for ``bytes``.
        headers: further headers.
        content_length: whether to write ``content-length``. ActiveMQ writes it for a BytesMessage, and leaves it out
            for a TextMessage.

    Raises:
        LocalProtocolError: a header contradicts an argument, a value is not a ``str``, or a required one is ``None``.
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
        content_length: bool = True,
    ) -> None:
        own = _as_headers(headers)
        if isinstance(body, str):
            body = encode_body(body)
            if content_type is None and body and "content-type" not in own:
                content_type = _TEXT
        check_destination(destination)
        if message_id is None:
            raise _missing("message-id")
        arguments = (
            ("subscription", subscription),
            ("message-id", message_id),
            ("destination", destination),
            ("ack", ack),
            ("content-type", content_type),
        )
        frame = Frame(self.command, _merge(arguments, own), body)
        if not content_length:
            frame = Frame.assemble(
                self.command, frame.headers, frame.body, version=None, omits_content_length=True
            )
        self.frame: Frame = frame

    @property
    def destination(self) -> str:
        """Where it was sent to; ``""`` if the header is missing."""
        return self.frame.headers.find("\ndestination:") or ""

    @property
    def message_id(self) -> str:
        """The unique id of the message; ``""`` if the header is missing."""
        return self.frame.headers.find("\nmessage-id:") or ""

    @property
    def subscription(self) -> str | None:
        """The id of the subscription that it was delivered to; ``None`` in 1.0 if SUBSCRIBE had no id."""
        return self.frame.headers.find("\nsubscription:")

    @property
    def ack(self) -> str | None:
        """1.2: the id that an ACK or NACK has to name; ``None`` if the header is missing, as in mode ``auto``."""
        return self.frame.headers.find("\nack:")

    def acknowledge(
        self, *, transaction: str | None = None, receipt: str | None = None, headers: HeaderSource = ()
    ) -> Ack:
        """Return the ACK of this message, as the version in which it was received demands (STOMP 1.2, "ACK").

        Args:
            transaction: the id of the open transaction that the ACK belongs to.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers.

        Raises:
            LocalProtocolError: the message is of 1.2 and has no ``ack`` header, since its subscription is in mode
                ``auto``; or a header contradicts an argument.
        """
        return Ack(**self._ids_for_ack(), transaction=transaction, receipt=receipt, headers=headers)

    def reject(
        self, *, transaction: str | None = None, receipt: str | None = None, headers: HeaderSource = ()
    ) -> Nack:
        """Return the NACK of this message, as the version in which it was received demands (STOMP 1.2, "NACK").

        1.0 has no NACK: a connection refuses to send it.

        Args:
            transaction: the id of the open transaction that the NACK belongs to.
            receipt: an id; the server answers with a RECEIPT of this id. By default none is asked for.
            headers: further headers.

        Raises:
            LocalProtocolError: the message is of 1.2 and has no ``ack`` header, since its subscription is in mode
                ``auto``; or a header contradicts an argument.
        """
        return Nack(**self._ids_for_ack(), transaction=transaction, receipt=receipt, headers=headers)

    def _ids_for_ack(self) -> dict[str, str | None]:
        version = self.frame.version  # None for a message that was made here: then its headers decide
        if version == Version.V1_0:
            return {"message_id": self.message_id}
        ack = self.ack
        if version == Version.V1_1 or (not version and ack is None):
            return {"message_id": self.message_id, "subscription": self.subscription}
        if ack is None:
            raise LocalProtocolError(
                f"message {self.message_id!r} has no 'ack' header, so it cannot be acknowledged: its subscription is "
                "in auto mode, or the broker expects no ACK of it (the end of a queue that is browsed)",
                code=ErrorCode.NOT_ACKNOWLEDGEABLE,
            )
        return {"id": ack}


class Receipt(Event):
    """RECEIPT: the server has processed the frame that asked for it (STOMP 1.2, "RECEIPT").

    Args:
        receipt_id: the ``receipt`` header of that frame.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or the id is ``None`` or not a ``str``.
    """

    __slots__ = ()
    command = "RECEIPT"

    def __init__(self, receipt_id: str, *, headers: HeaderSource = ()) -> None:
        if receipt_id is None:
            raise _missing("receipt-id")
        self.frame: Frame = Frame(self.command, _merge((("receipt-id", receipt_id),), headers))

    @property
    def receipt_id(self) -> str:
        """The ``receipt`` header of the frame that is answered; ``""`` if it is missing."""
        return self.headers.get("receipt-id", "")


class Error(_Bodied):
    """ERROR: the server's last frame (STOMP 1.2, "ERROR").

    Args:
        message: a short description, in one line.
        body: a long description: ``bytes``, or ``str``, which is sent as UTF-8 with ``content-type:text/plain``.
        receipt_id: the ``receipt`` header of the frame that caused the error.
        content_type: the MIME type of the body. By default it is not stated for ``bytes``.
        headers: further headers.

    Raises:
        LocalProtocolError: a header contradicts an argument, or a value is not a ``str``.
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
        own = _as_headers(headers)
        if isinstance(body, str):
            body = encode_body(body)
            if content_type is None and body and "content-type" not in own:
                content_type = "text/plain"
        arguments = (("message", message), ("receipt-id", receipt_id), ("content-type", content_type))
        self.frame: Frame = Frame(self.command, _merge(arguments, own), body)

    @property
    def message(self) -> str:
        """The short description; ``""`` if there is none."""
        return self.headers.get("message", "")

    @property
    def receipt_id(self) -> str | None:
        """The ``receipt`` header of the frame that caused the error; ``None`` if it is missing, as at RabbitMQ."""
        return self.headers.get("receipt-id")

    @property
    def description(self) -> str:
        """What is wrong, in one line for people: the ``message`` header, and the first line of the body.

        The body of an ERROR of ActiveMQ is a Java stack trace, which names classes that have nothing to do with the
        cause. Its first line is shown only if there is no ``message`` header, the others never. Bytes that are not text
        are shown as ``\\ufffd``, control characters are escaped.
        """
        message = first_line(self.message)
        detail = self.body[:_MOST_OF_A_BODY].decode(errors="replace")
        line = first_line(detail)
        if not message:
            return line or "the server gave no reason"
        if not line or line in message or re.search(_STACK_TRACE, detail):
            return message
        return f"{message}: {line}"


# -------------------------------------------------------------------------------- no frame


class Tolerated:
    """A violation that a :class:`~stomp_core.Leniency` tolerates: by the peer, or in a frame that this side has sent.

    Args:
        code: which rule was violated, as an :class:`~stomp_core.ErrorCode`.
        description: a sentence for people.

    Attributes:
        code: which rule was violated, as an :class:`~stomp_core.ErrorCode`.
        description: a sentence for people.
    """

    __slots__ = ("code", "description")

    def __init__(self, code: str, description: str) -> None:
        self.code: str = code
        self.description: str = description

    def __eq__(self, other: object) -> bool:
        return self.code == other.code if isinstance(other, Tolerated) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.code)

    def __repr__(self) -> str:
        return f"Tolerated({self.code!r}, {self.description!r})"


_EVENTS: dict[str, type[Event]] = {
    event.command: event
    for event in (
        Connect, Connected, Send, Subscribe, Unsubscribe, Ack, Nack, Begin, Commit, Abort, Disconnect,
        Message, Receipt, Error,
    )
}  # fmt: skip
_EVENTS["STOMP"] = Connect


def event_from_frame(frame: Frame, *, any_command: bool = False) -> Event:
    """Return the event of a frame, of the class that its command demands.

    Args:
        frame: the frame.
        any_command: return an :class:`Event` for a command that STOMP does not have, for connections whose leniency
            lets it pass. By default that is refused.

    Raises:
        LocalProtocolError: there is no such command.
    """
    event = _EVENTS.get(frame.command)
    if event is None:
        if any_command:
            return Event.from_frame(frame)
        raise LocalProtocolError(f"{frame.command!r} is not a STOMP command", code=ErrorCode.UNKNOWN_COMMAND)
    return event.from_frame(frame)
