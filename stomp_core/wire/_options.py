"""Options of a connection: size limits for received frames, and which violations are tolerated."""

from __future__ import annotations

from .._arguments import check_whole, shown
from .._hints import explained
from .._records import names_of, record

__all__ = ["Leniency", "Limits"]


_UNITS = {"max_headers": "headers"}


@explained
@record
class Limits:
    """Size limits for received frames.

    Each is checked while bytes come in, before memory is spent. STOMP 1.2, "Size Limits", lets a server refuse frames
    that are too large; a client needs the same protection. All sizes are bytes on the wire. For comparison: ActiveMQ
    accepts header lines of 10 KiB, 1,000 headers and bodies of 100 MiB; RabbitMQ accepts bodies of 128 MiB.

    Attributes:
        max_command: bytes of the command line, without its line feed.
        max_header_line: bytes of one header line, without its line feed.
        max_headers: the number of header lines in one frame.
        max_head: bytes of command line, header lines and the blank line together.
        max_body: bytes of a body with ``content-length``. A larger one is refused as soon as its head is complete.
        max_unterminated: bytes of a body without ``content-length``, whose size is known only when its NUL arrives.
            ``None`` means the same as ``max_body``, and no more than that is accepted in any case.

    Raises:
        TypeError: a limit is not a whole number.
        ValueError: a limit is negative.

    >>> Limits(max_body=1024 * 1024).max_body
    1048576
    """

    max_command: int = 64
    max_header_line: int = 64 * 1024
    max_headers: int = 1_000
    max_head: int = 256 * 1024
    max_body: int = 128 * 1024 * 1024
    max_unterminated: int | None = None

    def __post_init__(self) -> None:
        for name in names_of(self):
            value = getattr(self, name)
            if value is None and name == "max_unterminated":
                continue
            check_whole(f"Limits.{name}", value, _UNITS.get(name, "bytes"), least=0)

    @property
    def body_without_length(self) -> int:
        """The limit in force for a body without ``content-length``, in bytes."""
        return self.max_body if self.max_unterminated is None else min(self.max_unterminated, self.max_body)


@explained
@record
class Leniency:
    """Which violations are tolerated.

    Each switch but the last stands for something that peers send although the specifications forbid it. No switch
    changes where a frame ends. What is sent is checked strictly, unless ``unchecked_conversation`` is on.

    ``Leniency()`` tolerates nothing, and is the default of a server. ``Leniency.brokers()`` is the default of a client:
    what RabbitMQ and ActiveMQ need. ``Leniency.permissive()`` tolerates everything from a peer that needs no guessing.

    Attributes:
        crlf: lines may end in CRLF in 1.0 and 1.1 too, where a CR would belong to the value.
        bare_cr: a CR that ends no line is kept as a character of the name or value (1.2).
        cr_between_frames: a CR alone between frames is ignored.
        nul_between_frames: a stray NUL between frames is ignored.
        bad_header_lines: a line without colon or with an empty name is skipped.
        unknown_escapes: escapes that the version does not define are kept as they are.
        cr_escape_in_1_1: ``\\r`` is decoded in 1.1 too; RabbitMQ sends it.
        escapes_in_1_0: 1.0 headers are unescaped like those of 1.1; RabbitMQ escapes in every version. Not in
            ``brokers()``, since ActiveMQ does not, and in 1.0 a ``\\`` is a plain character. A name or value with
            a backslash that begins no escape is kept as it is.
        escapes_in_connect: CONNECT and STOMP are unescaped, which the specification forbids and both brokers do. A name
            or value with a backslash that begins no escape is kept as it is.
        not_utf8: bytes of a head that are not UTF-8 are kept as surrogate escapes.
        padded_content_length: spaces around the number of ``content-length`` are ignored.
        unexpected_body: the body of a frame that may not have one is dropped.
        missing_host: CONNECT without ``host`` is accepted in 1.1 and 1.2 (server).
        receipt_on_connect: a ``receipt`` header on CONNECT is not refused, but ignored (server).
        missing_message_headers: a MESSAGE may lack ``destination``, ``message-id`` and ``subscription``, as those of
            simple test doubles do (client). They read as ``""``, ``""`` and ``None``.
        missing_ack: a MESSAGE may lack ``ack`` (1.2) though its subscription is not in mode ``auto`` (client). It
            cannot be acknowledged. ActiveMQ leaves it out of the MESSAGE that ends the browsing of a queue.
        bad_heart_beat: a ``heart-beat`` header that is not two numbers counts as ``0,0``, and is reported by an event.
        late_message_errors: an ERROR that only tells that a message was on its way to a subscription that the client
            has ended does not end the conversation, and is reported by an event. RabbitMQ sends one for each such
            message, after the RECEIPT of UNSUBSCRIBE, and goes on (client).
        nack_in_1_0: NACK, which 1.0 does not have, is read there too; RabbitMQ takes it (server).
        unchecked_conversation: this side may send frames that the conversation forbids, as fuzzers and stomp.py do:
            unknown commands, missing headers, a version that does not exist, a body where none may be, frames in the
            wrong state, an ACK of nothing, an id that is in use or unknown. Each is noted in ``take_broken_rules()`` of
            the connection, and changes what the connection tracks only as far as it makes sense. The bytes stay safe:
            what could be read as another header or frame is still refused. A client also accepts what may be the
            answer: MESSAGE, RECEIPT, CONNECTED and ERROR out of turn, and a version that it did not offer. An ERROR in
            an established connection does not end it, unless the server closes. Not in ``brokers()`` and
            ``permissive()``, since it is not a violation by a peer.

    Raises:
        TypeError: a switch is neither ``True`` nor ``False``.
    """

    crlf: bool = False
    bare_cr: bool = False
    cr_between_frames: bool = False
    nul_between_frames: bool = False
    bad_header_lines: bool = False
    unknown_escapes: bool = False
    cr_escape_in_1_1: bool = False
    escapes_in_1_0: bool = False
    escapes_in_connect: bool = False
    not_utf8: bool = False
    padded_content_length: bool = False
    unexpected_body: bool = False
    missing_host: bool = False
    receipt_on_connect: bool = False
    missing_message_headers: bool = False
    missing_ack: bool = False
    bad_heart_beat: bool = False
    late_message_errors: bool = False
    nack_in_1_0: bool = False
    unchecked_conversation: bool = False

    def __post_init__(self) -> None:
        for name in names_of(self):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise TypeError(f"Leniency.{name} must be True or False, got {shown(value)}")

    @classmethod
    def brokers(cls) -> Leniency:
        """Return the leniency that a client needs to understand RabbitMQ and ActiveMQ."""
        return cls(cr_escape_in_1_1=True, missing_ack=True, late_message_errors=True)

    @classmethod
    def permissive(cls) -> Leniency:
        """Return the leniency that tolerates everything from a peer that needs no guessing.

        All switches are on but ``escapes_in_1_0`` and ``escapes_in_connect``, which may take plain backslashes for
        escapes, and ``unchecked_conversation``.
        """
        return cls(
            crlf=True,
            bare_cr=True,
            cr_between_frames=True,
            nul_between_frames=True,
            bad_header_lines=True,
            unknown_escapes=True,
            cr_escape_in_1_1=True,
            not_utf8=True,
            padded_content_length=True,
            unexpected_body=True,
            missing_host=True,
            receipt_on_connect=True,
            missing_message_headers=True,
            missing_ack=True,
            bad_heart_beat=True,
            late_message_errors=True,
            nack_in_1_0=True,
        )
