"""The player finds what is wrong: each step has implementations that do something else."""

from __future__ import annotations

from typing import Any

import pytest

from stomp_testing.conformance import Case, Outcome, Result, Step, play

CONNECTED = b"CONNECTED\nversion:1.2\n\n\0"
ERROR = b"ERROR\nmessage:no\n\n\0"


class Script:
    """An implementation that sends one chunk for each read. None is silence, and behind the last chunk is the end."""

    def __init__(self, *chunks: bytes | None) -> None:
        self.chunks = list(chunks)
        self.written = b""
        self.closed = False

    def open(self) -> Script:
        return self

    def write(self, data: bytes) -> None:
        self.written += data

    def read(self, seconds: float) -> bytes:
        chunk = self.chunks.pop(0) if self.chunks else b""
        if chunk is None:
            raise TimeoutError
        return chunk

    def wait(self, seconds: float) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def case(*steps: dict[str, Any], role: str = "server", start: str = "open") -> Case:
    made = tuple(Step(kind, value, "a", None) for step in steps for kind, value in step.items())
    return Case("1.2/a/b#server/c", "1.2", "MUST", role, start, made)


def played(script: Script, *steps: dict[str, Any], **options: str) -> Result:
    return play(case(*steps, **options), script)


def assert_failed(result: Result, reason: str) -> None:
    assert (result.outcome, result.reason) == (Outcome.FAILED, reason)


# ---------------------------------------------------------------------- sends


def test_expected_frame_passes() -> None:
    script = Script(b"\n\nRECEIPT\nreceipt-id:1\n\n\0")
    result = played(script, {"sends": {"command": "RECEIPT", "headers": {"receipt-id": "1"}, "body": ""}})
    assert result == Result(result.case, Outcome.PASSED)
    assert script.closed


@pytest.mark.parametrize(
    ("expected", "reason"),
    [
        ({"command": "ERROR"}, "expected ERROR"),
        ({"command": ["ERROR", "MESSAGE"]}, "expected ERROR or MESSAGE"),
        ({"command": "RECEIPT", "headers": {"receipt-id": "2"}}, "expected header receipt-id:2"),
        ({"command": "RECEIPT", "headers": {"receipt-id": None}}, "expected header receipt-id:None"),
        ({"command": "RECEIPT", "headers": {"foo": {}}}, "expected a header foo"),
        (
            {"command": "RECEIPT", "headers": {"receipt-id": {"pattern": "[2-9]"}}},
            "expected header receipt-id like [2-9]",
        ),
        ({"command": "RECEIPT", "body": "x"}, "expected body 'x'"),
    ],
)
def test_another_frame_fails(expected: dict[str, Any], reason: str) -> None:
    result = played(Script(b"RECEIPT\nreceipt-id:1\n\n\0"), {"sends": expected})
    assert_failed(result, f"step 1, sends: {reason}, got RECEIPT [receipt-id:1] ''")


def test_first_value_of_a_header_counts() -> None:
    script = Script(b"RECEIPT\nreceipt-id:1\nreceipt-id:2\n\n\0")
    assert (
        played(script, {"sends": {"command": "RECEIPT", "headers": {"receipt-id": "1"}}}).outcome
        is Outcome.PASSED
    )


def test_escapes_are_compared_as_they_are() -> None:
    script = Script(b"RECEIPT\nreceipt-id:a:b\n\n\0")
    result = played(script, {"sends": {"command": "RECEIPT", "headers": {"receipt-id": "a\\cb"}}})
    assert result.outcome is Outcome.FAILED


def test_frames_in_any_order() -> None:
    receipt, message = {"command": "RECEIPT"}, {"command": "MESSAGE"}
    frames = b"MESSAGE\n\n\0RECEIPT\n\n\0"
    assert played(Script(frames), {"sends": [receipt, message]}).outcome is Outcome.PASSED
    assert played(Script(frames), {"sends": receipt}).outcome is Outcome.FAILED
    assert_failed(
        played(Script(b"MESSAGE\n\n\0MESSAGE\n\n\0"), {"sends": [receipt, message]}),
        "step 1, sends: expected RECEIPT, got MESSAGE [] ''",
    )


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ((None,), "step 1, sends: nothing came"),
        ((b"REC", None), "step 1, sends: nothing came behind b'REC'"),
        ((), "step 1, sends: expected a frame, got the end of the connection"),
        ((b"REC",), "step 1, sends: the end cuts a frame: b'REC'"),
        ((b"A\nno colon\n\n\0",), "NotAFrame: a header line must have a colon, got 'no colon'"),
        ((b"A\ncontent-length:x\n\n\0",), "NotAFrame: content-length must be a number, got 'x'"),
        (
            (b"A\ncontent-length:1\n\nxy\0",),
            "NotAFrame: the octet after a body of 1 octets must be NUL, got 121",
        ),
    ],
)
def test_no_frame_fails(chunks: tuple[bytes | None, ...], reason: str) -> None:
    assert_failed(played(Script(*chunks), {"sends": {"command": "RECEIPT"}}), reason)


def test_content_length_counts() -> None:
    script = Script(b"MESSAGE\ncontent-length:3\n\na\0b\0")
    assert played(script, {"sends": {"command": "MESSAGE", "body": "a\0b"}}).outcome is Outcome.PASSED


