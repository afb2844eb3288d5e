"""The opening handshake: what is asked for, and every way in which it can fail, each with a sentence that helps."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from stomp_core.session import Endpoint
from stomp_websocket import WebSocket, WebSocketClient, WebSocketRequest, WebSocketServer

from .play import answer_to

VERSIONS = ("1.0", "1.1", "1.2")
TOKEN = "Bearer eyJhbGciOi.s3cret"


def client(url: str = "ws://broker/ws", **options: Any) -> WebSocketClient:
    return WebSocket(**options).new_layer(Endpoint.parse(url), VERSIONS)


def request(url: str = "ws://broker/ws", **options: Any) -> list[str]:
    """Return the lines of a request."""
    head, empty, body = client(url, **options).opening().decode("latin-1").partition("\r\n\r\n")
    assert (empty, body) == ("\r\n\r\n", "")
    return head.split("\r\n")


def refusal(answer: bytes, **options: Any) -> str:
    """Return what is made of an answer, which must be the same however it is cut into pieces."""
    found = set()
    for size in (1, 10, len(answer)):
        layer = client(**options)
        layer.opening()
        for position in range(0, len(answer), size):
            assert layer.receive_data(answer[position : position + size]) == b""
        assert not layer.opened
        assert layer.over is not None
        found.add((layer.over, layer.login_refused))
    ((sentence, _),) = found
    return sentence


def response(status: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


# -------------------------------------------------------------------------------- the request


def test_the_request_asks_for_a_websocket_and_nothing_else() -> None:
    lines = request("ws://login:passcode@broker:15674/ws?a=1&b=%20")
    assert lines[:5] == [
        "GET /ws?a=1&b=%20 HTTP/1.1",
        "Host: broker:15674",
        "Upgrade: websocket",
        "Connection: Upgrade",
        lines[4],
    ]
    assert lines[4].startswith("Sec-WebSocket-Key: ")
    assert lines[5:] == [
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: v12.stomp, v11.stomp, v10.stomp",
    ]


def test_credentials_of_the_url_are_those_of_stomp_and_not_of_http() -> None:
    text = "\n".join(request("ws://login:passcode@broker/ws"))
    assert "Authorization" not in text
    assert "passcode" not in text


@pytest.mark.parametrize(
    ("url", "line", "host"),
    [
        ("ws://broker", "GET / HTTP/1.1", "Host: broker"),
        ("ws://broker:80/", "GET / HTTP/1.1", "Host: broker"),
        ("ws://broker?x", "GET /?x HTTP/1.1", "Host: broker"),
        ("wss://broker/ws", "GET /ws HTTP/1.1", "Host: broker"),
        ("wss://broker:80/ws", "GET /ws HTTP/1.1", "Host: broker:80"),
        ("ws://[::1]:8080/stomp/websocket", "GET /stomp/websocket HTTP/1.1", "Host: [::1]:8080"),
        ("ws://brüssel.example/ws", "GET /ws HTTP/1.1", "Host: xn--brssel-4ya.example"),
    ],
)
def test_the_request_line_and_the_host(url: str, line: str, host: str) -> None:
    assert request(url)[:2] == [line, host]


def test_further_headers_are_sent() -> None:
    lines = request(headers={"Authorization": TOKEN, "Cookie": "a=b"}, origin="https://page.example")
    assert [line for line in lines if line.startswith(("Auth", "Cook", "Orig"))] == [
        "Origin: https://page.example",
        f"Authorization: {TOKEN}",
        "Cookie: a=b",
    ]
    assert [line for line in request(headers=[("X-A", "1"), ("X-A", "2")]) if line.startswith("X-A")] == [
        "X-A: 1",
        "X-A: 2",
    ]


def test_a_host_of_ones_own_replaces_that_of_the_url() -> None:
    assert [
        line for line in request(headers={"host": "inner.example"}) if line.lower().startswith("host")
    ] == ["host: inner.example"]


def test_headers_of_a_function_are_asked_at_each_connection() -> None:
    tokens = iter(["one-token", "two-token"])
    options = WebSocket(headers=lambda: {"Authorization": next(tokens)})
    endpoint = Endpoint.parse("ws://broker/ws")
    for token in ("one-token", "two-token"):
        assert f"Authorization: {token}\r\n".encode() in options.new_layer(endpoint, VERSIONS).opening()
    asked = options.new_layer(endpoint, VERSIONS, [("Authorization", "asked-before")])
    assert b"Authorization: asked-before\r\n" in asked.opening()


def test_subprotocols_are_those_of_the_versions_or_as_given() -> None:
    def offered(versions: tuple[str, ...], **options: Any) -> list[str]:
        layer = WebSocket(**options).new_layer(Endpoint.parse("ws://broker/ws"), versions)
        lines = layer.opening().decode().split("\r\n")
        return [line for line in lines if line.startswith("Sec-WebSocket-Protocol")]

    assert offered(("1.1",)) == ["Sec-WebSocket-Protocol: v11.stomp"]
    assert offered(("1.1", "1.2")) == ["Sec-WebSocket-Protocol: v12.stomp, v11.stomp"]
    assert offered(("1.1",), subprotocols=()) == []
    assert offered(("1.1",), subprotocols=["v12.stomp", "mine"]) == [
        "Sec-WebSocket-Protocol: v12.stomp, mine"
    ]


def test_compression_is_offered_only_if_asked() -> None:
    assert not [line for line in request() if "Extensions" in line]
    (line,) = [line for line in request(compression=True) if "Extensions" in line]
    assert "permessage-deflate; client_no_context_takeover" in line


# -------------------------------------------------------------------------------- accepted


@pytest.mark.parametrize(
    ("lines", "subprotocol"),
    [
        ((), None),
        (("Sec-WebSocket-Protocol: v11.stomp",), "v11.stomp"),
        (("Sec-WebSocket-Protocol: stomp",), "stomp"),
        (("Server: x", "connection: keep-alive"), None),
    ],
    ids=str,
)
def test_an_answer_opens_it(lines: tuple[str, ...], subprotocol: str | None) -> None:
    layer = client()
    answer = answer_to(layer.opening(), *lines)
    assert layer.receive_data(answer[:-1]) == b""
    assert not layer.opened
    assert layer.receive_data(answer[-1:] + b"\x81\x01\n") == b"\n"
    assert (layer.opened, layer.over, layer.subprotocol) == (True, None, subprotocol)


# -------------------------------------------------------------------------------- refused with a status


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (
            response("401 Unauthorized", body=b"who are you?\nsecond line"),
            (
                'HTTP 401 Unauthorized ("who are you?") instead of opening a WebSocket: '
                "pass WebSocket(headers=...) with Authorization"
            ),
        ),
        (
            response("403 Forbidden"),
            "HTTP 403 Forbidden instead of opening a WebSocket: check Authorization in",
        ),
        (
            response("404 Not Found", body=b"<html><h1>Not found</h1></html>"),
            "HTTP 404 Not Found instead of opening a WebSocket: check the path of the URL (RabbitMQ: /ws; Spring",
        ),
        (
            response("407 Proxy Authentication Required"),
            "a proxy between here and the server wants credentials",
        ),
        (response("426 Upgrade Required"), "this path is not one of a WebSocket"),
        (response("200 OK", body=b"<!doctype html>"), "this path is a page and not a WebSocket"),
        (response("503 Service Unavailable"), "is not ready: try again later"),
        (response("418 "), "HTTP 418 I'm a Teapot instead"),
        (response("599 "), "HTTP 599 instead of opening a WebSocket: check the URL"),
        (
            response("301 Moved Permanently", "Location: https://other.example/ws?token=s3cret"),
            "it redirects to https://other.example/ws: use that, as a ws:// or wss:// URL",
        ),
        (response("302 Found"), "HTTP 302 Found instead of opening a WebSocket: check the URL"),
        (
            b"HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nno w\r\n3\r\nay!\r\n0\r\n\r\n",
            'HTTP 502 Bad Gateway ("no way!") instead of opening a WebSocket: a proxy in front of it does not reach',
        ),
    ],
    ids=lambda value: value[:30] if isinstance(value, bytes) else "",
)
def test_a_refusal_explains_what_to_check(answer: bytes, sentence: str) -> None:
    assert sentence in refusal(answer)
    assert "s3cret" not in refusal(answer)


@pytest.mark.parametrize(
    ("status", "login_refused"),
    [(401, True), (403, True), (400, False), (404, False), (407, False), (503, False)],
)
def test_a_refused_login_is_known_as_such(status: int, login_refused: bool) -> None:
    layer = client()
    layer.opening()
    layer.receive_data(response(f"{status} no"))
    assert layer.login_refused is login_refused


def test_what_a_server_quotes_is_short_printable_and_without_our_headers() -> None:
    body = f"\x1b[31m'{TOKEN}' is not valid, {TOKEN.split()[1]} is not, \"x\" neither {'y' * 500}".encode()
    sentence = refusal(response("401 Unauthorized", body=body), headers={"Authorization": TOKEN})
    assert "s3cret" not in sentence
    assert "\\x1b[31m'***' is not valid, *** is not, 'x' neither yyy" in sentence
    assert len(sentence) < 400


def test_each_word_of_a_header_of_ours_is_a_secret() -> None:
    headers = {"X-Key": "first second", "X-Empty": ""}
    sentence = refusal(response("401 Unauthorized", body=b"neither first nor second fits"), headers=headers)
    assert "neither *** nor *** fits" in sentence


def test_a_redirect_does_not_repeat_a_token() -> None:
    answer = response("302 Found", f"Location: https://login.example/{TOKEN.split()[1]}")
    assert "https://login.example/***" in refusal(answer, headers={"Authorization": TOKEN})


# -------------------------------------------------------------------------------- no WebSocket at all


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.0"),
        (b"ERROR\nmessage:no\n\n\0", "line without CRLF"),
        (b"AMQP\0\0\x09\x01\r\n", "AMQP"),
        (b"\x15\x03\x01\x00\x02\x02\x16\r\n", "\\x15"),
        (b"HTTP/1.1 abc\r\n\r\n", "status"),
        (b"HTTP/1.1 101 OK\r\nno colon\r\n\r\n", "header"),
        (b"HTTP/1.1 101 OK\r\n\r\n", "missing Connection header"),
        (b"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\n\r\n", "missing Upgrade header"),
        (b"HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", "invalid Upgrade header: h2c"),
    ],
)
def test_an_answer_that_is_no_websocket_is_named(answer: bytes, sentence: str) -> None:
    text = refusal(answer)
    assert text.startswith("the WebSocket request got no valid answer: ")
    assert sentence in text
    assert text.endswith(": check that this is a WebSocket port")


LARGE = b"no entry\n" * 130_000  # more than 1 MiB


@pytest.mark.parametrize(
    "answer",
    [
        b"Content-Length: %d\r\n\r\n" % len(LARGE) + LARGE,
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(LARGE) + LARGE,
        b"\r\n" + LARGE,
    ],
    ids=["its length is known", "in chunks", "until the end"],
)
@pytest.mark.parametrize(("status", "login_refused"), [(b"403 Forbidden", True), (b"503 Busy", False)])
def test_a_refusal_with_a_large_page_is_known_by_its_status(
    answer: bytes, status: bytes, login_refused: bool
) -> None:
    """A page above 1 MiB is not read. It must not hide that the login was refused, which is not to be tried again."""
    layer = client()
    layer.opening()
    data = b"HTTP/1.1 " + status + b"\r\n" + answer
    for position in range(0, len(data), 65536):
        layer.receive_data(data[position : position + 65536])
    assert layer.over is not None
    assert layer.over.startswith(
        f"the server answered HTTP {status.decode()} instead of opening a WebSocket: "
    )
    assert layer.login_refused is login_refused


def test_an_endless_answer_with_status_101_is_no_refusal() -> None:
    layer = client()
    layer.opening()
    layer.receive_data(b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 20_000)
    assert layer.over is not None
    assert "got no valid answer" in layer.over


def test_a_wrong_key_an_extension_and_a_subprotocol_that_nobody_asked_for_are_refused() -> None:
    layer = client()
    layer.receive_data(answer_to(client().opening()))
    assert layer.over is not None
    assert "invalid Sec-WebSocket-Accept header" in layer.over
    for line, sentence in (
        ("Sec-WebSocket-Extensions: permessage-deflate", "no extensions supported"),
        ("Sec-WebSocket-Protocol: mqtt", "unsupported subprotocol: mqtt"),
    ):
        layer = client()
        layer.receive_data(answer_to(layer.opening(), line))
        assert layer.over is not None
        assert sentence in layer.over
        assert not layer.opened


def test_an_answer_that_never_ends_is_refused_early() -> None:
    for endless in (b"HTTP/1.1 101 " + b"x" * 1000, b"HTTP/1.1 101 OK\r\n" + b"a: b\r\n" * 500):
        layer = client()
        layer.opening()
        for _ in range(1000):
            layer.receive_data(endless if layer.over is None else b"x" * 1000)
        assert layer.over is not None


# -------------------------------------------------------------------------------- silence and the end


def test_silence_is_explained_by_what_there_is_of_an_answer() -> None:
    silent = client()
    silent.opening()
    assert silent.explain_silence(5.0) == (
        "connected, but no answer to the WebSocket request came within 5 s: check that this is a WebSocket port "
        "(RabbitMQ: 15674)"
    )
    half = client()
    half.opening()
    half.receive_data(b"HTTP/1.1 4")
    assert half.explain_silence(0.5) == (
        "the answer to the WebSocket request was incomplete after 0.5 s: check that this is a WebSocket port"
    )
    # A 401 without a length on a connection that stays open: its body never ends.
    kept_open = client()
    kept_open.opening()
    kept_open.receive_data(b"HTTP/1.1 401 Unauthorized\r\n\r\nwho?")
    assert kept_open.over is None
    assert 'the server answered HTTP 401 Unauthorized ("who?")' in kept_open.explain_silence(5.0)
    assert kept_open.login_refused


@pytest.mark.parametrize(
    ("received", "sentence"),
    [
        (b"", "the peer closed the connection before its answer"),
        (b"HTTP/1.1 101 Swi", "the peer closed the connection before its answer"),
    ],
)
def test_an_end_before_the_answer_is_one(received: bytes, sentence: str) -> None:
    layer = client()
    layer.opening()
    layer.receive_data(received)
    layer.receive_eof()
    assert layer.over is not None
    assert sentence in layer.over


# -------------------------------------------------------------------------------- the server's end


def answered(data: bytes, **options: Any) -> tuple[WebSocketServer, bytes]:
    server = WebSocketServer(**options)
    assert server.receive_data(data) == b""
    return server, server.control()


def test_a_server_shows_the_request() -> None:
    server, _ = answered(client(headers={"X-A": "1"}).opening())
    assert server.request is not None
    assert (server.request.path, server.request.headers["x-a"]) == ("/ws", "1")
    assert "X-A" not in repr(server.request)


def test_a_server_chooses_the_best_subprotocol_and_needs_none() -> None:
    for offered, chosen in (
        (["v10.stomp", "v11.stomp"], "v11.stomp"),
        (["mqtt", "v10.stomp"], "v10.stomp"),
        (["mqtt"], None),
        ([], None),
    ):
        layer = client(subprotocols=offered)
        server, answer = answered(layer.opening())
        layer.receive_data(answer)
        assert layer.opened
        assert (server.subprotocol, layer.subprotocol) == (chosen, chosen)


def test_a_server_may_have_a_default_subprotocol() -> None:
    """ActiveMQ answers ``stomp`` to a client that offers none that it knows."""
    layer = client(subprotocols=["mqtt"])
    server, answer = answered(layer.opening(), default_subprotocol="stomp")
    layer.receive_data(answer)
    assert (server.subprotocol, layer.subprotocol) == ("stomp", "stomp")


def test_a_server_may_refuse() -> None:
    def check(request: WebSocketRequest) -> tuple[int, str] | None:
        return None if request.path == "/ws" else (404, "only /ws\n")

    server, answer = answered(client("ws://broker/other").opening(), check=check)
    assert (server.opened, server.over) == (False, "the request for '/other' was refused with HTTP 404")
    assert answer.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert answer.endswith(b"\r\n\r\nonly /ws\n")
    server, answer = answered(client().opening(), check=check)
    assert server.opened


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"426 Upgrade Required"),
        (b"CONNECT\naccept-version:1.2\n\n\0", b"400 Bad Request"),
        (b"\n\n\n", b"400 Bad Request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n", b"400 Bad Request"),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n", b"4"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 1000 + b"\r\n", b"4"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_server_answers_what_is_no_websocket_request(sent: bytes, status: bytes) -> None:
    server, answer = answered(sent)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert not server.opened
    assert server.over is not None
    server.receive_eof()
    assert server.control() == b""


def test_a_client_that_leaves_before_it_has_asked_gets_no_answer() -> None:
    server = WebSocketServer()
    server.receive_eof()
    assert server.over is not None
    assert server.control() == b""
    assert WebSocketServer().explain_silence(2.0) == "no complete WebSocket request came within 2 s"


# -------------------------------------------------------------------------------- secrets


def test_no_log_shows_a_header_or_a_frame(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger="websockets"):
        layer = client(headers={"Authorization": TOKEN})
        server, answer = answered(layer.opening())
        layer.receive_data(answer)
        server.receive_data(layer.encode(b"CONNECT\npasscode:s3cret\n\n\0"))
        server.receive_data(layer.close())
        layer.receive_data(server.control())
        layer.receive_eof()
        server.receive_eof()
    assert caplog.text == ""
