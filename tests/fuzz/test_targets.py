"""The targets notice what they are there to notice: bugs planted in the library are found by the corpus alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import stomp_core.protocol._connection as protocol_connection
import stomp_core.protocol._heartbeat as heartbeat
import stomp_core.protocol._tracker as tracker
import stomp_core.session._operations as operations
import stomp_core.session._send_queue as send_queue
import stomp_core.wire._body_reader as body_reader
import stomp_core.wire._frame as frame
import stomp_core.wire._head_reader as head_reader
import stomp_core.wire._parser as parser
import stomp_core.wire._serializer as serializer
from fuzz import CORPUS, NEEDS, TARGETS
from fuzz.choices import Choices
from stomp_core import (
    Begin,
    ClientConnection,
    Headers,
    Limits,
    LocalProtocolError,
    ServerConnection,
    Session,
    Version,
)
from stomp_core.session import NotSent
from stomp_core.wire._spec import undefined_escape
from tests.compiled import python_only

Plant = Callable[[pytest.MonkeyPatch], None]


def _found(name: str) -> list[str]:
    """The inputs of a target's corpus that break a promise now."""
    found = []
    for file in sorted((CORPUS / name).iterdir()):
        try:
            TARGETS[name](file.read_bytes())
        except Exception:
            found.append(file.name)
    return found


def _wrap(owner: Any, name: str, change: Callable[..., Any]) -> Plant:
    """Let ``change(original, *arguments)`` stand in for a function."""
    original = getattr(owner, name)

    def stand_in(*arguments: Any, **keywords: Any) -> Any:
        return change(original, *arguments, **keywords)

    return lambda patch: patch.setattr(owner, name, stand_in)


def _no_body_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Limits, "body_without_length", property(lambda limits: 1 << 40))


PLANTED: list[tuple[str, str, Plant]] = [
    (
        "decoder",
        "undefined escapes are accepted",
        _wrap(head_reader, "undefined_escape", lambda original, *args: None),
    ),
    (
        "decoder",
        "a body without content-length has no limit",
        _no_body_limit,
    ),
    (
        "decoder",
        "the line feed behind a frame counts as a heart-beat",
        _wrap(
            parser.FrameParser,
            "_finish_frame",
            lambda original, self, *args: _forget(original(self, *args), self),
        ),
    ),
    (
        "decoder",
        "a piece of a body is lost",
        _wrap(body_reader.BodyReader, "_keep", lambda original, self, piece: original(self, piece[:200])),
    ),
    (
        "decoder",
        "raw bytes are not those that came",
        lambda patch: patch.setattr(frame.Frame, "raw", property(lambda self: b"SEND\n\n\0")),
    ),
    (
        "serializer",
        "carriage returns go out unescaped in 1.2",
        _wrap(serializer, "escape", lambda original, text, version: original(text, Version.V1_1)),
    ),
    (
        "serializer",
        "nothing is escaped or refused",
        lambda patch: patch.setattr(
            serializer,
            "_escape_headers",
            lambda command, pairs, *_: [f"{name}:{value}" for name, value in pairs],
        ),
    ),
    (
        "serializer",
        "all that needs care is refused",
        lambda patch: patch.setattr(serializer, "_escape_lines", _refuse),
    ),
    (
        "connection",
        "a heart-beat is written and forgotten",
        lambda patch: patch.setattr(heartbeat.HeartBeatClock, "send_deadline", property(lambda clock: 1.0)),
    ),
    (
        "connection",
        "a refused frame is tracked",
        _wrap(
            tracker.ConnectionTracker,
            "check",
            lambda original, self, event: _apply_first(original, self, event),
        ),
    ),
    (
        "connection",
        "an error leaks out of the rules",
        _wrap(tracker.ConnectionTracker, "check", lambda original, self, event: _leak(original, self, event)),
    ),
    (
        "conversation",
        "the server forgets what it delivered",
        lambda patch: patch.setattr(ServerConnection, "_apply_sent", lambda self, event: None),
    ),
    (
        "conversation",
        "the client sends heart-beats too late",
        lambda patch: patch.setattr(
            heartbeat.HeartBeatClock,
            "send_deadline",
            property(
                lambda clock: clock.last_write + 3 * clock.send_interval if clock.send_interval else None
            ),
        ),
    ),
    (
        "conversation",
        "the client uses a version of its own",
        _wrap(ClientConnection, "_set_version", lambda original, self, version: original(self, Version.V1_2)),
    ),
    (
        "session",
        "what was in flight at a loss counts as done",
        lambda patch: patch.setattr(
            operations.Operation, "lost", lambda self, reason, error: self.pending.succeed(None)
        ),
    ),
    (
        "session",
        "what was in flight at a loss counts as not sent",
        lambda patch: patch.setattr(
            operations.Operation, "lost", lambda self, reason, error: self.pending.fail(NotSent("no"))
        ),
    ),
    ("session", "what was in flight at a loss is never settled", lambda patch: _never_ends(patch)),
    (
        "session",
        "what was withdrawn from a lost connection comes back in another order",
        _wrap(
            send_queue.Backlog,
            "add_first",
            lambda original, self, operations: original(self, reversed(list(operations))),
        ),
    ),
    (
        "conversation",
        "both sides negotiate the wrong heart-beats",
        _wrap(protocol_connection, "negotiate", lambda original, mine, theirs: original(theirs, mine)),
    ),
    (
        "headers",
        "of several headers with one name the last one counts",
        lambda patch: patch.setattr(Headers, "_indexed", lambda self: dict(self.pairs)),
    ),
    (
        "twins",
        "a message that is sent again forgets its body",
        _wrap(
            ClientConnection,
            "send_directly",
            lambda original, self, headers, body, now: original(
                self, headers, b"" if body == b"x" else body, now
            ),
        ),
    ),
    (
        "tracking",
        "an ACK covers only what it names",
        _wrap(
            tracker.ConnectionTracker,
            "_acknowledge",
            lambda original, self, event, subscription, ack_id: _acknowledge_one(
                original, self, event, subscription, ack_id
            ),
        ),
    ),
    (
        "growth",
        "each chunk of a line is looked at from its beginning",
        _wrap(
            head_reader.HeadReader,
            "read",
            lambda original, self, *args: (
                undefined_escape(self._partial_line.decode(errors="replace"), {"\\c": ":"}),
                original(self, *args),
            )[1],
        ),
    ),
    (
        "websocket",
        "characters are split",
        lambda patch: patch.setattr(
            "stomp_websocket._layer._split",
            lambda wire, size, text: [wire[at : at + size] for at in range(0, len(wire), size)],
        ),
    ),
    (
        "websocket",
        "a binary message is sent as text",
        lambda patch: patch.setattr("stomp_websocket._layer._is_utf8", lambda wire: True),
    ),
    (
        "peers",
        "undefined escapes are accepted",
        _wrap(head_reader, "undefined_escape", lambda original, *args: None),
    ),
    (
        "session",
        "what has left is sent again",
        _wrap(
            send_queue.SendQueue, "take", lambda original, self, limit: _twice(bytes(original(self, limit)))
        ),
    ),
    (
        "session",
        "reading stops too early",
        lambda patch: patch.setattr(Session, "want_read", property(lambda self: self.connection_number != 1)),
    ),
]


