"""LoopEngine: which frames are written at once, and which are collected until the end of a turn of the loop."""

from __future__ import annotations

from functools import partial

import pytest

from stomp_core import Session
from stomp_core.adapter import Command, Dial, Line, LoopEngine, Write


class Engine(LoopEngine):
    """Takes each Write at once, and notes when it is asked to come back at the end of the turn."""

    line: Line

    def __init__(self) -> None:
        super().__init__(Session("stomp://localhost"), lambda: 1.0)
        self.writes: list[bytes] = []
        self.open_turns = 0
        self.poll()
        self.report(self.line.made)
        self.receive(b"CONNECTED\nversion:1.2\n\n\0")
        self.writes.clear()

    def carry_out(self, command: Command) -> None:
        if isinstance(command, Dial):
            self.line = command.line
        elif isinstance(command, Write):
            self.writes.append(bytes(command.data))
            self.open_turns += self.wrote(command.line)

    def poll_soon(self) -> None:
        """Nothing here is done outside of an operation."""

    def receive(self, data: bytes) -> None:
        self.report(self.line.received, data)

    def send(self, body: str, *, receipt: bool = False) -> None:
        self.run(partial(self.session.send, destination="/queue/a", body=body, receipt=receipt))

    def sent(self) -> list[str]:
        """Return the bodies of each Write."""
        writes, self.writes = self.writes, []
        return ["".join(c for c in map(chr, write) if c.isupper() and c not in "SEND") for write in writes]


@pytest.fixture
def engine() -> Engine:
    return Engine()


def test_sends_that_are_confirmed_one_by_one_open_no_turn(engine: Engine) -> None:
    for number, body in enumerate("ABC", 1):
        engine.send(body, receipt=True)
        assert engine.sent() == [body]
        engine.receive(b"RECEIPT\nreceipt-id:auto-%d\n\n\0" % number)
    assert engine.open_turns == 0


def test_sends_that_follow_each_other_are_collected(engine: Engine) -> None:
    for body in "ABCFG":
        engine.send(body)
    assert (engine.sent(), engine.open_turns) == (["A", "B"], 1)
    engine.end_turn(engine.line)
    assert engine.sent() == ["CFG"]


def test_sends_after_one_of_several_receipts_are_collected(engine: Engine) -> None:
    for body in "ABC":
        engine.send(body, receipt=True)
    engine.end_turn(engine.line)
    engine.end_turn(engine.line)
    engine.sent()
    engine.open_turns = 0
    engine.receive(b"RECEIPT\nreceipt-id:auto-1\n\n\0")
    for body in "FGH":
        engine.send(body, receipt=True)
    assert (engine.sent(), engine.open_turns) == (["F"], 1)
    engine.end_turn(engine.line)
    assert engine.sent() == ["GH"]
