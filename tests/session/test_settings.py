"""Settings: what a session was asked to be, checked before anything is dialled."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

from math import inf, nan
from typing import Any

import pytest

from stomp_core import Connect, ErrorCode, Leniency, Limits, LocalProtocolError, Session
from stomp_core.session import Credentials, Endpoint, Reconnect

from .play import Play


def connect_headers(endpoints: Any = "stomp://broker", **options: Any) -> dict[str, str]:
    play = Play(endpoints, **options)
    play.dial()
    (connect,) = play.hears()
    assert connect.frame.command == "CONNECT"
    headers: dict[str, str] = connect.headers.to_dict()
    return headers


def test_connect_says_versions_host_and_heart_beat() -> None:
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
def test_the_host_is_what_is_asked_for_else_that_of_the_url_else_the_default(
    url: str, options: dict[str, Any], host: str
) -> None:
    assert connect_headers(url, **options)["host"] == host


@pytest.mark.parametrize(
    ("url", "credentials", "login", "passcode"),
    [
        ("stomp://broker", None, None, None),
        ("stomp://u:p@broker", None, "u", "p"),
        ("stomp://u:p@broker", Credentials("me", "secret"), "me", "secret"),
        ("stomp://u:p@broker", Credentials("me"), "me", None),
    ],
)
def test_credentials_are_those_that_are_given_else_those_of_the_url(
    url: str, credentials: Credentials | None, login: str | None, passcode: str | None
) -> None:
    headers = connect_headers(url, credentials=credentials)
    assert (headers.get("login"), headers.get("passcode")) == (login, passcode)


def test_each_endpoint_has_its_own_credentials_and_virtual_host() -> None:
    play = Play("stomp://a:1@one/x,stomp://b:2@two/y", reconnect=Reconnect(first_rounds=2))
    said = []
    for _ in range(2):
        play.dial()
        (connect,) = play.hears()
        said.append((connect.login, connect.passcode, connect.host))
        play.cut()
    assert said == [("a", "1", "x"), ("b", "2", "y")]


def test_further_headers_and_the_client_id_are_said() -> None:
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
def test_the_client_id_is_known_however_it_is_given_and_said_once(
    options: dict[str, Any], known: str | None
) -> None:
    play = Play(**options)
    assert play.session.client_id == known
    play.dial()
    (connect,) = play.hears()
    assert connect.headers.get_all("client-id") == ([] if known is None else [known])


def test_two_client_ids_contradict_each_other() -> None:
    with pytest.raises(LocalProtocolError, match="given twice") as caught:
        Session("stomp://broker", client_id="a", headers={"client-id": "b"})
    assert caught.value.code == ErrorCode.HEADER_CLASH


@pytest.mark.parametrize(
    "options",
    [
        {"heart_beat": (-1, 0)},
        {"heart_beat": (0.0001, 0)},
        {"heart_beat": (0, 1e9)},
        {"heart_beat": (0, nan)},
        {"heart_beat": 10},
        {"heart_beat": (1, 2, 3)},
        {"heart_beat": ("a", "b")},
        {"heart_beat_tolerance": 1.0},
        {"versions": ()},
        {"versions": ("1.3",)},
        {"versions": "1.2"},
        {"connect_timeout": -1},
        {"handshake_timeout": -0.1},
        {"receipt_timeout": nan},
        {"close_timeout": -1},
        {"buffer_size": 0},
        {"buffer_size": -1},
    ],
    ids=str,
)
def test_an_argument_out_of_its_range_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Session("stomp://broker", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"heart_beat": (0, 0)},
        {"heart_beat": (0.001, 999_999_999)},
        {"connect_timeout": 0},
        {"receipt_timeout": inf},
        {"buffer_size": 1},
        {"versions": ["1.0"]},
        {"heart_beat_tolerance": 1.1},
    ],
    ids=str,
)
def test_the_edges_of_the_ranges_are_allowed(options: dict[str, Any]) -> None:
    Session("stomp://broker", **options)


def test_a_millisecond_is_not_lost_to_rounding() -> None:
    assert connect_headers(heart_beat=(0.29, 1.001))["heart-beat"] == "290,1001"


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"x\n": "y"}},
        {"headers": {"login": "other"}, "credentials": Credentials("me", "pw")},
        {"host": "a\nb"},
        {"client_id": "a\0b"},
        {"credentials": Credentials("me", "pw\n")},
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
def test_what_connect_cannot_carry_is_an_error_now_and_not_at_the_handshake(options: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError):
        Session("stomp://broker", **options)


def test_every_endpoint_is_checked() -> None:
    with pytest.raises(LocalProtocolError):
        Session("stomp://broker,stomp://u:a%0Ab@other")


@pytest.mark.parametrize("source", ["", "http://x", []])
def test_endpoints_that_cannot_be_read_are_refused(source: Any) -> None:
    with pytest.raises(ValueError):
        Session(source)


def test_versions_are_offered_as_they_are_asked_for() -> None:
    assert connect_headers(versions=["1.2", "1.1"])["accept-version"] == "1.1,1.2"
    assert "accept-version" not in connect_headers(version="1.0", versions=["1.0"])


def test_connect_is_escaped_only_on_request() -> None:
    assert connect_headers(credentials=Credentials("u", "a\\b"))["passcode"] == "a\\b"
    assert connect_headers(credentials=Credentials("u", "a\\b"), escape_connect=True)["passcode"] == "a\\\\b"


def test_limits_are_those_of_every_connection() -> None:
    play = Play(limits=Limits(max_body=10))
    play.connected()
    play.says_bytes(b"MESSAGE\ndestination:/q\nmessage-id:1\nsubscription:s\ncontent-length:11\n\n")
    assert play.session.want_close


@pytest.mark.parametrize(("leniency", "lives"), [(None, False), (Leniency(crlf=True), True)])
def test_leniency_is_that_of_every_connection(leniency: Leniency | None, lives: bool) -> None:
    play = Play(version="1.1", versions=["1.1"], leniency=leniency).connected()
    play.says_bytes(b"RECEIPT\r\nreceipt-id:x\r\n\r\n\0")
    assert play.session.want_close is not lives


@pytest.mark.parametrize("url", ["stomp://broker", "stomp://a:b@broker/other"])
def test_a_connect_frame_may_be_given_as_it_is(url: str) -> None:
    connect = Connect(host="vh", login="u", passcode="s3cret", heart_beat=(1, 2), headers={"client-id": "me"})
    play = Play(url, connect=connect, host="no", client_id="no", heart_beat=(7, 7), headers={"no": "no"})
    assert play.session.client_id == "me"
    play.dial()
    (said,) = play.hears()
    assert said.headers.without("accept-version") == connect.headers
    play.refuses("Bad CONNECT", body="u:s3cret is not allowed")
    assert "u:*** is not allowed" in str(play.session.error)


def test_one_that_cannot_be_said_is_an_error_now() -> None:
    with pytest.raises(LocalProtocolError):
        Session("stomp://broker", connect=Connect(host="a\nb"))


def test_one_without_credentials_has_none() -> None:
    play = Play("stomp://a:b@broker", connect=Connect(host="vh"))
    assert play.session.client_id is None
    play.dial()
    (said,) = play.hears()
    assert (said.login, said.passcode) == (None, None)


# -------------------------------------------------------------------------------- no passcode in any text


def secret_session(login: str = "guest", passcode: str = "s3cret") -> Play:
    return Play(credentials=Credentials(login, passcode))


def test_a_broker_that_repeats_the_passcode_does_not_make_us_repeat_it() -> None:
    play = secret_session()
    play.dial()
    play.refuses("Bad CONNECT", body="guest:s3cret is not allowed")
    assert "***" in str(play.session.error)
    assert "s3cret" not in str(play.session.error)
    assert "s3cret" not in repr(getattr(play.session.error, "failures", ""))
    assert "s3cret" not in repr(play.observer.of("attempt_failed"))


def test_neither_does_one_that_does_not_speak_stomp() -> None:
    play = secret_session()
    play.dial()
    play.says_bytes(b"PASSCODE=s3cret\n\n\0")
    assert "***" in str(play.session.error)
    assert "s3cret" not in str(play.session.error)


def test_neither_does_an_exception_while_dialling() -> None:
    play = secret_session()
    play.attempt()
    play.cut(OSError("no way for s3cret"))
    assert "***" in str(play.session.error)
    assert "s3cret" not in str(play.session.error)


def test_a_passcode_that_is_the_login_hides_nothing() -> None:
    play = secret_session("guest", "guest")
    play.dial()
    play.refuses("Access refused for user 'guest'")
    assert "'guest'" in str(play.session.error)


def test_an_empty_passcode_changes_no_text() -> None:
    play = secret_session("guest", "")
    play.dial()
    play.refuses("denied")
    assert "***" not in str(play.session.error)


def test_the_passcode_of_the_endpoint_that_failed_is_the_one_that_is_masked() -> None:
    play = Play([Endpoint.parse("stomp://u:first@a"), "stomp://u:second@b"])
    for _ in range(2):
        play.dial()
        play.refuses("I have seen first and second")
        play.lets_go()
    assert "*** and second" in str(play.session.error)
    assert "first and ***" in str(play.session.error)


def test_connect_masks_the_passcode_for_observers_too() -> None:
    play = secret_session()
    play.dial()
    assert "s3cret" not in repr(play.observer.told)
    assert "s3cret" not in repr(play.session._settings)
