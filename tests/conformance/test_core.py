"""Every case of the specifications, played to the parser, the serializer and both state machines."""

from __future__ import annotations

from typing import Any

import pytest

from stomp_core import (
    NEED_DATA,
    ClientConnection,
    Event,
    Frame,
    FrameParser,
    HeartBeat,
    Leniency,
    LocalProtocolError,
    RemoteProtocolError,
)
from stomp_testing.conformance import Case, Outcome, load_requirements, play

from .in_memory import MemoryBroker, MemoryClient

CASES = [case for requirement in load_requirements() for case in requirement.cases]


def cases_of(*roles: str) -> list[Any]:
    return [pytest.param(case, id=case.id) for case in CASES if case.role in roles]


def frame_of(data: dict[str, Any]) -> Frame:
    headers = [(name, value) for name, value in data.get("headers", {}).items() if value is not None]
    return Frame(data["command"], headers, data.get("body", "").encode("latin-1"))


def assert_same(received: Frame, expected: dict[str, Any]) -> None:
    assert received.command == expected["command"]
    for name, value in expected.get("headers", {}).items():
        assert received.headers.get(name) == value
    if "body" in expected:
        assert received.body == expected["body"].encode("latin-1")


def next_frame(parser: FrameParser) -> Frame:
    """Return what the parser returns next, but for heart-beats. It has to be a frame."""
    while isinstance(received := parser.next_frame(), HeartBeat):
        pass
    assert isinstance(received, Frame)
    return received


# ---------------------------------------------------------------------- bytes and frames


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("case", cases_of("parser"))
def test_parser(case: Case, piece: int | None) -> None:
    """A frame behind each case shows that its last frame has ended where it should."""
    parser = FrameParser(None if case.start == "open" else case.version)
    data = b"".join(step.value.encode("latin-1") for step in case.steps if step.kind == "receive")
    if case.steps[-1].kind != "error":
        data += b"ERROR\nmessage:behind\n\n\0"
    for at in range(0, len(data), piece or len(data)):
        parser.receive_data(data[at : at + (piece or len(data))])
    for step in case.steps:
        if step.kind == "event":
            assert_same(next_frame(parser), step.value)
        elif step.kind == "error":
            with pytest.raises(RemoteProtocolError) as error:
                next_frame(parser)
            assert error.value.code == step.value
    if case.steps[-1].kind != "error":
        assert next_frame(parser).headers["message"] == "behind"
        assert parser.next_frame() is NEED_DATA


@pytest.mark.parametrize("case", cases_of("serializer"))
def test_serializer(case: Case) -> None:
    written = b""
    for step in case.steps:
        if step.kind == "writes":
            assert written == step.value.encode("latin-1")
        elif step.refused is None:
            written = frame_of(step.value).to_bytes(case.version)
        else:
            with pytest.raises(LocalProtocolError) as refusal:
                frame_of(step.value).to_bytes(case.version)
            assert refusal.value.code == step.refused


# ---------------------------------------------------------------------- the conversation


def _connected(version: str) -> ClientConnection:
    client = ClientConnection((version,), leniency=Leniency())
    client.connect("/")
    client.receive_data(
        b"CONNECTED\n\n\0" if version == "1.0" else f"CONNECTED\nversion:{version}\n\n\0".encode()
    )
    client.next_event()
    return client


@pytest.mark.parametrize("piece", [None, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("case", cases_of("client-api"))
def test_commands_of_a_client(case: Case, piece: int | None) -> None:
    client = (
        _connected(case.version)
        if case.start == "connected"
        else ClientConnection((case.version,), leniency=Leniency())
    )
    for step in case.steps:
        if step.kind == "receive":
            data = step.value.encode("latin-1")
            for at in range(0, len(data), piece or len(data)):
                client.receive_data(data[at : at + (piece or len(data))])
        elif step.kind == "event":
            event = client.next_event()
            assert isinstance(event, Event)
            assert_same(event.frame, step.value)
        elif step.kind == "error":
            with pytest.raises(RemoteProtocolError) as error:
                client.next_event()
            assert error.value.code == step.value
        elif step.refused is None:
            client.send(frame_of(step.value))
        else:
            with pytest.raises(LocalProtocolError) as refusal:
                client.send(frame_of(step.value))
            assert refusal.value.code == step.refused


@pytest.mark.parametrize("pieces", [False, True], ids=["whole", "bytes"])
@pytest.mark.parametrize("case", cases_of("client", "server"))
def test_conversation(case: Case, pieces: bool) -> None:
    target = MemoryBroker(pieces) if case.role == "server" else MemoryClient(case.version, pieces)
    result = play(case, target)
    assert (result.outcome, result.reason) == (Outcome.PASSED, "")
