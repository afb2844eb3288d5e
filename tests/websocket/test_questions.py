"""WebSocket(headers=...) as a function: asked at each attempt before it is dialled, in the same way as passcode."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import asyncio
import traceback
from typing import Any

import pytest

from stomp_core.session import AuthenticationFailed, Config, ConnectFailed, Questions, Reconnect
from stomp_websocket import WebSocket, WebSocketRequest

from .play import URL, WebSocketPlay


class Tokens:
    """A function that answers with a new token each time."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> dict[str, str]:
        self.calls += 1
        return {"Authorization": f"Bearer token-{self.calls}"}


def accepting(token: str) -> Any:
    """Accept the requests that have this token."""

    def check(request: WebSocketRequest) -> tuple[int, str] | None:
        sent = request.headers["Authorization"]
        return None if sent == f"Bearer {token}" else (401, f"{sent} has expired\n")

    return check


def questions_of(play: WebSocketPlay) -> Questions[Any]:
    questions = play.attempt().questions
    assert questions is not None
    return questions


def test_they_are_asked_at_each_attempt_before_it_is_dialled() -> None:
    tokens = Tokens()
    play = WebSocketPlay(websocket=WebSocket(headers=tokens))
    for number in (1, 2):
        questions_of(play).ask()
        assert tokens.calls == number
        play.connected()
        assert tokens.calls == number
        assert play.http_request.headers["Authorization"] == f"Bearer token-{number}"
        play.cut()


def test_an_async_function_is_awaited() -> None:
    async def headers() -> list[tuple[str, str]]:
        await asyncio.sleep(0)
        return [("Authorization", "later")]

    play = WebSocketPlay(websocket=WebSocket(headers=headers))
    asyncio.run(questions_of(play).ask_async())
    play.connected()
    assert play.http_request.headers["Authorization"] == "later"


def test_after_a_refusal_by_http_one_fresh_answer_is_tried_at_once() -> None:
    play = WebSocketPlay(websocket=WebSocket(headers=Tokens()), check=accepting("token-2"))
    play.dial()
    play.sent()
    play.connected()
    assert play.now == 0.0


def test_a_second_refusal_by_http_ends_the_session() -> None:
    tokens = Tokens()
    play = WebSocketPlay(websocket=WebSocket(headers=tokens), check=accepting("none"))
    for _ in range(2):
        play.dial()
        play.sent()
    error = play.session.error
    assert type(error) is AuthenticationFailed
    assert tokens.calls == 2
    assert "*** has expired" in str(error)
    assert "token-" not in f"{error!r} {play.recorder.calls} {play.session.config}"


def test_both_headers_and_the_passcode_are_asked() -> None:
    asked: list[str] = []

    def passcode() -> str:
        asked.append("passcode")
        return "secret"

    def headers() -> dict[str, str]:
        asked.append("headers")
        return {"X-Key": "1"}

    play = WebSocketPlay(login="app", passcode=passcode, websocket=WebSocket(headers=headers))
    questions_of(play).ask()
    play.dial()
    assert play.sent_one().passcode == "secret"
    assert asked == ["passcode", "headers"]


def test_only_a_websocket_is_asked_for() -> None:
    """In a list of both kinds of endpoints."""
    tokens = Tokens()
    play = WebSocketPlay(["stomp://broker", URL], websocket=WebSocket(headers=tokens))
    assert play.attempt().questions is None
    play.cut("no")
    assert tokens.calls == 0
    play.connected()
    assert tokens.calls == 1


def test_what_it_raises_is_the_reason_and_the_cause() -> None:
    error = LookupError("no token")

    def headers() -> dict[str, str]:
        raise error

    play = WebSocketPlay(websocket=WebSocket(headers=headers))
    play.dial()
    assert play.session.want_close
    assert "ws://broker:80/ws: WebSocket.headers() raised LookupError: no token" in str(play.session.error)
    assert play.session.error is not None
    assert play.session.error.__cause__ is error


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (None, "WebSocket.headers() must return headers, a mapping or pairs of str, got None"),
        (
            "Bearer s3cret",
            "WebSocket.headers() must return headers, a mapping or pairs of str, got a value of type str",
        ),
        (
            {"Authorization": "s3cret\n"},
            "what WebSocket.headers() returned cannot be sent (use .strip(): it ends",
        ),
        ([5], "what WebSocket.headers() returned cannot be sent: "),
        ({"Authorization": b"s3cret"}, "what WebSocket.headers() returned cannot be sent: "),
        ({"Upgrade": "s3cret"}, "what WebSocket.headers() returned cannot be sent: "),
        ([("a", "b", "s3cret")], "what WebSocket.headers() returned cannot be sent: "),
    ],
)
def test_a_wrong_answer_ends_a_session_that_was_never_connected(answer: Any, text: str) -> None:
    play = WebSocketPlay(websocket=WebSocket(headers=lambda: answer), reconnect=Reconnect(first_rounds=None))
    play.dial()
    error = play.session.error
    assert type(error) is ConnectFailed
    assert text in str(error)
    assert "s3cret" not in "".join(traceback.format_exception(error))


def test_mistakes_are_found_at_once() -> None:
    def with_argument(url: str) -> dict[str, str]:
        raise AssertionError

    with pytest.raises(
        TypeError, match=r"WebSocket\.headers must be a function that is called without arguments"
    ):
        Config(URL, websocket=WebSocket(headers=with_argument))  # type: ignore[arg-type]

    async def headers() -> dict[str, str]:
        raise AssertionError

    with pytest.raises(TypeError, match=r"WebSocket\.headers must be a plain function here"):
        Config(URL, websocket=WebSocket(headers=headers)).refuse_async_functions()
