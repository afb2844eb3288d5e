"""proxy=: SOCKS and HTTP CONNECT in all three worlds, TLS inside, and what is reported when a proxy fails."""

from __future__ import annotations

import logging
import socket
import traceback
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("python_socks", reason='pip install "stomp-core[proxy]"')

from stomp_core import StompError
from stomp_core.session import ConnectFailed, Reconnect
from tests.certificates import Certificates
from tests.heart_beats import BeatingBroker

from .scripted_proxy import ScriptedProxy, read, read_until
from .worlds import HANGS, World, until

SCHEMES = ["socks5", "socks5h", "socks4", "socks4a", "http"]
SOON = Reconnect(first_delay=0.01, max_delay=0.05)
LOGIN = "someone:hush-hush"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stomp_proxy", "stomp_ssl_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def broker(tls_certs: Certificates) -> Iterator[BeatingBroker]:
    with BeatingBroker(tls=tls_certs.server.server_context()) as broker:
        yield broker


def use(world: World, broker: BeatingBroker, url: str, cut: Callable[[], object], **options: object) -> None:
    """Send 300 kB, be silent for several heart-beats, lose the connection, and go on with the next one."""
    options |= broker.beats.client_options()
    conn = world.connect(url, reconnect=SOON, **options)
    conn.send("/queue/a", b"x" * 300_000, receipt=True)
    broker.beats.wait()
    assert conn.session.connection_number == 1
    cut()
    confirmed: list[object] = []
    while not confirmed:
        try:
            confirmed.append(conn.send("/queue/a", "again", receipt=True, timeout=HANGS))
        except StompError:
            pass
    assert conn.session.connection_number > 1
    assert conn.close() is True
    assert {b"x" * 300_000, b"again"} == set(broker.messages("/queue/a"))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_connection_through_a_proxy(world: World, broker: BeatingBroker, scheme: str) -> None:
    with ScriptedProxy(pieces=True) as proxy:
        use(world, broker, broker.url, proxy.cut, proxy=proxy.url(scheme))
        assert set(proxy.targets) == {f"127.0.0.1:{broker.port}"}


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_tls_through_a_proxy(
    world: World, broker: BeatingBroker, tls_certs: Certificates, scheme: str
) -> None:
    url = broker.tls_url.replace("127.0.0.1", "localhost")
    with ScriptedProxy(LOGIN) as proxy:
        options = {"proxy": proxy.url(scheme), "ca_file": str(tls_certs.ca)}
        use(world, broker, url, proxy.cut, **options)
        with pytest.raises(ConnectFailed, match="certificate is not trusted"):
            world.connect(url, proxy=proxy.url(scheme))


@pytest.mark.parametrize("scheme", ["socks5h", "socks4a", "http"])
def test_these_proxies_resolve_the_name(world: World, broker: BeatingBroker, scheme: str) -> None:
    with ScriptedProxy(names={"broker.invalid": "127.0.0.1"}) as proxy:
        url = broker.url.replace("127.0.0.1", "broker.invalid")
        conn = world.connect(url, proxy=proxy.url(scheme))
        conn.send("/queue/a", "x", receipt=True)
        assert proxy.targets == [f"broker.invalid:{broker.port}"]


