"""Secrets: the passcode is in no text, log, exception or pickle, and its absence tells nothing."""

from __future__ import annotations

import copy
import logging
import pickle
from typing import Any, NoReturn

import pytest

from stomp_core import Connect, Error, Frame, LocalProtocolError, RemoteProtocolError, StompError
from stomp_core.session import (
    AuthenticationFailed,
    Config,
    ConnectFailed,
    Endpoint,
    NotSentInTime,
    OutcomeUnknown,
    Reconnect,
    Rejected,
    Unconfirmed,
)

from .play import Play, failure


def secret_session(login: str = "joe", passcode: str = "s3cret") -> Play:
    return Play(login=login, passcode=passcode)


@pytest.mark.parametrize(
    "passcode",
    ["e", "o", "conn", "the", "refused", "check", "port", "broker", "STOMP", "connecting", "version"],
)
def test_no_sentence_of_ours_is_masked(passcode: str) -> None:
    """What is missing would tell the passcode: "conn***ction r***fus***d"."""

    def texts(passcode: str) -> list[str]:
        found = []
        for reason in (ConnectionRefusedError("refused"), TimeoutError(), "no way", None):
            play = secret_session(passcode=passcode)
            play.attempt()
            play.cut(reason)
            found.append(str(play.session.error))
        for answer in (
            b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x15\x03", b"ERROR\n\n\0", b"ERROR\nmessage:no\n\n\0",
            b"CONNECTED\n\n\0", b"MESSAGE\n\n\0", b"ERROR\nno colon\n\n\0", b"CONNECTED\nversion:9\n\n\0",
        ):  # fmt: skip
            play = secret_session(passcode=passcode)
            play.dial()
            play.receive_bytes(answer)
            found.append(str(play.session.error))
        return found

    assert texts(passcode) == texts("x" * 30)
    assert "***" not in "".join(texts(passcode))


@pytest.mark.parametrize(
    ("passcode", "received", "masked"),
    [
        ("e", "passcode 'e' refused", "passcode '***' refused"),
        ("e", "e", "***"),
        ("e", "passcode=e;login=joe", "passcode=***;login=joe"),
        ("1", "code 12, attempt 1", "code 12, attempt ***"),
        ("hush", "hush, hushed, tush-hush", "***, hushed, tush-***"),
        ("p$s:w\\d", "p$s:w\\d is wrong", "*** is wrong"),
        ("p$s:w\\d", "CONNECT passcode:p$s\\cw\\\\d", "CONNECT passcode:***"),
        ("p$s:w\\d", "stomp://joe:p%24s%3Aw%5Cd@broker", "stomp://joe:***@broker"),
        ("grün", "b'gr\\xc3\\xbcn' is wrong", "b'***' is wrong"),
        ("two words", "not two words", "not ***"),
        (".*", "any.*thing .*", "any.*thing ***"),
    ],
)
def test_what_the_broker_sends_is_masked_in_whole_words(passcode: str, received: str, masked: str) -> None:
    play = secret_session(passcode=passcode)
    play.dial()
    play.receive_bytes(Frame("ERROR", [("message", "no")], f"{received}\n".encode()).to_bytes("1.2"))
    assert f"refused: no: {masked}: " in str(play.session.error)
    error = getattr(play.session.error, "error", None)
    assert isinstance(error, Error)
    assert error.frame.body == f"{masked}\n".encode()
    assert error.frame.headers["content-length"] == str(len(error.frame.body))


def test_a_refusal_is_judged_by_what_was_received() -> None:
    play = secret_session(passcode="password")
    play.dial()
    play.refuse("Bad password")
    assert isinstance(play.session.error, AuthenticationFailed)
    assert "the broker refused: Bad ***" in str(play.session.error)


def test_the_headers_that_match_an_error_with_its_frame_are_not_masked() -> None:
    play = secret_session(passcode="r").connected()
    pending = play.send("/queue/a", receipt="r")
    play.sent()
    play.refuse("r is wrong", receipt_id="r")
    error = failure(pending, Rejected)
    assert error.error.receipt_id == "r"
    assert error.error.message == "*** is wrong"


