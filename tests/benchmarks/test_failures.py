"""Clients do what README's table tells of them. Cases in which a client waits for ever are left to the script."""

from __future__ import annotations

import pytest

pytest.importorskip("trustme", reason="pip install --group test")

from benchmarks.failures import observe

from ..waiting import HANGS

LIBRARIES = {"stomp.py": "stomp", "stompman": "stompman", "stompest": "stompest"}


@pytest.mark.parametrize(
    ("client", "case", "seen"),
    [
        ("stomp_socket", "receipt", "raised OutcomeUnknown"),
        ("stomp.py", "receipt", "send() returned"),
        ("stompman", "receipt", "raised SendReceiptError"),
        ("stompest", "receipt", "send() returned"),
        ("stomp_socket", "restart", "received"),
        ("stompman", "restart", "received"),
        ("stompest", "restart", "raised StompConnectionError"),
        ("stomp_socket", "name", "raised ConnectFailed"),
        ("stomp_socket", "plain", "sent no passcode"),
        ("stompest", "plain", "sent the passcode"),
    ],
)
def test_readme_is_right_about_a_client(client: str, case: str, seen: str) -> None:
    if client in LIBRARIES:
        pytest.importorskip(LIBRARIES[client], reason="pip install --group test")
    assert observe(client, case, HANGS) == seen
