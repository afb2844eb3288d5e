"""What a reader forgives. Each forgiven thing is a named switch; none of them moves the end of a frame."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Leniency"]


@dataclass(frozen=True, slots=True)
class Leniency:
    """Named switches for what peers send although the specifications forbid it. Writing is always strict.

    ``Leniency()`` is strict, the default of a server. ``Leniency.brokers()`` is the default of a client: what
    RabbitMQ and ActiveMQ need. ``Leniency.all()`` forgives all that can be forgiven without guessing.

    Attributes:
        crlf: lines may end in CRLF in 1.0 and 1.1 too, where a CR would belong to the value.
        bare_cr: a CR that ends no line is kept as a character of the name or value (1.2).
        cr_between_frames: a CR alone between frames is ignored.
        nul_between_frames: a stray NUL between frames is ignored.
        bad_header_lines: a line without colon or with an empty name is skipped.
        unknown_escapes: escapes that the version does not define are kept literally.
        cr_escape_in_1_1: ``\\r`` is decoded in 1.1 too; RabbitMQ sends it.
        escapes_in_1_0: 1.0 headers are unescaped like those of 1.1; RabbitMQ escapes in every version. Not in
            ``brokers()``, since ActiveMQ does not, and a ``\\`` of 1.0 is a plain character. A name or value with
            a backslash that can be no escape is taken literally.
        escapes_in_connect: CONNECT and STOMP are unescaped although the specification says that they are not;
            both brokers do. What can be no escape is taken literally.
        not_utf8: bytes of a head that are not UTF-8 survive as surrogate escapes.
        padded_content_length: spaces around the number.
        unexpected_body: the body of a frame that may not have one is dropped.
        missing_host: CONNECT without ``host`` is accepted in 1.1 and 1.2 (server).
        receipt_on_connect: a ``receipt`` header on CONNECT is ignored (server).
        missing_message_headers: a MESSAGE may lack ``destination``, ``message-id`` and ``subscription``, as those of
            simple test doubles do (client). They read as ``""``, ``""`` and ``None``.
        bad_heart_beat: a ``heart-beat`` header that makes no sense counts as ``0,0``, and an event says so.
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
    bad_heart_beat: bool = False

    @classmethod
    def brokers(cls) -> Leniency:
        """What a client needs to understand RabbitMQ and ActiveMQ."""
        return cls(cr_escape_in_1_1=True)

    @classmethod
    def all(cls) -> Leniency:
        """Everything that can be forgiven, but for the two switches that read plain backslashes as escapes."""
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
            bad_heart_beat=True,
        )
