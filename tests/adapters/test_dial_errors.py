"""Why a dialler or a proxy led to no stream: each fault has one sentence, which names the proxy and what to check."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from stomp_core import Endpoint
from stomp_core.adapter import (
    DialFailed,
    HttpConnect,
    HttpConnectError,
    ProxyServer,
    TransportOptions,
    no_stream,
)

ProxyError = pytest.importorskip("python_socks", reason='pip install "stomp-core[proxy]"').ProxyError
from python_socks import ProxyConnectionError, ProxyTimeoutError  # noqa: E402

BROKER = Endpoint("stomp", "broker", 61613)
REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
UNREACHABLE = OSError(errno.ENETUNREACH, os.strerror(errno.ENETUNREACH))
UNKNOWN = socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def from_(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def unreachable(cause: Exception) -> Exception:
    """What python-socks raises when it cannot connect to the proxy."""
    return from_(
        ProxyConnectionError(getattr(cause, "errno", None), "Could not connect to proxy p:1 [x]"), cause
    )


def explained(error: Exception, proxy: str = "socks5://p:1") -> str:
    failure = TransportOptions(BROKER, proxy=proxy).explain(BROKER, error, 10.0)
    assert isinstance(failure, DialFailed)
    assert "proxy" in str(failure)
    assert "check" in str(failure)
    assert "\n" not in str(failure)
    assert failure.__cause__ is error
    return str(failure)


@pytest.mark.parametrize(
    ("error", "proxy", "words"),
    [
        (unreachable(REFUSED), "socks5://p:1", ("proxy socks5://p:1 refused the connection", "its host and port")),
        (REFUSED, "http://p:1", ("proxy http://p:1 refused the connection", "check its host and port")),
        (unreachable(UNKNOWN), "socks5://p:1", ("host name 'p' of the proxy", "spelling and DNS")),
        (UNKNOWN, "http://p:1", ("host name 'p' of the proxy", "spelling and DNS")),
        (unreachable(UNREACHABLE), "socks4://p:1", ("cannot be reached", "unreachable", "the network")),
        (UNREACHABLE, "http://p:1", ("cannot be reached", "unreachable", "the network")),
        (
            unreachable(from_(OSError("all attempts failed"), ExceptionGroup("trio's", [REFUSED]))),
            "socks5://p:1",
            ("refused the connection",),
        ),
        (UNKNOWN, "socks5://p:1", ("broker:61613 cannot be resolved", "socks5h://")),
        (UNKNOWN, "socks4://p:1", ("broker:61613 cannot be resolved", "socks4a://")),
        (ProxyTimeoutError("timed out"), "socks5://p:1", ("within 10 s", "SOCKS 5", "can reach broker:61613")),
        (TimeoutError(), "http://p:1", ("within 10 s", "HTTP", "can reach broker:61613")),
        (unreachable(TimeoutError()), "socks5://p:1", ("within 10 s",)),
        (ProxyError("Connection closed unexpectedly"), "socks5://p:1", ("closed the connection", "whether it wants")),
        (ProxyError("Connection closed unexpectedly"), "socks5://me:secret@p:1", ("check its user and password",)),
        (ConnectionResetError(104, "reset"), "socks5h://p:1", ("in the middle of its handshake",)),
        (EOFError(), "http://p:1", ("in the middle of its handshake", "speaks HTTP")),
        (
            ProxyError("Username and password authentication failure"),
            "socks5://me:secret@p:1",
            ("refused its user and password", "in its URL"),
        ),
        (
            ProxyError("No acceptable authentication methods were offered"),
            "socks5://p:1",
            ("wants a user and a password", "socks5://user:password@host:port"),
        ),
        (ProxyError("Connection refused by x", 5), "socks5://p:1", ("broker:61613 (connection refused)", "the broker")),
        (ProxyError("Host unreachable", 4), "socks5h://p:1", ("could not connect to broker:61613",)),
        (ProxyError("Connection not allowed by ruleset", 2), "socks5://p:1", ("refused to connect", "its rules")),
        (ProxyError("General SOCKS server failure", 1), "socks5://p:1", ("general failure", "its log")),
        (ProxyError("Request rejected or failed", 91), "socks4://p:1", ("could not connect to broker:61613",)),
        (ProxyError("different user-ids", 93), "socks4://me@p:1", ("refused the user",)),
        (ProxyError("Unexpected SOCKS version number: 72"), "socks5://p:1", ("is not SOCKS 5", "use http://")),
        (ProxyError("Unexpected SOCKS version number: 5"), "socks4://p:1", ("is not SOCKS 4", "speaks SOCKS 4")),
        (HttpConnectError("407 Proxy Authentication Required", 407), "http://p:1", ("wants a user and a password",)),
        (HttpConnectError("407 Who?", 407), "http://me:secret@p:1", ("refused its user and password", "407 Who?")),
        (HttpConnectError("403 Forbidden", 403), "http://p:1", ("refused to connect to broker:61613", "its rules")),
        (HttpConnectError("502 Bad Gateway", 502), "http://p:1", ("could not connect to broker:61613",)),
        (HttpConnectError("405 Method Not Allowed", 405), "http://p:1", ("does not open tunnels",)),
        (HttpConnectError("'SSH-2.0'"), "http://p:1", ("is not HTTP", "'SSH-2.0'", "socks5://")),
        (RuntimeError("odd"), "socks5://p:1", ("failed (odd)",)),
    ],
)  # fmt: skip
def test_each_fault_of_a_proxy_has_a_sentence(error: Exception, proxy: str, words: tuple[str, ...]) -> None:
    sentence = explained(error, proxy)
    for word in words:
        assert word in sentence


def test_no_fault_shows_the_login_of_a_proxy() -> None:
    proxy = "http://someone:hush-hush@p:1"
    options = TransportOptions(BROKER, proxy=proxy)
    failure = options.explain(BROKER, HttpConnectError("403 not for hush-hush", 403), 10.0)
    assert "403 not for ***" in str(failure)
    assert failure.__cause__ is None  # a traceback would show it
    assert failure.__suppress_context__
    server = options.proxy_server(BROKER)
    for text in (repr(server), str(server), options.via(BROKER), str(failure)):
        assert "hush" not in text
        assert "someone" not in text


def test_a_proxy_is_what_its_url_names() -> None:
    server = ProxyServer.parse("socks5h://me%40x:p%3Aw@[::1]")
    assert (server.host, server.port, server.user, server.password) == ("::1", 1080, "me@x", "p:w")
    assert str(server) == "socks5h://[::1]:1080"
    assert ProxyServer.parse("http://p").port == 80
    assert server.endpoint == Endpoint("stomp", "::1", 1080)
    arguments = server.library_arguments()
    assert (arguments["proxy_type"].name, arguments["rdns"]) == ("SOCKS5", True)
    assert not ProxyServer.parse("socks4://p").library_arguments()["rdns"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("socks5://p%C3%A4r:x@p", "must be ASCII"),
        ("socks5://:secret@p", "a password without a user"),
        ("http://a%3Ab:secret@p", "RFC 7617"),
        (f"socks5://me:{'x' * 256}@p", "at most 255 bytes"),
    ],
)
def test_a_login_that_the_protocol_cannot_carry_is_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        TransportOptions(BROKER, proxy=url)
    assert "secret" not in str(caught.value)
    assert "xxx" not in str(caught.value)


# ---------------------------------------------------------------------------- dial()


@pytest.mark.parametrize("form", ["hu/sh hush", "hu%2Fsh%20hush", "hu/sh%20hush", "bWU6aHUvc2ggaHVzaA=="])
def test_a_password_is_masked_in_every_form(form: str) -> None:
    options = TransportOptions("stomp://broker", proxy="http://me:hu%2Fsh%20hush@p:1")
    failure = options.explain(BROKER, HttpConnectError(f"403 not for {form}!", 403), 10.0)
    assert "not for ***!" in str(failure)


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "refused"), ValueError("why"), KeyError(), SystemExit(3)]
)
def test_what_a_dialler_raises_is_the_cause(error: Exception) -> None:
    failure = TransportOptions("x://y", dial=print).explain(BROKER, error, 10.0)
    assert str(failure).startswith(f"dial() raised {type(error).__name__}")
    assert "check" in str(failure)
    assert failure.__cause__ is error


def test_a_dialler_that_takes_too_long_has_raised_nothing() -> None:
    options = TransportOptions("x://y", dial=print)
    assert "did not return within 10 s" in str(options.explain(BROKER, TimeoutError(), 10.0, too_late=True))
    assert options.via(BROKER) == "dial()"


def test_what_a_dialler_returns_in_place_of_a_stream_is_shown() -> None:
    for returned, words in [(None, "got None"), (5, "got 5"), ("x", "got the str 'x'")]:
        failure = no_stream(returned, "a connected socket")
        assert words in str(failure)
        assert "dial() must return a connected socket" in str(failure)
        assert isinstance(failure.__cause__, TypeError)
        assert TransportOptions("x://y", dial=print).explain(BROKER, failure, 1.0) is failure

    async def dial() -> None: ...

    coroutine = dial()
    assert "got a coroutine" in str(no_stream(coroutine, "a connected socket"))
    coroutine.close()


def test_without_dialler_and_proxy_the_session_explains() -> None:
    options = TransportOptions(BROKER, proxy=None)
    assert options.explain(BROKER, REFUSED, 10.0) is REFUSED
    assert options.via(BROKER) == ""


# ---------------------------------------------------------------------------- CONNECT


def answered(answer: bytes, proxy: str = "http://p:1") -> bytes:
    """Feed an answer byte by byte; return what was not read."""
    handshake = HttpConnect(ProxyServer.parse(proxy), BROKER)
    for position in range(len(answer)):
        if handshake.receive_data(answer[position : position + 1]):
            return answer[position + 1 :]
    handshake.receive_data(b"")
    raise AssertionError("no answer, and no error")


def test_connect_is_a_request_of_http() -> None:
    request = HttpConnect(ProxyServer.parse("http://me:%C3%A4@p"), BROKER).request
    assert request == (
        b"CONNECT broker:61613 HTTP/1.1\r\nHost: broker:61613\r\nProxy-Authorization: Basic bWU6w6Q=\r\n\r\n"
    )
    without_password = HttpConnect(ProxyServer.parse("http://me@p"), BROKER).request
    assert b"\r\nProxy-Authorization: Basic bWU6\r\n" in without_password, "a user without a password"
    server = ProxyServer.parse("http://p")
    assert HttpConnect(server, Endpoint("stomp", "::1", 1)).request.startswith(
        b"CONNECT [::1]:1 HTTP/1.1\r\n"
    )
    assert b"xn--brse-5qa.example:1" in HttpConnect(server, Endpoint("stomp", "börse.example", 1)).request
    with pytest.raises(ValueError, match="not a host name"):
        HttpConnect(server, Endpoint("stomp", "a b\r\nX: y", 1))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200\r\nProxy-Agent: x\r\n\r\n",
        b"HTTP/1.1 201 x\n\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 Connection established\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nx: y\r\n\r\nHTTP/1.1 200 Connection established\r\n\r\n",
    ],
)
def test_the_tunnel_begins_right_after_the_head(answer: bytes) -> None:
    assert answered(answer + b"\nCONNECTED") == b"\nCONNECTED"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (b"", EOFError, "has closed"),
        (b"HTTP/1.1 200 OK\r\n", EOFError, "has closed"),
        (b"SSH-2.0-OpenSSH\r\n", HttpConnectError, "'S'"),
        (b"\x05\x00", HttpConnectError, r"x05"),
        (b"HTTP/1.1 OK\r\n\r\n", HttpConnectError, "HTTP/1.1 OK"),
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nX: y\r\n\r\n", HttpConnectError, "^407 Proxy Auth"),
        (b"HTTP/1.1 503\r\n\r\n", HttpConnectError, "^503$"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, HttpConnectError, "HTTP/1.1 200"),
    ],
)
def test_any_other_answer_is_an_error(answer: bytes, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        answered(answer)
