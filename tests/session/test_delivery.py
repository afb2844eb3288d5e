"""Delivery: a MESSAGE with the subscription and the connection that it came on."""

from __future__ import annotations

import pytest

from stomp_core import Message
from stomp_core.session import Delivery


def delivery(body: bytes = b"body", headers: dict[str, str] | None = None) -> Delivery:
    event = Message("/queue/a", message_id="7", subscription="s", body=body, headers=headers or {})
    return Delivery(event, None, 3)


def test_a_delivery_shows_its_message() -> None:
    one = delivery(b"body", {"content-type": "text/plain"})
    assert one.body == b"body"
    assert one.destination == "/queue/a"
    assert one.message_id == "7"
    assert one.content_type == "text/plain"
    assert one.headers["subscription"] == "s"
    assert (one.subscription, one.connection_number) == (None, 3)


def test_text_is_in_the_charset_of_the_message_or_utf_8() -> None:
    assert delivery("ä".encode()).text == "ä"
    assert delivery("ä".encode("latin-1"), {"content-type": "text/plain;charset=latin-1"}).text == "ä"
    with pytest.raises(UnicodeDecodeError):
        _ = delivery(b"\xff").text


@pytest.mark.parametrize(
    ("headers", "again"), [({"redelivered": "true"}, True), ({"redelivered": "false"}, False), ({}, False)]
)
def test_redelivered_is_the_header_of_the_broker(headers: dict[str, str], again: bool) -> None:
    assert delivery(headers=headers).redelivered is again


def test_the_repr_is_short() -> None:
    assert repr(delivery(b"x" * 100_000)) == "<Delivery '7' from '/queue/a', 100000 bytes>"
