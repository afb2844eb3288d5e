"""``set_ssl``: which hosts use TLS, and which servers are trusted."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import stomp_py as stomp
from stomp_py.exception import ConnectFailedException
from stomp_testing import Broker as EmbeddedBroker

from .conftest import LOGIN, PASSCODE
from .recording_listener import RecordingListener

if TYPE_CHECKING:
    from tests.brokers import Broker

pytest.importorskip("trustme", reason='pip install "stomp-core[testing]"')

from tests.certificates import Certificates


@pytest.fixture(scope="module")
def secure() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker(users={LOGIN: PASSCODE}, tls=True) as broker:
        yield broker


@pytest.fixture
def address(secure: EmbeddedBroker) -> tuple[str, int]:
    assert secure.tls_port is not None
    return ("127.0.0.1", secure.tls_port)


def connection(address: tuple[str, int], **ssl_arguments: Any) -> Any:
    conn = stomp.Connection([address], reconnect_attempts_max=1)
    conn.set_ssl(for_hosts=[address], **ssl_arguments)
    return conn


def talk(conn: Any, queue: str = "/queue/a") -> None:
    recorder = RecordingListener()
    conn.set_listener("", recorder)
    conn.connect(LOGIN, PASSCODE, wait=True)
    assert isinstance(conn.transport.socket, ssl.SSLSocket)
    conn.subscribe(queue, id=1)
    conn.send(queue, "x" * 100_000)
    recorder.wait_for("on_message")
    conn.disconnect(receipt="bye")
    assert recorder.bodies() == ["x" * 100_000]


def test_ca_certs_trusts_the_authority_of_the_broker(
    secure: EmbeddedBroker, address: tuple[str, int]
) -> None:
    talk(connection(address, ca_certs=str(secure.ca_file)))


def test_without_verification_every_server_is_trusted(address: tuple[str, int]) -> None:
    talk(connection(address, verify=False))


def test_a_real_broker_over_tls(real_broker: Broker) -> None:
    address = (real_broker.host, real_broker.tls_port)
    talk(connection(address, ca_certs=str(real_broker.ca_file)), real_broker.new_queue())


def test_without_for_hosts_all_hosts_use_tls(secure: EmbeddedBroker, address: tuple[str, int]) -> None:
    conn = stomp.Connection([address], reconnect_attempts_max=1)
    conn.set_ssl(ca_certs=str(secure.ca_file))
    talk(conn)


@pytest.mark.parametrize("fits", [True, 1, False, None, 0])
def test_cert_validator_may_refuse_the_certificate(
    secure: EmbeddedBroker, address: tuple[str, int], fits: Any
) -> None:
    asked: list[tuple[Any, str]] = []

    def validate(certificate: Any, host: str) -> tuple[Any, str]:
        asked.append((certificate, host))
        return fits, "I do not like it"

    conn = connection(address, ca_certs=str(secure.ca_file), cert_validator=validate)
    if fits:
        talk(conn)
    else:
        with pytest.raises(ConnectFailedException, match="I do not like it"):
            conn.connect(LOGIN, PASSCODE, wait=True)
    ((certificate, host),) = asked
    assert host == "127.0.0.1"
    assert "subjectAltName" in certificate


@pytest.mark.parametrize(
    "files",
    [
        {"ca_certs": "/nowhere/ca.pem"},
        {"cert_file": "/nowhere/client.pem"},
        {"cert_file": "/nowhere/client.pem", "key_file": "/nowhere/client.key"},
        {"ca_certs": __file__},
        {"cert_file": __file__},
    ],
)
def test_a_missing_or_wrong_file_is_named_in_the_error(
    address: tuple[str, int], files: dict[str, str]
) -> None:
    with pytest.raises(ConnectFailedException, match="set_ssl") as caught:
        connection(address, **files).connect(LOGIN, PASSCODE, wait=True)
    for name, path in files.items():
        assert f"{name}={path!r}" in str(caught.value)


# ---------------------------------------------------------------------- who is trusted, and who we are


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.create(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize(
    ("presented", "reason"),
    [
        ("wrong_host", "the name that the certificate is for"),
        ("untrusted", "who has signed it"),
        ("expired", "expired"),
    ],
)
def test_a_certificate_that_does_not_fit_is_refused(
    certificates: Certificates, presented: str, reason: str
) -> None:
    context = getattr(certificates, presented).server_context()
    with EmbeddedBroker(users={LOGIN: PASSCODE}, tls=context) as broker:
        conn = connection(("127.0.0.1", broker.tls_port), ca_certs=str(certificates.ca))
        with pytest.raises(ConnectFailedException, match=reason):
            conn.connect(LOGIN, PASSCODE, wait=True)
        assert broker.connections == []


def test_ca_certs_takes_the_place_of_the_systems_authorities(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.other_ca))
    with EmbeddedBroker(users={LOGIN: PASSCODE}, tls=certificates.untrusted.server_context()) as broker:
        address = ("127.0.0.1", broker.tls_port)
        talk(connection(address))
        with pytest.raises(ConnectFailedException, match="who has signed it"):
            connection(address, ca_certs=str(certificates.ca)).connect(LOGIN, PASSCODE, wait=True)


def test_a_client_certificate_is_presented(certificates: Certificates, tmp_path: Path) -> None:
    """Its key may have a password."""
    from cryptography.hazmat.primitives import serialization

    context = certificates.server.server_context()
    context.load_verify_locations(certificates.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        serialization.load_pem_private_key(certificates.client.key.read_bytes(), None).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    files = {"ca_certs": str(certificates.ca), "cert_file": str(certificates.client.certificate)}
    with EmbeddedBroker(users={LOGIN: PASSCODE}, tls=context) as broker:
        address = ("127.0.0.1", broker.tls_port)
        talk(connection(address, key_file=str(certificates.client.key), **files))
        talk(connection(address, key_file=str(locked), password="sesame", **files))
        with pytest.raises(ConnectFailedException):
            connection(address, ca_certs=str(certificates.ca)).connect(LOGIN, PASSCODE, wait=True)


@pytest.mark.parametrize(
    ("version", "spoken"), [(ssl.PROTOCOL_TLSv1_2, "TLSv1.2"), (ssl.PROTOCOL_TLS_CLIENT, "TLSv1.3")]
)
def test_ssl_version_allows_one_version_only(
    secure: EmbeddedBroker, address: tuple[str, int], version: int, spoken: str
) -> None:
    conn = connection(address, ca_certs=str(secure.ca_file), ssl_version=version)
    conn.connect(LOGIN, PASSCODE, wait=True)
    assert conn.transport.socket.version() == spoken
    assert conn.get_ssl() == conn.get_ssl(address)  # of the host that it is connected to
    assert conn.get_ssl() is not None
    conn.disconnect()


def test_tls_is_for_the_hosts_that_were_named(secure: EmbeddedBroker, address: tuple[str, int]) -> None:
    """Each call adds hosts; the others stay plaintext."""
    plain, another = (secure.host, secure.port), ("localhost", 1)
    conn = stomp.Connection([plain, address, another], prefer_localhost=False, reconnect_attempts_max=1)
    conn.set_ssl([address], ca_certs=str(secure.ca_file))
    conn.set_ssl([another], verify=False)
    assert [bool(conn.get_ssl(host)) for host in (plain, address, another)] == [False, True, True]
    conn.connect(LOGIN, PASSCODE, wait=True)
    assert conn.transport.current_host_and_port == plain
    assert not isinstance(conn.transport.socket, ssl.SSLSocket)
    assert conn.get_ssl() is None  # of the host that it is connected to
    conn.disconnect()


def test_get_ssl_returns_what_set_ssl_was_given(address: tuple[str, int]) -> None:
    conn = connection(address, verify=False, key_file="key", cert_file="cert", password="secret")
    calls = conn.get_ssl(address)
    assert {name: calls[name] for name in ("verify", "key_file", "cert_file", "password", "ca_certs")} == {
        "verify": False,
        "key_file": "key",
        "cert_file": "cert",
        "password": "secret",
        "ca_certs": None,
    }
    assert conn.get_ssl(("elsewhere", 1)) is None


def test_the_arguments_of_set_ssl_have_the_name_of_stomp_py(address: tuple[str, int]) -> None:
    transport = connection(address, key_file="key", cert_file="cert").transport
    assert transport._Transport__ssl_params == {address: transport.get_ssl(address)}


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        (("broker.example",), "got 'broker.example'"),
        (("broker.example", 61614), "got 'broker.example'"),
        ((("broker.example", 61614),), "got ('broker.example', 61614)"),
        ((ssl.create_default_context(),), "got an SSLContext"),
        ((5,), "got 5"),
        ((["broker.example"],), "got ['broker.example']"),
    ],
    ids=["a host", "a host and a port", "one pair", "an SSLContext", "a number", "a list of hosts"],
)
def test_the_first_argument_of_set_ssl_is_pairs(arguments: tuple[Any, ...], got: str) -> None:
    conn = stomp.Connection([("broker.example", 61614)])
    with pytest.raises(TypeError) as caught:
        conn.set_ssl(*arguments)
    assert got in str(caught.value)
    assert "the first argument is for_hosts, pairs of host and port" in str(caught.value)


@pytest.mark.parametrize("name", ["key_file", "cert_file", "ca_certs"])
def test_set_ssl_takes_no_ssl_context(name: str) -> None:
    conn = stomp.Connection([("broker.example", 61614)])
    arguments: dict[str, Any] = {name: ssl.create_default_context()}
    with pytest.raises(TypeError, match=f"{name} must be the path of a file, got an SSLContext"):
        conn.set_ssl([("broker.example", 61614)], **arguments)
    assert conn.get_ssl(("broker.example", 61614)) is None


def test_set_ssl_takes_its_arguments_in_the_order_of_stomp_py(tmp_path: Path) -> None:
    host = ("broker.example", 61614)
    conn = stomp.Connection([host])
    conn.set_ssl([host], "key", "cert", tmp_path, None, ssl.PROTOCOL_TLSv1_2, "secret", False)
    assert conn.get_ssl(host) == {
        "key_file": "key",
        "cert_file": "cert",
        "ca_certs": tmp_path,
        "cert_validator": None,
        "ssl_version": ssl.PROTOCOL_TLSv1_2,
        "password": "secret",
        "verify": False,
    }


def test_a_socket_with_tls_can_be_closed_without_disconnect(
    secure: EmbeddedBroker, address: tuple[str, int]
) -> None:
    recorder = RecordingListener()
    conn = connection(address, ca_certs=str(secure.ca_file))
    conn.set_listener("", recorder)
    for number in range(1, 3):
        conn.connect(LOGIN, PASSCODE, wait=True)
        conn.transport.disconnect_socket()
        assert len(recorder.of("on_disconnected")) == number
        assert not conn.is_connected()
