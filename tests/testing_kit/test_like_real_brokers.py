"""The embedded broker answers as the real broker does whose flavour it has: the same literal frames to both.

The embedded broker is asked first. It answers at once, so that what it sends before the answer to a later frame is all
that it sends. From the real one as many frames are awaited, and then the same outcome: an answer to one frame more, or
the end of the connection. No test waits for silence.
"""

from __future__ import annotations

import re
import socket
import uuid
from collections.abc import Iterator
from typing import Self

import pytest

from stomp_testing import Broker as Embedded

from ..brokers import Broker
from ..waiting import HANGS

LOGIN = "login:admin\npasscode:password\n"
CONNECT = f"CONNECT\naccept-version:{{version}}\nhost:/\n{LOGIN}\n"
BOTH = ("1.0", "1.1", "1.2")

HANDSHAKES = {
    "1.0": CONNECT.format(version="1.0"),
    "1.1": CONNECT.format(version="1.1"),
    "1.2": CONNECT.format(version="1.2"),
    "no accept-version": f"CONNECT\n{LOGIN}\n",
    "STOMP": f"STOMP\naccept-version:1.1,1.2\nhost:/\n{LOGIN}\n",
    "no host": f"CONNECT\naccept-version:1.2\n{LOGIN}\n",
    "an unknown host": f"CONNECT\naccept-version:1.2\nhost:nowhere\n{LOGIN}\n",
    "an empty host": f"CONNECT\naccept-version:1.2\nhost:\n{LOGIN}\n",
    "a wrong passcode": "CONNECT\naccept-version:1.2\nhost:/\nlogin:admin\npasscode:x\n\n",
    "an unknown login": "CONNECT\naccept-version:1.2\nhost:/\nlogin:nobody\npasscode:x\n\n",
    "a login alone": "CONNECT\naccept-version:1.2\nhost:/\nlogin:admin\n\n",
    "an unknown host and a wrong passcode": "CONNECT\naccept-version:1.2\nhost:no\nlogin:admin\npasscode:x\n\n",
    "an unknown version": f"CONNECT\naccept-version:1.3\nhost:/\n{LOGIN}\n",
    "a receipt": f"CONNECT\naccept-version:1.2\nhost:/\nreceipt:c\n{LOGIN}\n",
    "heart-beats": f"CONNECT\naccept-version:1.2\nhost:/\nheart-beat:60000,60000\n{LOGIN}\n",
    "heart-beats in no whole seconds": f"CONNECT\naccept-version:1.2\nhost:/\nheart-beat:1999,61500\n{LOGIN}\n",
    "heart-beats of less than a second": f"CONNECT\naccept-version:1.2\nhost:/\nheart-beat:500,0\n{LOGIN}\n",
    "SEND in place of CONNECT": "SEND\ndestination:/queue/a\nreceipt:r\n\nx",
}

SUBSCRIBE = "SUBSCRIBE\nid:1\ndestination:{q}\nack:client-individual\nreceipt:sub\n\n"
SEND = "SEND\ndestination:{q}\n\na"
ACK = "ACK\nid:{ack}\nreceipt:k\n\n"
OLD_ACK = "ACK\nmessage-id:{message-id}\nsubscription:1\nreceipt:k\n\n"

