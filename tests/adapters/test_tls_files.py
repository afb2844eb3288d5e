"""ca_file, cert_file, key_file, server_hostname and local_address of connect(), in all three worlds."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from stomp_core.session import ConnectFailed
from stomp_testing import Broker
from tests.certificates import Certificates

from .worlds import HANGS, World


def refusal(world: World, url: str, **options: object) -> str:
    with pytest.raises(ConnectFailed) as caught:
        world.connect(url, connect_timeout=HANGS, handshake_timeout=HANGS, **options)
    assert "check" in str(caught.value)
    return str(caught.value)


def test_ca_file_is_trusted_in_place_of_the_system(world: World, tls_certs: Certificates) -> None:
    with Broker(tls=tls_certs.server.server_context()) as broker:
        conn = world.connect(broker.tls_url, ca_file=str(tls_certs.ca))
        conn.send("/queue/a", b"x" * 200_000, receipt=True)
        world.connect(broker.tls_url, ca_file=tls_certs.ca)  # a Path will do
        assert "certificate is not trusted" in refusal(world, broker.tls_url)
        assert "certificate is not trusted" in refusal(world, broker.tls_url, ca_file=str(tls_certs.other_ca))


def test_the_authorities_of_the_system_do_not_count_beside_ca_file(
    world: World, tls_certs: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls_certs.ca))
    with Broker(tls=tls_certs.server.server_context()) as broker:
        world.connect(broker.tls_url)
        assert "certificate is not trusted" in refusal(world, broker.tls_url, ca_file=str(tls_certs.other_ca))


@pytest.mark.parametrize("in_one_file", [False, True])
def test_cert_file_and_key_file_are_shown_to_the_server(
    world: World, tls_certs: Certificates, tmp_path: Path, in_one_file: bool
) -> None:
    certificate, key = tls_certs.client
    files = {"cert_file": str(certificate), "key_file": str(key)}
    if in_one_file:
        both = tmp_path / "both.pem"
        both.write_bytes(certificate.read_bytes() + key.read_bytes())
        files = {"cert_file": str(both)}
    with Broker(tls=tls_certs.server.server_context(tls_certs.ca)) as broker:
        conn = world.connect(broker.tls_url, ca_file=str(tls_certs.ca), **files)
        conn.send("/queue/a", "mutual", receipt=True)
        assert broker.messages("/queue/a") == [b"mutual"]
        assert "certificate" in refusal(world, broker.tls_url, ca_file=str(tls_certs.ca))
    with Broker(tls=tls_certs.server.server_context(tls_certs.other_ca)) as broker:
        assert "certificate" in refusal(world, broker.tls_url, ca_file=str(tls_certs.ca), **files)


def test_an_expired_certificate_is_refused(world: World, tls_certs: Certificates) -> None:
    with Broker(tls=tls_certs.expired.server_context()) as broker:
        assert "expired" in refusal(world, broker.tls_url, ca_file=str(tls_certs.ca))


def test_a_wrong_name_is_refused_unless_it_is_the_expected_one(world: World, tls_certs: Certificates) -> None:
    with Broker(tls=tls_certs.wrong_host.server_context()) as broker:
        text = refusal(world, broker.tls_url, ca_file=str(tls_certs.ca))
        assert "not valid for" in text
        assert "check that the URL has the name" in text
        conn = world.connect(broker.tls_url, ca_file=str(tls_certs.ca), server_hostname="wrong.example")
        conn.send("/queue/a", "x", receipt=True)
    with Broker(tls=tls_certs.server.server_context()) as broker:
        text = refusal(world, broker.tls_url, ca_file=str(tls_certs.ca), server_hostname="wrong.example")
        assert "wrong.example" in text


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux has all of 127.0.0.0/8")
def test_local_address_is_connected_from(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(HANGS)
        with pytest.raises(ConnectFailed):
            world.connect(
                f"stomp://127.0.0.1:{listener.getsockname()[1]}",
                local_address="127.0.0.3",
                handshake_timeout=0.05,
            )
        peer, (source, _) = listener.accept()
        peer.close()
        assert source == "127.0.0.3"
    with Broker() as broker:
        conn = world.connect(f"stomp://guest:guest@localhost:{broker.port}", local_address="127.0.0.2")
        conn.send("/queue/a", "x", receipt=True)


@pytest.mark.parametrize("address", ["192.0.2.1", "::1"])
def test_a_local_address_that_is_none_is_named(world: World, address: str) -> None:
    """Of another machine; of another kind than the broker's."""
    with Broker() as broker:
        text = refusal(world, broker.url, local_address=address)
        assert f"local_address {address!r} cannot be used" in text
        assert "an address of this machine" in text
        for scheme in ("socks5", "http"):
            proxy = f"{scheme}://127.0.0.1:{broker.port}"
            text = refusal(world, broker.url, local_address=address, proxy=proxy)
            assert f"local_address {address!r} cannot be used" in text
