"""What the embedded broker sends to a client, in literal frames, with time as an argument."""

from __future__ import annotations

import pytest

from .scene import CONNECT, Client, Scene, body, header

FLAVOURS = pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])


def subscribe(
    client: Client, destination: str = "/queue/a", ack: str = "auto", more: str = "", id: str = "1"
) -> None:
    assert client.send(f"SUBSCRIBE\nid:{id}\ndestination:{destination}\nack:{ack}\n{more}\n") == []


def send(client: Client, text: str, destination: str = "/queue/a", more: str = "") -> list[str]:
    return client.send(f"SEND\ndestination:{destination}\n{more}\n{text}")


# -------------------------------------------------------------------------------- the handshake


@pytest.mark.parametrize(
    ("offer", "version"), [("1.0", "1.0"), ("1.1", "1.1"), ("1.0,1.1,1.2", "1.2"), ("1.2,9.9", "1.2")]
)
def test_the_highest_common_version_is_chosen(offer: str, version: str) -> None:
    assert Scene().dial().send(CONNECT.format(version=offer, more="")) == [
        f"CONNECTED\nserver:RabbitMQ/stomp_testing\nsession:s1\nheart-beat:0,0\nversion:{version}\n\n"
    ]


def test_a_client_without_accept_version_uses_1_0() -> None:
    client = Scene().dial()
    (answer,) = client.send("CONNECT\n\n")
    assert answer.startswith("CONNECTED\n")
    assert header(answer, "version") == "1.0"
    assert client.peer.version == "1.0"


def test_no_common_version_is_an_error_that_lists_versions() -> None:
    """RabbitMQ lets the client try again."""
    client = Scene(versions=("1.1", "1.2")).dial()
    (answer,) = client.send(CONNECT.format(version="9.9", more=""))
    assert answer.startswith("ERROR\n")
    assert header(answer, "version") == "1.1,1.2"
    assert client.send(CONNECT.format(version="1.1", more=""))[0].startswith("CONNECTED\n")


def test_activemq_lists_the_newest_version_first_and_closes() -> None:
    client = Scene("activemq").dial()
    (answer,) = client.send(CONNECT.format(version="9.9", more=""))
    assert header(answer, "message") == "Invalid Protocol version, supported versions are: [1.2, 1.1, 1.0]"
    assert client.peer.closing


@pytest.mark.parametrize(
    "credentials",
    ["login:guest\npasscode:wrong\n", "login:nobody\npasscode:guest\n", "login:guest\n", ""],
    ids=["wrong passcode", "unknown user", "no passcode", "neither"],
)
@FLAVOURS
def test_wrong_credentials_are_refused(credentials: str, flavour: str) -> None:
    """The ERROR does not contain the passcode. ActiveMQ closes, RabbitMQ waits for another CONNECT."""
    scene = Scene(flavour, users={"guest": "guest"})
    client = scene.dial()
    (answer,) = client.send(CONNECT.format(version="1.2", more=credentials))
    assert answer.startswith("ERROR\n")
    assert "wrong" not in answer
    assert not client.peer.connected
    assert client.peer.closing == (flavour == "activemq")


def test_a_refused_client_of_rabbitmq_may_try_again_for_a_while() -> None:
    scene = Scene("rabbitmq", users={"guest": "guest"})
    patient, late = scene.dial(), scene.dial()
    for client in (patient, late):
        client.send(CONNECT.format(version="1.2", more="login:guest\npasscode:wrong\n"))
        assert client.peer.next_deadline() == scene.now + 10.0
    (answer,) = patient.send(CONNECT.format(version="1.2", more="login:guest\npasscode:guest\n"))
    assert answer.startswith("CONNECTED\n")
    late.peer.handle_timeout(scene.now + 10.0)
    assert late.peer.closing


def test_right_credentials_are_accepted() -> None:
    client = Scene(users={"guest": "guest"}).client(more="login:guest\npasscode:guest\n")
    assert client.peer.login == "guest"


@pytest.mark.parametrize(
    ("flavour", "vhosts", "host", "answer"),
    [
        ("rabbitmq", None, "/", "CONNECTED"),
        ("rabbitmq", None, "other", "ERROR"),
        ("rabbitmq", None, "", "ERROR"),
        ("rabbitmq", ("other",), "other", "CONNECTED"),
        ("rabbitmq", ("other",), "/", "ERROR"),
        ("activemq", None, "other", "CONNECTED"),
        ("activemq", ("mine",), "other", "ERROR"),
    ],
)
def test_an_unknown_virtual_host_is_refused(
    flavour: str, vhosts: tuple[str, ...] | None, host: str, answer: str
) -> None:
    """By RabbitMQ, which has "/" alone, or where a test says which ones there are."""
    client = Scene(flavour, vhosts=vhosts).dial()
    (frame,) = client.send(f"CONNECT\naccept-version:1.2\nhost:{host}\n\n")
    assert frame.startswith(answer + "\n")
    if answer == "ERROR":
        assert f"Virtual host '{host}' access denied" in frame


def test_frames_behind_connect_are_answered_after_connected() -> None:
    answer = (
        Scene().dial().send(CONNECT.format(version="1.2", more=""), "BEGIN\ntransaction:t\nreceipt:r\n\n")
    )
    assert [frame.split("\n")[0] for frame in answer] == ["CONNECTED", "RECEIPT"]


