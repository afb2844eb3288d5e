"""Config: the options of a session, checked before anything is dialled."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from stomp_core import Connect, ErrorCode, Leniency, Limits, LocalProtocolError, Session
from stomp_core.session import Config, Endpoint, Reconnect

from .play import Play


def connect_headers(endpoints: Any = "stomp://broker", **options: Any) -> dict[str, str]:
    play = Play(endpoints, **options)
    play.dial()
    (connect,) = play.sent()
    assert connect.frame.command == "CONNECT"
    headers: dict[str, str] = connect.headers.to_dict()
    return headers


def test_connect_has_versions_host_and_heart_beat() -> None:
    assert list(connect_headers(heart_beat=(10, 2.5)).items()) == [
        ("accept-version", "1.0,1.1,1.2"),
        ("host", "/"),
        ("heart-beat", "10000,2500"),
    ]


def test_the_heart_beat_is_on_by_default() -> None:
    session = Session("stomp://broker")
    session.next_attempt(0.0)
    session.connection_made(0.0)
    assert b"\nheart-beat:10000,10000\n" in session.data_to_send()


@pytest.mark.parametrize(
    ("url", "options", "host"),
    [
        ("stomp://broker", {}, "/"),
        ("stomp://broker/vh", {}, "vh"),
        ("stomp://broker/vh", {"host": "mine"}, "mine"),
        ("stomp://broker", {"host": ""}, ""),
    ],
)
def test_the_host_is_given_or_from_the_url_or_the_default(
    url: str, options: dict[str, Any], host: str
) -> None:
    assert connect_headers(url, **options)["host"] == host


@pytest.mark.parametrize(
    ("url", "options", "login", "passcode"),
    [
        ("stomp://broker", {}, None, None),
        ("stomp://u:p@broker", {}, "u", "p"),
        ("stomp://u:p@broker", {"login": "me", "passcode": "secret"}, "me", "secret"),
        ("stomp://u:p@broker", {"login": "me"}, "me", None),
        ("stomp://u:p@broker", {"login": "", "passcode": "secret"}, "", "secret"),
    ],
)
def test_credentials_are_those_of_the_call_or_else_of_the_url(
    url: str, options: dict[str, Any], login: str | None, passcode: str | None
) -> None:
    headers = connect_headers(url, **options)
    assert (headers.get("login"), headers.get("passcode")) == (login, passcode)


def test_each_endpoint_has_its_own_credentials_and_virtual_host() -> None:
    play = Play("stomp://a:1@one/x,stomp://b:2@two/y", reconnect=Reconnect(first_rounds=2))
    found = []
    for _ in range(2):
        play.dial()
        (connect,) = play.sent()
        found.append((connect.login, connect.passcode, connect.host))
        play.cut()
    assert found == [("a", "1", "x"), ("b", "2", "y")]


def test_further_headers_and_the_client_id_are_sent() -> None:
    headers = connect_headers(headers={"x": "y"}, client_id="me")
    assert (headers["x"], headers["client-id"]) == ("y", "me")


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ({}, None),
        ({"client_id": "me"}, "me"),
        ({"headers": {"client-id": "me"}}, "me"),
        ({"client_id": "me", "headers": {"client-id": "me"}}, "me"),
    ],
)
def test_the_client_id_is_sent_once(options: dict[str, Any], known: str | None) -> None:
    play = Play(**options)
    assert play.session.client_id == known
    play.dial()
    (connect,) = play.sent()
    assert connect.headers.get_all("client-id") == ([] if known is None else [known])


def test_two_client_ids_contradict_each_other() -> None:
    with pytest.raises(LocalProtocolError, match="given twice") as caught:
        Config("stomp://broker", client_id="a", headers={"client-id": "b"})
    assert caught.value.code == ErrorCode.HEADER_CLASH


@pytest.mark.parametrize(
    "options",
    [
        {"heart_beat": (-1, 0)},
        {"heart_beat": (0.0001, 0)},
        {"heart_beat": (0, 3601)},
        {"heart_beat": (0, inf)},
        {"heart_beat": (0, nan)},
        {"heart_beat": (1, 2, 3)},
        {"heart_beat_tolerance": 1.0},
        {"heart_beat_pace": 0},
        {"heart_beat_pace": 0.01},
        {"heart_beat_pace": 1.1},
        {"heart_beat_pace": nan},
        {"versions": ()},
        {"versions": ("1.3",)},
        {"connect_timeout": -1},
        {"connect_timeout": 10_000},
        {"close_timeout": 10_000},
        {"handshake_timeout": -0.1},
        {"receipt_timeout": nan},
        {"close_timeout": -1},
        {"buffer_size": 0},
        {"buffer_size": -1},
    ],
    ids=str,
)
def test_an_option_out_of_its_range_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Config("stomp://broker", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"heart_beat": (0, 0)},
        {"heart_beat": (0.001, 3600)},
        {"heart_beat": [1, 2]},
        {"connect_timeout": 3600},
        {"handshake_timeout": inf},
        {"receipt_timeout": 86_400},
        {"connect_timeout": 0},
        {"receipt_timeout": inf},
        {"buffer_size": 1},
        {"versions": ["1.0"]},
        {"heart_beat_tolerance": 1.1},
        {"heart_beat_pace": 1},
        {"heart_beat_pace": 0.1},
    ],
    ids=str,
)
def test_the_edges_of_the_ranges_are_allowed(options: dict[str, Any]) -> None:
    Config("stomp://broker", **options)


def test_a_millisecond_is_not_lost_to_rounding() -> None:
    assert connect_headers(heart_beat=(0.29, 1.001))["heart-beat"] == "290,1001"


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"x\n": "y"}},
        {"headers": {"login": "other"}, "login": "me", "passcode": "pw"},
        {"host": "a\nb"},
        {"client_id": "a\0b"},
        {"login": "me", "passcode": "pw\n"},
        {"headers": {"receipt": "r"}},
        {"headers": {"x": 1}},
    ],
    ids=[
        "LF in a name",
        "two logins",
        "LF in the host",
        "NUL",
        "LF in the passcode",
        "a receipt",
        "not text",
    ],
)
def test_what_connect_cannot_carry_is_refused_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        Config("stomp://broker", **options)


def test_every_endpoint_is_checked() -> None:
    with pytest.raises(LocalProtocolError):
        Config("stomp://broker,stomp://u:a%0Ab@other")


@pytest.mark.parametrize("source", ["", "http://x", []])
def test_endpoints_that_cannot_be_parsed_are_refused(source: Any) -> None:
    with pytest.raises(ValueError):
        Config(source)


def test_versions_are_offered_as_they_are_asked_for() -> None:
    assert connect_headers(versions=["1.2", "1.1"])["accept-version"] == "1.1,1.2"
    assert "accept-version" not in connect_headers(versions=["1.0"], version="1.0")


def test_connect_is_escaped_only_on_request() -> None:
    assert connect_headers(login="u", passcode="a\\b")["passcode"] == "a\\b"
    assert connect_headers(login="u", passcode="a\\b", escape_connect=True)["passcode"] == "a\\\\b"


def test_limits_hold_for_every_connection() -> None:
    play = Play(limits=Limits(max_body=10))
    play.connected()
    play.receive_bytes(b"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:s\ncontent-length:11\n\n")
    assert play.session.want_close


@pytest.mark.parametrize(("leniency", "lives"), [(None, False), (Leniency(crlf=True), True)])
def test_leniency_holds_for_every_connection(leniency: Leniency | None, lives: bool) -> None:
    play = Play(version="1.1", versions=["1.1"], leniency=leniency).connected()
    play.receive_bytes(b"RECEIPT\r\nreceipt-id:x\r\n\r\n\0")
    assert play.session.want_close is not lives


@pytest.mark.parametrize("url", ["stomp://broker", "stomp://a:b@broker/other"])
def test_a_connect_frame_is_sent_as_it_is(url: str) -> None:
    connect = Connect(host="vh", login="u", passcode="s3cret", heart_beat=(1, 2), headers={"client-id": "me"})
    play = Play(
        url, connect_frame=connect, host="no", client_id="no", heart_beat=(7, 7), headers={"no": "no"}
    )
    assert play.session.client_id == "me"
    play.dial()
    (frame,) = play.sent()
    assert frame.headers.without("accept-version") == connect.headers
    play.refuse("Bad CONNECT", body="u:s3cret is not allowed")
    assert "u:*** is not allowed" in str(play.session.error)


def test_a_connect_frame_that_cannot_be_sent_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        Config("stomp://broker", connect_frame=Connect(host="a\nb"))


def test_a_connect_frame_without_credentials_has_none() -> None:
    play = Play("stomp://a:b@broker", connect_frame=Connect(host="vh"))
    assert play.session.client_id is None
    play.dial()
    (frame,) = play.sent()
    assert (frame.login, frame.passcode) == (None, None)


# -------------------------------------------------------------------------------- no passcode in any text


def secret_session(login: str = "guest", passcode: str = "s3cret") -> Play:
    return Play(login=login, passcode=passcode)


def test_a_passcode_in_an_error_frame_is_masked() -> None:
    play = secret_session()
    play.dial()
    play.refuse("Bad CONNECT", body="guest:s3cret is not allowed")
    assert "***" in str(play.session.error)
    assert "s3cret" not in str(play.session.error)
    assert "s3cret" not in repr(getattr(play.session.error, "failures", ""))
    assert "s3cret" not in repr(play.recorder.of("attempt_failed"))


def test_a_passcode_in_an_answer_that_is_not_stomp_is_masked() -> None:
    play = secret_session()
    play.dial()
    play.receive_bytes(b"PASSCODE=s3cret\n\n\0")
    assert "***" in str(play.session.error)
    assert "s3cret" not in str(play.session.error)


def test_a_passcode_in_an_exception_of_dialling_is_masked() -> None:
    play = secret_session()
    play.attempt()
    play.cut(OSError("no way for s3cret"))
    assert "***" in str(play.session.error)
    assert "s3cret" not in str(play.session.error)


def test_a_passcode_that_equals_the_login_is_not_masked() -> None:
    play = secret_session("guest", "guest")
    play.dial()
    play.refuse("Access refused for user 'guest'")
    assert "'guest'" in str(play.session.error)


def test_an_empty_passcode_changes_no_text() -> None:
    play = secret_session("guest", "")
    play.dial()
    play.refuse("denied")
    assert "***" not in str(play.session.error)


def test_the_passcode_of_the_failed_endpoint_is_masked() -> None:
    play = Play([Endpoint.parse("stomp://u:first@a"), "stomp://u:second@b"])
    for _ in range(2):
        play.dial()
        play.refuse("I know first and second")
        play.close_socket()
    assert "*** and second" in str(play.session.error)
    assert "first and ***" in str(play.session.error)


def test_no_repr_shows_the_passcode() -> None:
    play = secret_session()
    play.dial()
    assert "s3cret" not in repr(play.recorder.calls)
    assert "s3cret" not in repr(play.session.config)
