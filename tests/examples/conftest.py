"""The broker of the tests of diallers."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from tests.certificates import Certificates
from tests.heart_beats import BeatingBroker


@pytest.fixture
def broker(tls_certs: Certificates) -> Iterator[BeatingBroker]:
    """Return a broker with TLS, whose heart-beats are counted."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls_certs.server)
    with BeatingBroker(tls=context) as broker:
        yield broker
