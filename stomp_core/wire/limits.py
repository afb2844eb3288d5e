"""How much a peer may make us remember."""

from __future__ import annotations

from dataclasses import dataclass, fields

__all__ = ["Limits"]


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
