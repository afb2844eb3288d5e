"""Why a connection could not be made, and what to check."""

from __future__ import annotations

import socket
import ssl

import pytest

from stomp_core import Error, RemoteProtocolError
from stomp_core.session import Endpoint
from stomp_core.session import _connect_errors as connect_errors

PLAIN = Endpoint.parse("stomp://guest:s3cret@broker:61613")
TLS = Endpoint.parse("stomp+ssl://guest:s3cret@broker:61614")
UNIX = Endpoint.parse("stomp+unix:///run/b.sock")
WEB = Endpoint.parse("ws://broker/ws")


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("endpoint", "reason", "text"),
    [
        (
            PLAIN,
            socket.gaierror(-2, "Name or service not known"),
            "the host name 'broker' cannot be resolved (Name or service not known): check spelling and DNS",
        ),
        (
            TLS,
            untrusted(),
            (
                "the server's certificate is not trusted (self-signed certificate): check that the URL has the name "
                "that the certificate is for, and pass an ssl_context that trusts its authority"
            ),
        ),
        (
            TLS,
            ssl.SSLError(1, "wrong version number"),
            (
                "TLS failed (wrong version number): check that this port speaks TLS at all (use stomp:// or ws:// for "
                "a plain one), and whether the server asks for a client certificate"
            ),
        ),
        (
            PLAIN,
            ConnectionRefusedError(111, "Connection refused"),
            (
                "connection refused: nothing listens there; check the port, and that the broker runs with its STOMP "
                "listener on"
            ),
        ),
        (PLAIN, TimeoutError(), "no connection within 7 s: check host, port and firewalls"),
        (
            TLS,
            TimeoutError(),
            (
                "no connection, or no end of the TLS handshake, within 7 s: check host, port and firewalls (a plain "
                "port does not answer TLS)"
            ),
        ),
        (
            UNIX,
            FileNotFoundError(2, "No such file or directory"),
            "there is no such socket: check the path, and that the broker runs",
        ),
        (
            PLAIN,
            ConnectionResetError(104, "Connection reset by peer"),
            (
                "the peer closed the connection while connecting (Connection reset by peer): check that it is the "
                "broker's STOMP port"
            ),
        ),
        (
            TLS,
            EOFError("closed"),
            "the peer closed the connection while connecting (closed): check that this port speaks TLS",
        ),
        (
            TLS,
            BrokenPipeError(32, "Broken pipe"),
            "the peer closed the connection while connecting (Broken pipe): check that this port speaks TLS",
        ),
        (PLAIN, OSError(113, "No route to host"), "No route to host"),
        (PLAIN, RuntimeError("as it is"), "as it is"),
        (PLAIN, RuntimeError(), "RuntimeError"),
        (PLAIN, "a sentence", "a sentence"),
        (PLAIN, "", "it could not be dialled"),
        (PLAIN, None, "it could not be dialled"),
    ],
)
def test_each_cause_has_a_sentence_with_what_to_check(
    endpoint: Endpoint, reason: BaseException | str | None, text: str
) -> None:
    sentence = connect_errors.dial_failure(endpoint, reason, 7.0)
    assert sentence == f"{endpoint}: {text}"
    assert "s3cret" not in sentence


def test_the_sentence_for_silence_after_connecting() -> None:
    assert connect_errors.handshake_silence(PLAIN, 5.0) == (
        "stomp://broker:61613: connected, but no CONNECTED came within 5 s: check that this is the broker's STOMP port "
        "and not a TLS one (use stomp+ssl:// for that), and that the broker is not overloaded"
    )


@pytest.mark.parametrize("endpoint", [TLS, UNIX, WEB], ids=str)
def test_tls_ports_are_mentioned_only_where_they_matter(endpoint: Endpoint) -> None:
    assert "stomp+ssl://" not in connect_errors.handshake_silence(endpoint, 5.0).removeprefix(str(endpoint))
    assert "stomp+ssl://" not in connect_errors.handshake_eof(endpoint, "x").removeprefix(str(endpoint))


def test_the_sentence_for_an_end_before_connected() -> None:
    assert connect_errors.handshake_eof(PLAIN, "the end") == (
        "stomp://broker:61613: the peer closed the connection before CONNECTED (the end): check that this is the "
        "broker's STOMP port and not a TLS one (use stomp+ssl:// for that); with a client certificate, that the "
        "server accepts it; with a "
        "'\\' in the passcode, try escape_connect=True"
    )


