"""Certificates for tests: valid ones, and one for each reason of a refusal."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import trustme


class KeyPair(NamedTuple):
    """Two PEM files, as `ssl.SSLContext.load_cert_chain(*pair)` takes them."""

    certificate: Path
    key: Path

    def server_context(self, client_ca: Path | None = None) -> ssl.SSLContext:
        """Return TLS settings for a server that shows this certificate.

        Args:
            client_ca: the authority of the certificates that clients have to show; ``None`` wants none.
        """
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self)
        if client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(client_ca)
        return context


@dataclass(frozen=True, slots=True)
class Certificates:
    """A certificate authority and certificates that it signed, as PEM files in one folder."""

    folder: Path
    authority: trustme.CA
    #: the certificate of the authority, which clients must trust
    ca: Path
    #: for localhost, 127.0.0.1 and ::1
    server: KeyPair
    #: for a client; common name "admin"
    client: KeyPair
    #: for the right names, but expired yesterday
    expired: KeyPair
    #: valid, but for wrong.example only
    wrong_host: KeyPair
    #: another authority, which signed `untrusted`
    other_ca: Path
    #: for the right names, by the other authority
    untrusted: KeyPair

    @classmethod
    def create(cls, folder: Path) -> Certificates:
        """Create all certificates in a folder, which is made if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        names = ("localhost", "127.0.0.1", "::1")
        authority, other = trustme.CA(), trustme.CA()

        def write(name: str, certificate: trustme.LeafCert) -> KeyPair:
            pair = KeyPair(folder / f"{name}.pem", folder / f"{name}.key")
            pair.certificate.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
            pair.key.write_bytes(certificate.private_key_pem.bytes())
            pair.key.chmod(0o600)
            return pair

        ca, other_ca = folder / "ca.pem", folder / "other-ca.pem"
        authority.cert_pem.write_to_path(str(ca))
        other.cert_pem.write_to_path(str(other_ca))
        yesterday = datetime.now(UTC) - timedelta(days=1)
        return cls(
            folder=folder,
            authority=authority,
            ca=ca,
            server=write("server", authority.issue_cert(*names)),
            client=write("client", authority.issue_cert("client@example.org", common_name="admin")),
            expired=write("expired", authority.issue_cert(*names, not_after=yesterday)),
            wrong_host=write("wrong-host", authority.issue_cert("wrong.example")),
            other_ca=other_ca,
            untrusted=write("untrusted", other.issue_cert(*names)),
        )
