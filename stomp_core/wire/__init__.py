"""The wire: bytes to frames and frames to bytes, and not one rule of the conversation.

Usable on its own: a fuzzer wants frames, a recorder wants the very bytes that came in.
"""

from ._frame import Frame
from ._headers import Headers, HeaderSource, HeaderTypeError
from ._options import Leniency, Limits
from ._parser import FrameParser
from ._spec import ALL_VERSIONS, Version
from ._stream_events import NEED_DATA, ConnectionClosed, HeartBeat, NeedData

__all__ = [
    "ALL_VERSIONS",
    "NEED_DATA",
    "ConnectionClosed",
    "Frame",
    "FrameParser",
    "HeaderSource",
    "HeaderTypeError",
    "Headers",
    "HeartBeat",
    "Leniency",
    "Limits",
    "NeedData",
    "Version",
]
