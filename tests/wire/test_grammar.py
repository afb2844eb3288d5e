"""The tables of the specifications: which frames there are, what each must carry, which may have a body."""

from __future__ import annotations

import pytest

from stomp_core import Frame, LocalProtocolError
from stomp_core.wire._spec import (
    BODY_COMMANDS,
    CLIENT_COMMANDS,
    COMMANDS,
    HANDSHAKE_COMMANDS,
    REQUIRED_HEADERS,
    SERVER_COMMANDS,
)

from .reading import VERSIONS

# STOMP 1.2, "Frames and Headers", and the corresponding sections of 1.1 and 1.0.
REQUIRED = [
    # (command, 1.0, 1.1, 1.2)
    ("CONNECT", "", "accept-version host", "accept-version host"),
    ("CONNECTED", "", "version", "version"),
    ("SEND", "destination", "destination", "destination"),
    ("SUBSCRIBE", "destination", "destination id", "destination id"),
    ("ACK", "message-id", "message-id subscription", "id"),
    ("BEGIN", "transaction", "transaction", "transaction"),
    ("COMMIT", "transaction", "transaction", "transaction"),
    ("ABORT", "transaction", "transaction", "transaction"),
    ("DISCONNECT", "", "", ""),
    (
        "MESSAGE",
        "destination message-id",
        "destination message-id subscription",
        "destination message-id subscription",
    ),
    ("RECEIPT", "receipt-id", "receipt-id", "receipt-id"),
    ("ERROR", "", "", ""),
]
ROWS = [
    *(
        (command, version, set(names.split()))
        for command, *row in REQUIRED
        for version, names in zip(VERSIONS, row, strict=True)
    ),
    ("UNSUBSCRIBE", "1.1", {"id"}),
    ("UNSUBSCRIBE", "1.2", {"id"}),
    ("STOMP", "1.1", {"accept-version", "host"}),
    ("STOMP", "1.2", {"accept-version", "host"}),
    ("NACK", "1.1", {"message-id", "subscription"}),
    ("NACK", "1.2", {"id"}),
]


def test_the_commands_of_the_client() -> None:
    assert {
        "CONNECT", "STOMP", "SEND", "SUBSCRIBE", "UNSUBSCRIBE", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT", "DISCONNECT",
    } == CLIENT_COMMANDS  # fmt: skip


def test_the_commands_of_the_server() -> None:
    assert {"CONNECTED", "MESSAGE", "RECEIPT", "ERROR"} == SERVER_COMMANDS


def test_the_commands_are_those_of_both() -> None:
    assert set(COMMANDS.values()) == CLIENT_COMMANDS | SERVER_COMMANDS
    assert all(raw == command.encode() for raw, command in COMMANDS.items())


def test_the_frames_of_the_handshake() -> None:
    assert {"CONNECT", "STOMP", "CONNECTED"} == HANDSHAKE_COMMANDS


def test_the_frames_that_may_have_a_body() -> None:
    assert {"SEND", "MESSAGE", "ERROR"} == BODY_COMMANDS


@pytest.mark.parametrize(("command", "version", "names"), ROWS)
def test_each_frame_requires_these_headers_and_no_other(command: str, version: str, names: set[str]) -> None:
    pairs = [(name, "x") for name in sorted(names)]
    assert Frame(command, pairs).to_bytes(version)
    for missing in names:
        with pytest.raises(LocalProtocolError) as info:
            Frame(command, [pair for pair in pairs if pair[0] != missing]).to_bytes(version)
        assert info.value.code == "missing-header"
        assert f"{command} needs a {missing!r} header in STOMP {version}" in str(info.value)
    assert set(REQUIRED_HEADERS[version].get(command, ())) == names


def test_a_required_header_may_be_empty_but_not_of_another_case() -> None:
    assert Frame("BEGIN", {"transaction": ""}).to_bytes("1.2")
    with pytest.raises(LocalProtocolError):
        Frame("BEGIN", {"Transaction": "x"}).to_bytes("1.2")


def test_unsubscribe_of_1_0_requires_an_id_or_a_destination() -> None:
    for name in ("id", "destination"):
        assert Frame("UNSUBSCRIBE", {name: "x"}).to_bytes("1.0")
        assert Frame("UNSUBSCRIBE", [("a", "b"), (name, "x")]).to_bytes("1.0")
    for pairs in ([], [("subscription", "x")]):
        with pytest.raises(LocalProtocolError, match="'id' or a 'destination'") as info:
            Frame("UNSUBSCRIBE", pairs).to_bytes("1.0")
        assert info.value.code == "missing-header"
    with pytest.raises(LocalProtocolError):
        Frame("UNSUBSCRIBE", {"destination": "x"}).to_bytes("1.1")


@pytest.mark.parametrize("value", ["7", "a:b\n"])
def test_nack_exists_from_1_1_on(value: str) -> None:
    for version in ("1.1", "1.2"):
        assert Frame("NACK", {"message-id": value, "subscription": "0", "id": "7"}).to_bytes(version)


@pytest.mark.parametrize("value", ["h", "a:b"])
def test_stomp_exists_from_1_1_on(value: str) -> None:
    """Servers of 1.0 know only CONNECT (STOMP 1.2, "CONNECT or STOMP Frame")."""
    frame = Frame("STOMP", {"accept-version": "1.0", "host": value})
    for version in ("1.1", "1.2"):
        assert frame.to_bytes(version)
    with pytest.raises(LocalProtocolError, match="send CONNECT") as info:
        frame.to_bytes("1.0")
    assert info.value.code == "not-in-version"


def test_nack_does_not_exist_in_1_0() -> None:
    with pytest.raises(LocalProtocolError) as info:
        Frame("NACK", {"message-id": "7", "subscription": "0", "id": "7"}).to_bytes("1.0")
    assert info.value.code == "not-in-version"