def test_the_environment_names_the_proxy(
    world: World, broker: BeatingBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ScriptedProxy(names={"broker.invalid": "127.0.0.1"}) as proxy:
        monkeypatch.setenv("all_proxy", proxy.url("socks5h"))
        world.connect(broker.url.replace("127.0.0.1", "broker.invalid")).send("/queue/a", "x", receipt=True)
        world.connect(broker.url)
        assert len(proxy.targets) == 1


def test_the_proxy_is_reached_from_the_local_address(world: World, broker: BeatingBroker) -> None:
    for scheme in ("socks5", "http"):
        with ScriptedProxy() as proxy:
            world.connect(broker.url, proxy=proxy.url(scheme), local_address="127.0.0.3")
            assert proxy.sources == ["127.0.0.3"]


# ---------------------------------------------------------------------------- faults


def reported(world: World, caplog: pytest.LogCaptureFixture, url: str, **options: object) -> str:
    """Connect in vain; return the sentence, which names the proxy and what to check, and nowhere the login."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConnectFailed) as caught:
        world.connect(url, **({"connect_timeout": HANGS, "handshake_timeout": HANGS} | options))
    ((_, sentence),) = caught.value.failures
    assert "proxy" in sentence
    assert "check" in sentence
    assert "\n" not in sentence
    everything = (
        sentence + caplog.text + "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    )
    assert "hush" not in everything
    return sentence


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.mark.parametrize("scheme", ["socks5", "socks4", "http"])
def test_a_proxy_that_cannot_be_reached(world: World, caplog: pytest.LogCaptureFixture, scheme: str) -> None:
    port = closed_port()
    text = reported(world, caplog, "stomp://127.0.0.2", proxy=f"{scheme}://{LOGIN}@127.0.0.1:{port}")
    assert f"the proxy {scheme}://127.0.0.1:{port} refused the connection" in text
    text = reported(world, caplog, "stomp://127.0.0.2", proxy=f"{scheme}://{LOGIN}@nowhere.invalid:1080")
    assert "the host name 'nowhere.invalid' of the proxy" in text


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_target_that_refuses_behind_the_proxy(
    world: World, caplog: pytest.LogCaptureFixture, scheme: str
) -> None:
    port = closed_port()
    with ScriptedProxy() as proxy:
        text = reported(world, caplog, f"stomp://127.0.0.1:{port}", proxy=proxy.url(scheme))
    assert f"could not connect to 127.0.0.1:{port}" in text
    assert "of the broker" in text


def test_a_name_that_is_not_resolved_before_the_proxy(world: World, caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedProxy() as proxy:
        text = reported(world, caplog, "stomp://nowhere.invalid", proxy=proxy.url("socks5"))
    assert "nowhere.invalid:61613 cannot be resolved before it is sent to the proxy" in text
    assert "socks5h://" in text


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_wrong_login(world: World, caplog: pytest.LogCaptureFixture, scheme: str) -> None:
    with ScriptedProxy("someone:else") as proxy:
        wrong = proxy.url(scheme).replace("someone:else", LOGIN)
        text = reported(world, caplog, "stomp://127.0.0.1", proxy=wrong)
        assert "refused its user and password" in text
        text = reported(world, caplog, "stomp://127.0.0.1", proxy=f"{scheme}://127.0.0.1:{proxy.port}")
        assert "wants a user and a password" in text


def silent(client: socket.socket) -> None:
    while client.recv(4096):
        pass


def closes(client: socket.socket) -> None:
    client.recv(4096)


def resets(client: socket.socket) -> None:
    read(client, 1)  # the rest stays unread


def dies_late(client: socket.socket) -> None:
    """Die in the middle of the answer that grants the connection."""
    if read(client, 1) == b"\5":
        read(client, read(client, 1)[0])
        client.sendall(b"\5\0")
        read(client, 4)
        client.sendall(b"\5\0\0\1\0\0")
    else:
        read_until(client, b"\r\n\r\n")
        client.sendall(b"HTTP/1.1 200 OK\r\nX-Pro")


def is_ssh(client: socket.socket) -> None:
    client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    silent(client)


def forbids(client: socket.socket) -> None:
    client.recv(4096)
    client.sendall(b"HTTP/1.1 403 not for hush-hush\r\nContent-Length: 0\r\n\r\n")
    silent(client)


def grants_and_hangs_up(client: socket.socket) -> None:
    """What pproxy does when the target refuses."""
    if read(client, 1) == b"\5":
        read(client, read(client, 1)[0])
        client.sendall(b"\5\0")
        read(client, 10)
        client.sendall(b"\5\0\0\1\0\0\0\0\0\0")
    else:
        read_until(client, b"\r\n\r\n")
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


@pytest.mark.parametrize(
    ("behaviour", "scheme", "words"),
    [
        (closes, "socks5", "in the middle of its handshake"),
        (closes, "http", "in the middle of its handshake"),
        (resets, "http", "in the middle of its handshake"),
        (dies_late, "socks5", "in the middle of its handshake"),
        (dies_late, "http", "in the middle of its handshake"),
        (is_ssh, "socks5", "is not SOCKS 5"),
        (is_ssh, "socks4", "is not SOCKS 4"),
        (is_ssh, "http", "is not HTTP"),
        (forbids, "http", "refused to connect to 127.0.0.1:61613 (403 not for ***)"),
        (forbids, "socks5", "is not SOCKS 5"),
        (grants_and_hangs_up, "socks5", "closed the connection before CONNECTED"),
        (grants_and_hangs_up, "http", "closed the connection before CONNECTED"),
    ],
)
def test_a_proxy_that_fails(
    world: World, caplog: pytest.LogCaptureFixture, behaviour: Callable[..., None], scheme: str, words: str
) -> None:
    with ScriptedProxy(behaviour=behaviour) as proxy:
        login = "someone:hush-hush@" if behaviour is forbids and scheme == "http" else ""
        url = f"{scheme}://{login}127.0.0.1:{proxy.port}"
        assert words in reported(world, caplog, "stomp://127.0.0.1", proxy=url)


def test_a_proxy_that_repeats_the_login_in_other_forms(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def repeats(client: socket.socket) -> None:
        head = read_until(client, b"\r\n\r\n")
        token = head.partition(b"Basic ")[2].split()[0]
        client.sendall(b"HTTP/1.1 403 hush@hush hush%40hush " + token + b"\r\n\r\n")

    with ScriptedProxy(behaviour=repeats) as proxy:
        url = f"http://someone:hush%40hush@127.0.0.1:{proxy.port}"
        assert "(403 *** *** ***)" in reported(world, caplog, "stomp://127.0.0.1", proxy=url)


def test_what_a_proxy_adds_is_not_taken_for_a_fault_of_the_broker_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def adds_a_page(client: socket.socket) -> None:
        read_until(client, b"\r\n\r\n")
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n<html>sign in</html>")
        silent(client)

    with ScriptedProxy(behaviour=adds_a_page) as proxy:
        via = f"since it goes through the proxy http://127.0.0.1:{proxy.port}, that this reaches the broker"
        # For WebSocket the page is the beginning of a line of HTTP, whose end never comes.
        for url, timeout in (("stomp://127.0.0.1", HANGS), ("ws://127.0.0.1", 0.3)):
            options = {"proxy": f"http://127.0.0.1:{proxy.port}", "handshake_timeout": timeout}
            assert via in reported(world, caplog, url, **options)


@pytest.mark.parametrize("scheme", ["socks5", "http"])
def test_a_proxy_that_is_too_slow(world: World, caplog: pytest.LogCaptureFixture, scheme: str) -> None:
    with ScriptedProxy(behaviour=silent) as proxy:
        text = reported(world, caplog, "stomp://127.0.0.1", proxy=proxy.url(scheme), connect_timeout=0.2)
        assert "no connection through the proxy" in text
        assert "within 0.2 s" in text
        until(lambda: len(proxy.sources) == 1)
