"""WebSocket: its options, and those of connect() and the URL that belong to it."""

from __future__ import annotations

import copy
import pickle
import sys
from typing import Any

import pytest

from stomp_core.session import Config, Endpoint
from stomp_websocket import WebSocket

SECRET = {"Authorization": "Bearer s3cret"}


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"headers": "Authorization: x"}, TypeError, ("mapping or pairs", "type str")),
        ({"headers": 3}, TypeError, ("mapping or pairs", "type int")),
        ({"headers": ["Authorization"]}, TypeError, ("mapping or pairs", "type str among them")),
        ({"headers": {"Authorization": b"s3cret"}}, TypeError, ("mapping or pairs", "str and bytes")),
        ({"headers": {"Authorization": None}}, TypeError, ("mapping or pairs", "str and NoneType")),
        ({"headers": {"Authorization": "s3cret\r\nX: y"}}, ValueError, ("'Authorization'", "line end")),
        ({"headers": {"Authorization": "s3cret €"}}, ValueError, ("'Authorization'",)),
        ({"headers": {"s3cret token": "x"}}, ValueError, ("a name that HTTP does not allow",)),
        ({"headers": {"": "x"}}, ValueError, ("a name that HTTP does not allow",)),
        ({"headers": {"upgrade": "x"}}, ValueError, ("'upgrade'", "by the handshake itself")),
        ({"headers": {"Sec-WebSocket-Key": "x"}}, ValueError, ("by the handshake itself",)),
        ({"headers": {"Sec-WebSocket-Protocol": "x"}}, ValueError, ("pass subprotocols=",)),
        ({"headers": {"Origin": "x"}, "origin": "https://a"}, ValueError, ("Origin is given twice",)),
        ({"origin": "example.com"}, ValueError, ("https://example.com", "'example.com'")),
        ({"origin": b"https://a"}, TypeError, ("https://example.com",)),
        ({"subprotocols": "v12.stomp"}, TypeError, ("['v12.stomp']",)),
        ({"subprotocols": [12]}, TypeError, ("got 12",)),
        ({"subprotocols": ["v12 stomp"]}, ValueError, ("one word", "'v12 stomp'")),
        ({"compression": 1}, TypeError, ("compression must be True or False, got 1",)),
        ({"compression": "deflate"}, TypeError, ("compression must be True or False",)),
        ({"text": "yes"}, TypeError, ("text must be True or False",)),
        ({"promise_heart_beats": "no"}, TypeError, ("promise_heart_beats must be True or False",)),
        ({"max_size": 1.5}, TypeError, ("max_size must be a whole number of bytes, got 1.5",)),
        ({"max_size": None}, TypeError, ("max_size must be a whole number of bytes, got None",)),
        ({"max_size": 0}, ValueError, ("max_size must be at least 1024 bytes, got 0",)),
        ({"message_size": 10}, ValueError, ("message_size must be at least 1024 bytes, got 10",)),
    ],
)
def test_a_wrong_option_is_refused_by_name(
    options: dict[str, Any], kind: type[Exception], words: Any
) -> None:
    with pytest.raises(kind) as caught:
        WebSocket(**options)
    for word in words:
        assert word in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_what_a_function_answers_is_checked_too() -> None:
    options = WebSocket(headers=lambda: {"Authorization": "s3cret\n"})
    with pytest.raises(
        ValueError, match="'Authorization' of a WebSocket has a value that HTTP does not allow"
    ):
        options.new_layer(Endpoint.parse("ws://h"), ["1.2"])


def test_headers_are_in_no_repr_and_no_pickle() -> None:
    options = WebSocket(headers=SECRET)
    assert "s3cret" not in repr(options)
    assert "s3cret" not in repr(Config("ws://h", websocket=options))
    with pytest.raises(TypeError, match="cannot be pickled, since they may contain a token") as caught:
        pickle.dumps(options)
    assert "s3cret" not in str(caught.value)
    assert copy.copy(options) == copy.deepcopy(options) == options
    assert pickle.loads(pickle.dumps(WebSocket(compression=True))) == WebSocket(compression=True)


def test_iterables_are_read_once() -> None:
    options = WebSocket(headers=iter([("X-A", "1")]), subprotocols=iter(["a", "b"]))
    assert (options.headers, options.subprotocols) == ((("X-A", "1"),), ("a", "b"))


# -------------------------------------------------------------------------------- in the configuration


def test_a_websocket_url_needs_no_option() -> None:
    assert isinstance(Config("ws://h/ws").websocket, WebSocket)
    assert isinstance(Config(["stomp://h", "wss://h/ws"]).websocket, WebSocket)
    assert Config("stomp://h").websocket is None
    options = WebSocket(compression=True)
    assert Config("ws://h/ws", websocket=options).websocket is options


def test_without_websockets_the_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("websockets", "stomp_websocket")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "websockets", None)
    with pytest.raises(ValueError, match=r"need websockets: pip install 'stomp-core\[websocket\]'"):
        Config("ws://h/ws")
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'stomp-core\[websocket\]'"):
        __import__("stomp_websocket")
    Config("stomp://h")


@pytest.mark.parametrize(
    ("url", "websocket", "kind", "words"),
    [
        ("ws://h/ws", True, TypeError, "must be a stomp_websocket.WebSocket, got True"),
        ("ws://h/ws", {"headers": {}}, TypeError, "must be a stomp_websocket.WebSocket, got the dict"),
        ("ws://h/ws", WebSocket, TypeError, "must be a stomp_websocket.WebSocket, got the class WebSocket"),
        ("stomp://h:15674", WebSocket(), ValueError, "no URL has the scheme ws:// or wss://"),
    ],
)
def test_a_wrong_value_of_the_option_is_refused(
    url: str, websocket: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        Config(url, websocket=websocket)


@pytest.mark.parametrize("path", ["/w s", "/wß", "/ws?q=ü", "ws"])
def test_a_path_that_a_request_line_cannot_carry_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="percent-encode other characters"):
        Endpoint("ws", "h", 80, path)
    if path.startswith("/"):
        with pytest.raises(ValueError, match="percent-encode other characters") as caught:
            Config(f"ws://joe:s3cret@h{path}")
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", ["ws://h/w\r\ns", "ws://h/ws?a\x00b"])
def test_control_characters_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match="the URL contains"):
        Config(url)


@pytest.mark.parametrize(
    ("url", "instead"),
    [
        ("stomp+ws://h", "ws://h:80"),
        ("websocket://h:15674", "ws://h:15674"),
        ("wss+stomp://h", "wss://h:443"),
    ],
)
def test_what_others_call_the_scheme_is_known(url: str, instead: str) -> None:
    with pytest.raises(ValueError, match=f"write '{instead}'"):
        Config(url)
