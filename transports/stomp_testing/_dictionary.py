"""The dictionary of STOMP for fuzzers of bytes."""

from __future__ import annotations

from pathlib import Path

__all__ = ["dictionary_file"]


def dictionary_file() -> Path:
    """Return the path of a dictionary with the tokens of STOMP, in the format of libFuzzer and AFL++.

    Pass it on as ``-dict=...`` (libFuzzer, atheris) or ``-x ...`` (AFL++).
    """
    return Path(__file__).with_name("stomp.dict")