@pytest.mark.parametrize(
    ("code", "text", "check"),
    [
        ("unexpected-byte", "the frame begins with b'\\x15'", "it answers in TLS: use stomp+ssl://"),
        (
            "unknown-command",
            "'HTTP/1.1 400 Bad Request' is no command",
            "it answers in HTTP: check the port, or use ws:// for STOMP over WebSocket",
        ),
        ("unknown-command", "'SSH-2.0' is no command", "check that this is the broker's STOMP port"),
        ("unexpected-byte", "the frame begins with b'\\x00'", "check that this is the broker's STOMP port"),
        ("bare-cr", "HTTP/ b'\\x15'", "check that this is the broker's STOMP port"),
    ],
)
def test_the_sentence_for_an_answer_that_is_not_stomp(code: str, text: str, check: str) -> None:
    error = RemoteProtocolError(text, code=code)
    assert connect_errors.handshake_violation(PLAIN, error) == (
        f"stomp://broker:61613: the answer is not STOMP: {text}: {check}"
    )


@pytest.mark.parametrize(
    "error",
    [
        Error("Bad CONNECT", body="Access refused for user 'u'\n"),
        Error("Bad CONNECT", body="non-existent user or wrong virtual host"),
        Error("java.lang.SecurityException: User name [u] or password is invalid."),
        Error("Access denied"),
        Error("Security Error occurred"),
        Error("authentication failed"),
        Error("Unauthorised"),
        Error("unauthorized"),
        Error("not allowed to connect"),
        Error("bad passcode"),
        Error("invalid credentials"),
        Error("Forbidden"),
        Error("login failed"),
        Error("no", body="login failed"),
    ],
    ids=lambda error: str(error.description),
)
def test_a_refused_login_is_recognised_by_its_text(error: Error) -> None:
    assert connect_errors.is_login_refusal(error)
    assert connect_errors.handshake_refusal(PLAIN, error) == (
        f"stomp://broker:61613: the broker refused: {error.description}: check login and passcode, and the virtual "
        "host (host=...), which must exist in RabbitMQ"
    )


TRACE = """
\tat org.apache.activemq.broker.region.RegionBroker.addConnection(RegionBroker.java:254)
\tat org.apache.activemq.security.SimpleAuthenticationBroker.addConnection(SimpleAuthenticationBroker.java:75)
\tat org.apache.activemq.security.AuthorizationBroker.denied(AuthorizationBroker.java:1)
"""
IN_USE = "Broker: localhost - Client: X already connected from tcp://127.0.0.1:40312"


@pytest.mark.parametrize(
    "error",
    [
        Error(IN_USE, body=f"javax.jms.InvalidClientIDException: {IN_USE}{TRACE}"),
        Error(body=f"javax.jms.InvalidClientIDException: {IN_USE}{TRACE}"),
        Error(IN_USE.replace("X", "login-security-passwords")),
        Error("client ID X already in use"),
        Error("clientID=X was already set into another connection"),
        Error("Client with ID X is already in use"),
        Error("AMQ229035: Metadata jms-client-id=X had been set already: client id in use"),
        Error("client-id has already been set"),
    ],
    ids=lambda error: str(error.description),
)
def test_a_client_id_in_use_is_no_refused_login(error: Error) -> None:
    assert not connect_errors.is_login_refusal(error)
    text = connect_errors.handshake_refusal(PLAIN, error)
    assert "still has a connection with this client_id" in text
    assert "Reconnect(first_rounds=...)" in text
    assert "\n" not in text
    assert "AuthorizationBroker" not in text


@pytest.mark.parametrize(
    "error",
    [
        Error("Server not started", body=f"java.lang.IllegalStateException: x{TRACE}"),
        Error("Broker is stopping", body=TRACE),
        Error("Broker security-1 is shutting down"),
        Error("Exceeded the maximum number of allowed client connections: 1000"),
        Error("Bad CONNECT", body="node connection limit (1000) is reached\n"),
        Error("too many connections are not allowed"),
        Error("this node is a backup, not the master"),
        Error("memory usage is too high: connections are denied"),
        Error(f"no reason{TRACE}"),
    ],
    ids=lambda error: str(error.description),
)
def test_a_broker_that_accepts_nobody_now_refuses_no_login(error: Error) -> None:
    assert not connect_errors.is_login_refusal(error)


@pytest.mark.parametrize(
    "text",
    [
        "too many failed logins: the account is locked, try again later",
        "AMQ229031: Unable to validate user from 127.0.0.1",
        "authentication failed: maximum of 3 connections",
    ],
)
def test_refused_credentials_come_before_everything_else(text: str) -> None:
    assert connect_errors.is_login_refusal(Error(text))


@pytest.mark.parametrize(
    ("error", "check"),
    [
        (
            Error("Version mismatch", headers={"version": "1.0,1.1"}),
            "it supports STOMP 1.0,1.1: check versions=...",
        ),
        (Error("Exceeded the maximum number of client connections"), "see the broker's log"),
        (Error("loginctl is down"), "see the broker's log"),
        (Error(), "see the broker's log"),
    ],
)
def test_other_refusals_are_no_refused_login(error: Error, check: str) -> None:
    assert not connect_errors.is_login_refusal(error)
    assert connect_errors.handshake_refusal(PLAIN, error) == (
        f"stomp://broker:61613: the broker refused: {error.description}: {check}"
    )