def test_value_is_used_later() -> None:
    script = Script(b"MESSAGE\nack:a.b\n\n\0MESSAGE\nack:a.b\n\n\0MESSAGE\nack:acb\n\n\0")
    again = {"sends": {"command": "MESSAGE", "headers": {"ack": {"pattern": "${id}"}}}}
    result = played(
        script,
        {"sends": {"command": "MESSAGE", "headers": {"ack": {"as": "id"}}}},
        {"receive": "ACK\nid:${id}\n\n\0"},
        again,
        again,
    )
    assert script.written == b"ACK\nid:a.b\n\n\0"
    assert_failed(result, "step 4, sends: expected header ack like ${id}, got MESSAGE [ack:acb] ''")


def test_what_is_assumed_and_missing_makes_a_case_not_applicable() -> None:
    result = played(Script(CONNECTED), {"assumes": {"command": "CONNECTED", "headers": {"heart-beat": {}}}})
    assert result.outcome is Outcome.NOT_APPLICABLE


# ---------------------------------------------------------------------- refusals and ends


@pytest.mark.parametrize(
    ("how", "chunks", "reason"),
    [
        ({}, (), ""),
        ({}, (ERROR, None), ""),
        ({}, (b"\n", ERROR), ""),
        ({}, (None,), "nothing came"),
        ({}, (b"RECEIPT\n\n\0",), "expected a refusal, got RECEIPT [] ''"),
        ({"error": True}, (ERROR, None), ""),
        ({"error": True}, (), "expected ERROR, got the end of the connection"),
        ({"closes": True}, (), ""),
        ({"closes": True}, (ERROR,), ""),
        ({"closes": True}, (ERROR, None), "expected the end of the connection behind ERROR: nothing came"),
        (
            {"closes": True},
            (ERROR, b"RECEIPT\n\n\0"),
            "expected the end of the connection behind ERROR: expected the end of the connection, got RECEIPT [] ''",
        ),
    ],
)
def test_refusal_by_a_server(how: dict[str, bool], chunks: tuple[bytes | None, ...], reason: str) -> None:
    result = played(Script(*chunks), {"rejects": how})
    assert result.reason == (f"step 1, rejects: {reason}" if reason else "")


@pytest.mark.parametrize(("chunks", "passed"), [((), True), ((ERROR,), False), ((None,), False)])
def test_refusal_by_a_client_is_the_end(chunks: tuple[bytes | None, ...], passed: bool) -> None:
    result = played(Script(*chunks), {"rejects": {}}, role="client")
    assert (result.outcome is Outcome.PASSED) == passed


@pytest.mark.parametrize(
    ("chunks", "passed"), [((), True), ((b"\n",), True), ((ERROR,), False), ((None,), False)]
)
def test_end(chunks: tuple[bytes | None, ...], passed: bool) -> None:
    assert (played(Script(*chunks), {"closes": True}).outcome is Outcome.PASSED) == passed


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ((b"\n", b"\r\n"), ""),
        ((b"\n", None), "no data came within 1.5 s"),
        ((b"\n", b""), "expected a heart-beat, got the end of the connection"),
        ((b"\n", b"x"), "expected an end-of-line and nothing else, got b'x'"),
        ((b"\n", ERROR), f"expected an end-of-line and nothing else, got {ERROR!r}"),
    ],
)
def test_heart_beats(chunks: tuple[bytes | None, ...], reason: str) -> None:
    result = played(Script(*chunks), {"beats": {"within": 1500, "times": 2}})
    assert result.reason == (f"step 1, beats: {reason}" if reason else "")


# ---------------------------------------------------------------------- the handshake


def test_handshake_with_a_server() -> None:
    script = Script(CONNECTED)
    result = play(case({"receive": "x"}, start="connected"), script, host="h", login="l", passcode="p")
    assert result.outcome is Outcome.PASSED
    assert script.written == b"CONNECT\naccept-version:1.2\nhost:h\nlogin:l\npasscode:p\n\n\0x"


@pytest.mark.parametrize("answer", [b"CONNECTED\nversion:1.1\n\n\0", b"CONNECTED\n\n\0", ERROR])
def test_server_without_the_version_is_not_applicable(answer: bytes) -> None:
    result = played(Script(answer), {"receive": "x"}, start="connected")
    assert result.outcome is Outcome.NOT_APPLICABLE


def test_handshake_with_a_client() -> None:
    script = Script(
        b"STOMP\naccept-version:1.1,1.2\n\n\0", b"SUBSCRIBE\nid:7\ndestination:/queue/a\nreceipt:r\n\n\0"
    )
    step = {"receive": "${subscription} ${destination} ${subscription-line}"}
    assert played(script, step, role="client", start="connected").outcome is Outcome.PASSED
    assert script.written == CONNECTED + b"RECEIPT\nreceipt-id:r\n\n\0" + b"7 /queue/a subscription:7\n"


def test_client_that_does_not_offer_the_version_is_not_applicable() -> None:
    result = played(
        Script(b"CONNECT\naccept-version:1.1\n\n\0"), {"receive": "x"}, role="client", start="connected"
    )
    assert result.outcome is Outcome.NOT_APPLICABLE


def test_refused_connection_fails() -> None:
    class Refusing:
        def open(self) -> Script:
            raise ConnectionRefusedError("no")

    assert_failed(play(case({"receive": "x"}), Refusing()), "ConnectionRefusedError: no")


@pytest.mark.parametrize("role", ["parser", "serializer", "client-api"])
def test_case_of_another_role_is_refused(role: str) -> None:
    with pytest.raises(ValueError, match=f"case must be of role 'server' or 'client', got '{role}'"):
        played(Script(), {"receive": "x"}, role=role)
