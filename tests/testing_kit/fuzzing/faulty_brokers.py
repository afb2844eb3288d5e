"""Brokers with one fault each.

python -m tests.testing_kit.fuzzing.faulty_brokers NAME      runs one, and prints its URL
"""

from __future__ import annotations

import re
import sys
import threading

from stomp_core import Event, Nack, RemoteProtocolError, Send, Subscribe

from .small_broker import Client, SmallBroker

__all__ = ["FAULTY"]


class AcceptsUnknownAck(SmallBroker):
    """An ACK of a message that nobody has got is ignored."""

    def on_bytes(self, client: Client, data: bytes) -> bytes:
        if data.startswith(b"ACK\n") and b"no-such" in data:
            return data[data.index(b"\0") + 1 :]
        return data


class LosesReceiptOfNack(SmallBroker):
    """NACK is never confirmed."""

    def confirm(self, client: Client, event: Event, receipt: str) -> None:
        if not isinstance(event, Nack):
            super().confirm(client, event, receipt)


class DeliversToOthers(SmallBroker):
    """A message goes to everybody who has a subscription to any queue, too."""

    def publish(self, client: Client, send: Send) -> None:
        super().publish(client, send)
        for other in list(self.clients):
            if other is not client and other.server.subscriptions:
                other.deliver(send, other.server.subscriptions[0])


class HangsOnContentLength(SmallBroker):
    """A content-length that is no number is waited for."""

    def on_bytes(self, client: Client, data: bytes) -> bytes | None:
        return None if re.search(rb"\ncontent-length:[^0-9\n]", data) else data


class ClosesOthersAtError(SmallBroker):
    """An ERROR ends all connections."""

    def on_violation(self, client: Client, error: RemoteProtocolError) -> None:
        super().on_violation(client, error)
        for other in list(self.clients):
            other.end()


class UnescapesTab(SmallBroker):
    r"""A tab may be written as \\t."""

    def on_bytes(self, client: Client, data: bytes) -> bytes:
        return data.replace(b"\\t", b"\t")


class CommitsAtDisconnect(SmallBroker):
    """What was sent in a transaction is delivered when the connection ends."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[Client, str], list[Send]] = {}

    def on_request(self, client: Client, event: Event) -> None:
        transaction = event.headers.get("transaction")
        if isinstance(event, Send) and transaction is not None:
            self.held.setdefault((client, transaction), []).append(event)
        elif event.command in ("COMMIT", "ABORT"):
            self.held.pop((client, transaction or ""), None)
        super().on_request(client, event)

    def on_end(self, client: Client) -> None:
        super().on_end(client)
        for key in [key for key in self.held if key[0] is client]:
            for send in self.held.pop(key):
                self.publish(client, send)


class ForgetsUnacknowledged(SmallBroker):
    """What a client has not acknowledged is lost with it."""

    def on_end(self, client: Client) -> None:
        pass


class ConfirmsTwice(SmallBroker):
    """SUBSCRIBE is confirmed twice."""

    def confirm(self, client: Client, event: Event, receipt: str) -> None:
        super().confirm(client, event, receipt)
        if isinstance(event, Subscribe):
            super().confirm(client, event, receipt)


class CutsBodies(SmallBroker):
    """A body ends at its first NUL."""

    def publish(self, client: Client, send: Send) -> None:
        body = send.body.split(b"\0")[0]
        super().publish(client, Send.from_frame(send.frame.replace(body=body)))


class TakesLastHeader(SmallBroker):
    """Of a repeated header the last one counts."""

    def publish(self, client: Client, send: Send) -> None:
        headers = list(dict(send.headers.pairs).items())
        super().publish(client, Send.from_frame(send.frame.replace(headers=headers)))


class AcknowledgesOneOnly(SmallBroker):
    """An ACK in mode "client" covers one message."""

    def on_bytes(self, client: Client, data: bytes) -> bytes:
        return data.replace(b"ack:client\n", b"ack:client-individual\n")


class DiesOfLongHeads(SmallBroker):
    """A head of more than 20 kB ends the broker."""

    def on_bytes(self, client: Client, data: bytes) -> bytes:
        if len(data) > 20_000 and b"\n\n" not in data[:20_000]:
            threading.Thread(target=self.stop).start()
            for other in list(self.clients):
                other.end()
        return data


class StallsAllAtHalfAFrame(SmallBroker):
    """While one client has not finished a frame, nobody is served."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = threading.Condition(self.lock)
        self.unfinished: Client | None = None

    def on_bytes(self, client: Client, data: bytes) -> bytes:
        self.changed.wait_for(lambda: self.unfinished in (None, client))
        self.unfinished = None if not data.strip() or data.rstrip(b"\n").endswith(b"\0") else client
        self.changed.notify_all()
        return data

    def on_end(self, client: Client) -> None:
        super().on_end(client)
        if self.unfinished is client:
            self.unfinished = None
            self.changed.notify_all()


