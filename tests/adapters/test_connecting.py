"""Connecting: by URL, with TLS, with failover; and each failure states in time what is wrong."""

from __future__ import annotations

import ssl
import threading
import traceback
from pathlib import Path

import pytest

from stomp_core import StompError
from stomp_core.session import AuthenticationFailed, ConnectFailed, Reconnect
from stomp_testing import CLOSE, Broker, Expect, ScriptedServer
from tests.certificates import Certificates

from .worlds import HANGS, World

PASSCODE = "hush-hush"
USERS = {"guest": PASSCODE}


def context(certificates: Certificates) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificates.ca)


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2"])
def test_a_connection_uses_the_negotiated_version(world: World, version: str) -> None:
    with Broker(versions=(version,)) as broker:
        conn = world.connect(broker.url)
        assert conn.version == version
        assert conn.connected.version == version
        assert not conn.closed
        conn.send("/queue/a", "hello", receipt=True)
        conn.leave()
        assert conn.closed


def test_login_and_passcode_may_be_arguments(world: World) -> None:
    with Broker(users=USERS) as broker:
        conn = world.connect(f"stomp://{broker.host}:{broker.port}", "guest", PASSCODE)
        assert conn.version == "1.2"
        assert PASSCODE not in repr(conn.inner)


def test_a_unix_socket(world: World, tmp_path: Path) -> None:
    with Broker(unix_path=tmp_path / "socket") as broker:
        conn = world.connect(broker.unix_url)
        conn.send("/queue/a", "hello", receipt=True)
        assert broker.messages("/queue/a") == [b"hello"]


def test_the_next_endpoint_is_tried_after_a_dead_one(world: World, closed_port: int) -> None:
    with Broker() as broker:
        conn = world.connect([f"stomp://127.0.0.1:{closed_port}", broker.url])
        assert conn.session.endpoint.port == broker.port


def test_tls_is_verified_by_what_the_context_trusts(world: World, tls_certs: Certificates) -> None:
    with Broker(tls=tls_certs.server.server_context()) as broker:
        url = broker.tls_url.replace("127.0.0.1", "localhost")
        conn = world.connect(url, ssl_context=context(tls_certs))
        conn.send("/queue/a", b"x" * 200_000, receipt=True)
        assert broker.messages("/queue/a") == [b"x" * 200_000]


def test_a_client_certificate_is_sent_when_the_server_asks(world: World, tls_certs: Certificates) -> None:
    mine = context(tls_certs)
    mine.load_cert_chain(*tls_certs.client)
    with Broker(tls=tls_certs.server.server_context(tls_certs.ca)) as broker:
        conn = world.connect(broker.tls_url, ssl_context=mine)
        conn.send("/queue/a", "hello", receipt=True)
        with pytest.raises(ConnectFailed, match="certificate"):
            world.connect(
                broker.tls_url, ssl_context=context(tls_certs), connect_timeout=HANGS, handshake_timeout=HANGS
            )


def refused(world: World, url: str, **options: object) -> ConnectFailed:
    """Connect in vain; check the error's texts for each endpoint, and that none has the passcode.

    No timeout of an attempt is waited for unless it is among the options: that call would hang.
    """
    patience: dict[str, object] = {"connect_timeout": 10 * HANGS, "handshake_timeout": 10 * HANGS}
    with pytest.raises(ConnectFailed) as caught:
        world.connect(url, **patience | options)
    reported = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value)
    assert PASSCODE not in reported
    assert isinstance(caught.value, OSError)
    assert caught.value.failures
    for endpoint, failure in caught.value.failures:
        assert f"{endpoint}: " in str(caught.value)
        assert "check" in str(failure)
    return caught.value


def with_passcode(url: str) -> str:
    return url.replace("guest:guest@", f"guest:{PASSCODE}@")


def test_a_host_that_does_not_exist(world: World) -> None:
    error = refused(world, f"stomp://guest:{PASSCODE}@nowhere.invalid")
    assert "stomp://nowhere.invalid:61613" in str(error)
    assert "cannot be resolved" in str(error)
    assert "check spelling" in str(error)


def test_a_port_on_which_nobody_listens(world: World, closed_port: int) -> None:
    error = refused(world, f"stomp://guest:{PASSCODE}@127.0.0.1:{closed_port}")
    assert f"stomp://127.0.0.1:{closed_port}: connection refused" in str(error)
    assert "check the port" in str(error)


def test_a_peer_that_sends_nothing(world: World) -> None:
    with ScriptedServer([Expect(b"\0")]) as server:
        error = refused(world, with_passcode(server.url), handshake_timeout=0.3)
    assert f"stomp://127.0.0.1:{server.port}" in str(error)
    assert "no CONNECTED came within 0.3 s" in str(error)


def test_a_peer_that_closes_the_connection(world: World) -> None:
    with ScriptedServer([Expect(b"\0"), CLOSE]) as server:
        error = refused(world, with_passcode(server.url))
    assert f"stomp://127.0.0.1:{server.port}: the peer closed the connection before CONNECTED" in str(error)