CONVERSATIONS: dict[str, tuple[str, list[str]]] = {
    **{
        f"a message in {version}": (
            version,
            [
                "SUBSCRIBE\nid:1\ndestination:{q}\nack:client\nreceipt:s\n\n",
                "SEND\ndestination:{q}\nfoo:a\nreceipt:r\ncontent-type:text/plain\nx:1\nx:2\n\nhello",
                "SEND\ndestination:{q}\ncontent-length:3\n\na\0b",
                "SEND\ndestination:{q}\n\n",
            ],
        )
        for version in BOTH
    },
    "a persistent message": ("1.2", [SUBSCRIBE, "SEND\ndestination:{q}\npersistent:true\nfoo:b\n\nx"]),
    "a message that is not persistent": ("1.2", [SUBSCRIBE, "SEND\ndestination:{q}\npersistent:false\n\nx"]),
    "a message to a topic": (
        "1.2",
        ["SUBSCRIBE\nid:1\ndestination:/topic/{q0}\nreceipt:sub\n\n", "SEND\ndestination:/topic/{q0}\n\na"],
    ),
    "SUBSCRIBE without id in 1.0": (
        "1.0",
        [
            "SUBSCRIBE\ndestination:{q}\nack:client\nreceipt:sub\n\n",
            SEND,
            "UNSUBSCRIBE\ndestination:{q}\nreceipt:u\n\n",
        ],
    ),
    "SUBSCRIBE without id in 1.2": ("1.2", ["SUBSCRIBE\ndestination:{q}\nreceipt:r\n\n"]),
    "a bare name": ("1.2", ["SUBSCRIBE\nid:1\ndestination:{q0}\nreceipt:sub\n\n", "SEND\ndestination:{q0}\n\na", SEND]),
    "a message of a transaction": (
        "1.2",
        [
            SUBSCRIBE,
            "BEGIN\ntransaction:t\n\n",
            "SEND\ndestination:{q}\ntransaction:t\n\na",
            "COMMIT\ntransaction:t\n\n",
        ],
    ),
    "receipts of a transaction": (
        "1.2",
        [
            "BEGIN\ntransaction:t\nreceipt:b\n\n",
            "SEND\ndestination:{q}\ntransaction:t\nreceipt:s\n\nx",
            "COMMIT\ntransaction:t\nreceipt:c\n\n",
        ],
    ),
    "receipts of an aborted transaction": (
        "1.2",
        [
            "BEGIN\ntransaction:t\nreceipt:b\n\n",
            "SEND\ndestination:{q}\ntransaction:t\nreceipt:s\n\nx",
            "ABORT\ntransaction:t\nreceipt:c\n\n",
        ],
    ),
    "an empty receipt": ("1.2", ["SEND\ndestination:{q}\nreceipt:\n\nx"]),
    "a body of SUBSCRIBE": ("1.2", ["SUBSCRIBE\nid:1\ndestination:{q}\nreceipt:r\n\nbody"]),
    "SEND with an empty destination": ("1.2", ["SEND\ndestination:\nreceipt:r\n\nx"]),
    "SEND without destination": ("1.2", ["SEND\nreceipt:r\n\nx"]),
    "SEND without destination in 1.0": ("1.0", ["SEND\nreceipt:r\n\nx"]),
    "SEND to an unknown kind": ("1.2", ["SEND\ndestination:/nope/{q0}\nreceipt:r\n\nx"]),
    "SEND to an unknown exchange": ("1.2", ["SEND\ndestination:/exchange/{q0}/key\nreceipt:r\n\nx"]),
    "SEND to a queue without name": ("1.2", ["SEND\ndestination:/queue/\nreceipt:r\n\nx"]),
    "SEND to a queue with a slash": ("1.2", ["SEND\ndestination:{q}/b\nreceipt:r\n\nx"]),
    "SEND to a topic with a slash": ("1.2", ["SEND\ndestination:/topic/a/b\nreceipt:r\n\nx"]),
    "SEND with an expiry that is no number": (
        "1.2",
        ["SEND\ndestination:{q}\nexpiration:x\nexpires:x\nreceipt:r\n\nx"],
    ),
    "SUBSCRIBE with an empty destination": ("1.2", ["SUBSCRIBE\nid:1\ndestination:\nreceipt:r\n\n"]),
    "SUBSCRIBE without destination": ("1.2", ["SUBSCRIBE\nid:1\nreceipt:r\n\n"]),
    "SUBSCRIBE to an unknown kind": ("1.2", ["SUBSCRIBE\nid:1\ndestination:/nope/{q0}\nreceipt:r\n\n"]),
    "SUBSCRIBE to an unknown exchange": (
        "1.2",
        ["SUBSCRIBE\nid:1\ndestination:/exchange/{q0}/key\nreceipt:r\n\n"],
    ),
    "SUBSCRIBE to RabbitMQ's topic exchange": (
        "1.2",
        [
            "SUBSCRIBE\nid:1\ndestination:/exchange/amq.topic/{q0}\nreceipt:r\n\n",
            "SEND\ndestination:/exchange/amq.topic/{q0}\n\nx",
        ],
    ),
    "SUBSCRIBE with an unknown ack mode": ("1.2", ["SUBSCRIBE\nid:1\ndestination:{q}\nack:nope\nreceipt:r\n\n", SEND]),
    "SUBSCRIBE with a prefetch that is no number": (
        "1.2",
        ["SUBSCRIBE\nid:1\ndestination:{q}\nprefetch-count:x\nactivemq.prefetchSize:x\nreceipt:r\n\n"],
    ),
    "a second SUBSCRIBE with the same id": (
        "1.2",
        [SUBSCRIBE, "SUBSCRIBE\nid:1\ndestination:{q}2\nreceipt:r\n\n", SEND],
    ),
    "a prefetch of 1": (
        "1.2",
        [
            "SUBSCRIBE\nid:1\ndestination:{q}\nack:client-individual\nprefetch-count:1\nactivemq.prefetchSize:1\nreceipt:sub\n\n",
            SEND,
            SEND,
            ACK,
        ],
    ),
    "a prefetch of 0": (
        "1.2",
        [
            "SUBSCRIBE\nid:1\ndestination:{q}\nack:client\nprefetch-count:0\nactivemq.prefetchSize:0\nreceipt:r\n\n",
            SEND,
        ],
    ),
    "UNSUBSCRIBE of an unknown id": ("1.2", ["UNSUBSCRIBE\nid:9\nreceipt:r\n\n"]),
    "UNSUBSCRIBE without id": ("1.2", ["UNSUBSCRIBE\nreceipt:r\n\n"]),
    "UNSUBSCRIBE by destination": ("1.2", [SUBSCRIBE, "UNSUBSCRIBE\ndestination:{q}\nreceipt:r\n\n"]),
    "unacknowledged messages after UNSUBSCRIBE": (
        "1.2",
        [SUBSCRIBE, SEND, "UNSUBSCRIBE\nid:1\nreceipt:u\n\n", "SUBSCRIBE\nid:2\ndestination:{q}\nreceipt:r\n\n"],
    ),
    "ACK": ("1.2", [SUBSCRIBE, SEND, ACK]),
    "a second ACK": ("1.2", [SUBSCRIBE, SEND, ACK, ACK]),
    "a second ACK in 1.0": (
        "1.0",
        [SUBSCRIBE, SEND, "ACK\nmessage-id:{message-id}\nreceipt:k\n\n", "ACK\nmessage-id:{message-id}\nreceipt:k\n\n"],
    ),
    "ACK of an unknown id": ("1.2", ["ACK\nid:9\nreceipt:r\n\n"]),
    "ACK of an unknown id in 1.1": ("1.1", ["ACK\nmessage-id:9\nsubscription:1\nreceipt:r\n\n"]),
    "ACK of an unknown id in 1.0": ("1.0", ["ACK\nmessage-id:9\nreceipt:r\n\n"]),
    "ACK of another connection's id": ("1.2", [SUBSCRIBE, SEND, "ACK\nid:T_2@@session-x@@1\nreceipt:r\n\n"]),
    "ACK without id": ("1.2", ["ACK\nreceipt:r\n\n"]),
    "ACK in auto mode": (
        "1.2",
        ["SUBSCRIBE\nid:1\ndestination:{q}\nack:auto\nreceipt:sub\n\n", SEND, "ACK\nid:{message-id}\nreceipt:k\n\n"],
    ),
    "ACK in 1.1": ("1.1", [SUBSCRIBE, SEND, OLD_ACK]),
    "ACK with another subscription in 1.1": (
        "1.1",
        [SUBSCRIBE, SEND, "ACK\nmessage-id:{message-id}\nsubscription:other\nreceipt:k\n\n"],
    ),
    "ACK without subscription in 1.1": ("1.1", [SUBSCRIBE, SEND, "ACK\nmessage-id:{message-id}\nreceipt:k\n\n"]),
    "a cumulative ACK with two subscriptions": (
        "1.2",
        [
            "SUBSCRIBE\nid:1\ndestination:{q}\nack:client\nreceipt:sub\n\n",
            "SUBSCRIBE\nid:2\ndestination:{q}2\nack:client\nreceipt:sub\n\n",
            SEND,
            "SEND\ndestination:{q}2\n\nb",
            ACK,
            "ACK\nid:{first ack}\nreceipt:l\n\n",
        ],
    ),
    "NACK with requeue:false": ("1.2", [SUBSCRIBE, SEND, "NACK\nid:{ack}\nrequeue:false\nreceipt:k\n\n"]),
    "NACK of an unknown id": ("1.2", ["NACK\nid:9\nreceipt:r\n\n"]),
    "NACK in 1.0": (
        "1.0",
        [SUBSCRIBE, SEND, "NACK\nmessage-id:{message-id}\nrequeue:false\nreceipt:k\n\n"],
    ),
    "NACK in client mode": (
        "1.2",
        [
            "SUBSCRIBE\nid:1\ndestination:{q}\nack:client\nreceipt:sub\n\n",
            SEND,
            SEND,
            "NACK\nid:{ack}\nrequeue:false\nreceipt:k\n\n",
            "UNSUBSCRIBE\nid:1\nreceipt:u\n\n",
            "SUBSCRIBE\nid:2\ndestination:{q}\nreceipt:r\n\n",
        ],
    ),
    "BEGIN twice": (
        "1.2",
        [
            "BEGIN\ntransaction:t\nreceipt:b\n\n",
            "SEND\ndestination:{q}\ntransaction:t\n\nx",
            "BEGIN\ntransaction:t\nreceipt:c\n\n",
            "COMMIT\ntransaction:t\nreceipt:d\n\n",
            "SUBSCRIBE\nid:1\ndestination:{q}\nreceipt:e\n\n",
        ],
    ),
    "BEGIN without transaction": ("1.2", ["BEGIN\nreceipt:r\n\n"]),
    "COMMIT of an unknown transaction": ("1.2", ["COMMIT\ntransaction:t\nreceipt:r\n\n"]),
    "ABORT of an unknown transaction": ("1.2", ["ABORT\ntransaction:t\nreceipt:r\n\n"]),
    "SEND in an unknown transaction": ("1.2", ["SEND\ndestination:{q}\ntransaction:t\nreceipt:r\n\nx"]),
    "a command of servers": ("1.2", ["MESSAGE\ndestination:a\nmessage-id:1\nsubscription:1\n\n"]),
    "a second CONNECT": ("1.2", [CONNECT.format(version="1.2")]),
    "a second CONNECT with a receipt": (
        "1.2",
        [f"CONNECT\naccept-version:1.2\nhost:/\nreceipt:c\n{LOGIN}\n"],
    ),
    "DISCONNECT": ("1.2", ["DISCONNECT\n\n"]),
    "DISCONNECT with a receipt": ("1.2", ["DISCONNECT\nreceipt:d\n\n"]),
    "an expired message": (
        "1.2",
        [
            "SEND\ndestination:{q}\nexpiration:0\nexpires:1\nreceipt:r\n\nx",
            "SUBSCRIBE\nid:1\ndestination:{q}\nreceipt:s\n\n",
        ],
    ),
    "SUBSCRIBE to a temporary queue": ("1.2", ["SUBSCRIBE\nid:1\ndestination:/temp-queue/a\nreceipt:s\n\n"]),
    "SEND to a temporary queue": ("1.2", ["SEND\ndestination:/temp-queue/a\nreceipt:s\n\nx"]),
}  # fmt: skip


