"""ServerCertificate."""

from __future__ import annotations

import gc

from stomp_testing import ServerCertificate


def test_its_files_go_with_it() -> None:
    certificate = ServerCertificate("broker.example")
    folder = certificate.ca_file.parent
    assert certificate.certificate_file.parent == folder
    assert folder.exists()
    del certificate
    gc.collect()
    assert not folder.exists()