@pytest.mark.parametrize(("flavour", "receipt_id"), [("rabbitmq", None), ("activemq", "r")])
def test_activemqs_error_has_a_receipt_id(flavour: str, receipt_id: str | None) -> None:
    """RabbitMQ's has not. The frames behind it are processed."""
    scene = Scene(flavour)
    client = scene.client()
    (answer,) = client.send("COMMIT\ntransaction:none\nreceipt:r\n\n", "SEND\ndestination:/queue/a\n\nx")
    assert answer.startswith("ERROR\n")
    assert header(answer, "receipt-id") == receipt_id
    assert scene.waiting("/queue/a") == [b"x"]


@FLAVOURS
def test_bytes_that_are_no_stomp_end_the_connection_with_a_reason(flavour: str) -> None:
    client = Scene(flavour).client()
    (answer,) = client.send("SEND\nno colon\n\n", "SEND\ndestination:/queue/a\n\nx")
    assert answer.startswith("ERROR\n")
    assert "colon" in answer
    assert client.peer.closing


def test_activemqs_error_has_a_stack_trace_in_its_body() -> None:
    (answer,) = Scene("activemq").client().send("COMMIT\ntransaction:none\n\n")
    assert header(answer, "message") == "Invalid transaction id\\c none"
    first, second, *_ = body(answer).split("\n")
    assert first.endswith("ProtocolException: Invalid transaction id: none")
    assert second.startswith("\tat ")
    assert header(answer, "content-length") is None


@FLAVOURS
def test_every_frame_ends_in_nul_and_line_feed(flavour: str) -> None:
    """PHP's client skips the byte behind NUL without looking at it."""
    client = Scene(flavour).dial()
    frames = [
        CONNECT.format(version="1.2", more=""),
        "SUBSCRIBE\nid:1\ndestination:/queue/a\n\n",
        "SEND\ndestination:/queue/a\nreceipt:r\n\nx",
        "COMMIT\ntransaction:none\n\n",
    ]
    client.peer.receive_data("".join(f"{frame}\0" for frame in frames).encode(), 100.0)
    assert client.peer.take_output().count(b"\0\n") == 4


def test_activemq_answers_a_receipt_header_in_connected() -> None:
    (answer,) = Scene("activemq").dial().send(CONNECT.format(version="1.2", more="receipt:c\n"))
    assert answer.startswith("CONNECTED\n")
    assert header(answer, "receipt-id") == "c"


@pytest.mark.parametrize(("flavour", "seconds"), [("rabbitmq", 10.0), ("activemq", 30.0)])
def test_a_client_without_connect_is_ended_when_the_broker_would(flavour: str, seconds: float) -> None:
    scene = Scene(flavour)
    assert scene.dial().peer.next_deadline() == scene.now + seconds


def test_a_client_without_connect_is_ended_in_time() -> None:
    scene = Scene(connect_timeout=2.0)  # neither flavour's own
    client = scene.dial()
    assert client.peer.next_deadline() == scene.now + 2.0
    client.peer.handle_timeout(scene.now + 1.9)
    assert not client.peer.closing
    client.peer.handle_timeout(scene.now + 2.0)
    assert client.peer.closing


# -------------------------------------------------------------------------------- receipts


@FLAVOURS
@pytest.mark.parametrize(
    "frame",
    [
        "SEND\ndestination:/queue/z\nreceipt:r\n\nx",
        "SUBSCRIBE\nid:2\ndestination:/queue/z\nreceipt:r\n\n",
        "UNSUBSCRIBE\nid:1\nreceipt:r\n\n",
        "BEGIN\ntransaction:u\nreceipt:r\n\n",
        "COMMIT\ntransaction:t\nreceipt:r\n\n",
        "ABORT\ntransaction:t\nreceipt:r\n\n",
        "ACK\nid:{ack}\nreceipt:r\n\n",
        "NACK\nid:{ack}\nreceipt:r\n\n",
        "DISCONNECT\nreceipt:r\n\n",
    ],
    ids=lambda frame: frame.partition("\n")[0],
)
def test_every_frame_with_a_receipt_header_gets_a_receipt(frame: str, flavour: str) -> None:
    client = Scene(flavour).client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "x")
    client.send("BEGIN\ntransaction:t\n\n")
    answer = client.send(frame.format(ack=header(message, "ack")))
    assert answer.count("RECEIPT\nreceipt-id:r\n\n") == 1


def test_disconnect_gets_its_receipt_and_ends_the_connection() -> None:
    client = Scene().client()
    assert client.send("DISCONNECT\nreceipt:bye\n\n") == ["RECEIPT\nreceipt-id:bye\n\n"]
    assert client.peer.closing


@pytest.mark.parametrize(("flavour", "first"), [("rabbitmq", "MESSAGE"), ("activemq", "RECEIPT")])
def test_receipt_and_message_come_in_the_flavours_order(flavour: str, first: str) -> None:
    client = Scene(flavour).client()
    subscribe(client)
    answer = send(client, "x", more="receipt:r\n")
    assert len(answer) == 2
    assert answer[0].startswith(first)


def test_the_receipt_of_subscribe_precedes_waiting_messages() -> None:
    client = Scene().client()
    send(client, "x")
    answer = client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\nreceipt:r\n\n")
    assert [frame.split("\n")[0] for frame in answer] == ["RECEIPT", "MESSAGE"]


