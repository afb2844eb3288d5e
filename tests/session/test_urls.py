"""Endpoints and credentials: what a URL means, and no passcode in any text made from them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from stomp_core.session import Credentials, Endpoint, parse_endpoints


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("stomp://h", Endpoint("stomp", "h", 61613)),
        ("stomp+ssl://h", Endpoint("stomp+ssl", "h", 61614)),
        ("stomp://h/", Endpoint("stomp", "h", 61613)),
        ("STOMP://H:1", Endpoint("stomp", "h", 1)),
        ("stomp://h:65535", Endpoint("stomp", "h", 65535)),
        ("stomp://127.0.0.1:5", Endpoint("stomp", "127.0.0.1", 5)),
        ("stomp://[::1]:5", Endpoint("stomp", "::1", 5)),
        ("stomp://h/vh", Endpoint("stomp", "h", 61613, virtual_host="vh")),
        ("stomp://h/%2F", Endpoint("stomp", "h", 61613, virtual_host="/")),
        ("stomp://h/a%2Fb%3F", Endpoint("stomp", "h", 61613, virtual_host="a/b?")),
        ("stomp+unix:///run/s%20t.sock", Endpoint("stomp+unix", path="/run/s t.sock")),
        ("ws://h", Endpoint("ws", "h", 80, "/")),
        ("wss://h", Endpoint("wss", "h", 443, "/")),
        ("ws://h:15674/ws", Endpoint("ws", "h", 15674, "/ws")),
        ("ws://h/ws?a=b&c", Endpoint("ws", "h", 80, "/ws?a=b&c")),
        ("ws://h?a", Endpoint("ws", "h", 80, "/?a")),
    ],
)
def test_a_url_names_an_endpoint(url: str, expected: Endpoint) -> None:
    endpoint = Endpoint.parse(url)
    assert endpoint == expected
    assert endpoint.virtual_host == expected.virtual_host
    assert endpoint.credentials is None


@pytest.mark.parametrize(
    ("url", "transport", "secure"),
    [
        ("stomp://h", "tcp", False),
        ("stomp+ssl://h", "tcp", True),
        ("stomp+unix:///s", "unix", False),
        ("ws://h", "websocket", False),
        ("wss://h", "websocket", True),
    ],
)
def test_a_scheme_means_a_transport_with_or_without_tls(url: str, transport: str, secure: bool) -> None:
    endpoint = Endpoint.parse(url)
    assert endpoint.transport == transport
    assert endpoint.secure is secure


@pytest.mark.parametrize(
    ("endpoint", "text"),
    [
        (Endpoint("serial"), "serial://"),
        (Endpoint("serial", path="/dev/ttyUSB0"), "serial:///dev/ttyUSB0"),
        (Endpoint("mem", "one"), "mem://one"),
        (Endpoint("x-1.0+y", "::1", 5, "/p?secret=1"), "x-1.0+y://[::1]:5/p?..."),
    ],
)
def test_an_adapter_may_have_schemes_of_its_own(endpoint: Endpoint, text: str) -> None:
    assert (endpoint.transport, endpoint.secure, str(endpoint)) == (endpoint.scheme, False, text)
    assert text in repr(endpoint)


@pytest.mark.parametrize("scheme", ["", "STOMP", "Serial", "a b", "stomp://", "1x", "x\n", "\u00fc"])
def test_a_scheme_must_be_one(scheme: str) -> None:
    with pytest.raises(ValueError, match="the scheme of an Endpoint must be"):
        Endpoint(scheme, "h", 1)


@pytest.mark.parametrize("scheme", ["stomp", "stomp+ssl", "stomp+unix", "ws", "wss"])
def test_an_endpoint_needs_what_its_transport_needs(scheme: str) -> None:
    with pytest.raises(ValueError, match=r"needs a (host|path)"):
        Endpoint(scheme)


@pytest.mark.parametrize("arguments", [(None,), (b"stomp", "h"), ("stomp", None), ("stomp", "h", 1, b"/")])
def test_the_parts_of_an_endpoint_are_text(arguments: Any) -> None:
    with pytest.raises(TypeError, match="of an Endpoint must be a str, got"):
        Endpoint(*arguments)


@pytest.mark.parametrize(
    ("url", "credentials"),
    [
        ("stomp://u:p@h", Credentials("u", "p")),
        ("stomp://u@h", Credentials("u", None)),
        ("stomp://u:@h", Credentials("u", "")),
        ("stomp://:p@h", Credentials("", "p")),
        ("stomp://@h", None),
        ("stomp://a%40b:c%3Ad%2Fe@h", Credentials("a@b", "c:d/e")),
        ("stomp+unix://u:p@/s", Credentials("u", "p")),
        ("wss://u:p@h/ws", Credentials("u", "p")),
    ],
)
def test_credentials_are_percent_decoded(url: str, credentials: Credentials | None) -> None:
    assert Endpoint.parse(url).credentials == credentials


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "the URL is empty: write one such as 'stomp://localhost:61613'"),
        ("localhost:61613", "the URL has no scheme"),
        ("stomp", "the URL has no scheme"),
        ("guest", "the URL has no scheme"),
        (
            "http://h",
            (
                "'http' is not a STOMP URL scheme: it is another protocol, on another port; use one of stomp://, "
                "stomp+ssl:// (TLS), stomp+unix://, ws:// and wss:// (WebSocket), such as 'stomp://localhost:61613'"
            ),
        ),
        ("stomp://", "a stomp:// URL needs a host, as in stomp://localhost:61613"),
        ("wss:///ws", "a wss:// URL needs a host, as in wss://localhost:443"),
        ("stomp://h:0", "port 0 cannot be connected to"),
        ("stomp://h:65536", "cannot be parsed"),
        ("stomp://h:port", "cannot be parsed"),
        ("stomp://[::1", "cannot be parsed"),
        ("stomp://h#x", "a stomp:// URL has no #fragment"),
        ("ws://h#x", "a ws:// URL has no #fragment"),
        ("stomp://h?heart=1", "a stomp:// URL has no ?query"),
        ("stomp+unix:///s?x", "a stomp+unix:// URL has no ?query"),
        ("stomp+unix://h/s", "stomp+unix:///absolute/path"),
        ("stomp+unix://", "stomp+unix:///absolute/path"),
    ],
)
def test_an_invalid_url_is_refused_with_the_reason(url: str, text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(text)):
        Endpoint.parse(url)


@pytest.mark.parametrize(
    "url",
    [
        "guest:s3cret@h://x",
        "guest:s3cret://x",
        "guest:s3cret@h",
        "http://guest:s3cret@h",
        "stomp://guest:s3cret@h:port",
        "stomp://guest:s3cret@h:0",
        "stomp://guest:s3cret@",
        "stomp://guest:a/s3cret@h",
        "stomp://guest:a#s3cret@h",
        "stomp://guest:a?s3cret@h",
        "stomp+unix://guest:s3cret@h/s",
    ],
)
def test_no_error_repeats_the_credentials(url: str) -> None:
    with pytest.raises(ValueError) as caught:
        Endpoint.parse(url)
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    "url", ["stomp://guest:s3cret@h", "stomp+unix://guest:s3cret@/s", "wss://guest:s3cret@h/ws?token=s3cret"]
)
def test_no_text_of_an_endpoint_shows_its_credentials(url: str) -> None:
    endpoint = Endpoint.parse(url)
    for text in (str(endpoint), repr(endpoint), f"{endpoint}", repr(endpoint.credentials), repr((endpoint,))):
        assert "s3cret" not in text


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("stomp://u:p@H", "stomp://h:61613"),
        ("stomp://[::1]:5/vh", "stomp://[::1]:5"),
        ("stomp+unix:///s", "stomp+unix:///s"),
        ("ws://h/ws", "ws://h:80/ws"),
        ("ws://h/ws?x", "ws://h:80/ws?..."),
    ],
)
def test_the_text_of_an_endpoint_is_its_url(url: str, text: str) -> None:
    assert str(Endpoint.parse(url)) == text


def test_the_repr_shows_the_virtual_host() -> None:
    assert repr(Endpoint.parse("stomp://h/vh")) == "<Endpoint stomp://h:61613, virtual host 'vh'>"
    assert repr(Endpoint.parse("stomp://h")) == "<Endpoint stomp://h:61613>"


def test_a_unix_socket_has_no_host_and_no_port() -> None:
    endpoint = Endpoint.parse("stomp+unix:///s")
    assert (endpoint.host, endpoint.port) == ("", 0)


def test_credentials_do_not_make_two_endpoints_different() -> None:
    assert Endpoint.parse("stomp://u:p@h") == Endpoint.parse("stomp://h")


def test_the_repr_of_credentials_shows_only_the_login() -> None:
    assert repr(Credentials("guest", "s3cret")) == "Credentials(login='guest')"


@pytest.mark.parametrize(
    ("source", "urls"),
    [
        ("stomp://a", ["stomp://a:61613"]),
        (" stomp://a , stomp+ssl://b:1,ws://c ", ["stomp://a:61613", "stomp+ssl://b:1", "ws://c:80/"]),
        (["stomp://a", "stomp://b,stomp://c"], ["stomp://a:61613", "stomp://b:61613", "stomp://c:61613"]),
        (Endpoint.parse("stomp://a"), ["stomp://a:61613"]),
        ((Endpoint.parse("stomp://a"), "stomp://b"), ["stomp://a:61613", "stomp://b:61613"]),
        ("stomp://u:a,b@h", ["stomp://h:61613"]),
    ],
)
def test_several_endpoints_keep_their_order(source: Any, urls: list[str]) -> None:
    assert [str(endpoint) for endpoint in parse_endpoints(source)] == urls


@pytest.mark.parametrize("source", ["", [], (), "stomp://a,http://b", [""]])
def test_no_endpoint_or_a_bad_one_is_refused(source: Any) -> None:
    with pytest.raises(ValueError):
        parse_endpoints(source)


def test_an_empty_list_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="at least one URL"):
        parse_endpoints([])


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("serial:///dev/ttyS0", Endpoint("serial", path="/dev/ttyS0")),
        ("MEM://one", Endpoint("mem", "one")),
        ("x+y://[::1]:5/p?a=1", Endpoint("x+y", "::1", 5, "/p?a=1")),
        ("stomp://h", Endpoint("stomp", "h", 61613)),
    ],
)
def test_any_scheme_is_read_for_somebody_who_dials_it(url: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(url, any_scheme=True) == endpoint
    assert parse_endpoints([url, url], any_scheme=True) == (endpoint, endpoint)


def test_a_scheme_of_ones_own_has_credentials_too() -> None:
    endpoint = Endpoint.parse("serial://me:se%20cret@h/dev", any_scheme=True)
    assert endpoint.credentials == Credentials("me", "se cret")
    assert "cret" not in f"{endpoint}{endpoint!r}"
