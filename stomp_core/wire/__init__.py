"""The wire layer: bytes to frames and frames to bytes, without any rule of the conversation.

It is usable on its own, by programs that deal with frames in whatever order they come: proxies, recorders, fuzzers.
"""

from ._frame import Frame, body_type_error
from ._headers import Headers, HeaderSource, HeaderTypeError
from ._options import Leniency, Limits
from ._parser import FrameParser
from ._spec import ALL_VERSIONS, Version, escape, unescape
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
    "body_type_error",
    "escape",
    "unescape",
]
