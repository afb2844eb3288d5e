"""The broker of the tests of diallers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.certificates import Certificates
from tests.heart_beats import BeatingBroker


@pytest.fixture
def broker(tls_certs: Certificates) -> Iterator[BeatingBroker]:
    """Return a broker with TLS, whose heart-beats are counted."""
    with BeatingBroker(tls=tls_certs.server.server_context()) as broker:
        yield broker
