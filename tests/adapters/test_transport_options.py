"""The options of connect() about transports: what contradicts itself or could have no effect is refused at once."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from stomp_core.adapter import TransportOptions
from tests.certificates import Certificates

SECURE = "stomp+ssl://broker"


def refusal(error: type[Exception], endpoints: Any = SECURE, **options: Any) -> str:
    with pytest.raises(error) as caught:
        TransportOptions(endpoints, **options)
    return str(caught.value)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stomp_proxy", "stomp_ssl_proxy", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


# ---------------------------------------------------------------------------- TLS


@pytest.mark.parametrize(
    "url", ["stomp+ssl://a", "wss://a", "stomp+unix:///s", "stomp+ssl://a,stomp+unix:///s"]
)
def test_an_ssl_context_is_allowed_with_tls_or_unix_sockets(url: str) -> None:
    context = ssl.create_default_context()
    assert TransportOptions(url, ssl_context=context).tls_context() is context


@pytest.mark.parametrize(("url", "instead"), [("stomp://a", "stomp+ssl://"), ("ws://a", "wss://")])
@pytest.mark.parametrize("name", ["ssl_context", "ca_file", "cert_file", "server_hostname"])
def test_options_for_tls_with_a_plaintext_url_are_refused(url: str, instead: str, name: str) -> None:
    value = ssl.create_default_context() if name == "ssl_context" else "x"
    for endpoints in (url, ["wss://ok", url]):
        text = refusal(ValueError, endpoints, **{name: value})
        assert name in text
        assert "plaintext" in text
        assert f"use {instead} for TLS" in text


@pytest.mark.parametrize("name", ["ca_file", "cert_file"])
def test_a_context_and_files_for_one_are_refused(name: str) -> None:
    text = refusal(ValueError, ssl_context=ssl.create_default_context(), **{name: "x.pem"})
    assert "both ssl_context and " + name in text


def test_without_options_the_context_verifies_and_is_the_same_each_time() -> None:
    options = TransportOptions(SECURE)
    context = options.tls_context()
    assert context is options.tls_context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_files_make_a_context(tls_certs: Certificates) -> None:
    options = TransportOptions(SECURE, ca_file=str(tls_certs.ca))
    assert [entry["subject"] for entry in options.tls_context().get_ca_certs()]
    assert options.tls_context().verify_mode is ssl.CERT_REQUIRED


def test_a_file_that_is_missing_or_wrong_is_named(tmp_path: Path) -> None:
    missing, empty = tmp_path / "missing.pem", tmp_path / "empty.pem"
    empty.write_text("nothing")
    assert "ca_file cannot be read" in refusal(FileNotFoundError, ca_file=str(missing))
    assert str(missing) in refusal(FileNotFoundError, ca_file=missing)
    assert "cert_file or key_file cannot be read" in refusal(FileNotFoundError, cert_file=str(missing))
    assert "ca_file" in refusal(ValueError, ca_file=str(empty))
    assert "no certificate and its key" in refusal(ValueError, cert_file=str(empty))
    assert "key_file was given without cert_file" in refusal(ValueError, key_file=str(empty))
    assert "must be the path" in refusal(TypeError, ca_file=5)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(
    tls_certs: Certificates, tmp_path: Path
) -> None:
    certificate, key = tls_certs.client
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_bytes(
        load_pem_private_key(key.read_bytes(), None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"hush-hush")
        )
    )
    with pytest.raises(ValueError, match="the key is encrypted"):
        TransportOptions("stomp+ssl://localhost", cert_file=str(certificate), key_file=str(encrypted))


def test_the_server_name_is_the_host_unless_another_is_given() -> None:
    (endpoint,) = TransportOptions(SECURE).endpoints
    assert TransportOptions(SECURE).server_name(endpoint) == "broker"
    assert TransportOptions(SECURE, server_hostname="other").server_name(endpoint) == "other"
    assert "check_hostname" in refusal(ValueError, server_hostname="")
    assert "server_hostname" in refusal(TypeError, server_hostname=b"x")


# ---------------------------------------------------------------------------- dial, local_address


def test_a_dialler_may_have_schemes_of_its_own() -> None:
    (endpoint,) = TransportOptions("serial:///dev/ttyS0", dial=print).endpoints
    assert (endpoint.scheme, endpoint.path) == ("serial", "/dev/ttyS0")
    assert "stomp://" in refusal(ValueError, "serial:///dev/ttyS0")
    assert "pass dial=" in refusal(ValueError, endpoint)


def test_what_a_dialler_does_by_itself_is_refused_beside_it() -> None:
    assert "both dial and proxy" in refusal(ValueError, dial=print, proxy="socks5://p:1")
    assert "both dial and local_address" in refusal(ValueError, dial=print, local_address="127.0.0.1")
    assert "dial must be a function" in refusal(TypeError, dial="localhost")


def test_a_local_address_is_for_tcp() -> None:
    assert TransportOptions("stomp://a", local_address="127.0.0.2").local_address == "127.0.0.2"
    assert "Unix socket" in refusal(ValueError, "stomp+unix:///s", local_address="127.0.0.1")
    beside = TransportOptions(["stomp+unix:///s", "stomp://a"], proxy=None, local_address="127.0.0.2")
    assert beside.local_address == "127.0.0.2"
    assert "local_address" in refusal(TypeError, local_address=("127.0.0.1", 0))
    assert "local_address must be an address of this machine" in refusal(
        ValueError, local_address="localhost"
    )


# ---------------------------------------------------------------------------- proxies


def proxy(url: str, **options: Any) -> str | None:
    transport = TransportOptions(url, **options)
    return transport.proxy_for(transport.endpoints[0])


@pytest.mark.parametrize(
    "url", ["socks5://p:1080", "socks5h://me:pass@p:1", "socks4://p:1", "http://p:3128/"]
)
def test_a_proxy_is_used_for_hosts(url: str) -> None:
    assert proxy("stomp://broker", proxy=url) == url
    assert proxy("wss://localhost", proxy=url) == url
    assert "Unix socket" in refusal(ValueError, "stomp+unix:///s", proxy=url)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://p:1", "TLS to the proxy itself"),
        ("ftp://p:1", "schemes socks5://"),
        ("p:1080", "schemes socks5://"),
        ("", "schemes socks5://"),
        ("socks5://", "needs a host"),
        ("http://p:0", "needs a host"),
        ("http://p:x", "that can be read"),
        ("http://p:1/path", "percent-encode"),
    ],
)
def test_a_proxy_must_be_a_url(url: str, words: str) -> None:
    assert words in refusal(ValueError, "stomp://broker", proxy=url)


def test_a_refused_proxy_shows_no_password() -> None:
    assert "secret" not in refusal(ValueError, "stomp://broker", proxy="ftp://me:secret@p:1")
    assert "proxy must be a URL" in refusal(TypeError, "stomp://broker", proxy=5)


def test_the_environment_names_proxies_as_for_curl(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proxy("stomp://broker") is None
    monkeypatch.setenv("HTTP_PROXY", "http://web:1")
    assert proxy("stomp://broker") is None
    assert proxy("ws://broker") == "http://web:1"
    monkeypatch.setenv("ALL_PROXY", "socks5://all:1")
    assert proxy("ws://broker") == "http://web:1"
    assert proxy("wss://broker") == "socks5://all:1"
    assert proxy("stomp+ssl://broker") == "socks5://all:1"
    monkeypatch.setenv("stomp_proxy", "mine:2")
    assert proxy("stomp://broker") == "http://mine:2"
    assert proxy("stomp://broker", proxy="socks5://given:1") == "socks5://given:1"
    assert proxy("stomp://broker", proxy=None) is None
    assert proxy("stomp://broker", proxy=False) is None
    assert proxy("stomp+unix:///s") is None


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "[::1]"])
def test_the_environment_names_no_proxy_for_this_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("all_proxy", "socks5://all:1")
    assert proxy(f"stomp://{host}") is None


@pytest.mark.parametrize(
    ("no_proxy", "needs_none"),
    [
        ("*", True),
        ("b.example", True),
        (".example", True),
        ("a, EXAMPLE", True),
        ("ample", False),
        ("", False),
        ("a.b.example", False),
    ],
)
def test_no_proxy_names_hosts_and_domains(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, needs_none: bool
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://all:1")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert (proxy("stomp://b.example") is None) is needs_none


@pytest.mark.parametrize(
    ("no_proxy", "url", "needs_none"),
    [
        ("b.example:61613", "stomp://b.example", True),
        ("b.example:61614", "stomp://b.example", False),
        ("*.example", "stomp://b.example", True),
        ("a b.example", "stomp://B.Example", True),
        ("b.example", "stomp://b.example.", True),
        ("a, *", "stomp://b.example", True),
        ("10.1.0.0/16", "stomp://10.1.2.3", True),
        ("10.1.0.0/16", "stomp://10.2.2.3", False),
        ("10.1.2.3", "stomp://10.1.2.3", True),
        ("10.1.2.3/16", "stomp://10.1.9.9", True),
        ("1.2.3", "stomp://10.1.2.3", False),
        ("2001:db8::/32", "stomp://[2001:db8::1]", True),
        ("[2001:DB8:0::1]:61613", "stomp://[2001:db8::1]", True),
        ("[2001:db8::1]:1", "stomp://[2001:db8::1]", False),
        ("10.0.0.0/8", "stomp://[2001:db8::1]", False),
        (":61613, /8, .", "stomp://b.example", False),
    ],
)
def test_no_proxy_names_ports_and_networks(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, url: str, needs_none: bool
) -> None:
    monkeypatch.setenv("all_proxy", "socks5://all:1")
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (proxy(url) is None) is needs_none


def test_a_dialler_needs_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "nonsense://localhost")
    options = TransportOptions("stomp://broker.test", dial=print)
    assert options.proxy_for(options.endpoints[0]) is None
    assert options.via(options.endpoints[0]) == "dial()"


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "ftp://me:secret@p")
    text = refusal(ValueError, "stomp://broker")
    assert "all_proxy" in text
    assert "secret" not in text
