"""What ``set_ssl`` asks for, as an :class:`ssl.SSLContext`."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypedDict

__all__ = ["CertValidator", "SSLParams", "make_context"]

CertValidator = Callable[[Any, str], tuple[bool, str]]

_ONE_VERSION_ONLY = {
    getattr(ssl, f"PROTOCOL_{name}", None): getattr(ssl.TLSVersion, name)
    for name in ("TLSv1", "TLSv1_1", "TLSv1_2")
}


class SSLParams(TypedDict):
    """The arguments of ``set_ssl`` for one host."""

    key_file: str | None
    cert_file: str | None
    ca_certs: str | None
    cert_validator: CertValidator | None
    ssl_version: int | None
    password: str | None
    verify: bool


def make_context(params: SSLParams) -> ssl.SSLContext:
    """A context that verifies the server's certificate and name, unless ``verify=False``.

    Raises:
        OSError: a file that is not there, or not what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    version = _ONE_VERSION_ONLY.get(params["ssl_version"])
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if not params["verify"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif params["ca_certs"]:
        with _naming(params, "ca_certs"):
            context.load_verify_locations(params["ca_certs"])
    else:
        context.load_default_certs()
    if params["cert_file"]:
        with _naming(params, "cert_file", "key_file"):
            context.load_cert_chain(params["cert_file"], params["key_file"], params["password"])
    return context


@contextmanager
def _naming(params: SSLParams, *names: Literal["ca_certs", "cert_file", "key_file"]) -> Iterator[None]:
    """Let an error name the files, which the standard library does not."""
    try:
        yield
    except OSError as error:
        files = ", ".join(f"{name}={params[name]!r}" for name in names if params[name])
        raise OSError(f"{files}: {error.strerror or error}") from error
