"""SmallBroker: a strict broker over sockets, whose methods tests override to plant a fault."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections import defaultdict, deque
from collections.abc import Iterable
from typing import Self

from stomp_core import (
    NEED_DATA,
    Connect,
    Connected,
    ConnectionClosed,
    Disconnect,
    Event,
    Leniency,
    Limits,
    LocalProtocolError,
    Receipt,
    RemoteProtocolError,
    Send,
    ServerConnection,
    Subscribe,
    TrackedSubscription,
)

__all__ = ["Client", "SmallBroker"]


class SmallBroker:
    """Queues, and a thread for each connection. One lock guards everything."""

    leniency = Leniency()
    limits = Limits()

    def __init__(self, port: int = 0) -> None:
        self.lock = threading.RLock()
        self.queues: defaultdict[str, deque[Send]] = defaultdict(deque)
        self.clients: list[Client] = []
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", port), self._handler(), False)
        self._server.allow_reuse_address = True
        self._server.daemon_threads = True
        self._server.request_queue_size = 50
        self._server.server_bind()
        self._server.server_activate()
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def port(self) -> int:
        port: int = self._server.server_address[1]
        return port

    @property
    def url(self) -> str:
        return f"stomp://guest:guest@127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Accept nobody any more."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        broker = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                client = Client(broker, self.request)
                try:
                    client.serve()
                finally:
                    with broker.lock:
                        client.end()

        return Handler

    # ------------------------------------------------------------------ what a fault may change

    def on_bytes(self, client: Client, data: bytes) -> bytes | None:
        """Return what is received instead of these bytes; ``None`` stops reading for ever."""
        return data

    def connected(self, data: bytes) -> bytes:
        """Return CONNECTED as it is sent."""
        return data

    def on_send(self, client: Client, data: bytes) -> bytes:
        """Return what is sent instead of these bytes."""
        return data

    def on_request(self, client: Client, event: Event) -> None:
        """Do what a frame asks for."""
        effects = client.server.effects(event)
        receipt = event.headers.get("receipt")
        if receipt is not None:
            self.confirm(client, event, receipt)
        if isinstance(event, Subscribe):
            self.distribute(event.destination)
        for cause, sends in effects:
            if isinstance(cause, Send):
                self.publish(client, cause)
            elif cause.command != "ACK":
                self.put_back(sends)
        if isinstance(event, Disconnect):
            client.end()

    def confirm(self, client: Client, event: Event, receipt: str) -> None:
        """Send a RECEIPT."""
        client.write(client.server.send(Receipt(receipt)))

    def publish(self, client: Client, send: Send) -> None:
        """Put a message in its queue."""
        self.queues[send.destination].append(send)
        self.distribute(send.destination)

    def on_violation(self, client: Client, error: RemoteProtocolError) -> None:
        """Refuse what a client has sent."""
        if error.frame_hint is not None:
            client.write(client.server.send(error.frame_hint))
        client.end()

    def on_end(self, client: Client) -> None:
        """Give messages of a client that has gone to others."""
        self.put_back(client.server.take_unacknowledged())

    # ------------------------------------------------------------------ queues

    def put_back(self, sends: Iterable[Send]) -> None:
        sends = list(sends)
        for send in reversed(sends):
            self.queues[send.destination].appendleft(send)
        for destination in {send.destination for send in sends}:
            self.distribute(destination)

    def distribute(self, destination: str) -> None:
        queue = self.queues[destination]
        while queue:
            for client in self.clients:
                subscription = client.subscription_to(destination)
                if subscription is not None:
                    client.deliver(queue.popleft(), subscription)
                    self.clients.remove(client)
                    self.clients.append(client)
                    break
            else:
                return


class Client:
    """One connection."""

    def __init__(self, broker: SmallBroker, connection: socket.socket) -> None:
        self.broker = broker
        self.connection: socket.socket = connection
        self.server = ServerConnection(leniency=broker.leniency, limits=broker.limits, heart_beats=False)
        self.ended = False
        with broker.lock:
            broker.clients.append(self)

    def serve(self) -> None:
        while not self.ended:
            try:
                data = self.connection.recv(65536)
            except OSError:
                data = b""
            with self.broker.lock:
                received = self.broker.on_bytes(self, data) if data else b""
                if received is None:
                    break
                if received or not data:
                    self.server.receive_data(received)
                    self._process()
            if not data:
                return
        while not self.ended and self.connection.recv(65536):
            pass

    def _process(self) -> None:
        try:
            while not self.ended and (event := self.server.next_event()) is not NEED_DATA:
                if isinstance(event, ConnectionClosed):
                    self.end()
                elif isinstance(event, Connect):
                    self.write(self.broker.connected(self.server.send(Connected())))
                elif isinstance(event, Event):
                    self.broker.on_request(self, event)
        except RemoteProtocolError as error:
            self.broker.on_violation(self, error)

    def subscription_to(self, destination: str) -> TrackedSubscription | None:
        if self.ended:
            return None
        return next((one for one in self.server.subscriptions if one.destination == destination), None)

    def deliver(self, send: Send, subscription: TrackedSubscription) -> None:
        try:
            self.write(self.server.deliver(send, subscription))
        except LocalProtocolError:
            pass  # this client's version cannot carry one of the headers

    def write(self, data: bytes) -> None:
        try:
            self.connection.sendall(self.broker.on_send(self, data))
        except OSError:
            pass

    def end(self) -> None:
        if not self.ended:
            self.ended = True
            if self in self.broker.clients:
                self.broker.clients.remove(self)
            try:
                self.connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.broker.on_end(self)