def test_held_receipts_are_sent_when_released() -> None:
    scene = Scene()
    client = scene.client()
    scene.faults.hold_receipts = True
    assert send(client, "x", more="receipt:1\n") == []
    assert send(client, "y", more="receipt:2\n") == []
    scene.faults.hold_receipts = False
    client.peer.release_receipts()
    assert client.receive() == ["RECEIPT\nreceipt-id:1\n\n", "RECEIPT\nreceipt-id:2\n\n"]


# -------------------------------------------------------------------------------- messages


def test_a_message_has_headers_of_the_sender_and_the_broker() -> None:
    scene = Scene()
    client = scene.client()
    subscribe(client, ack="client")
    answer = send(
        client,
        "hello",
        more="content-type:text/plain\nx:1\nx:2\nreceipt:r\nsubscription:forged\n",
    )
    assert answer == [
        (
            "MESSAGE\nsubscription:1\ndestination:/queue/a\nmessage-id:T_1@@s1@@1\nredelivered:false\n"
            "ack:T_1@@s1@@1\nreceipt:r\nx:1\ncontent-type:text/plain\ncontent-length:5\n\nhello"
        ),
        "RECEIPT\nreceipt-id:r\n\n",
    ]


def test_headers_that_only_the_broker_may_set_are_not_forwarded() -> None:
    scene = Scene()
    sender, receiver = scene.client(), scene.client()
    subscribe(receiver)
    forged = "subscription:f\nack:f\nredelivered:true\ntransaction:t\n"
    sender.send("BEGIN\ntransaction:t\n\n")
    send(sender, "hello", more=f"{forged}x:2\ny:0\nx:1\n")
    sender.send("COMMIT\ntransaction:t\n\n")
    assert receiver.receive() == [
        (
            "MESSAGE\nsubscription:1\ndestination:/queue/a\nmessage-id:T_1@@s2@@1\nredelivered:false\n"
            "x:2\ny:0\ntransaction:t\ncontent-length:5\n\nhello"
        )
    ]


def test_a_sender_cannot_name_the_message() -> None:
    """RabbitMQ refuses its message-id; ActiveMQ puts its own one in its place."""
    client = Scene("activemq").client()
    subscribe(client)
    (message,) = send(client, "x", more="message-id:forged\n")
    assert message.count("message-id:") == 1
    assert header(message, "message-id") != "forged"


def test_activemqs_ack_differs_from_message_id() -> None:
    client = Scene("activemq").client()
    subscribe(client, ack="client")
    (message,) = send(client, "x")
    assert header(message, "ack") != header(message, "message-id")
    assert client.send(f"ACK\nid:{header(message, 'ack')}\nreceipt:r\n\n") == ["RECEIPT\nreceipt-id:r\n\n"]


def test_a_subscription_in_auto_mode_gets_no_ack_header() -> None:
    client = Scene().client()
    subscribe(client, ack="auto")
    assert header(send(client, "x")[0], "ack") is None


@pytest.mark.parametrize(
    ("flavour", "more", "length"),
    [("rabbitmq", "", "5"), ("activemq", "", None), ("activemq", "content-length:5\n", "5")],
)
def test_activemq_sends_content_length_only_if_the_sender_did(
    flavour: str, more: str, length: str | None
) -> None:
    client = Scene(flavour).client()
    subscribe(client)
    (message,) = send(client, "hello", more=more)
    assert header(message, "content-length") == length
    assert body(message) == "hello"


def test_a_1_0_subscription_without_id() -> None:
    client = Scene().client("1.0")
    assert client.send("SUBSCRIBE\ndestination:/queue/a\nack:client\n\n") == []
    (message,) = send(client, "x")
    assert header(message, "subscription") is None
    assert client.send(f"ACK\nmessage-id:{header(message, 'message-id')}\nreceipt:r\n\n") == [
        "RECEIPT\nreceipt-id:r\n\n"
    ]
    assert client.send("UNSUBSCRIBE\ndestination:/queue/a\n\n") == []
    assert send(client, "y") == []


def test_headers_that_an_older_version_cannot_carry_are_left_out() -> None:
    scene = Scene()
    sender, receiver = scene.client("1.2"), scene.client("1.0")
    subscribe(receiver)
    send(sender, "x", more="plain:1\ntwo:lines\\nhere\n")
    (message,) = receiver.receive()
    assert header(message, "plain") == "1"
    assert header(message, "two") is None
    assert body(message) == "x"


# -------------------------------------------------------------------------------- acknowledging


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
@pytest.mark.parametrize(
    ("ack", "left"),
    [("client", ["c"]), ("client-individual", ["a", "c"])],
    ids=["client", "client-individual"],
)
def test_an_ack_in_client_mode_is_cumulative(version: str, ack: str, left: list[str]) -> None:
    """In client-individual mode it is not."""
    scene = Scene()
    client = scene.client(version)
    subscribe(client, ack=ack)
    messages = [send(client, text)[0] for text in "abc"]
    client.send(acknowledgement("ACK", version, messages[1]))
    client.leave()
    assert scene.waiting("/queue/a") == [text.encode() for text in left]


