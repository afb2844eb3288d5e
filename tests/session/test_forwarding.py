"""Which headers a copy of a message has."""

from __future__ import annotations

from stomp_core import Headers
from stomp_core.session import forwarded_headers


def test_headers_of_delivery_length_and_expiry_are_left_out() -> None:
    headers = Headers(
        [
            ("subscription", "s"),
            ("message-id", "1"),
            ("ack", "2"),
            ("destination", "/queue/a"),
            ("content-length", "5"),
            ("content-type", "text/plain"),
            ("expires", "123"),
            ("expiration", "123"),
            ("redelivered", "true"),
            ("x-delivery-count", "3"),
            ("receipt", "r"),
            ("transaction", "t"),
            ("x-failed-destination", "/queue/b"),
            ("x-failures", "5"),
            ("x-error", "why"),
            ("colour", "red"),
            ("colour", "blue"),
            ("reply-to", "/queue/r"),
        ]
    )
    assert forwarded_headers(headers) == [
        ("content-type", "text/plain"),
        ("colour", "red"),
        ("colour", "blue"),
        ("reply-to", "/queue/r"),
    ]