def test_an_error_that_repeats_the_passcode_is_masked_wherever_it_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The log, the listener, the tap, exceptions, their pickles: task queues store exceptions."""
    with caplog.at_level(logging.DEBUG, "stomp_core"):
        play = Play("stomp://joe:s3cret@broker", tap=True, reconnect=Reconnect.never()).connected()
        pendings = [play.send("/queue/a", receipt="mine"), play.send("/queue/b", receipt=True)]
        play.sent()
        play.receive(
            Error("s3cret", body="CONNECT\npasscode:s3cret\n", receipt_id="mine", headers={"x": "s3cret"})
        )
        play.cut()
    tap = play.session.tap
    assert tap is not None
    kept: list[Any] = [play.session.error, *(pending.exception() for pending in pendings)]
    kept += iter(tap.take, None)
    assert [type(thing).__name__ for thing in kept] == [
        "ConnectionLost", "Rejected", "OutcomeUnknown", "Connected", "Error", "ConnectionClosed",
    ]  # fmt: skip
    for thing in kept:
        assert "s3cret" not in f"{thing!r} {thing} {getattr(thing, 'error', None)!r}"
        assert b"s3cret" not in pickle.dumps(thing)
    assert "s3cret" not in repr(play.recorder.calls)
    assert "s3cret" not in caplog.text
    assert "('x', '***')" in caplog.text


def test_a_name_of_a_header_that_is_the_passcode_is_masked() -> None:
    play = secret_session()
    play.dial()
    play.refuse("no", headers={"x-s3cret": "1", "s3cret": "2"})
    error = failure(play.session.opened, ConnectFailed)
    assert error.error is not None
    assert error.error.headers.items() == [("message", "no"), ("x-***", "1"), ("***", "2")]
    assert "s3cret" not in repr(pickle.dumps(error))
    play = secret_session(passcode="message")
    play.dial()
    play.refuse("no")
    assert "no" in str(failure(play.session.opened, ConnectFailed))


def test_what_can_be_shown_of_a_session_has_no_passcode() -> None:
    url = "stomp://joe:s3cret@broker"
    play = Play(url)
    for thing in (
        play.session, play.session.config, Config(url), Config("stomp://broker", "joe", "s3cret"),
        Config([url, Endpoint.parse(url)]), play.session.endpoints,
        Config(url, connect_frame=Connect(host="/", passcode="s3cret")),
    ):  # fmt: skip
        assert "s3cret" not in repr(thing)
        assert "s3cret" not in str(thing)
    assert "stomp://broker:61613" in repr(play.session.config)


def test_a_dialler_that_quotes_the_url_is_masked() -> None:
    play = Play("stomp://joe:s3%2Fcret@broker")
    play.attempt()
    play.cut(RuntimeError("proxy refused stomp://joe:s3%2Fcret@broker (joe, s3/cret)"))
    assert "proxy refused stomp://joe:***@broker (joe, ***)" in str(play.session.error)


@pytest.mark.parametrize(
    "error",
    [
        StompError("a sentence"),
        LocalProtocolError("a sentence", code="not-text"),
        RemoteProtocolError("a sentence", code="bare-cr", offset=7),
        ConnectFailed("a sentence", ((Endpoint.parse("stomp://b"), "why"),), Error("no")),
        AuthenticationFailed("a sentence", ((Endpoint.parse("ws://b/ws"), "why"),), Error("no")),
        Rejected("a sentence", Error("no", body="why")),
        OutcomeUnknown("a sentence", Error("no")),
        NotSentInTime("a sentence"),
        Unconfirmed(((3, Rejected("a sentence", Error("no"))),), 5),
    ],
    ids=lambda error: type(error).__name__,
)
def test_exceptions_can_be_pickled_and_copied(error: StompError) -> None:
    error.add_note("a note")
    for restored in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(restored) is type(error)
        assert (str(restored), restored.args, repr(restored)) == (str(error), error.args, repr(error))
        assert repr(vars(restored)) == repr(vars(error))
        assert restored.code == error.code


class NoLayer:
    """A factory of byte layers in place of stomp_websocket, which these tests do without: nothing is connected here."""

    def new_layer(self, *_: object) -> NoReturn:
        raise AssertionError("no connection was made")


def test_a_failure_to_connect_keeps_endpoints_without_secrets() -> None:
    play = Play(["stomp://joe:s3cret@a", "ws://joe:s3cret@b/ws?token=s3cret"], websocket=NoLayer())
    for _ in range(2):
        play.attempt()
        play.cut("no")
    error = play.session.error
    assert isinstance(error, ConnectFailed)
    assert [str(endpoint) for endpoint, _ in error.failures] == ["stomp://a:61613", "ws://b:80/ws"]
    assert b"s3cret" not in pickle.dumps(error)


@pytest.mark.parametrize("char", ["\n", "\r", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028"])
@pytest.mark.parametrize(
    "url",
    [
        "stomp://joe:s3c{}ret@broker", "stomp://joe:s3cret@bro{}ker", "stomp://joe:s3cret@broker/v{}", "{}stomp://broker",
        "st{}omp://broker", "stomp+unix:///run/{}b", "ws://broker/ws?a={}", "stomp://broker:616{}13",
        "stomp://joe:s3cret@a,stomp://joe:s3cret@b{}",
    ],
)  # fmt: skip
def test_a_url_with_a_control_character_is_refused(url: str, char: str) -> None:
    """urlsplit() drops line feeds and tabs without a word."""
    with pytest.raises(ValueError, match="the URL contains") as caught:
        Config(url.format(char))
    text = str(caught.value)
    assert ascii(char) in text
    assert text.isprintable()
    assert "s3c" not in text


def test_urls_that_are_separated_by_a_semicolon_are_refused() -> None:
    """Otherwise the first one has the host "a;stomp"."""
    with pytest.raises(
        ValueError, match=r"contains a ';': separate URLs by a comma, or pass a list"
    ) as caught:
        Config("stomp://joe:s3cret@a;stomp://joe:s3cret@b")
    assert "s3cret" not in str(caught.value)


def test_spaces_and_line_ends_between_urls_separate_them() -> None:
    config = Config(" stomp://a,\n  stomp://b ")
    assert [endpoint.host for endpoint in config.parsed_endpoints] == ["a", "b"]


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31m", "\u2028", "\x85", "\u202e"])
def test_the_text_of_an_exception_is_one_printable_line(text: str) -> None:
    play = Play(reconnect=Reconnect.never()).connected()
    pending = play.send(f"/queue/{text}", receipt=True)
    play.sent()
    play.refuse(text, body=text)
    error = failure(pending, Rejected)
    assert error.error.message == text
    for shown in (str(error), str(play.session.error), str(StompError(text))):
        assert shown.isprintable()
