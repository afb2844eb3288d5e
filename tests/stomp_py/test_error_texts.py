"""Error texts speak the words of this API: no argument is named that it does not have."""

from __future__ import annotations

import dataclasses
import inspect
import re
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

import stomp_py as stomp
from stomp_core import ClientConnection, Error, Frame, Leniency, LocalProtocolError, RemoteProtocolError
from stomp_core.session import Config, Endpoint, dial_failure
from stomp_core.session import _connect_errors as sentences
from stomp_py._error_texts import in_terms_of_stomp_py
from stomp_testing import CLOSE, Broker, Expect, ScriptedServer


def names_of(*callables: Any) -> set[str]:
    return {name for one in callables for name in inspect.signature(one).parameters}


#: The options of the core that no method of this package has.
OURS = names_of(
    stomp.Connection12,
    stomp.Connection12.connect,
    stomp.Connection12.send,
    stomp.transport.Transport.set_ssl,
    stomp.protocol.Protocol12.connect, stomp.protocol.Protocol12.subscribe,
)  # fmt: skip
THEIRS = (
    names_of(ClientConnection, ClientConnection.send)
    | {field.name for field in dataclasses.fields(Config)}
    | {"ssl_context", "heart_beat"}
) - OURS


def wrong_words(text: str) -> list[str]:
    """Return what a text names that a user of stomp_py does not know."""
    found = [name for name in THEIRS if re.search(rf"(?<![\w-]){name}=", text)]
    found += [name for name in THEIRS if "_" in name and re.search(rf"(?<!\w){name}(?!\w)", text)]
    found += [scheme for scheme in ("stomp+ssl://", "ws://", "wss://") if f"use {scheme}" in text]
    if re.search(r"check login\b", text):
        found.append("login")
    return found


def test_the_options_of_the_core_are_known() -> None:
    assert {"host", "login", "escape_connect", "heart_beat", "ssl_context", "versions", "leniency"} <= THEIRS
    assert not {"passcode", "headers", "vhost", "timeout"} & THEIRS
    assert wrong_words("try escape_connect=True") == ["escape_connect", "escape_connect"]
    assert wrong_words("check the virtual host (host=...)") == ["host"]


ENDPOINTS = (Endpoint("stomp", "broker.example", 61613), Endpoint("stomp+ssl", "broker.example", 61614))


def all_errors(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for sub in kind.__subclasses__():
        if sub.__module__ in ("builtins", "socket", "ssl"):
            yield from all_errors(sub)


def sentences_about_connecting() -> Iterator[str]:
    reasons: list[Any] = [
        None,
        "a sentence",
        EOFError("gone"),
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong"),
    ]
    reasons += [kind(5, "reason") for kind in all_errors(OSError)]
    refusals = [
        "Bad CONNECT",
        "Access refused for user 'me'",
        "client id already in use",
        "not started",
        "no",
        "",
    ]
    answers = [
        b"\x15\x03\x01",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"AMQP\0\0\x09\x01",
        b"SSH-2.0-x",
        b"-ERR unknown",
        b"x",
    ]
    for endpoint in ENDPOINTS:
        yield from (dial_failure(endpoint, reason, 5.0) for reason in reasons)
        yield sentences.handshake_silence(endpoint, 5.0)
        yield sentences.handshake_eof(endpoint, "the stream ended")
        for message in refusals:
            yield sentences.handshake_refusal(endpoint, Error(message))
            yield sentences.handshake_refusal(endpoint, Error(message, headers={"version": "1.0,1.1"}))
        for answer in answers:
            conn = ClientConnection()
            conn.connect(host="/")
            conn.receive_data(answer + b"\n\n\0")
            try:
                conn.next_event()
            except RemoteProtocolError as error:
                yield sentences.handshake_violation(endpoint, error)


@pytest.mark.parametrize("text", sorted(set(sentences_about_connecting())))
def test_no_sentence_about_connecting_names_what_is_not_there(text: str) -> None:
    assert wrong_words(in_terms_of_stomp_py(text)) == []


def refusals() -> Iterator[str]:
    """Yield the texts of everything that a connection of stomp_py refuses to send."""
    unchecked = Leniency(unchecked_conversation=True)
    heads: list[Any] = [{"a": "\n"}, {"a": "\r"}, {"a": "\0"}, {"a\n": "b"}, {"a:b": "c"}, {" a": "b"}, {"a": "\ud800"},
                        {"content-length": "9"}]  # fmt: skip
    for version in ("1.0", "1.1", "1.2"):
        for command in ("CONNECT", "SEND", "SUBSCRIBE", "DISCONNECT", "NONSENSE", "", "A\n"):
            for head in heads:
                for body in (b"", b"a\0b"):
                    conn = ClientConnection([version], leniency=unchecked)
                    core = Frame.assemble(
                        command,
                        Frame("", head).headers,
                        body,
                        None,
                        omits_content_length="content-length" not in head,
                    )
                    try:
                        conn.send(core)
                    except LocalProtocolError as error:
                        yield str(error)
                    for broken in conn.take_broken_rules():
                        yield broken.description


@pytest.mark.parametrize("text", sorted(set(refusals())))
def test_no_refusal_names_what_is_not_there(text: str) -> None:
    assert wrong_words(in_terms_of_stomp_py(text)) == []


@pytest.mark.parametrize(
    "script",
    [
        [CLOSE],
        [Expect(b"\0"), CLOSE],
        [Expect(b"\0"), b"\x15\x03\x01\x00\x02\x02\x16"],
        [Expect(b"\0"), b"HTTP/1.1 400 Bad Request\r\n\r\n"],
        [Expect(b"\0"), b"ERROR\nmessage:Bad CONNECT\n\n\0"],
        [Expect(b"\0"), b"ERROR\nmessage:no such version\nversion:1.0\n\n\0"],
        [Expect(b"\0"), b"CONNECTED\nversion:1.2\nheart-beat:1\n\n"],
        [],
    ],
    ids=repr,
)
def test_what_connect_raises_names_only_what_is_there(script: Any) -> None:
    with ScriptedServer(script) as server:
        conn = stomp.Connection12([("127.0.0.1", server.port)], timeout=0.5, reconnect_attempts_max=1)
        with pytest.raises(stomp.exception.ConnectFailedException) as caught:
            conn.connect("me", "secret", wait=True)
        assert wrong_words(str(caught.value)) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"timeout": -1}, "timeout must be at least 0 seconds, got -1"),
        ({"timeout": float("nan")}, "timeout must be at least 0 seconds, got nan"),
        ({"timeout": "5"}, "timeout must be a number of seconds, got '5'"),
        ({"heartbeats": 5}, "heartbeats must be two numbers of milliseconds, (send, receive), got 5"),
        (
            {"heartbeats": (1000,)},
            "heartbeats must be two numbers of milliseconds, (send, receive), got (1000,)",
        ),
        ({"heart_beat_receive_scale": 0}, "heart_beat_receive_scale must be positive, got 0"),
        ({"heart_beat_receive_scale": "2"}, "heart_beat_receive_scale must be positive, got '2'"),
    ],
)
def test_wrong_arguments_are_named_as_they_were_given(arguments: Any, text: str) -> None:
    with Broker() as broker, pytest.raises((TypeError, ValueError)) as caught:
        stomp.Connection([(broker.host, broker.port)], **arguments).connect("me", "secret", wait=True)
    assert str(caught.value) == text
