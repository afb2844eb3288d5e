"""Options of the parser: size limits, and which violations of the specification it tolerates."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Leniency", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds on what is read; each is checked while bytes come in, before memory is spent.

    STOMP 1.2, "Size Limits", lets a server refuse what is too large; a client needs the same protection.
    All sizes are bytes on the wire. For comparison: ActiveMQ takes header lines of 10 KiB, 1,000 headers
    and bodies of 100 MiB, RabbitMQ bodies of 128 MiB.

    Attributes:
        max_command: the command line, without its line feed.
        max_header_line: one header line, without its line feed.
        max_headers: the number of header lines in one frame.
        max_head: command line, header lines and the blank line together.
        max_body: a body whose length ``content-length`` announces.
        max_unterminated: a body without ``content-length`` that still has not met its NUL; there the peer never
            said how much would come. ``None`` means the same as ``max_body``.
    """

    max_command: int = 64
    max_header_line: int = 64 * 1024
    max_headers: int = 1_000
    max_head: int = 256 * 1024
    max_body: int = 128 * 1024 * 1024
    max_unterminated: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name == "max_unterminated":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"Limits.{field.name} must be a number of at least 0, not {value!r}")

    @property
    def body_without_length(self) -> int:
        """The limit in force for a body without ``content-length``, in bytes."""
        return self.max_body if self.max_unterminated is None else min(self.max_unterminated, self.max_body)


@dataclass(frozen=True, slots=True)
class Leniency:
    """Named switches for what peers send although the specifications forbid it. Writing is always strict.

    ``Leniency()`` is strict, the default of a server. ``Leniency.brokers()`` is the default of a client: what
    RabbitMQ and ActiveMQ need. ``Leniency.permissive()`` forgives all that can be forgiven without guessing.

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
    def permissive(cls) -> Leniency:
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