def acknowledgement(command: str, version: str, message: str) -> str:
    if version == "1.2":
        return f"{command}\nid:{header(message, 'ack')}\n\n"
    subscription = "" if version == "1.0" else f"subscription:{header(message, 'subscription')}\n"
    return f"{command}\nmessage-id:{header(message, 'message-id')}\n{subscription}\n"


def test_a_message_in_auto_mode_is_not_requeued() -> None:
    scene = Scene()
    client = scene.client()
    subscribe(client, ack="auto")
    send(client, "x")
    client.leave()
    assert scene.waiting("/queue/a") == []


def test_a_second_ack_is_an_error() -> None:
    client = Scene().client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "x")
    assert client.send(f"ACK\nid:{header(message, 'ack')}\n\n") == []
    (error,) = client.send(f"ACK\nid:{header(message, 'ack')}\n\n")
    assert error.startswith("ERROR\n")


def test_rabbitmq_redelivers_nacked_messages_at_once() -> None:
    """With `redelivered:true`, and a new id for ACK."""
    client = Scene("rabbitmq").client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "x")
    assert header(message, "redelivered") == "false"
    (again,) = client.send(f"NACK\nid:{header(message, 'ack')}\n\n")
    assert header(again, "redelivered") == "true"
    assert body(again) == "x"
    assert header(again, "ack") != header(message, "ack")


def test_rabbitmq_drops_messages_nacked_with_requeue_false() -> None:
    scene = Scene("rabbitmq")
    client = scene.client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "x")
    assert client.send(f"NACK\nid:{header(message, 'ack')}\nrequeue:false\n\n") == []
    client.leave()
    assert scene.waiting("/queue/a") == []
    # Nor is it in a dead letter queue of any name.
    assert scene.exchange.backlog.size == 0


def test_activemq_moves_nacked_messages_to_a_dead_letter_queue() -> None:
    scene = Scene("activemq")
    client = scene.client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "x", more="reason:why\n")
    assert client.send(f"NACK\nid:{header(message, 'ack')}\n\n") == []
    assert scene.waiting("/queue/DLQ.a") == [b"x"]
    (dead,) = scene.client().send("SUBSCRIBE\nid:1\ndestination:/queue/DLQ.a\n\n")
    assert (header(dead, "reason"), body(dead)) == ("why", "x")
    client.leave()
    assert scene.waiting("/queue/a") == []


def test_a_nacked_message_waits_for_the_redelivery_delay() -> None:
    scene = Scene("rabbitmq", redelivery_delay=5.0)
    client = scene.client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "x")
    assert client.send(f"NACK\nid:{header(message, 'ack')}\n\n") == []
    assert scene.exchange.next_deadline() == scene.now + 5.0
    scene.exchange.handle_timeout(scene.now + 4.9)
    assert client.receive() == []
    scene.exchange.handle_timeout(scene.now + 5.0)
    assert client.bodies() == ["x"]
    assert scene.exchange.next_deadline() is None


@pytest.mark.parametrize(
    ("flavour", "end"),
    [
        ("rabbitmq", "DISCONNECT\n\n"),
        ("rabbitmq", None),
        ("activemq", "DISCONNECT\n\n"),
        ("activemq", "UNSUBSCRIBE\nid:1\n\n"),
        ("activemq", None),
    ],
    ids=lambda value: str(value).partition("\n")[0],
)
def test_unacknowledged_messages_go_to_others_in_order(flavour: str, end: str | None) -> None:
    scene = Scene(flavour)
    first, second = scene.client(), scene.client()
    subscribe(first, ack="client")
    for text in "abc":
        send(first, text)
    subscribe(second)
    assert second.receive() == []
    if end is None:
        first.leave()
    else:
        first.send(end)
    messages = second.receive()
    assert [body(message) for message in messages] == ["a", "b", "c"]
    assert {header(message, "redelivered") for message in messages} == {"true"}


def test_rabbitmq_keeps_unacknowledged_messages_after_unsubscribe() -> None:
    """They come again when the connection has ended, in their order."""
    scene = Scene("rabbitmq")
    first, second = scene.client(), scene.client()
    subscribe(first, ack="client")
    for text in "ab":
        send(first, text)
    first.send("UNSUBSCRIBE\nid:1\n\n")
    send(first, "c")
    first.send("UNSUBSCRIBE\nid:1\n\n")
    assert scene.waiting("/queue/a") == [b"c"]
    first.leave()
    assert scene.waiting("/queue/a") == [b"a", b"b", b"c"]
    subscribe_again = second.send("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n")
    assert [body(message) for message in subscribe_again] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("flavour", "name"), [("rabbitmq", "prefetch-count"), ("activemq", "activemq.prefetchSize")]
)
def test_prefetch_limits_unacknowledged_messages(flavour: str, name: str) -> None:
    scene = Scene(flavour)
    client, sender = scene.client(), scene.client()
    subscribe(client, ack="client-individual", more=f"{name}:2\n")
    for text in "abc":
        send(sender, text)
    messages = client.receive()
    assert [body(message) for message in messages] == ["a", "b"]
    (third,) = client.send(f"ACK\nid:{header(messages[1], 'ack')}\n\n")
    assert body(third) == "c"