@pytest.mark.parametrize("flavour", ["rabbitmq", "activemq"])
def test_a_wrong_passcode(world: World, flavour: str) -> None:
    with Broker(users={"guest": "another"}, flavour=flavour) as broker:
        url = f"stomp://guest:{PASSCODE}@127.0.0.1:{broker.port}"
        error = refused(world, url, reconnect=Reconnect(first_rounds=None))
    assert isinstance(error, AuthenticationFailed)
    assert f"stomp://127.0.0.1:{broker.port}: the broker refused" in str(error)
    assert "check login and passcode" in str(error)
    assert error.error is not None


def test_a_wrong_virtual_host(world: World) -> None:
    with Broker(users=USERS, vhosts=("/",)) as broker:
        error = refused(world, f"stomp://guest:{PASSCODE}@127.0.0.1:{broker.port}/nowhere")
    assert f"stomp://127.0.0.1:{broker.port}" in str(error)
    assert "virtual host" in str(error)


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        ("expired", "expired"),
        ("wrong_host", "not valid for 'localhost'"),
        ("untrusted", "issuer certificate"),
    ],
    ids=["expired", "wrong host", "untrusted"],
)
def test_a_certificate_that_is_not_trusted(
    world: World, tls_certs: Certificates, what: str, cause: str
) -> None:
    with Broker(tls=getattr(tls_certs, what).server_context(), users=USERS) as broker:
        url = f"stomp+ssl://guest:{PASSCODE}@localhost:{broker.tls_port}"
        error = refused(world, url, ssl_context=context(tls_certs))
    assert f"stomp+ssl://localhost:{broker.tls_port}: the server's certificate is " in str(error)
    assert cause in str(error)


def test_tls_is_verified_by_default(world: World, tls_certs: Certificates) -> None:
    with Broker(tls=tls_certs.server.server_context(), users=USERS) as broker:
        error = refused(world, f"stomp+ssl://guest:{PASSCODE}@localhost:{broker.tls_port}")
    assert "certificate is not trusted" in str(error)


def test_tls_to_a_plain_port(world: World, tls_certs: Certificates) -> None:
    with Broker(users=USERS) as broker:
        url = f"stomp+ssl://guest:{PASSCODE}@localhost:{broker.port}"
        error = refused(world, url, ssl_context=context(tls_certs))
    assert f"stomp+ssl://localhost:{broker.port}" in str(error)
    assert "speaks TLS" in str(error)


def test_plaintext_to_a_tls_port(world: World, tls_certs: Certificates) -> None:
    with Broker(tls=tls_certs.server.server_context(), users=USERS) as broker:
        error = refused(world, f"stomp://guest:{PASSCODE}@127.0.0.1:{broker.tls_port}")
    assert f"stomp://127.0.0.1:{broker.tls_port}: " in str(error)
    assert "stomp+ssl://" in str(error)


def test_every_endpoint_that_fails_is_reported(world: World, closed_port: int) -> None:
    error = refused(world, f"stomp://guest:{PASSCODE}@127.0.0.1:{closed_port},stomp://nowhere.invalid")
    assert [str(endpoint) for endpoint, _ in error.failures] == [
        f"stomp://127.0.0.1:{closed_port}",
        "stomp://nowhere.invalid:61613",
    ]


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("http://localhost", {}, "use one of stomp://"),
        ("stomp://guest:hush-hush@localhost:port", {}, "cannot be parsed"),
        ("ws://localhost/w s", {}, "percent-encode"),
        ("ws://localhost/ws", {"ssl_context": ssl.create_default_context()}, "use wss:// for TLS"),
        ("stomp://localhost", {"ssl_context": ssl.create_default_context()}, "means plaintext"),
        ("stomp://localhost", {"heart_beat": (1,)}, "heart_beat"),
        ([], {}, "at least one URL"),
    ],
)
def test_invalid_options_are_refused_at_once(
    world: World, url: object, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        world.connect(url, **options)
    assert PASSCODE not in str(caught.value)


def test_a_header_that_connect_cannot_carry_is_refused_at_once(world: World) -> None:
    with pytest.raises(StompError, match="line feed"):
        world.connect("stomp://localhost", "guest", "hush\nhush")


@pytest.mark.parametrize("world", ["socket"], indirect=True)
def test_a_failed_connect_leaves_no_thread(world: World, closed_port: int) -> None:
    """Nor one that still calls a listener."""
    before = set(threading.enumerate())

    class Observer(world.module.Listener):  # type: ignore[misc,name-defined]
        def closed(self, error: Exception | None) -> None:
            threading.Event().wait(0.1)

    def connect() -> list[str]:
        with pytest.raises(ConnectFailed):
            world.module.connect(f"stomp://127.0.0.1:{closed_port}", listener=Observer())
        return [thread.name for thread in set(threading.enumerate()) - before]

    assert "stomp_socket" not in world.call(connect)
