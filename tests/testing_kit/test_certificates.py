"""ServerCertificate: its temporary files, and the names that it is for."""

from __future__ import annotations

import gc
import ssl
import sys

import pytest

from stomp_testing import Broker, ServerCertificate

from .wire import Wire


def test_the_files_are_deleted_with_the_object() -> None:
    certificate = ServerCertificate("broker.example")
    folder = certificate.ca_file.parent
    assert certificate.certificate_file.parent == folder
    assert folder.exists()
    del certificate
    gc.collect()
    assert not folder.exists()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "broker.example", "127.0.0.9"])
def test_it_is_for_this_machine_and_the_given_names(name: str) -> None:
    certificate = ServerCertificate("broker.example", "127.0.0.9", "localhost")
    with Broker(tls=certificate.server_context()) as broker:
        with Wire(broker.tls_port, tls=certificate.client_context(), name=name) as wire:
            wire.connect()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only 127.0.0.1 is this machine")
def test_the_brokers_own_is_for_the_host_that_it_listens_on() -> None:
    with Broker(host="127.0.0.2", tls=True) as broker:
        context = ssl.create_default_context(cafile=str(broker.ca_file))
        with Wire(broker.tls_port, host="127.0.0.2", tls=context) as wire:
            wire.connect()


def test_a_client_trusts_no_other_name_and_no_other_authority() -> None:
    certificate = ServerCertificate()
    with Broker(tls=certificate.server_context()) as broker:
        with pytest.raises(ssl.SSLCertVerificationError, match=r"other\.example"):
            Wire(broker.tls_port, tls=certificate.client_context(), name="other.example")
        with pytest.raises(ssl.SSLCertVerificationError):
            Wire(broker.tls_port, tls=ServerCertificate().client_context())