@pytest.mark.parametrize(
    ("flavour", "name", "delivered"),
    [("rabbitmq", "prefetch-count", 1), ("activemq", "activemq.prefetchSize", 0)],
)
def test_a_prefetch_of_0_is_no_limit_or_nothing(flavour: str, name: str, delivered: int) -> None:
    client = Scene(flavour).client()
    subscribe(client, ack="client-individual", more=f"{name}:0\n")
    assert len(send(client, "x")) == delivered


def test_an_ack_in_an_open_transaction_frees_no_prefetch() -> None:
    scene = Scene()
    client, sender = scene.client(), scene.client()
    subscribe(client, ack="client-individual", more="prefetch-count:1\n")
    send(sender, "a")
    send(sender, "b")
    (first,) = client.receive()
    assert client.send("BEGIN\ntransaction:t\n\n", f"ACK\nid:{header(first, 'ack')}\ntransaction:t\n\n") == []
    (second,) = client.send("COMMIT\ntransaction:t\n\n")
    assert body(second) == "b"


# -------------------------------------------------------------------------------- transactions


def test_sends_of_a_transaction_are_delivered_after_commit() -> None:
    scene = Scene()
    sender, receiver = scene.client(), scene.client()
    subscribe(receiver)
    sender.send("BEGIN\ntransaction:t\n\n")
    send(sender, "a", more="transaction:t\n")
    send(sender, "b", more="transaction:t\n")
    assert receiver.receive() == []
    sender.send("COMMIT\ntransaction:t\n\n")
    assert receiver.bodies() == ["a", "b"]


@pytest.mark.parametrize("end", ["ABORT\ntransaction:t\n\n", "DISCONNECT\n\n"], ids=["ABORT", "DISCONNECT"])
def test_sends_of_a_transaction_without_commit_are_dropped(end: str) -> None:
    scene = Scene()
    client = scene.client()
    client.send("BEGIN\ntransaction:t\n\n")
    send(client, "a", more="transaction:t\n")
    client.send(end)
    assert scene.waiting("/queue/a") == []


def test_rabbitmq_confirms_a_send_of_a_transaction_after_commit() -> None:
    client = Scene("rabbitmq").client()
    client.send("BEGIN\ntransaction:t\n\n")
    assert send(client, "a", more="transaction:t\nreceipt:1\n") == []
    assert client.send("COMMIT\ntransaction:t\nreceipt:2\n\n") == [
        "RECEIPT\nreceipt-id:2\n\n",
        "RECEIPT\nreceipt-id:1\n\n",
    ]


def test_rabbitmq_never_confirms_an_aborted_send() -> None:
    client = Scene("rabbitmq").client()
    client.send("BEGIN\ntransaction:t\n\n")
    send(client, "a", more="transaction:t\nreceipt:1\n")
    assert client.send("ABORT\ntransaction:t\nreceipt:2\n\n") == ["RECEIPT\nreceipt-id:2\n\n"]


def test_activemq_confirms_a_send_of_a_transaction_at_once() -> None:
    client = Scene("activemq").client()
    client.send("BEGIN\ntransaction:t\n\n")
    assert send(client, "a", more="transaction:t\nreceipt:1\n") == ["RECEIPT\nreceipt-id:1\n\n"]
    assert client.send("COMMIT\ntransaction:t\nreceipt:2\n\n") == ["RECEIPT\nreceipt-id:2\n\n"]


@pytest.mark.parametrize(("end", "left"), [("COMMIT", []), ("ABORT", [b"a", b"b"])], ids=["COMMIT", "ABORT"])
def test_an_ack_in_a_transaction_takes_effect_with_commit(end: str, left: list[bytes]) -> None:
    scene = Scene()
    client = scene.client()
    subscribe(client, ack="client")
    messages = [send(client, text)[0] for text in "ab"]
    client.send("BEGIN\ntransaction:t\n\n", f"ACK\nid:{header(messages[1], 'ack')}\ntransaction:t\n\n")
    client.send(f"{end}\ntransaction:t\n\n")
    client.leave()
    assert scene.waiting("/queue/a") == left


@pytest.mark.parametrize("end", ["DISCONNECT\n\n", None], ids=["DISCONNECT", "the socket closes"])
@FLAVOURS
def test_an_ack_in_an_open_transaction_is_undone_by_the_end(flavour: str, end: str | None) -> None:
    scene = Scene(flavour)
    client = scene.client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "a")
    client.send("BEGIN\ntransaction:t\n\n", f"ACK\nid:{header(message, 'ack')}\ntransaction:t\n\n")
    if end is None:
        client.leave()
    else:
        client.send(end)
    assert scene.waiting("/queue/a") == [b"a"]


def test_abort_restores_the_order_of_what_was_acknowledged() -> None:
    """A cumulative ACK of the first message then covers nothing else."""
    scene = Scene()
    client = scene.client()
    subscribe(client, ack="client")
    first, second = (f"ACK\nid:{header(send(client, text)[0], 'ack')}\n" for text in "ab")
    client.send("BEGIN\ntransaction:t\n\n", f"{first}transaction:t\n\n", f"{second}transaction:t\n\n")
    client.send("ABORT\ntransaction:t\n\n", f"{first}\n")
    client.leave()
    assert scene.waiting("/queue/a") == [b"b"]


def test_a_client_that_leaves_gets_nothing_from_its_own_queues() -> None:
    """Its subscription in auto mode would take, and lose, what another one of it has not acknowledged."""
    scene = Scene()
    client = scene.client()
    subscribe(client, ack="client-individual", more="prefetch-count:1\n")
    send(client, "a")
    subscribe(client, ack="auto", id="2")
    client.receive()
    client.leave()
    assert scene.waiting("/queue/a") == [b"a"]


