"""Script: what the fuzzer sends in one conversation. What has to come back is not in it: the reference tells that.

So a script without one of its steps is a script, too, and its expectations are right: that is what the minimiser needs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from stomp_core import Frame
from stomp_core.wire import escape

from .._conversations import Demand

__all__ = [
    "HEART_BEATS",
    "LEGAL",
    "UNFINISHED",
    "Rule",
    "Script",
    "Send",
    "connect_frame",
    "fill_ids",
    "fill_values",
    "to_bytes",
    "to_text",
]

_ID = re.compile(rb"\{((?:message|ack)-[0-9]+|subscription|destination)\}")
_NEEDS_ANSWERS = re.compile(rb"\{(?:ack|message)-|^(?:UNSUBSCRIBE|DISCONNECT)")
_VALUE = re.compile(rb"\$\{([a-z0-9-]+)\}")


@dataclass(frozen=True, slots=True)
class Rule:
    """The rule that a script breaks, or ``LEGAL``.

    Attributes:
        name: as that of a mutation.
        section: of the specification, by its title.
        demand: what the receiver has to do.
        code: with which a strict implementation refuses it; ``None`` if the bytes alone cannot tell.
    """

    name: str
    section: str
    demand: Demand
    code: str | None = None

    @property
    def must_refuse(self) -> bool:
        """Whether a strict receiver refuses it."""
        return self.demand in (Demand.MUST_REFUSE, Demand.SHOULD_REFUSE)


#: No rule is broken.
LEGAL = Rule("legal", "", Demand.MUST_ACCEPT)
#: The last frame is never finished: the peer waits, and serves others.
UNFINISHED = Rule("unfinished-frame", "Augmented BNF", Demand.MAY_REFUSE)
#: The client wants heart-beats, sends nothing, and looks whether those come that CONNECTED promises.
HEART_BEATS = Rule("promised-heart-beats", "Heart-beating", Demand.MUST_ACCEPT)


@dataclass(frozen=True, slots=True)
class Send:
    """One thing that the fuzzer does.

    Attributes:
        data: the bytes to send, with placeholders: ``${queue}`` and other values that are different in each run, and
            ``{ack-1}`` for what the other side has chosen. ``b""`` closes the connection.
        on: the name of the connection. Its first step opens it.
        wait: seconds of silence before it.
        piece: bytes to write at a time; 0 for all at once.
        joined: do not wait for answers, but send the next one at once, if it can be sent without them.
    """

    data: bytes
    on: str = "a"
    wait: float = 0.0
    piece: int = 0
    joined: bool = False

    def can_follow_at_once(self) -> bool:
        """Whether it can be sent before the answers to earlier ones are there.

        An ACK names what was received. And behind UNSUBSCRIBE, DISCONNECT and the end of the connection a broker
        need not send what it has not sent before.
        """
        return bool(self.data) and not _NEEDS_ANSWERS.search(self.data)

    def as_json(self) -> dict[str, Any]:
        """Return it for :meth:`from_json`, without what has its default."""
        content: dict[str, Any] = {"data": to_text(self.data)}
        for name, default in (("on", "a"), ("wait", 0.0), ("piece", 0), ("joined", False)):
            if getattr(self, name) != default:
                content[name] = getattr(self, name)
        return content

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Send:
        """Read it."""
        return Send(**{**content, "data": to_bytes(content["data"])})


@dataclass(frozen=True, slots=True)
class Script:
    """What the fuzzer sends in one conversation.

    Attributes:
        version: of STOMP.
        sends: in their order.
        rule: the rule that is broken by the last one, or ``LEGAL``.
    """

    version: str
    sends: tuple[Send, ...]
    rule: Rule = LEGAL

    def with_sends(self, sends: tuple[Send, ...]) -> Script:
        """Return it with other steps."""
        return replace(self, sends=sends)

    def legal_part(self, count: int) -> Script:
        """Return its first steps, in front of the one that breaks the rule, as a legal script."""
        return replace(self, sends=self.sends[:count], rule=LEGAL)

    def as_json(self) -> dict[str, Any]:
        """Return it for :meth:`from_json`."""
        return {
            "version": self.version,
            "rule": {
                "name": self.rule.name,
                "section": self.rule.section,
                "demand": str(self.rule.demand),
                "code": self.rule.code,
            },
            "sends": [send.as_json() for send in self.sends],
        }

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Script:
        """Read what :meth:`as_json` has returned.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        rule = content["rule"]
        return Script(
            content["version"],
            tuple(Send.from_json(send) for send in content["sends"]),
            Rule(rule["name"], rule["section"], Demand(rule["demand"]), rule["code"]),
        )


def connect_frame(version: str, *further: tuple[str, str]) -> bytes:
    """Return a CONNECT of one version, with placeholders, and further headers behind them."""
    pairs = [
        ("accept-version", version),
        ("host", "${host}"),
        ("login", "${login}"),
        ("passcode", "${passcode}"),
        *further,
    ]
    return Frame("CONNECT", pairs).to_bytes(version)


def to_text(data: bytes) -> str:
    """Return octets as text with one character for each, as the cases of conformance have them."""
    return data.decode("latin-1")


def to_bytes(text: str) -> bytes:
    """Return the octets of such a text."""
    return text.encode("latin-1")


def fill_values(data: bytes, values: Mapping[str, str]) -> bytes:
    """Replace ``${queue}`` and the like."""
    return _VALUE.sub(
        lambda match: values[name].encode() if (name := match[1].decode()) in values else match[0], data
    )


def fill_ids(data: bytes, ids: Mapping[str, str], version: str) -> bytes:
    """Replace ``{ack-1}`` and the like. One that is not known stays, as a legal value that nobody has chosen.

    Args:
        data: a frame.
        ids: unescaped values by their names.
        version: of the connection.
    """

    def value(match: re.Match[bytes]) -> bytes:
        text = ids.get(match[1].decode())
        if text is None:
            return match[0]
        return (text if version == "1.0" else escape(text, version)).encode()  # type: ignore[arg-type]

    return _ID.sub(value, data)
