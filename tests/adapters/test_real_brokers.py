"""The same with real brokers, which are the judges."""

from __future__ import annotations

import ssl
import threading
import traceback
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from stomp_core import LocalProtocolError
from stomp_core.session import (
    AuthenticationFailed,
    ConnectFailed,
    Endpoint,
    Listener,
    OutcomeUnknown,
    Reconnect,
    StaleMessageError,
    TransactionState,
)
from stomp_testing import FaultProxy
from tests.brokers import ActiveMQ, Broker, RabbitMQ

from .worlds import HANGS, WORLDS, World, until

SOON = Reconnect(first_delay=0.05, max_delay=0.5)


def dead_letters(broker: Broker, queue: str) -> str:
    return queue.replace("/queue/", "/queue/DLQ.")


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_send_receive_acknowledge_and_close(
    world: World, real_broker: Broker, version: str, transport: str
) -> None:
    options: dict[str, Any] = {"versions": (version,), "heart_beat": (5, 5)}
    url = real_broker.url
    if transport == "tls":
        url = real_broker.tls_url
        options["ssl_context"] = ssl.create_default_context(cafile=real_broker.ca_file)
    queue = real_broker.new_queue()
    conn = world.connect(url, **options)
    assert conn.version == version
    messages = conn.subscribe(queue, ack="client-individual", prefetch=10)

    # 1.0 has no escapes, and the brokers disagree about them there.
    headers = {"colour": "red"} if version == "1.0" else {"colour": "red", "odd:name": "a:b\\c\nd"}
    conn.send(queue, "grün", headers=headers, receipt=True)
    message = messages.receive()
    assert message.text == "grün"
    for name, value in headers.items():
        assert message.headers[name] == value
    message.ack(receipt=True)

    body = bytes(range(256)) * 300
    conn.send(queue, body, content_type="application/octet-stream", receipt=True)
    message = messages.receive()
    assert message.body == body
    message.ack()

    with conn.transaction() as tx:
        tx.send(queue, "one")
        tx.send(queue, "two")
    assert [messages.receive().text for _ in range(2)] == ["one", "two"]
    never = conn.begin()
    never.send(queue, "never")
    never.abort()
    assert never.state is TransactionState.DONE
    assert messages.nothing_for(0.3)
    assert conn.close() is True

    # What was not acknowledged comes again, and a cumulative ACK covers both.
    conn = world.connect(url, **options)
    again = conn.subscribe(queue, ack="client")
    first, second = again.receive(), again.receive()
    assert (first.text, second.text) == ("one", "two")
    assert first.redelivered
    second.ack(receipt=True)
    assert conn.close() is True
    assert world.connect(url, **options).subscribe(queue).nothing_for(0.3)


def test_nack_requeues_on_rabbitmq_and_dead_letters_on_activemq(world: World, real_broker: Broker) -> None:
    queue = real_broker.new_queue()
    conn = world.connect(real_broker.url)
    messages = conn.subscribe(queue, ack="client-individual")
    conn.send(queue, "no", receipt=True)
    messages.receive().nack(receipt=True)
    if isinstance(real_broker, RabbitMQ):
        assert messages.receive().redelivered
    else:
        assert conn.subscribe(dead_letters(real_broker, queue)).receive().text == "no"
        assert messages.nothing_for(0.2)


def test_we_and_the_broker_agree_on_what_a_cumulative_ack_covers(world: World, real_broker: Broker) -> None:
    """RabbitMQ acknowledges all of the connection. To acknowledge anything again would cost the connection."""
    first, second = real_broker.new_queue(), real_broker.new_queue()
    conn = world.connect(real_broker.url)
    for queue in (first, second):
        conn.send(queue, "work", receipt=True)
    one = conn.subscribe(first, ack="client")
    earlier = one.receive()
    conn.subscribe(second, ack="client").receive().ack(receipt=True)
    if isinstance(real_broker, RabbitMQ):
        with pytest.raises(LocalProtocolError, match="covers the earlier messages of all subscriptions"):
            earlier.ack(receipt=True)
    else:
        earlier.ack(receipt=True)
    conn.send(first, "on the same connection", receipt=True)
    assert one.receive().text == "on the same connection"
    assert conn.session.connection_number == 1


@pytest.mark.parametrize("ack", ["auto", "client-individual"])
def test_a_busy_subscription_may_be_ended(world: World, real_broker: Broker, ack: str) -> None:
    """RabbitMQ sends ERROR for each message on its way, which must cost neither the connection nor what follows."""
    conn = world.connect(real_broker.url)
    for _ in range(3):
        queue = real_broker.new_queue()
        for number in range(300):
            conn.send(queue, str(number), receipt=number == 299)
        messages = conn.subscribe(queue, ack=ack)
        messages.receive()
        messages.unsubscribe()
        conn.send(queue, "confirmed", receipt=True)
    assert conn.close() is True
    assert conn.session.connection_number == 1


