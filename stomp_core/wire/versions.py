"""The versions of STOMP, and what differs between them on the wire."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ALL_VERSIONS", "Version"]


class Version(StrEnum):
    """A version of STOMP. It is a ``str``: ``Version.V1_2 == "1.2"``."""

    V1_0 = "1.0"
    V1_1 = "1.1"
    V1_2 = "1.2"


ALL_VERSIONS = (Version.V1_0, Version.V1_1, Version.V1_2)
