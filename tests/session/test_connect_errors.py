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


def untrusted(message: str = "self-signed certificate") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_message = message
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
                "the server's certificate is not trusted (self-signed certificate): check who has signed it, and pass "
                "that authority: ca_file='ca.pem', or an ssl_context that trusts it"
            ),
        ),
        (
            TLS,
            untrusted("Hostname mismatch, certificate is not valid for 'broker'."),
            (
                "the server's certificate is for another name (Hostname mismatch, certificate is not valid for "
                "'broker'.): check that the URL has the name that the certificate is for, or state that name: "
                "server_hostname=..."
            ),
        ),
        (
            TLS,
            untrusted("certificate has expired"),
            (
                "the server's certificate is out of its time (certificate has expired): check the clock of this "
                "machine; if it is right, the certificate must be renewed"
            ),
        ),
        (
            TLS,
            ssl.SSLError(1, "wrong version number"),
            (
                "TLS failed (wrong version number): check the port, since nothing there speaks TLS (use stomp:// for a "
                "plain one)"
            ),
        ),
        (
            TLS,
            ssl.SSLError(1, "handshake failure"),
            (
                "TLS failed (handshake failure): check that this port speaks TLS at all (use stomp:// for a plain "
                "one), and whether the server asks for a client certificate"
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
    ("answer", "protocol", "remedy"),
    [
        (b"AMQP\x00\x00\x09\x01", "AMQP", "rabbitmq_stomp must be enabled"),
        (b"AMQP\x03\x01\x00\x00", "AMQP", "61613"),
        (
            b"\x00\x00\x01\x7c\x01ActiveMQ\x00\x00\x00\x0c",
            "OpenWire",
            "ActiveMQ's for STOMP is usually 61613",
        ),
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP", "61613"),
        (b"\x15\x03\x03\x00\x02\x02\x0a", "TLS", "use stomp+ssl:// for this port"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "SSH", "61613"),
        (b"-ERR unknown command 'CONNECT'\r\n", "Redis", "61613"),
        (b"-NOAUTH Authentication required.\r\n", "Redis", "61613"),
        (b"220 mail.example.com ESMTP\r\n", "SMTP or FTP", "61613"),
        (b"220-Welcome\r\n", "SMTP or FTP", "61613"),
        (b"+OK POP3 ready\r\n", "POP3", "61613"),
        (b"* OK IMAP4rev1\r\n", "IMAP", "61613"),
        (b"J\x00\x00\x00\n8.0.33\x00", "MySQL", "61613"),
        (b"\x45\x00\x00\x00\xffj\x04Host", "MySQL", "61613"),
        (b"E\x00\x00\x00\x8bSFATAL\x00", "PostgreSQL", "61613"),
        (b" \x02\x00\x05", "MQTT", "61613"),
        (b'INFO {"server_id":"N"}\r\n', "NATS", "61613"),
        (b"ERROR\r\nERROR\r\n", "memcached", "61613"),
        (b"UNKNOWN_COMMAND\r\n", "beanstalkd", "61613"),
        (b"\xff\xfd\x18", "Telnet", "61613"),
    ],
    ids=lambda value: str(value)[:16],
)
def test_another_protocol_is_recognised_by_its_answer(answer: bytes, protocol: str, remedy: str) -> None:
    error = RemoteProtocolError("not STOMP", code="unexpected-byte")
    for sentence in (
        connect_errors.handshake_violation(PLAIN, error, answer),
        connect_errors.handshake_eof(PLAIN, "the end", answer),
        connect_errors.handshake_silence(PLAIN, 5.0, answer),
    ):
        assert sentence.startswith(f"stomp://broker:61613: this port speaks {protocol}, not STOMP: ")
        assert remedy in sentence


@pytest.mark.parametrize(
    "answer", [b"", b"garbage", b"\x00", b"CONNECTED\nversion:1.2\n\n", b"ERROR\r\nmessage:x\n"]
)
def test_any_other_answer_is_shown_as_it_is(answer: bytes) -> None:
    error = RemoteProtocolError("'garbage' is no command", code="unknown-command")
    assert connect_errors.handshake_violation(PLAIN, error, answer) == (
        "stomp://broker:61613: the answer is not STOMP: 'garbage' is no command: check that this is the broker's STOMP "
        "port"
    )


@pytest.mark.parametrize(
    ("port", "usual"), [(9092, "Kafka's"), (5672, "AMQP"), (61616, "OpenWire"), (27017, "MongoDB's")]
)
def test_the_port_of_another_protocol_is_named_where_nothing_is_answered(port: int, usual: str) -> None:
    endpoint = Endpoint.parse(f"stomp://broker:{port}")
    for sentence in (
        connect_errors.handshake_eof(endpoint, "the end"),
        connect_errors.handshake_silence(endpoint, 5.0),
        connect_errors.dial_failure(endpoint, ConnectionResetError(104, "reset"), 5.0),
    ):
        assert f"port {port} is usually {usual}" in sentence
        assert "STOMP's is 61613" in sentence


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
