"""The dictionary for fuzzers: it is where users look for it, and every line is one that libFuzzer reads."""

from __future__ import annotations

import re

from stomp_testing import dictionary_file

OF_CLIENTS = "CONNECT STOMP SEND SUBSCRIBE UNSUBSCRIBE ACK NACK BEGIN COMMIT ABORT DISCONNECT"
OF_SERVERS = "CONNECTED MESSAGE RECEIPT ERROR"

TOKEN = re.compile(r'"((?:[^"\\]|\\\\|\\"|\\x[0-9a-fA-F]{2})+)"')


def test_every_line_is_a_comment_or_a_token() -> None:
    """https://llvm.org/docs/LibFuzzer.html#dictionaries"""
    lines = dictionary_file().read_text("ascii").splitlines()
    wrong = [line for line in lines if line and not line.startswith("#") and not TOKEN.fullmatch(line)]
    assert wrong == []


def test_every_command_is_a_token() -> None:
    text = dictionary_file().read_text("ascii")
    assert [
        command for command in f"{OF_CLIENTS} {OF_SERVERS}".split() if f'"{command}\\x0a"' not in text
    ] == []