def _acknowledge_one(
    original: Callable[..., None], self: tracker.ConnectionTracker, event: Any, subscription: Any, ack_id: str
) -> None:
    mode, subscription._ack = subscription._ack, "client-individual"
    try:
        original(self, event, subscription, ack_id)
    finally:
        subscription._ack = mode


def _forget(result: object, self: parser.FrameParser) -> object:
    self._after_frame = False
    return result


def _never_ends(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(operations.Operation, "lost", lambda self, reason, error: None)
    patch.setattr(operations.Operation, "timed_out", lambda self, now: None)


def _twice(wire: bytes) -> bytes:
    start = wire.find(b"SEND\n")
    return wire + wire[start:] if start >= 0 else wire


def _refuse(*arguments: object) -> str:
    raise LocalProtocolError("too much work", code="cannot-encode")


def _apply_first(original: Callable[..., None], self: tracker.ConnectionTracker, event: Any) -> None:
    if event.command == "BEGIN":
        self.apply(Begin(f"{event.transaction}{len(self.transactions)}"))
    original(self, event)


def _leak(original: Callable[..., None], self: tracker.ConnectionTracker, event: Any) -> None:
    try:
        original(self, event)
    except tracker.RuleViolation as violation:
        raise KeyError(violation.code) from None


@pytest.mark.parametrize(
    ("name", "plant"), [pytest.param(name, plant, id=f"{name}: {bug}") for name, bug, plant in PLANTED]
)
@python_only("its functions and classes cannot be replaced, so no bug can be planted")
def test_a_planted_bug_is_found(name: str, plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in NEEDS.get(name, ()):
        pytest.importorskip(module)
    with monkeypatch.context() as patch:
        plant(patch)
        found = _found(name)
    assert found


def test_choices_read_an_input_and_then_the_first_options() -> None:
    choices = Choices(b"\x05" + b"\x03abc" + b"\x02\xc3\xa4" + b"\x01\xff" + b"rest")
    assert choices.pick("xyz") == "z"
    assert choices.piece() == b"abc"
    assert choices.text() == "ä"
    assert choices.text() == "\udcff"
    assert choices.left == 4
    assert choices.rest() == b"rest"
    assert (choices.byte(), choices.pick("xyz"), choices.piece(), choices.left) == (0, "x", b"", 0)


def test_a_piece_longer_than_the_rest_ends_with_the_input() -> None:
    choices = Choices(b"\xffab")
    assert choices.piece() == b"ab"
    assert choices.left == 0
