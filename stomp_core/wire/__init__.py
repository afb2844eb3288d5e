"""The wire: bytes to frames and frames to bytes, and not one rule of the conversation.

Usable on its own: a fuzzer wants frames, a recorder wants the very bytes that came in.
"""

from .frame import Frame
from .headers import Headers, HeaderSource, HeaderTypeError
from .leniency import Leniency
from .limits import Limits
from .parser import FrameParser
from .signals import NEED_DATA, ConnectionClosed, HeartBeat, NeedData
from .versions import ALL_VERSIONS, Version

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