@pytest.mark.parametrize("ack", ["auto", "client", "client-individual"])
def test_a_queue_is_browsed_to_its_end_in_every_ack_mode(world: World, activemq: ActiveMQ, ack: str) -> None:
    """The MESSAGE that says so has no ``ack`` header, and needs none. What was browsed stays in the queue."""
    queue = activemq.new_queue()
    conn = world.connect(activemq.url, reconnect=Reconnect.never())
    for body in ("one", "two"):
        conn.send(queue, body, receipt=True)
    browser = conn.subscribe(queue, ack=ack, headers={"browser": "true"})
    received = [browser.receive() for _ in range(3)]
    assert [message.text for message in received] == ["one", "two", ""]
    assert received[-1].headers["browser"] == "end"
    if ack != "auto":
        with pytest.raises(LocalProtocolError, match="has no 'ack' header"):
            received[-1].ack()
        received[1].ack(receipt=True)
    browser.unsubscribe()
    messages = conn.subscribe(queue)
    assert [messages.receive().text for _ in range(2)] == ["one", "two"]


def test_prefetch_is_sent_in_the_broker_s_own_header(world: World, real_broker: Broker) -> None:
    queue = real_broker.new_queue()
    conn = world.connect(real_broker.url)
    for number in range(3):
        conn.send(queue, str(number), receipt=True)
    messages = conn.subscribe(queue, ack="client-individual", prefetch=1)
    first = messages.receive()
    assert messages.nothing_for(0.3)
    first.ack()
    assert messages.receive().text == "1"


def test_a_request_gets_its_reply(world: World, real_broker: Broker) -> None:
    queue = real_broker.new_queue()
    client, service = world.connect(real_broker.url), world.connect(real_broker.url)
    requests = service.subscribe(queue)
    for word in ("one", "two"):

        def serve() -> None:
            request = requests.receive()
            headers = {"correlation-id": request.headers["correlation-id"]}
            service.send(request.headers["reply-to"], request.text.upper(), headers=headers)

        server = threading.Thread(target=serve)
        server.start()
        assert client.request(queue, word, timeout=HANGS).text == word.upper()
        server.join(HANGS)


def test_a_durable_subscription_keeps_messages_while_offline(world: World, real_broker: Broker) -> None:
    topic, name = real_broker.new_topic(), real_broker.new_queue("durable").rpartition("/")[2]
    publisher = world.connect(real_broker.url)
    subscriber = world.connect(real_broker.url, client_id=name)
    subscriber.subscribe(topic, durable=name, ack="client-individual")
    subscriber.close()
    publisher.send(topic, "meanwhile", headers={"persistent": "true"}, receipt=True)
    subscriber = world.connect(real_broker.url, client_id=name)
    messages = subscriber.subscribe(topic, durable=name, ack="client-individual")
    message = messages.receive()
    assert message.text == "meanwhile"
    message.ack(receipt=True)

    if isinstance(real_broker, ActiveMQ):
        with pytest.raises(LocalProtocolError, match="its own tools"):
            messages.unsubscribe(delete=True)
        return
    messages.unsubscribe(delete=True)
    publisher.send(topic, "after it was deleted", receipt=True)
    messages = subscriber.subscribe(topic, durable=name, ack="client-individual")
    assert messages.nothing_for(0.3)
    messages.unsubscribe(delete=True)


def test_a_wrong_passcode_is_refused_and_not_shown(world: World, real_broker: Broker) -> None:
    url = f"stomp://admin:hush-hush@{real_broker.host}:{real_broker.tcp_port}"
    with pytest.raises(AuthenticationFailed, match="check login and passcode") as caught:
        world.connect(url, reconnect=Reconnect(first_rounds=None))
    reported = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value)
    assert f"stomp://{real_broker.host}:{real_broker.tcp_port}: " in reported
    # The test's own source, which a traceback quotes, names the passcode nowhere but in the URL's line.
    assert "hush" not in reported


def test_a_login_that_was_not_given_is_asked_for(world: World, real_broker: Broker) -> None:
    with pytest.raises(
        AuthenticationFailed, match=r"no login was given: pass login=\.\.\. and passcode=\.\.\."
    ):
        world.connect(f"stomp://{real_broker.host}:{real_broker.tcp_port}")


def test_a_wrong_virtual_host_is_refused(world: World, rabbitmq: RabbitMQ) -> None:
    with pytest.raises(ConnectFailed, match="virtual host"):
        world.connect(rabbitmq.url, host="nowhere")


def test_tls_to_a_plain_port_and_plaintext_to_a_tls_port(world: World, real_broker: Broker) -> None:
    context = ssl.create_default_context(cafile=real_broker.ca_file)
    plain = real_broker.tls_url.replace("stomp+ssl", "stomp")
    with pytest.raises(ConnectFailed, match=r"stomp\+ssl://"):
        world.connect(plain)
    secure = real_broker.url.replace("stomp:", "stomp+ssl:")
    with pytest.raises(ConnectFailed, match="TLS"):
        world.connect(
            secure, ssl_context=context, connect_timeout=0.5
        )  # ActiveMQ waits for the end of a line


