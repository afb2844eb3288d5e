"""ServerCertificate: a certificate for localhost, created on the spot, for servers that use TLS."""

from __future__ import annotations

import shutil
import ssl
import tempfile
import weakref
from pathlib import Path

__all__ = ["ServerCertificate"]


class ServerCertificate:
    """A new certificate authority and a server certificate signed by it, as files in a temporary folder.

    The folder is deleted when this object is collected, or when the interpreter exits.

    Args:
        names: host names and addresses besides localhost, 127.0.0.1 and ::1.

    Attributes:
        ca_file: the authority's certificate (PEM).
        certificate_file: the server's certificate and private key (PEM).

    Raises:
        ImportError: trustme is not installed; ``pip install stomp-core[testing]`` brings it.
    """

    def __init__(self, *names: str) -> None:
        try:
            import trustme
        except ImportError:
            raise ImportError(
                "certificates are created with trustme: pip install stomp-core[testing], or pass an SSLContext"
            ) from None
        authority = trustme.CA()
        known = ("localhost", "127.0.0.1", "::1")
        server = authority.issue_cert(*known, *(name for name in names if name not in known))
        folder = Path(tempfile.mkdtemp(prefix="stomp-testing-"))
        # A TemporaryDirectory that is not closed explicitly would warn.
        self._finalizer = weakref.finalize(self, shutil.rmtree, folder, True)
        self.ca_file: Path = folder / "ca.pem"
        self.certificate_file: Path = folder / "server.pem"
        self.ca_file.write_bytes(authority.cert_pem.bytes())
        server.private_key_and_cert_chain_pem.write_to_path(str(self.certificate_file))

    def server_context(self) -> ssl.SSLContext:
        """Return an SSL context for a server with this certificate."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate_file)
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return an SSL context for a client that trusts this authority only."""
        return ssl.create_default_context(cafile=str(self.ca_file))
