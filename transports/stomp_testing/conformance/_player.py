"""Play a case: send what its steps send, and compare what comes back.

The same code plays a case to a broker, to a client, and, in the tests of this project, to the state machines in memory.
What differs between them is the :class:`Channel`. README.md beside this module has the meaning of each step.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

from ._channels import Channel
from ._frame_reader import FrameReader, NotAFrame, WireFrame
from ._requirements import Case, Step

__all__ = ["Outcome", "Result", "Target", "play"]

_PLACEHOLDER = re.compile(r"\$\{([a-z0-9-]+)\}")
#: Client frames whose receipts the player sends by itself: whether a client asks for them is not what is tested.
_CONFIRMED = ("SUBSCRIBE", "SEND", "ACK", "NACK", "BEGIN", "COMMIT", "ABORT", "UNSUBSCRIBE")


class Outcome(StrEnum):
    """What became of a case.

    Attributes:
        PASSED: the implementation did what the specification demands.
        FAILED: it did something else.
        NOT_APPLICABLE: it does not have what the case needs.
    """

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


class Result(NamedTuple):
    """The result of one case.

    Attributes:
        case: the case.
        outcome: what became of it.
        reason: why it was not passed; ``""`` if it was.
    """

    case: Case
    outcome: Outcome
    reason: str = ""


class Target(Protocol):
    """The implementation under test."""

    def open(self) -> Channel:
        """Open a connection between it and the player, or wait until a client opens it.

        Returns:
            The connection.

        Raises:
            OSError: there is no connection.
        """
        ...


class _Failure(Exception):
    """A step has failed."""


class _NotApplicable(Exception):
    """The implementation does not have what the case needs."""


def play(
    case: Case,
    target: Target,
    *,
    timeout: float = 5.0,
    host: str = "/",
    login: str = "guest",
    passcode: str = "guest",
    destination: str = "/queue/conformance-",
) -> Result:
    """Play one case of the role ``server`` or ``client``.

    Args:
        case: a case of role ``server`` if the target is a server, and of role ``client`` if it is a client.
        target: the implementation under test.
        timeout: seconds to wait for each frame.
        host: the virtual host in CONNECT.
        login: the login in CONNECT.
        passcode: the passcode in CONNECT.
        destination: what the destinations of a case begin with; a unique text is put behind it.

    Returns:
        The result. Nothing that the target does is raised.

    Raises:
        ValueError: the case is of another role.
    """
    if case.role not in ("server", "client"):
        raise ValueError(f"case must be of role 'server' or 'client', got {case.role!r}")
    values = {
        "host": host,
        "login": login,
        "passcode": passcode,
        "queue": f"{destination}{uuid.uuid4().hex}",
        "other-queue": f"{destination}{uuid.uuid4().hex}",
    }
    player = _Player(case, target, timeout, values)
    try:
        player.play()
    except _Failure as failure:
        return Result(case, Outcome.FAILED, str(failure))
    except (NotAFrame, OSError) as error:
        return Result(case, Outcome.FAILED, f"{type(error).__name__}: {error}")
    except _NotApplicable as reason:
        return Result(case, Outcome.NOT_APPLICABLE, str(reason))
    finally:
        player.close()
    return Result(case, Outcome.PASSED)


class _Player:
    """The connections and the values of one case while it is played."""

    def __init__(self, case: Case, target: Target, timeout: float, values: dict[str, str]) -> None:
        self._case = case
        self._target = target
        self._timeout = timeout
        self._values = values
        self._peers: dict[str, _Peer] = {}
        self._steps: dict[str, Callable[[_Peer, Any], None]] = {
            "receive": self._receive,
            "sends": self._sends,
            "assumes": self._assumes,
            "rejects": self._rejects,
            "closes": self._closes,
            "beats": self._beats,
            "wait": lambda peer, milliseconds: peer.line.wait(milliseconds / 1000),
            "close": lambda peer, _: peer.line.close(),
        }

    def play(self) -> None:
        for number, step in enumerate(self._case.steps, 1):
            try:
                self._steps[step.kind](self._peer(step), step.value)
            except _Failure as failure:
                raise _Failure(f"step {number}, {step.kind}: {failure}") from None

    def close(self) -> None:
        for peer in self._peers.values():
            peer.line.close()

    def _peer(self, step: Step) -> _Peer:
        """Return the connection of a step. Its first step opens it."""
        peer = self._peers.get(step.on)
        if peer is None:
            peer = self._peers[step.on] = _Peer(self._target.open(), self._timeout)
            if self._case.start == "connected":
                if self._case.role == "server":
                    self._connect_to_server(peer)
                else:
                    self._accept_client(peer)
        return peer

    # ------------------------------------------------------------------ the handshake before the steps

    def _connect_to_server(self, peer: _Peer) -> None:
        version = self._case.version
        offer = "" if version == "1.0" else f"accept-version:{version}\n"
        peer.write(
            self._filled(f"CONNECT\n{offer}host:${{host}}\nlogin:${{login}}\npasscode:${{passcode}}\n\n\0")
        )
        answer = peer.frame()
        chosen = answer.header("version") or "1.0"
        if answer.command != "CONNECTED" or chosen != version:
            raise _NotApplicable(f"does not connect in version {version}: {answer}")

    def _accept_client(self, peer: _Peer) -> None:
        version = self._case.version
        connect = peer.frame()
        offered = (connect.header("accept-version") or "1.0").split(",")
        if connect.command not in ("CONNECT", "STOMP") or version not in offered:
            raise _NotApplicable(f"does not offer version {version}: {connect}")
        header = "session:1" if version == "1.0" else f"version:{version}"
        peer.write(f"CONNECTED\n{header}\n\n\0")
        subscribe = peer.frame()
        if subscribe.command != "SUBSCRIBE":
            raise _Failure(f"expected SUBSCRIBE behind CONNECTED, got {subscribe}")
        subscription = subscribe.header("id")
        self._values["subscription"] = subscription or ""
        self._values["subscription-line"] = "" if subscription is None else f"subscription:{subscription}\n"
        self._values["destination"] = subscribe.header("destination") or ""
        self._confirm(peer, subscribe)

    def _confirm(self, peer: _Peer, frame: WireFrame) -> None:
        receipt = frame.header("receipt")
        if self._case.role == "client" and frame.command in _CONFIRMED and receipt is not None:
            peer.write(f"RECEIPT\nreceipt-id:{receipt}\n\n\0")

    # ------------------------------------------------------------------ the steps

    def _receive(self, peer: _Peer, text: str) -> None:
        peer.write(self._filled(text))

    def _sends(self, peer: _Peer, expected: Any) -> None:
        wanted = list(expected) if isinstance(expected, list) else [expected]
        while wanted:
            frame = peer.frame()
            self._confirm(peer, frame)
            if self._case.role == "client" and frame.command == "UNSUBSCRIBE":
                continue  # some libraries send it before DISCONNECT, which is no fault
            reasons = []
            for each in wanted:
                reason = self._mismatch(frame, each)
                if reason is None:
                    wanted.remove(each)
                    break
                reasons.append(reason)
            else:
                raise _Failure("; ".join(reasons))

    def _assumes(self, peer: _Peer, expected: Any) -> None:
        try:
            self._sends(peer, expected)
        except _Failure as failure:
            raise _NotApplicable(str(failure)) from None

    def _rejects(self, peer: _Peer, expected: dict[str, Any]) -> None:
        """It refuses what it received: a client closes, a server sends ERROR or closes, or both.

        A MESSAGE may have been on its way. A client may send DISCONNECT first.
        """
        while (frame := peer.frame_or_end()) is not None and frame.command == "MESSAGE":
            pass
        if frame is None:
            if expected.get("error"):
                raise _Failure("expected ERROR, got the end of the connection")
            return
        if self._case.role == "client" and frame.command == "DISCONNECT":
            self._closes(peer, True)
            return
        if self._case.role != "server" or frame.command != "ERROR":
            raise _Failure(f"expected a refusal, got {frame}")
        if expected.get("closes"):
            try:
                self._closes(peer, True)
            except _Failure as failure:
                raise _Failure(f"expected the end of the connection behind ERROR: {failure}") from None

    def _closes(self, peer: _Peer, _: object) -> None:
        frame = peer.frame_or_end()
        if frame is not None:
            raise _Failure(f"expected the end of the connection, got {frame}")

    def _beats(self, peer: _Peer, expected: dict[str, Any]) -> None:
        """It sends data, and if it is no frame, end-of-lines alone."""
        for _ in range(expected.get("times", 1)):
            peer.heart_beat(expected["within"] / 1000)

    # ------------------------------------------------------------------ comparing

    def _filled(self, text: str) -> str:
        return _PLACEHOLDER.sub(lambda match: self._values[match[1]], text)

    def _mismatch(self, frame: WireFrame, expected: dict[str, Any]) -> str | None:
        """Return why a frame is not the expected one; ``None``, and its values are kept, if it is."""
        commands = expected["command"]
        if frame.command not in ([commands] if isinstance(commands, str) else commands):
            return f"expected {commands if isinstance(commands, str) else ' or '.join(commands)}, got {frame}"
        captured = {}
        for name, wanted in expected.get("headers", {}).items():
            value = frame.header(name)
            if wanted is None or isinstance(wanted, str):
                if value != (wanted if wanted is None else self._filled(wanted)):
                    return f"expected header {name}:{wanted}, got {frame}"
                continue
            if value is None:
                if wanted.get("optional"):
                    continue
                return f"expected a header {name}, got {frame}"
            pattern = _PLACEHOLDER.sub(
                lambda match: re.escape(self._values[match[1]]), wanted.get("pattern", "(?s:.*)")
            )
            if not re.fullmatch(pattern, value):
                return f"expected header {name} like {wanted['pattern']}, got {frame}"
            if "as" in wanted:
                captured[wanted["as"]] = value
        body = expected.get("body")
        if body is not None and frame.body != self._filled(body):
            return f"expected body {body[:80]!r}, got {frame}"
        self._values |= captured
        return None


class _Peer:
    """One connection to the implementation under test."""

    def __init__(self, line: Channel, timeout: float) -> None:
        self.line = line
        self._timeout = timeout
        self._reader = FrameReader()

    def write(self, text: str) -> None:
        self.line.write(text.encode("latin-1"))

    def frame(self) -> WireFrame:
        """Return the next frame.

        Raises:
            _Failure: the connection ends instead, or nothing comes.
        """
        frame = self.frame_or_end()
        if frame is None:
            raise _Failure("expected a frame, got the end of the connection")
        return frame

    def frame_or_end(self) -> WireFrame | None:
        """Return the next frame; ``None`` if the connection ends instead.

        Raises:
            _Failure: nothing comes, or a part of a frame only.
        """
        while (frame := self._reader.next_frame()) is None:
            try:
                data = self.line.read(self._timeout)
            except TimeoutError:
                partial = self._reader.partial
                raise _Failure(f"nothing came{f' behind {partial[:80]!r}' if partial else ''}") from None
            if not data:
                if self._reader.partial:
                    raise _Failure(f"the end cuts a frame: {self._reader.partial[:80]!r}")
                return None
            self._reader.feed(data)
        return frame

    def heart_beat(self, seconds: float) -> None:
        """Wait for end-of-lines, within so many seconds."""
        before = self._reader.heart_beats
        try:
            data = self.line.read(seconds)
        except TimeoutError:
            raise _Failure(f"no data came within {seconds:g} s") from None
        self._reader.feed(data)
        if not data:
            raise _Failure("expected a heart-beat, got the end of the connection")
        frame = self._reader.next_frame()
        if frame is not None or self._reader.partial or self._reader.heart_beats == before:
            raise _Failure(f"expected an end-of-line and nothing else, got {data!r}")