def test_a_message_can_be_acknowledged_after_abort() -> None:
    scene = Scene()
    client = scene.client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "a")
    ack = f"ACK\nid:{header(message, 'ack')}\n"
    client.send("BEGIN\ntransaction:t\n\n", f"{ack}transaction:t\n\n", "ABORT\ntransaction:t\n\n")
    assert client.send(f"{ack}receipt:r\n\n") == ["RECEIPT\nreceipt-id:r\n\n"]
    client.leave()
    assert scene.waiting("/queue/a") == []


def test_a_nack_in_a_transaction_takes_effect_with_commit() -> None:
    client = Scene("rabbitmq").client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "a")
    nack = f"NACK\nid:{header(message, 'ack')}\ntransaction:t\n\n"
    assert client.send("BEGIN\ntransaction:t\n\n", nack) == []
    (again,) = client.send("COMMIT\ntransaction:t\n\n")
    assert header(again, "redelivered") == "true"


@pytest.mark.parametrize(("end", "left"), [("COMMIT", []), ("ABORT", [b"a"])], ids=["COMMIT", "ABORT"])
def test_a_subscription_may_end_before_its_transaction(end: str, left: list[bytes]) -> None:
    scene = Scene()
    client = scene.client()
    subscribe(client, ack="client-individual")
    (message,) = send(client, "a")
    client.send("BEGIN\ntransaction:t\n\n", f"ACK\nid:{header(message, 'ack')}\ntransaction:t\n\n")
    client.send("UNSUBSCRIBE\nid:1\n\n")
    assert scene.waiting("/queue/a") == []
    client.send(f"{end}\ntransaction:t\n\n")
    assert scene.waiting("/queue/a") == left


# -------------------------------------------------------------------------------- temporary queues, durable topics


def test_rabbitmq_creates_a_temporary_queue_for_reply_to() -> None:
    """Replies come without a SUBSCRIBE."""
    scene = Scene("rabbitmq")
    requester, service = scene.client(), scene.client()
    subscribe(service, "/queue/rpc")
    assert send(requester, "question", "/queue/rpc", "reply-to:/temp-queue/me\n") == []
    (question,) = service.receive()
    reply_to = header(question, "reply-to")
    assert reply_to is not None
    assert reply_to.startswith("/reply-queue/")
    send(service, "answer", reply_to)
    (answer,) = requester.receive()
    assert header(answer, "subscription") == "/temp-queue/me"
    assert body(answer) == "answer"


@pytest.mark.parametrize(
    "frame", ["SUBSCRIBE\nid:9\ndestination:/temp-queue/me\n\n", "SEND\ndestination:/temp-queue/me\n\nx"]
)
def test_rabbitmq_allows_temporary_queues_in_reply_to_only(frame: str) -> None:
    (error,) = Scene("rabbitmq").client().send(frame)
    assert error.startswith("ERROR\n")


def test_activemq_clients_subscribe_to_temporary_queues() -> None:
    """Other clients see another name of the queue."""
    scene = Scene("activemq")
    requester, service = scene.client(), scene.client()
    subscribe(service, "/queue/rpc")
    subscribe(requester, "/temp-queue/me", id="t")
    send(requester, "question", "/queue/rpc", "reply-to:/temp-queue/me\n")
    (question,) = service.receive()
    reply_to = header(question, "reply-to")
    assert reply_to is not None
    assert reply_to.startswith("/remote-temp-queue/")
    send(service, "answer", reply_to)
    (answer,) = requester.receive()
    assert header(answer, "subscription") == "t"
    assert header(answer, "destination") == "/temp-queue/me"


@FLAVOURS
def test_a_temporary_queue_is_deleted_with_its_connection(flavour: str) -> None:
    scene = Scene(flavour)
    requester, service = scene.client(), scene.client()
    subscribe(service, "/queue/rpc")
    send(requester, "question", "/queue/rpc", "reply-to:/temp-queue/me\n")
    reply_to = header(service.receive()[0], "reply-to") or ""
    send(service, "answer", reply_to)
    assert scene.exchange.queues_of(reply_to)
    requester.leave()
    assert not scene.exchange.queues_of(reply_to)


def test_rabbitmqs_durable_subscription_keeps_messages() -> None:
    """It is named by its id, and requested with durable:true."""
    scene = Scene("rabbitmq")
    durable = "durable:true\nauto-delete:false\n"
    client, sender = scene.client(), scene.client()
    subscribe(client, "/topic/t", more=durable, id="mine")
    client.send("DISCONNECT\n\n")
    send(sender, "x", "/topic/t")
    client = scene.client()
    subscribed = client.send(f"SUBSCRIBE\nid:mine\ndestination:/topic/t\n{durable}\n")
    assert [body(frame) for frame in subscribed] == ["x"]
    # UNSUBSCRIBE alone does not delete it; repeating `durable:true` does.
    client.send("UNSUBSCRIBE\nid:mine\n\n")
    send(sender, "y", "/topic/t")
    assert scene.waiting("/topic/t") == [b"y"]
    client.send(f"SUBSCRIBE\nid:mine\ndestination:/topic/t\n{durable}\n")
    client.send(f"UNSUBSCRIBE\nid:mine\n{durable}\n")
    send(sender, "z", "/topic/t")
    assert scene.waiting("/topic/t") == []


