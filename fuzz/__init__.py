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
from .serializer import serializer
from .session import session

__all__ = ["CORPUS", "TARGETS", "Target"]

Target = Callable[[bytes], None]

TARGETS: dict[str, Target] = {
    "decoder": decoder,
    "connection": connection,
    "conversation": conversation,
    "serializer": serializer,
    "session": session,
}

#: One folder a target; one input a file.
CORPUS = Path(__file__).parent / "corpus"
