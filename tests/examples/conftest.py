"""The broker of the tests of diallers."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from stomp_testing import Broker
from tests.certificates import Certificates


@pytest.fixture
def broker(tls_certs: Certificates) -> Iterator[Broker]:
    """Return a broker with TLS, whose heart-beats are short."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*tls_certs.server)
    with Broker(heart_beat=(100, 100), tls=context) as broker:
        yield broker