def test_activemqs_durable_subscription_keeps_messages() -> None:
    """It is named by client-id and activemq.subscriptionName."""
    scene = Scene("activemq")
    name = "activemq.subscriptionName:news\n"
    client, sender = scene.client(more="client-id:me\n"), scene.client()
    subscribe(client, "/topic/t", more=name)
    client.leave()
    send(sender, "x", "/topic/t")
    other = scene.client(more="client-id:other\n")
    subscribe(other, "/topic/t", more=name)
    client = scene.client(more="client-id:me\n")
    subscribed = client.send(f"SUBSCRIBE\nid:7\ndestination:/topic/t\n{name}\n")
    assert [body(frame) for frame in subscribed] == ["x"]


def test_activemqs_durable_subscription_has_one_subscriber_at_a_time() -> None:
    client = Scene("activemq").client(more="client-id:me\n")
    name = "activemq.subscriptionName:news\n"
    subscribe(client, "/topic/t", more=name)
    (error,) = client.send(f"SUBSCRIBE\nid:2\ndestination:/topic/t\n{name}\n")
    assert error.startswith("ERROR\n")
    assert "Durable consumer is in use" in error
    (error,) = client.send(f"UNSUBSCRIBE\nid:1\n{name}\n")
    assert error.startswith("ERROR\n")


def test_subscribers_of_rabbitmqs_durable_subscription_take_turns() -> None:
    scene = Scene("rabbitmq")
    first, second, sender = scene.client(), scene.client(), scene.client()
    for client in (first, second):
        subscribe(client, "/topic/t", more="durable:true\nauto-delete:false\n", id="mine")
    for text in "abc":
        send(sender, text, "/topic/t")
    assert (first.bodies(), second.bodies()) == (["a", "c"], ["b"])


def test_a_client_id_of_activemq_belongs_to_one_connection() -> None:
    """The refusal is temporary, although its stack trace names a class with "Authentication" in it."""
    scene = Scene("activemq")
    first, second = scene.client(more="client-id:me\n"), scene.dial()
    (error,) = second.send(CONNECT.format(version="1.2", more="client-id:me\nreceipt:c\n"))
    assert "Client: me already connected" in (header(error, "message") or "")
    assert header(error, "receipt-id") == "c"
    assert "Authentication" in body(error)
    assert second.peer.closing
    first.leave()
    (answer,) = scene.dial().send(CONNECT.format(version="1.2", more="client-id:me\n"))
    assert header(answer, "session") == "me"


@pytest.mark.parametrize(("flavour", "left"), [("rabbitmq", []), ("activemq", [b"one"])])
def test_rabbitmqs_cumulative_ack_covers_other_subscriptions(flavour: str, left: list[bytes]) -> None:
    """What its connection was sent before, in whatever subscription, and nothing that came later."""
    scene = Scene(flavour)
    client = scene.client()
    for number in "123":
        subscribe(client, f"/queue/{number}", ack="client", id=number)
    send(client, "one", "/queue/1")
    (second,) = send(client, "two", "/queue/2")
    send(client, "three", "/queue/3")
    client.send(f"ACK\nid:{header(second, 'ack')}\n\n")
    client.leave()
    assert scene.waiting("/queue/1") == left
    assert scene.waiting("/queue/2") == []
    assert scene.waiting("/queue/3") == [b"three"]


# -------------------------------------------------------------------------------- heart-beats, delays and back pressure


def test_the_broker_agrees_to_the_clients_heart_beats() -> None:
    client = Scene("activemq").dial()
    (answer,) = client.send(CONNECT.format(version="1.2", more="heart-beat:1000,2000\n"))
    assert header(answer, "heart-beat") == "2000,1000"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [("1999,10", "1000,1000"), ("0,61500", "61000,0"), ("500,0", "0,1000"), ("0,0", "0,0")],
)
def test_rabbitmqs_heart_beats_are_whole_seconds(asked: str, answer: str) -> None:
    (connected,) = Scene("rabbitmq").dial().send(CONNECT.format(version="1.2", more=f"heart-beat:{asked}\n"))
    assert header(connected, "heart-beat") == answer


def test_activemqs_first_heart_beat_comes_after_two_intervals() -> None:
    scene = Scene("activemq")
    client = scene.client(more="heart-beat:0,1000\n")
    beats = []
    for _ in range(3):
        due = client.peer.next_deadline()
        assert due is not None
        client.peer.handle_timeout(due)
        if client.peer.take_output() == b"\n":
            beats.append(due - scene.now)
    assert beats == [2.0, 3.0]


