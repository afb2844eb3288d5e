"""The cases find faults: a broker and a client that pass all of them get one fault each, and a case fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from stomp_testing.conformance import Channel, Outcome, Target, load_requirements, play

from .in_memory import MemoryBroker, MemoryClient

Change = Callable[[bytes], bytes]
CASES = [case for one in load_requirements() for case in one.cases]


class FaultyLine(NamedTuple):
    """A line that changes what the implementation receives and sends."""

    line: Channel
    receives: Change
    sends: Change

    def write(self, data: bytes) -> None:
        self.line.write(self.receives(data))

    def read(self, seconds: float) -> bytes:
        return self.sends(self.line.read(seconds))

    def wait(self, seconds: float) -> None:
        self.line.wait(seconds)

    def close(self) -> None:
        self.line.close()


class Faulty(NamedTuple):
    """An implementation with a fault."""

    target: Target
    receives: Change
    sends: Change

    def open(self) -> Channel:
        return FaultyLine(self.target.open(), self.receives, self.sends)


def replace(pattern: bytes, text: bytes) -> Change:
    return lambda data: re.sub(pattern, text, data)


def unchanged(data: bytes) -> bytes:
    return data


def failures(role: str, version: str, receives: Change, sends: Change) -> set[str]:
    """Return the names of the requirements whose cases fail."""
    found = set()
    for case in CASES:
        if case.role == role and case.version == version:
            target: Target = MemoryBroker() if role == "server" else MemoryClient(version)
            if play(case, Faulty(target, receives, sends)).outcome is Outcome.FAILED:
                found.add(case.id.partition("#")[0].partition("/")[2])
    return found


@pytest.mark.parametrize(
    ("receives", "sends", "requirement"),
    [
        (unchanged, unchanged, None),
        (unchanged, replace(rb"\\c", b":"), "value-encoding/encode"),
        (unchanged, replace(rb" +\n", b"\n"), "value-encoding/no-padding"),
        (unchanged, replace(rb"\xc3", b"?"), "value-encoding/utf-8"),
        (replace(rb"\\t", b"t"), unchanged, "value-encoding/undefined-escape"),
        (unchanged, replace(rb"content-length:.*\n", b""), "content-length/octets-are-read"),
        (unchanged, replace(b"ERROR\n", b"RECEIPT\n"), "error/close"),
        (unchanged, replace(rb"receipt-id:(.*)\n", b"receipt-id:x\n"), "receipt/receipt-id"),
        (unchanged, replace(rb"message-id:.*\n", b"message-id:1\n"), "message/message-id-and-subscription"),
        (unchanged, replace(rb"subscription:.*\n", b""), "message/message-id-and-subscription"),
        (unchanged, replace(rb"\nack:.*\n", b"\n"), "message/ack"),
        (unchanged, replace(rb"heart-beat:", b"heart-beat:a"), "heart-beat/two-numbers"),
        (replace(rb"ack:client-individual", b"ack:client"), unchanged, "subscribe/individual"),
        (replace(rb"ack:client\n", b"ack:client-individual\n"), unchanged, "subscribe/cumulative"),
        (replace(rb"ack:client\n", b"ack:auto\n"), unchanged, "subscribe/redelivery"),
        (replace(rb"(SEND\n(?:.*\n)*?)transaction:t\n", rb"\1"), unchanged, "begin/atomic"),
        (replace(b"ABORT\n", b"COMMIT\n"), unchanged, "abort/roll-back"),
        (replace(b"STOMP\n", b"ERROR\n"), unchanged, "connect/stomp-frame"),
        (replace(rb"accept-version:9.9", b"accept-version:1.2"), unchanged, "negotiation/nothing-in-common"),
        (replace(rb"UNSUBSCRIBE\nid:0", b"BEGIN\ntransaction:u"), unchanged, "unsubscribe/no-more-messages"),
    ],
)
def test_fault_of_a_broker(receives: Change, sends: Change, requirement: str | None) -> None:
    found = failures("server", "1.2", receives, sends)
    assert requirement in found if requirement else found == set()


@pytest.mark.parametrize(
    ("receives", "sends", "requirement"),
    [
        (unchanged, unchanged, None),
        (replace(rb"\\t", b"t"), unchanged, "value-encoding/undefined-escape"),
        (replace(rb"\\", rb"\\\\"), unchanged, "value-encoding/decode"),
        (replace(rb" +\n", b"\n"), unchanged, "value-encoding/no-padding"),
        (replace(b"foo:World\n|reveal:World\n", b""), unchanged, "repeated-headers/first-value"),
        (unchanged, replace(rb"accept-version:.*\n", b""), "connect/required-headers"),
        (unchanged, replace(rb"host:.*\n", b""), "connect/host"),
        (
            unchanged,
            replace(rb"\Aheart-beat:.*\n|(?<=\n)heart-beat:", b"heart-beat:x"),
            "heart-beat/two-numbers",
        ),
        (unchanged, replace(rb"content-length:.*\n", b""), "send/content-length"),
        (unchanged, replace(rb"ACK\nid:", b"ACK\nid:x"), "ack/id"),
        (unchanged, replace(rb"receipt:bye\n", b""), "disconnect/graceful"),
        (replace(rb"version:9.9", b"version:1.2"), unchanged, "negotiation/highest"),
    ],
)
def test_fault_of_a_client(receives: Change, sends: Change, requirement: str | None) -> None:
    found = failures("client", "1.2", receives, sends)
    assert requirement in found if requirement else found == set()
