"""CONNECT and CONNECTED frames that cannot be answered, and some that only look like that."""

from __future__ import annotations

from stomp_core import ErrorCode, Frame

from ._actions import connect_frame, connected_frame
from ._builder import Builder
from ._choices import Choices
from ._conversation import Mutation
from ._model import ALL, ESCAPING, Demand, Kind, Role
from ._rules import Apply, insert_line, replace_command, without_header

__all__ = ["HANDSHAKE_MUTATIONS"]

_HEART_BEATS = ("x", "", "1", "1,", "1,2,3", "-1,0", "0,x", "0.5,0", "1;1")


def _offer(builder: Builder, choices: Choices) -> Frame:
    """Return a CONNECT that offers this version only."""
    connect = connect_frame(builder, choices)
    if builder.version == "1.0":
        return connect
    others = connect.headers.without("accept-version").items()
    return Frame("CONNECT", [("accept-version", builder.version), *others])


# ---------------------------------------------------------------------- CONNECT


def _connect_with(*lines: bytes, without: str | None = None, body: bytes = b"") -> Apply:
    """Return a mutation that sends CONNECT with one of these lines, without a header, or with a body."""

    def apply(builder: Builder, choices: Choices) -> None:
        frame = _offer(builder, choices)
        data = frame.to_bytes(builder.version)[:-1] + body + b"\0"
        if without is not None:
            data = without_header(data, without)
        if lines:
            data = insert_line(data, choices.pick(lines))
        builder.violate(frame, data=data)

    return apply


def _connect_with_accepted(edit: Apply) -> Apply:
    """Return a mutation that sends an unusual CONNECT, and is answered."""

    def apply(builder: Builder, choices: Choices) -> None:
        edit(builder, choices)
        builder.add("server", Frame("CONNECTED", [("version", builder.version)]))
        builder.connected = True

    return apply


def _unknown_versions_too(builder: Builder, choices: Choices) -> None:
    frame = _offer(builder, choices)
    offer = choices.pick((f"{builder.version},9.9", f"0.9,{builder.version},2.0", f"9.9,{builder.version}"))
    data = without_header(frame.to_bytes(builder.version), "accept-version")
    builder.violate(frame, data=insert_line(data, f"accept-version:{offer}".encode()))


def _stomp_instead_of_connect(builder: Builder, choices: Choices) -> None:
    frame = _offer(builder, choices)
    builder.violate(frame, data=replace_command(frame.to_bytes(builder.version), b"STOMP"))


# ---------------------------------------------------------------------- CONNECTED


def _connected_with(*lines: bytes, without: str | None = None, body: bytes = b"") -> Apply:
    """Return a mutation that sends CONNECTED with one of these lines, without a header, or with a body."""

    def apply(builder: Builder, choices: Choices) -> None:
        connect = _offer(builder, choices)
        builder.add("client", connect)
        frame = connected_frame(builder, choices, connect)
        data = frame.to_bytes(builder.version)[:-1] + body + b"\0"
        if without is not None:
            data = without_header(data, without)
        if lines:
            data = insert_line(data, choices.pick(lines))
        builder.violate(frame, data=data)

    return apply


def _of(
    name: str,
    section: str,
    demand: Demand,
    code: ErrorCode | None,
    role: Role,
    apply: Apply,
    versions: tuple[str, ...] = ESCAPING,
) -> Mutation:
    return Mutation(name, Kind.STATE, (role,), versions, section, demand, code, apply, at_start=True)


_CODE, _SHOULD = ErrorCode, Demand.SHOULD_REFUSE
_BAD_HEART_BEATS = [f"heart-beat:{value}".encode() for value in _HEART_BEATS]

HANDSHAKE_MUTATIONS = (
    _of("no-version-in-common", "Protocol Negotiation", Demand.MUST_REFUSE, _CODE.VERSION_NOT_SHARED, "server",
        _connect_with(b"accept-version:9.9", b"accept-version:", b"accept-version:1", b"accept-version:v1.2")),
    _of("connect-without-host", "CONNECT or STOMP Frame", _SHOULD, _CODE.MISSING_HEADER, "server",
        _connect_with(without="host")),
    _of("connect-with-bad-heart-beat", "Heart-beating", _SHOULD, _CODE.BAD_HEART_BEAT, "server",
        _connect_with(*_BAD_HEART_BEATS)),
    _of("connect-with-body", "Body", _SHOULD, _CODE.BODY_NOT_ALLOWED, "server", _connect_with(body=b"x")),
    _of("connect-with-receipt", "Header receipt", _SHOULD, _CODE.HEADER_NOT_ALLOWED, "server",
        _connect_with(b"receipt:1"), ALL),
    _of("unknown-versions-offered", "Protocol Negotiation", Demand.MUST_ACCEPT, None, "server",
        _connect_with_accepted(_unknown_versions_too)),
    _of("stomp-instead-of-connect", "CONNECT or STOMP Frame", Demand.MUST_ACCEPT, None, "server",
        _connect_with_accepted(_stomp_instead_of_connect)),
    _of("connect-with-backslash", "Value Encoding", Demand.MUST_ACCEPT, None, "server",
        _connect_with_accepted(_connect_with(b"x:\\t", b"x:\\", b"x:a:b")), ("1.2",)),
    _of("version-not-offered", "Protocol Negotiation", _SHOULD, _CODE.VERSION_NOT_OFFERED, "client",
        _connected_with(b"version:9.9", b"version:", b"version:1.0", b"version:1.2.0")),
    _of("connected-without-version", "CONNECTED Frame", _SHOULD, _CODE.VERSION_NOT_OFFERED, "client",
        _connected_with(without="version")),
    _of("connected-with-bad-heart-beat", "Heart-beating", _SHOULD, _CODE.BAD_HEART_BEAT, "client",
        _connected_with(*_BAD_HEART_BEATS)),
    _of("connected-with-body", "Body", _SHOULD, _CODE.BODY_NOT_ALLOWED, "client", _connected_with(body=b"x")),
)  # fmt: skip