class KeepsBadFrames(SmallBroker):
    """For each frame that it refuses, it keeps 256 KiB."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[bytearray] = []

    def on_violation(self, client: Client, error: RemoteProtocolError) -> None:
        if error.code == "undefined-escape":
            self.kept.append(bytearray(b"x" * (256 * 1024)))
        super().on_violation(client, error)


class AcknowledgesAborted(SmallBroker):
    """An ACK counts although its transaction is aborted."""

    def on_bytes(self, client: Client, data: bytes) -> bytes:
        return re.sub(rb"(?m)^(ACK\n(?:.+\n)*?)transaction:.*\n", rb"\1", data)


class ReadsNoRest(SmallBroker):
    """Frames behind the first one of a read are dropped."""

    def on_bytes(self, client: Client, data: bytes) -> bytes:
        if data.startswith((b"BEGIN", b"SUBSCRIBE", b"COMMIT")) and b"\0" in data:
            return data[: data.index(b"\0") + 1]
        return data


class DecodesLate(SmallBroker):
    r"""\\\\n in a header becomes a line feed."""

    def on_bytes(self, client: Client, data: bytes) -> bytes:
        return data.replace(b"\\\\n", b"\\n")


class ForgetsClose(SmallBroker):
    """Behind ERROR the connection stays open."""

    def on_bytes(self, client: Client, data: bytes) -> bytes | None:
        return None if client in self.failed else data

    def __init__(self) -> None:
        super().__init__()
        self.failed: set[Client] = set()

    def on_violation(self, client: Client, error: RemoteProtocolError) -> None:
        self.failed.add(client)
        if error.frame_hint is not None:
            client.write(client.server.send(error.frame_hint))


class EndsHeadsEarly(SmallBroker):
    """The head of a MESSAGE ends in the middle, and the rest of it gets into the body, as RabbitMQ does it."""

    def on_send(self, client: Client, data: bytes) -> bytes:
        return data.replace(b"\nmark:", b"\n\nmark:", 1) if data.startswith(b"MESSAGE") else data


class PromisesHeartBeats(SmallBroker):
    """It promises heart-beats every 500 ms, and sends none."""

    def connected(self, data: bytes) -> bytes:
        return re.sub(rb"(\nheart-beat:.*)?\n\n", b"\nheart-beat:500,0\n\n", data, count=1)


FAULTY = {
    fault.__name__: fault
    for fault in (
        AcceptsUnknownAck, LosesReceiptOfNack, DeliversToOthers, HangsOnContentLength, ClosesOthersAtError,
        UnescapesTab, CommitsAtDisconnect, ForgetsUnacknowledged, ConfirmsTwice, CutsBodies, TakesLastHeader,
        AcknowledgesOneOnly, DiesOfLongHeads, StallsAllAtHalfAFrame, KeepsBadFrames, AcknowledgesAborted,
        ReadsNoRest, DecodesLate, ForgetsClose, EndsHeadsEarly,
        PromisesHeartBeats,
    )
}  # fmt: skip


if __name__ == "__main__":
    with FAULTY[sys.argv[1]]() as running:
        print(running.url, flush=True)
        sys.stdin.read()