class Line:
    """A connection that reads frames, each of which ends in NUL LF."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=HANGS)
        self._received = b""

    def send(self, frame: str) -> None:
        try:
            self._socket.sendall(frame.encode() + b"\0")
        except OSError:
            pass  # the broker has closed; next() says so

    def next(self) -> str | None:
        """Return the next frame, or None at the end of the connection."""
        while True:
            head, blank, rest = self._received.lstrip(b"\n").partition(b"\n\n")
            length = re.search(rb"\ncontent-length:(\d+)", head)
            size = int(length[1]) if length else rest.find(b"\0")
            if blank and size >= 0 and len(rest) >= size + 2:
                assert rest[size : size + 2] == b"\0\n", rest
                self._received = rest[size + 2 :]
                return f"{head.decode()}\n\n{rest[:size].decode()}"
            try:
                piece = self._socket.recv(65536)
            except ConnectionResetError:
                return None
            if not piece:
                return None
            self._received += piece

    def connect(self, version: str) -> Self:
        self.send(CONNECT.format(version=version))
        answer = self.next()
        assert answer is not None
        assert answer.startswith("CONNECTED\n"), answer
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()


def comparable(frame: str, flavour: str) -> tuple[str, list[str], str]:
    """Return command, headers and body of a frame without what differs from one connection to the next."""
    head, _, body = frame.partition("\n\n")
    command, *headers = head.split("\n")
    if flavour == "rabbitmq":
        headers = [re.sub(r"@@.*@@|(?<=^session:).*", "...", header) for header in headers]
    else:
        # The order is that of a hash table. Behind its first line an ERROR has a stack trace.
        headers = sorted(
            re.sub(r"^(message-id|ack|session|timestamp):.*", r"\1:...", header) for header in headers
        )
        # The embedded one leaves these out: the ids of messages, and the version that is unknown.
        headers = [
            re.sub(r"(?<=message-id )\[ID.*|(?<=Protocol version)\[1.3\]", "", header) for header in headers
        ]
        if command == "ERROR":
            body = re.sub(r"(?<=message-id )\[ID.*|(?<=Protocol version)\[1.3\]", "", body.partition("\n")[0])
    headers = [re.sub(r"^(server:[^/]*).*", r"\1", header) for header in headers]
    return command, headers, body


def header(frame: str, name: str) -> str:
    found = re.search(rf"^{name}:(.*)$", frame, re.MULTILINE)
    return found[1] if found else ""


@pytest.fixture
def embedded(real_broker: Broker) -> Iterator[Embedded]:
    with Embedded(flavour=real_broker.name, users={real_broker.login: real_broker.passcode}) as broker:
        yield broker


def greet(line: Line, frame: str) -> tuple[list[str], str]:
    """Send a first frame; return the answer, and whether a refused client may try again."""
    line.send(frame)
    answer = line.next()
    if answer is None or answer.startswith("CONNECTED\n"):
        return ([] if answer is None else [answer]), ""
    line.send(CONNECT.format(version="1.2"))
    second = line.next()
    return [answer], "closed" if second is None else second.partition("\n")[0]


@pytest.mark.parametrize("frame", HANDSHAKES.values(), ids=HANDSHAKES)
def test_the_handshake(real_broker: Broker, embedded: Embedded, frame: str) -> None:
    with Line(embedded.host, embedded.port) as line:
        ours, our_end = greet(line, frame)
    theirs, their_end = list[str](), ""
    while not theirs:  # ActiveMQ loses an ERROR at times: its RST overtakes it
        with Line(real_broker.host, real_broker.tcp_port) as line:
            theirs, their_end = greet(line, frame)
    flavour = real_broker.name
    assert [comparable(answer, flavour) for answer in ours] == [
        comparable(answer, flavour) for answer in theirs
    ]
    assert our_end == their_end


def converse(line: Line, frames: list[str], expected: list[int] | None) -> tuple[list[list[str]], bool]:
    """Send frames; return the answers to each, and whether the connection ended.

    Args:
        line: a connection that has received CONNECTED.
        frames: each after the answers to the one before.
        expected: how many answers to wait for, for each frame; None for a broker that answers at once.
    """
    answers: list[list[str]] = []
    first = message = ""
    for number, frame in enumerate(frames):
        for name in ("ack", "message-id"):
            frame = frame.replace(f"{{{name}}}", header(message, name))
            frame = frame.replace(f"{{first {name}}}", header(first, name))
        line.send(frame)
        if expected is None:
            line.send(f"BEGIN\ntransaction:probe-{number}\nreceipt:probe-{number}\n\n")
        got: list[str] = []
        answers.append(got)
        while expected is None or len(got) < expected[number]:
            answer = line.next()
            if answer is None:
                return answers, True
            if answer == f"RECEIPT\nreceipt-id:probe-{number}\n\n":
                break
            if answer == message:
                # ActiveMQ writes from two threads: an ERROR directly behind a MESSAGE can come behind the same bytes
                # a second time.
                continue
            got.append(answer)
            if answer.startswith("MESSAGE\n"):
                message = answer
                first = first or message
    return answers, False


@pytest.mark.parametrize(("version", "frames"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_conversation(real_broker: Broker, embedded: Embedded, version: str, frames: list[str]) -> None:
    name = f"like-{uuid.uuid4().hex}"
    frames = [frame.replace("{q}", f"/queue/{name}").replace("{q0}", name) for frame in frames]
    with Line(embedded.host, embedded.port) as line:
        ours, we_closed = converse(line.connect(version), frames, None)
    with Line(real_broker.host, real_broker.tcp_port) as line:
        theirs, _ = converse(line.connect(version), frames[: len(ours)], [len(answers) for answers in ours])
        if not we_closed:
            line.send("BEGIN\ntransaction:probe\nreceipt:probe\n\n")
        while True:
            rest = line.next()
            they_closed = rest is None
            if rest is None or rest == "RECEIPT\nreceipt-id:probe\n\n":
                break
            if not rest.startswith("MESSAGE\n") or rest not in theirs[-1]:
                theirs[-1].append(rest)
    flavour = real_broker.name
    for frame, our, their in zip(frames[: len(ours)], ours, theirs, strict=True):
        expected = [comparable(answer, flavour) for answer in our]
        found = [comparable(answer, flavour) for answer in their]
        if flavour == "rabbitmq" and {command for command, _, _ in found} == {"RECEIPT", "MESSAGE"}:
            # RabbitMQ sends a RECEIPT and a MESSAGE in either order.
            expected.sort()
            found.sort()
        assert found == expected, frame
    assert we_closed == they_closed


def test_a_client_id_in_use(activemq: Broker) -> None:
    connect = f"CONNECT\naccept-version:1.2\nhost:/\nclient-id:like-{uuid.uuid4().hex}\n{LOGIN}\n"
    refusals = []
    with Embedded(flavour="activemq", users={activemq.login: activemq.passcode}) as embedded:
        for port in (embedded.port, activemq.tcp_port):
            with Line(activemq.host, port) as first, Line(activemq.host, port) as second:
                first.send(connect)
                answer = first.next()
                assert answer is not None
                second.send(connect)
                refusal = second.next()
                assert refusal is not None
                assert second.next() is None
            text = re.sub(r"Broker: \w+|tcp://.*", "...", refusal.partition("\n\n")[2].partition("\n")[0])
            refusals.append((header(answer, "session"), text, "SimpleAuthenticationBroker" in refusal))
    assert refusals[0] == refusals[1]
