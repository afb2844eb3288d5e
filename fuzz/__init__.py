"""Fuzz targets: each a plain function of bytes that returns, or raises because a promise of the library was broken.

Nothing here needs a fuzzer. `fuzz/run.py` lets atheris look for bytes that break a promise; the ordinary tests replay
every file of `fuzz/corpus/`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .connection import connection
from .conversation import conversation
from .decoder import decoder
from .growth import growth
from .headers import headers
from .peers import peers
from .serializer import serializer
from .session import session
from .tracking import tracking
from .twins import twins
from .websocket import websocket

__all__ = ["CORPUS", "NEEDS", "TARGETS", "Target"]

Target = Callable[[bytes], None]

TARGETS: dict[str, Target] = {
    "decoder": decoder,
    "connection": connection,
    "conversation": conversation,
    "serializer": serializer,
    "session": session,
    "headers": headers,
    "twins": twins,
    "tracking": tracking,
    "growth": growth,
    "websocket": websocket,
    "peers": peers,
}

#: What a target imports that is not installed with the library, by its name.
NEEDS: dict[str, tuple[str, ...]] = {
    "websocket": ("websockets",),
    "peers": ("stomp", "stompman", "stompest.protocol"),
}

#: One folder a target; one input a file.
CORPUS = Path(__file__).parent / "corpus"
