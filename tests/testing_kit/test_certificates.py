"""ServerCertificate: its temporary files."""

from __future__ import annotations

import gc

from stomp_testing import ServerCertificate


def test_the_files_are_deleted_with_the_object() -> None:
    certificate = ServerCertificate("broker.example")
    folder = certificate.ca_file.parent
    assert certificate.certificate_file.parent == folder
    assert folder.exists()
    del certificate
    gc.collect()
    assert not folder.exists()