def test_a_backslash_in_a_passcode_needs_escape_connect(world: World, rabbitmq: RabbitMQ) -> None:
    passcode = "back\\slash:colon"
    if "odd" not in rabbitmq.ctl("list_users"):  # another world has made it; each ctl() takes seconds
        rabbitmq.ctl("add_user", "odd", passcode)
        rabbitmq.ctl("set_permissions", "odd", ".*", ".*", ".*")
    where = f"stomp://{rabbitmq.host}:{rabbitmq.tcp_port}"
    assert world.connect(where, "odd", passcode, escape_connect=True).version == "1.2"
    with pytest.raises(ConnectFailed, match="escape_connect"):
        world.connect(where, "odd", passcode)


@pytest.fixture
def worlds() -> Iterator[list[World]]:
    """All worlds at once, where a test takes long: brokers take seconds to start, or to notice something."""
    with ExitStack() as stack:
        yield [stack.enter_context(make()) for make in WORLDS.values()]


def test_a_killed_broker_comes_back_with_confirmed_messages(worlds: list[World], real_broker: Broker) -> None:
    connected = []
    for world in worlds:
        queue = real_broker.new_queue()
        conn = world.connect(real_broker.url, reconnect=SOON, receipt_timeout=HANGS)
        messages = conn.subscribe(queue, ack="client-individual")
        conn.send(queue, "kept", headers={"persistent": "true"}, receipt=True)
        connected.append((queue, conn, messages, messages.receive()))
    real_broker.write_queues()
    real_broker.kill()
    real_broker.restart()
    for queue, conn, messages, message in connected:
        again = messages.receive()
        assert again.text == "kept"
        with pytest.raises(StaleMessageError):
            message.ack()
        again.ack(receipt=True)
        try:
            conn.send(queue, "on we go", receipt=True)
        except OutcomeUnknown:
            pytest.fail("the connection broke a second time")
        assert messages.receive().text == "on we go"


def test_a_suspended_broker_is_noticed_by_its_silence(world: World, activemq: ActiveMQ) -> None:
    # We promise nothing: ActiveMQ would end the connection when this process is held up.
    conn = world.connect(activemq.url, heart_beat=(0, 1), reconnect=SOON)
    activemq.suspend()
    try:
        until(lambda: conn.connected is None)
    finally:
        activemq.resume()
    conn.send(activemq.new_queue(), "awake", receipt=True)


def test_a_second_connection_with_a_client_id_is_no_refused_login(world: World, activemq: ActiveMQ) -> None:
    """The stack trace in the body names SimpleAuthenticationBroker."""
    client_id = activemq.new_queue("client").rpartition("/")[2]
    world.connect(activemq.url, client_id=client_id)
    with pytest.raises(ConnectFailed, match="already connected") as caught:
        world.connect(activemq.url, client_id=client_id)
    assert type(caught.value) is ConnectFailed
    assert "at org.apache" not in str(caught.value)
    assert "still has a connection with this client_id" in str(caught.value)
    error = caught.value.error
    assert error is not None
    assert b"at org.apache.activemq" in error.body, "the whole ERROR is kept"


class Refusals(Listener):
    """Keeps why attempts to connect have failed."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def attempt_failed(self, endpoint: Endpoint, reason: str) -> None:
        self.reasons.append(reason)


def test_a_durable_subscriber_comes_back_after_a_half_open_loss(
    worlds: list[World], activemq: ActiveMQ
) -> None:
    """ActiveMQ refuses the client id until it notices the loss: our heart-beats of the old connection are overdue."""
    connected = []
    with FaultProxy(activemq.url) as proxy:
        for world in worlds:
            topic, refusals = activemq.new_topic(), Refusals()
            conn = world.connect(
                [proxy.url, activemq.url],
                client_id=topic.rpartition("/")[2],
                heart_beat=(4, 0.5),
                reconnect=SOON,
                listener=refusals,
            )
            subscription = conn.subscribe(topic, durable="news", ack="client-individual")
            connected.append((topic, refusals, conn, subscription))
        proxy.stall()
        proxy.refuse_connections = True
        sender = worlds[0].connect(activemq.url)
        for topic, refusals, conn, subscription in connected:
            sender.send(topic, "meanwhile", receipt=True)
            message = subscription.receive()
            assert message.text == "meanwhile"
            message.ack(receipt=True)
            assert any("already connected" in reason for reason in refusals.reasons)
            assert not any("at org.apache" in reason for reason in refusals.reasons)
            conn.close()
        proxy.resume()


def test_a_wrong_passcode_is_quoted_nowhere(world: World, real_broker: Broker) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        world.connect(f"stomp://{real_broker.host}:{real_broker.tcp_port}", real_broker.login, "not-that-one")
    text = str(caught.value)
    assert "not-that-one" not in f"{text} {caught.value.error!r}"
    assert "check login and passcode" in text
    assert len(text) < 400