@pytest.mark.parametrize(
    ("flavour", "header_line"), [("rabbitmq", "expiration:5000"), ("activemq", "expires:1005000")]
)
@pytest.mark.parametrize("looked_at", [True, False])
@pytest.mark.parametrize("transaction", [True, False])
def test_a_message_expires(flavour: str, header_line: str, looked_at: bool, transaction: bool) -> None:
    """RabbitMQ's header is a time to live, ActiveMQ's a date, both in milliseconds."""
    now = 1000.0
    scene = Scene(flavour, clock=lambda: now)
    client = scene.client()
    inside = "transaction:t\n" if transaction else ""
    client.send("BEGIN\ntransaction:t\n\n")
    for text, more in (("kept", ""), ("gone", f"{header_line}\n"), ("kept too", "")):
        send(client, text, more=more + inside)
    client.send("COMMIT\ntransaction:t\n\n")
    assert len(scene.waiting("/queue/a")) == 3
    now = 1005.0
    if looked_at:
        assert scene.waiting("/queue/a") == [b"kept", b"kept too"]
    answer = client.send("SUBSCRIBE\nid:1\ndestination:/queue/a\n\n")
    assert [body(frame) for frame in answer] == ["kept", "kept too"]
    assert scene.exchange.backlog.size == 0


def test_a_date_of_0_is_never_in_activemq() -> None:
    scene = Scene("activemq", clock=lambda: 1000.0)
    send(scene.client(), "kept", more="expires:0\n")
    assert scene.waiting("/queue/a") == [b"kept"]


def test_activemq_states_priority_and_times_of_each_message() -> None:
    """With its defaults; what the sender has stated stays."""
    client = Scene("activemq", clock=lambda: 1000.0).client()
    subscribe(client)
    names = ("expires", "priority", "timestamp")
    (message,) = send(client, "x")
    assert [header(message, name) for name in names] == ["0", "4", "1000000"]
    (message,) = send(client, "x", more="priority:9\nexpires:2000000\ntimestamp:5\n")
    assert [header(message, name) for name in names] == ["2000000", "9", "5"]


@FLAVOURS
@pytest.mark.parametrize(("persistent", "forwarded"), [("true", "true"), ("false", None)])
def test_only_persistent_true_is_forwarded(flavour: str, persistent: str, forwarded: str | None) -> None:
    client = Scene(flavour).client()
    subscribe(client)
    (message,) = send(client, "x", more=f"persistent:{persistent}\n")
    assert header(message, "persistent") == forwarded


def test_an_exchange_must_exist() -> None:
    client = Scene("rabbitmq", exchanges=("orders",)).client()
    subscribe(client, "/exchange/orders/new.*")
    assert [body(frame) for frame in send(client, "x", "/exchange/orders/new.one")] == ["x"]
    (error,) = send(client, "x", "/exchange/others/new.one")
    assert body(error) == "NOT_FOUND - no exchange 'others' in vhost '/'"
    assert client.peer.closing


def test_the_broker_sends_heart_beats_when_idle() -> None:
    scene = Scene("rabbitmq")
    client = scene.client(more="heart-beat:0,1000\n")
    due = scene.now + 0.5
    assert client.peer.next_deadline() == due
    client.peer.handle_timeout(due)
    assert client.peer.take_output() == b"\n"


def test_messages_of_a_client_without_heart_beats_are_requeued() -> None:
    scene = Scene("rabbitmq")
    client = scene.client(more="heart-beat:1000,0\n")
    subscribe(client, ack="client")
    send(client, "x")
    due = scene.now + 3.0
    assert client.peer.next_deadline() == due
    client.peer.handle_timeout(due)
    assert client.peer.closing
    assert scene.waiting("/queue/a") == [b"x"]


def test_a_broker_that_is_no_longer_silent_answers_connect() -> None:
    """The frames behind CONNECT are answered too."""
    scene = Scene()
    scene.faults.silent = True
    client = scene.dial()
    assert client.send(CONNECT.format(version="1.2", more=""), "BEGIN\ntransaction:t\nreceipt:r\n\n") == []
    assert client.peer.next_deadline() is None
    scene.faults.silent = False
    client.peer.answer_late(scene.now)
    assert [frame.split("\n")[0] for frame in client.receive()] == ["CONNECTED", "RECEIPT"]


def test_connect_is_answered_after_connect_delay() -> None:
    scene = Scene()
    scene.faults.connect_delay = 2.0
    client = scene.dial()
    assert client.send(CONNECT.format(version="1.2", more="")) == []
    assert client.peer.next_deadline() == scene.now + 2.0
    client.peer.handle_timeout(scene.now + 1.9)
    assert client.receive() == []
    client.peer.handle_timeout(scene.now + 2.0)
    assert client.receive()[0].startswith("CONNECTED\n")


def test_input_behind_an_unanswered_connect_is_limited() -> None:
    """Above high_water the server stops reading."""
    scene = Scene(high_water=1000)
    scene.faults.silent = True
    client = scene.dial()
    client.send(CONNECT.format(version="1.2", more=""))
    assert not client.peer.input_full
    client.send("x" * 1001)
    assert client.peer.input_full


def test_a_client_that_does_not_read_gets_no_more_messages() -> None:
    scene = Scene(high_water=1000)
    slow, sender = scene.client(), scene.client()
    subscribe(slow)
    for _ in range(10):
        send(sender, "x" * 300)
    assert slow.peer.congested
    kept = len(scene.waiting("/queue/a"))
    assert 5 <= kept <= 8
    assert len(slow.receive()) == 10
    assert scene.waiting("/queue/a") == []


def test_an_error_can_leave_the_connection_open() -> None:
    client = Scene().client()
    client.peer.send_error("alarm", "memory", close=False)
    (error,) = client.receive()
    assert header(error, "message") == "alarm"
    assert body(error) == "memory"
    assert not client.peer.closing
