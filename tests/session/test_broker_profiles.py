"""What brokers call the things that STOMP leaves to them."""

from __future__ import annotations

import pytest

from stomp_core import LocalProtocolError
from stomp_core.session import ACTIVEMQ, ARTEMIS, BROKER_PROFILES, GENERIC, RABBITMQ, BrokerProfile
from stomp_core.session._broker_profiles import profile_for


@pytest.mark.parametrize(
    ("server", "profile"),
    [
        ("RabbitMQ/3.10.8", RABBITMQ),
        ("rabbitmq", RABBITMQ),
        ("ActiveMQ/5.17.2", ACTIVEMQ),
        ("ActiveMQ-Artemis/2.31.2 ActiveMQ Artemis Messaging Engine", ARTEMIS),
        ("apache-apollo/1.7", GENERIC),
        ("My RabbitMQ", GENERIC),
        ("", GENERIC),
        (None, GENERIC),
    ],
)
def test_a_broker_is_recognised_by_its_server_header(server: str | None, profile: BrokerProfile) -> None:
    assert profile_for(server) is profile


def test_the_table_of_prefetch_headers() -> None:
    assert {profile.name: profile.prefetch for profile in (*BROKER_PROFILES, GENERIC)} == {
        "RabbitMQ": ("prefetch-count",),
        "ActiveMQ Artemis": ("consumer-window-size",),
        "ActiveMQ Classic": ("activemq.prefetchSize",),
        "STOMP": ("prefetch-count", "activemq.prefetchSize"),
    }


@pytest.mark.parametrize(("count", "size"), [(1, "0"), (2, "100"), (101, "10000")])
def test_artemis_counts_bytes_less_than_its_smallest_message_has(count: int, size: str) -> None:
    assert ARTEMIS.prefetch_headers(count) == [("consumer-window-size", size)]


def test_only_artemis_leaves_acks_out_of_transactions() -> None:
    for profile in (RABBITMQ, ACTIVEMQ, GENERIC):
        profile.check_ack_in_transaction("ACK")
    with pytest.raises(
        LocalProtocolError, match="Artemis does not make NACK a part of a transaction"
    ) as caught:
        ARTEMIS.check_ack_in_transaction("NACK")
    assert caught.value.code == "header-not-allowed"


def test_the_table_of_durable_subscriptions() -> None:
    durable = {
        profile.name: (profile.durable, profile.delete_durable) for profile in (*BROKER_PROFILES, GENERIC)
    }
    rabbit = (("durable", "true"), ("auto-delete", "false"))
    artemis = (("durable-subscription-name", "{name}"),)
    activemq = (("activemq.subscriptionName", "{name}"),)
    assert durable == {
        "RabbitMQ": (rabbit, rabbit),
        "ActiveMQ Artemis": (artemis, artemis),
        "ActiveMQ Classic": (activemq, None),
        "STOMP": (None, ()),
    }
    assert [profile.durable_needs_client_id for profile in BROKER_PROFILES] == [False, True, True]


def test_only_rabbitmq_subscribes_to_replies_for_the_client() -> None:
    assert [profile.subscribes_to_replies for profile in (*BROKER_PROFILES, GENERIC)] == [
        False,
        True,
        True,
        True,
    ]
    assert {profile.temporary_queue for profile in (*BROKER_PROFILES, GENERIC)} == {"/temp-queue/"}


def test_the_table_of_nack_headers_that_discard_a_message() -> None:
    assert {profile.name: profile.discard for profile in (*BROKER_PROFILES, GENERIC)} == {
        "RabbitMQ": (("requeue", "false"),),
        "ActiveMQ Artemis": (),
        "ActiveMQ Classic": (),
        "STOMP": (),
    }


def test_the_table_of_expiry_headers() -> None:
    """RabbitMQ's has milliseconds from now, that of the others the date in milliseconds since 1970."""
    headers = {profile.name: profile.expiry_headers(1.5, 1000.0) for profile in (*BROKER_PROFILES, GENERIC)}
    assert headers == {
        "RabbitMQ": [("expiration", "1500")],
        "ActiveMQ Artemis": [("expires", "1001500")],
        "ActiveMQ Classic": [("expires", "1001500")],
        "STOMP": [("expiration", "1500"), ("expires", "1001500")],
    }


def test_only_activemq_can_browse() -> None:
    assert ACTIVEMQ.browse_headers() == [("browser", "true")]
    for profile in (RABBITMQ, ARTEMIS, GENERIC):
        with pytest.raises(LocalProtocolError, match=f"^{profile.name} has no header to browse a queue with"):
            profile.browse_headers()
