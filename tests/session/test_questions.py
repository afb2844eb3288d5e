"""Questions: login, passcode and headers that are functions are asked at each attempt, and what becomes of answers."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

import asyncio
import functools
import logging
import pickle
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from stomp_core import Connect, Error, Headers, LocalProtocolError
from stomp_core.session import (
    ACTIVEMQ,
    AuthenticationFailed,
    Config,
    ConnectFailed,
    ConnectionLost,
    Endpoint,
    Questions,
    Reconnect,
    SessionState,
)

from .play import Play

REFUSAL = "Bad CONNECT: Access refused for user 'app': wrong password"


class Counter:
    """A function that answers "secret-1", then "secret-2", and so on."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        return f"secret-{self.calls}"


def questions_of(play: Play) -> Questions[Any]:
    """Return what is to be asked before the next attempt; there must be something."""
    questions = play.attempt().questions
    assert questions is not None
    return questions


def run(questions: Questions[Any]) -> None:
    asyncio.run(questions.ask_async())


#: How an adapter asks: before it dials, or it leaves that to the session.
HOW: dict[str, Callable[[Play], None]] = {
    "ask": lambda play: questions_of(play).ask(),
    "ask_async": lambda play: run(questions_of(play)),
    "not at all": lambda play: None,
}


@pytest.fixture(params=list(HOW))
def how(request: pytest.FixtureRequest) -> Callable[[Play], None]:
    return HOW[request.param]


def try_to_connect(play: Play, how: Callable[[Play], None]) -> None:
    """Do what an adapter does: ask, report what fails, dial."""
    if play.session.want_close:
        play.close_socket()
    attempt = play.attempt()
    play.now = max(play.now, attempt.at)
    try:
        how(play)
    except Exception as error:
        play.cut(error)
    else:
        play.dial()
        if play.session.want_close:
            play.close_socket()


def answered(play: Play, how: Callable[[Play], None]) -> Any:
    """Connect, and return the CONNECT frame."""
    try_to_connect(play, how)
    return play.sent_one()


# -------------------------------------------------------------------------------- asked at each attempt


def test_every_attempt_asks_anew(how: Callable[[Play], None]) -> None:
    counter = Counter()
    play = Play(login="app", passcode=counter)
    assert answered(play, how).passcode == "secret-1"
    play.accept()
    play.cut()
    assert answered(play, how).passcode == "secret-2"
    play.cut()
    assert answered(play, how).passcode == "secret-3"
    assert counter.calls == 3


def test_login_passcode_and_headers_are_asked_in_this_order(how: Callable[[Play], None]) -> None:
    """So a pair of login and passcode may come from one request, which login() makes."""
    asked: list[str] = []

    def answer(name: str, value: Any) -> Callable[[], Any]:
        def give() -> Any:
            asked.append(name)
            return value

        return give

    play = Play(
        login=answer("login", "app"),
        passcode=answer("passcode", "secret"),
        headers=answer("headers", {"tenant": "a"}),
        client_id="me",
    )
    connect = answered(play, how)
    assert asked == ["login", "passcode", "headers"]
    assert (connect.login, connect.passcode) == ("app", "secret")
    assert (connect.headers["tenant"], connect.headers["client-id"]) == ("a", "me")


def test_nothing_is_asked_if_nothing_is_a_function() -> None:
    assert Play(login="app", passcode="secret").attempt().questions is None


def test_the_same_attempt_has_the_same_questions() -> None:
    counter = Counter()
    play = Play(login="app", passcode=counter)
    questions = questions_of(play)
    questions.ask()
    assert questions_of(play) is questions
    questions_of(play).ask()
    run(questions)
    play.dial()
    assert counter.calls == 1


def test_nothing_is_asked_before_it_is_due() -> None:
    counter = Counter()
    play = Play(login="app", passcode=counter, reconnect=Reconnect(first_delay=5)).connected()
    play.cut()
    assert play.attempt().at >= play.now + 5
    play.wait(4)
    play.attempt()
    assert counter.calls == 1


def test_a_url_of_its_own_is_used_where_there_is_no_option(how: Callable[[Play], None]) -> None:
    play = Play(
        ["stomp://joe:one@a", "stomp://ann:two@b"],
        headers=lambda: {"tenant": "x"},
        reconnect=Reconnect(first_rounds=2),
    )
    connect = answered(play, how)
    assert (connect.login, connect.passcode, connect.headers["tenant"]) == ("joe", "one", "x")
    play.cut()
    connect = answered(play, how)
    assert (connect.login, connect.passcode) == ("ann", "two")


def test_an_answer_replaces_the_credentials_of_the_url(how: Callable[[Play], None]) -> None:
    play = Play("stomp://joe:old@a", login="app", passcode=lambda: "new")
    connect = answered(play, how)
    assert (connect.login, connect.passcode) == ("app", "new")


def test_an_empty_answer_is_an_answer(how: Callable[[Play], None]) -> None:
    play = Play(login=lambda: "", passcode=lambda: "", headers=dict)
    connect = answered(play, how)
    assert (connect.login, connect.passcode) == ("", "")


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"a": "1", "b": "2"},
        lambda: [("a", "1"), ("b", "2")],
        lambda: Headers({"a": "1", "b": "2"}),
        lambda: iter([("a", "1"), ("b", "2")]),
        lambda: {"a": "1", "b": "2"}.items(),
    ],
)
def test_headers_may_be_answered_in_any_form(how: Callable[[Play], None], make: Callable[[], Any]) -> None:
    connect = answered(Play(headers=make), how)
    assert [(name, connect.headers[name]) for name in ("a", "b")] == [("a", "1"), ("b", "2")]


def test_a_client_id_may_be_answered_in_headers(how: Callable[[Play], None]) -> None:
    play = Play(headers=lambda: {"client-id": "me"}, broker_profile=ACTIVEMQ)
    assert play.session.client_id is None
    answered(play, how)
    assert play.session.client_id == "me"
    play.accept()
    play.subscribe("/topic/a", durable="mine")
    assert play.sent_one().headers["activemq.subscriptionName"] == "mine"


def test_async_functions_are_awaited() -> None:
    async def passcode() -> str:
        await asyncio.sleep(0)
        return "later"

    play = Play(login="app", passcode=passcode)
    assert answered(play, HOW["ask_async"]).passcode == "later"


def test_a_plain_function_may_return_something_to_await() -> None:
    async def fetch() -> str:
        return "later"

    play = Play(login="app", passcode=lambda: fetch())
    assert answered(play, HOW["ask_async"]).passcode == "later"


def test_what_answers_may_be_any_object_that_can_be_called(how: Callable[[Play], None]) -> None:
    class Vault:
        def read(self, key: str = "stomp") -> str:
            return f"of {key}"

    assert answered(Play(login="app", passcode=Vault().read), how).passcode == "of stomp"
    assert answered(Play(login="app", passcode=functools.partial(Vault().read, "x")), how).passcode == "of x"


def test_with_a_connect_frame_nobody_is_asked() -> None:
    counter = Counter()
    play = Play(login="app", passcode=counter, connect_frame=Connect(host="/", login="me", passcode="mine"))
    assert play.attempt().questions is None
    play.dial()
    assert play.sent_one().passcode == "mine"
    assert counter.calls == 0


# -------------------------------------------------------------------------------- what is raised


class TokenServerDown(Exception):
    pass


def raising(error: BaseException) -> Callable[[], Any]:
    def ask_token_server() -> Any:
        raise error

    return ask_token_server


@pytest.mark.parametrize(
    "error",
    [
        TokenServerDown("no answer from 10.0.0.7"),
        ConnectionRefusedError(111, "no answer from 10.0.0.7"),
        TimeoutError("no answer from 10.0.0.7"),
        TypeError("no answer from 10.0.0.7"),
    ],
)
def test_what_a_function_raises_is_the_reason_and_the_cause(
    how: Callable[[Play], None], error: Exception
) -> None:
    """An OSError of a token server must not read as if the broker had refused the connection."""
    play = Play(login="app", passcode=raising(error))
    try_to_connect(play, how)
    failed = play.session.error
    assert type(failed) is ConnectFailed
    assert failed.__cause__ is error
    assert f"passcode() raised {type(error).__name__}: " in str(failed)
    assert "no answer from 10.0.0.7" in str(failed)
    assert "listens" not in str(failed)
    assert "within" not in str(failed)
    assert [str(endpoint) for endpoint, _ in failed.failures] == ["stomp://broker:61613"]


def test_the_traceback_shows_the_function_of_the_program(how: Callable[[Play], None]) -> None:
    play = Play(login="app", passcode=raising(TokenServerDown("no")))
    try_to_connect(play, how)
    assert play.session.error is not None
    assert "in ask_token_server" in "".join(traceback.format_exception(play.session.error))


def test_an_exception_without_a_text(how: Callable[[Play], None]) -> None:
    play = Play(headers=raising(KeyError()))
    try_to_connect(play, how)
    assert "headers() raised KeyError" in str(play.session.error)


def test_an_exception_of_a_task_group_is_unwrapped(how: Callable[[Play], None]) -> None:
    inner = TokenServerDown("no")
    play = Play(login=raising(ExceptionGroup("tasks", [ExceptionGroup("more", [inner])])))
    try_to_connect(play, how)
    assert play.session.error is not None
    assert play.session.error.__cause__ is inner
    assert "login() raised TokenServerDown: no" in str(play.session.error)


def test_a_function_that_raises_is_retried_by_the_schedule(how: Callable[[Play], None]) -> None:
    answers: Iterator[Any] = iter(["one", TokenServerDown("down"), TokenServerDown("down"), "two"])

    def passcode() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    play = Play(login="app", passcode=passcode, reconnect=Reconnect(first_delay=1, jitter=0))
    answered(play, how)
    play.accept()
    play.cut()
    at = []
    for _ in range(3):
        try_to_connect(play, how)
        at.append(play.now)
    assert at == sorted(at)
    assert at[2] > at[1] > at[0] > 0
    assert play.sent_one().passcode == "two"
    reasons = [reason for _, reason in play.recorder.of("attempt_failed")]
    assert reasons == ["stomp://broker:61613: passcode() raised TokenServerDown: down"] * 2


def test_the_session_gives_up_with_the_cause(how: Callable[[Play], None]) -> None:
    error = TokenServerDown("down")
    answers: list[Any] = ["one"]

    def passcode() -> str:
        if not answers:
            raise error
        return str(answers.pop())

    play = Play(login="app", passcode=passcode, reconnect=Reconnect(rounds=1, first_delay=0))
    answered(play, how)
    play.accept()
    play.cut()
    try_to_connect(play, how)
    assert type(play.session.error) is ConnectionLost
    assert play.session.error.__cause__ is error
    assert "passcode() raised TokenServerDown: down" in str(play.session.error)


def test_the_next_endpoint_is_tried_when_a_function_raises(how: Callable[[Play], None]) -> None:
    counter = Counter()

    def passcode() -> str:
        if counter() == "secret-1":
            raise TokenServerDown("down")
        return "two"

    play = Play(["stomp://a", "stomp://b"], login="app", passcode=passcode)
    try_to_connect(play, how)
    assert answered(play, how).passcode == "two"
    assert play.session.endpoint == Endpoint.parse("stomp://b")


def test_a_function_that_is_not_done_in_time_is_named() -> None:
    """The adapter reports that its deadline has passed, in the middle of the questions."""
    play = Play(headers=dict, login="app", passcode=lambda: pending(), connect_timeout=7)

    class Forever:
        def __await__(self) -> Iterator[None]:
            yield

    def pending() -> Any:
        return Forever()

    coroutine = questions_of(play).ask_async()
    coroutine.send(None)
    play.cut(TimeoutError())
    coroutine.close()
    assert "passcode() did not return within 7 s: check what it waits for" in str(play.session.error)


def test_a_dial_that_takes_too_long_after_the_answers_is_no_fault_of_a_function() -> None:
    play = Play(login="app", passcode=lambda: "secret", connect_timeout=7)
    questions_of(play).ask()
    play.cut(TimeoutError())
    assert "no connection within 7 s" in str(play.session.error)
    assert "passcode()" not in str(play.session.error)


def test_an_answer_that_comes_too_late_changes_nothing() -> None:
    answers = iter(["late", "in time"])
    play = Play(login="app", passcode=lambda: next(answers), reconnect=Reconnect(first_rounds=2))
    late = questions_of(play)
    play.cut(TimeoutError())
    play.now = play.attempt().at
    late.ask()
    play.dial()
    assert play.sent_one().passcode == "in time"


def test_a_connection_that_is_made_in_the_middle_of_a_question_is_closed() -> None:
    """An adapter that does not await its questions."""

    class Forever:
        def __await__(self) -> Iterator[None]:
            yield

    play = Play(login="app", passcode=lambda: Forever())
    coroutine = questions_of(play).ask_async()
    coroutine.send(None)
    play.dial()
    coroutine.close()
    assert play.session.want_close
    assert "passcode() had not answered when the connection was made" in str(play.session.error)


def test_a_session_that_is_closed_while_it_asks_does_not_connect() -> None:
    plays: list[Play] = []
    play = Play(login="app", passcode=lambda: str(plays[0].close()))
    plays.append(play)
    questions_of(play).ask()
    play.session.connection_made(play.now)
    assert play.session.want_close
    assert play.session.data_to_send() == b""


# -------------------------------------------------------------------------------- wrong answers


async def some_coroutine() -> str:
    return "never"


def one_generator() -> Iterator[tuple[str, str]]:
    yield ("a", "b")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"login": lambda: None}, "login() must return a str, got None"),
    (
        {"login": "app", "passcode": lambda: None},
        "passcode() must return a str, got None; raise an exception",
    ),
    (
        {"login": "app", "passcode": lambda: b"s3cret"},
        "passcode() must return a str, got a value of type bytes: decode",
    ),
    ({"login": "app", "passcode": lambda: 12345}, "passcode() must return a str, got a value of type int"),
    (
        {"login": "app", "passcode": lambda: lambda: "s3cret"},
        "passcode() must return a str, got a value of type function",
    ),
    (
        {"headers": lambda: None},
        "headers() must return headers, a mapping or pairs of str, got None; {} means none",
    ),
    (
        {"headers": lambda: "s3cret"},
        "headers() must return headers, a mapping or pairs of str, got a value of type str",
    ),
    (
        {"headers": lambda: 5},
        "headers() must return headers, a mapping or pairs of str, got a value of type int",
    ),
    ({"headers": lambda: one_generator()}, "headers() returned something of type generator"),
    ({"headers": lambda: [5]}, "what headers() returned cannot be sent: "),
    ({"headers": lambda: {"a": None}}, "what headers() returned cannot be sent: "),
    ({"headers": lambda: {"passcode": b"s3cret"}}, "what headers() returned cannot be sent: "),
    (
        {"headers": lambda: {"Authorization": b"Bearer s3cret"}},
        "what headers() returned cannot be sent: ",
    ),
    (
        {"headers": lambda: {"Authorization": "Bearer s3cret\0"}},
        "what headers() returned cannot be sent: ",
    ),
    ({"headers": lambda: [("authorization", "s3cret", 1)]}, "what headers() returned cannot be sent: "),
    ({"headers": lambda: {"a:\0": "b"}}, "what headers() returned cannot be sent: "),
    (
        {"login": lambda: "app", "headers": lambda: {"login": "other"}},
        "what login() and headers() returned cannot be sent: header 'login' is given twice",
    ),
    (
        {"login": lambda: "app", "passcode": lambda: "s3cret", "headers": lambda: {"passcode": "s3cret too"}},
        "what login(), passcode() and headers() returned cannot be sent: header 'passcode' is given twice",
    ),
    ({"client_id": "me", "headers": lambda: {"client-id": "you"}}, "header 'client-id' is given twice"),
    (
        {"login": "app", "passcode": lambda: "s3cret\n"},
        "what passcode() returned cannot be sent (use .strip(): it ends with a line end): header 'passcode'",
    ),
    (
        {"headers": lambda: {"Authorization": "s3cret\r\n"}},
        "what headers() returned cannot be sent (use .strip(): it ends with a line end): ",
    ),
    ({"login": "app", "passcode": lambda: "s3\0cret"}, "what passcode() returned cannot be sent: "),
]


@pytest.mark.parametrize(("options", "sentence"), WRONG)
def test_a_wrong_answer_names_the_option_and_what_came(
    how: Callable[[Play], None], options: dict[str, Any], sentence: str
) -> None:
    """Before the first connection it ends the session at once, whatever the policy."""
    play = Play(**options, reconnect=Reconnect(first_rounds=None))
    try_to_connect(play, how)
    failed = play.session.error
    assert type(failed) is ConnectFailed
    assert f"could not connect: stomp://broker:61613: {sentence}" in str(failed) or (
        sentence in str(failed) and "stomp://broker:61613: " in str(failed)
    )
    shown = "".join(traceback.format_exception(failed)) + repr(play.recorder.calls)
    assert "s3cret" not in shown.replace(repr(options), "")
    assert str(failed).isprintable()
    assert play.recorder.names().count("attempt_failed") == 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("how", ["ask", "not at all"])
@pytest.mark.parametrize("passcode", [some_coroutine, lambda: some_coroutine()])
def test_an_async_function_is_refused_where_nobody_awaits_it(how: str, passcode: Any) -> None:
    play = Play(login="app", passcode=passcode)
    try_to_connect(play, HOW[how])
    assert "passcode() returned something of type coroutine, which nobody awaits here" in str(
        play.session.error
    )


def test_a_wrong_answer_of_a_function_that_has_worked_is_retried(how: Callable[[Play], None]) -> None:
    """None, because the token server has answered nonsense, say. A session that has worked should not end for that."""
    answers = iter(["one", None, "two"])
    play = Play(login="app", passcode=lambda: next(answers))
    answered(play, how)
    play.accept()
    play.cut()
    try_to_connect(play, how)
    assert play.session.state is SessionState.WAITING
    assert answered(play, how).passcode == "two"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"passcode": lambda: "x"}, "passcode was given without login"),
        ({"login": lambda: "x", "headers": {"login": "y"}}, "'login' is given twice"),
        (
            {"login": "app", "passcode": lambda user: "x"},
            "passcode must be a function that is called without arguments",
        ),
        ({"headers": lambda *, a: {}}, "headers must be a function that is called without arguments"),
        (
            {"headers": one_generator},
            "headers must be a function that returns its answer, got one with a yield",
        ),
        ({"login": lambda: "x", "host": "a\0b"}, "NUL"),
        ({"login": some_coroutine(), "passcode": "x"}, "login must be a str"),
        ({"login": lambda: "x", "heart_beat": (5, 1e9)}, "heart_beat is in seconds"),
    ],
)
@pytest.mark.filterwarnings("ignore:coroutine")
def test_what_can_be_checked_is_checked_at_once(options: dict[str, Any], match: str) -> None:
    with pytest.raises((TypeError, ValueError, LocalProtocolError), match=match):
        Config("stomp://broker", **options)


def test_the_error_about_arguments_shows_no_default() -> None:
    def read(path: str, token: str = "s3cret") -> str:
        raise AssertionError

    with pytest.raises(TypeError, match="missing a required argument: 'path'") as caught:
        Config("stomp://broker", "app", read)  # type: ignore[arg-type]
    assert "s3cret" not in str(caught.value)


@dataclass
class Vault:
    """An object that can be called, with a secret in its repr."""

    secret: str

    async def __call__(self) -> str:
        return self.secret


def test_a_world_that_cannot_await_refuses_async_functions() -> None:
    Config("stomp://broker", "app", lambda: "x").refuse_async_functions()
    for function in (
        some_coroutine,
        Vault("s3cret"),
        functools.partial(some_coroutine),
        Vault("s3cret").__call__,
    ):
        with pytest.raises(
            TypeError, match="passcode must be a plain function here, got an async f"
        ) as caught:
            Config("stomp://broker", "app", function).refuse_async_functions()
        assert "s3cret" not in str(caught.value)


# -------------------------------------------------------------------------------- refusals


def refuse(play: Play) -> None:
    play.refuse(REFUSAL)


def test_after_a_refusal_one_fresh_answer_is_tried_at_once(how: Callable[[Play], None]) -> None:
    counter = Counter()
    play = Play(login="app", passcode=counter)
    assert answered(play, how).passcode == "secret-1"
    refuse(play)
    before = play.now
    assert answered(play, how).passcode == "secret-2"
    assert play.now == before
    play.accept()
    assert play.session.connected is not None


def test_a_second_refusal_ends_the_session(how: Callable[[Play], None]) -> None:
    counter = Counter()
    play = Play(login="app", passcode=counter, reconnect=Reconnect(first_rounds=None))
    for _ in range(2):
        answered(play, how)
        refuse(play)
    assert type(play.session.error) is AuthenticationFailed
    assert counter.calls == 2
    assert play.recorder.names().count("attempt_failed") == 2


def test_the_same_endpoint_is_tried_again(how: Callable[[Play], None]) -> None:
    play = Play(["stomp://a", "stomp://b"], login="app", passcode=Counter())
    answered(play, how)
    refuse(play)
    answered(play, how)
    assert play.session.endpoint == Endpoint.parse("stomp://a")


def test_an_attempt_that_fails_between_two_refusals_does_not_count(how: Callable[[Play], None]) -> None:
    """Accounts get locked by refusals: one fresh answer, however long it takes until it arrives."""
    play = Play(login="app", passcode=Counter(), reconnect=Reconnect(first_rounds=None))
    answered(play, how)
    refuse(play)
    answered(play, how)
    play.cut("no route")
    answered(play, how)
    refuse(play)
    assert type(play.session.error) is AuthenticationFailed


def test_a_later_reconnect_tries_a_fresh_answer_at_once(how: Callable[[Play], None]) -> None:
    counter = Counter()
    play = Play(login="app", passcode=counter, reconnect=Reconnect(first_delay=1, jitter=0))
    answered(play, how)
    play.accept()
    for rotation in range(3):  # each connection that is made ends the count of refusals
        play.cut()
        answered(play, how)
        refuse(play)
        before = play.now
        assert answered(play, how).passcode == f"secret-{3 + 2 * rotation}"
        assert play.now == before
        play.accept()
    for _ in range(3):  # the broker may be starting, and not know its users yet: as without functions
        play.cut() if play.session.connected else None
        assert play.session.error is None
        answered(play, how)
        refuse(play)
    assert type(play.session.error) is AuthenticationFailed


def test_other_refusals_are_retried_by_the_schedule(how: Callable[[Play], None]) -> None:
    play = Play(login="app", passcode=Counter())
    answered(play, how)
    play.refuse("too many connections")
    assert type(play.session.error) is ConnectFailed


def test_without_functions_a_refusal_ends_the_session_at_once() -> None:
    play = Play(login="app", passcode="secret")
    play.dial()
    refuse(play)
    assert type(play.session.error) is AuthenticationFailed


def test_a_listener_learns_of_a_refusal_before_the_next_question(how: Callable[[Play], None]) -> None:
    """That is where a cache of tokens drops what was refused."""
    seen: list[str] = []
    plays: list[Play] = []
    play = Play(login="app", passcode=lambda: str(plays[0].recorder.names().count("error_received")))
    plays.append(play)
    for _ in range(2):
        seen.append(answered(play, how).passcode)
        refuse(play)
    assert seen == ["0", "1"]


# -------------------------------------------------------------------------------- secrets


def test_the_passcode_of_the_present_answers_is_masked(
    how: Callable[[Play], None], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "stomp_core")
    play = Play(login="app", passcode=Counter())
    for number in (1, 2):
        answered(play, how)
        play.receive(Error(REFUSAL, body=f"secret-{number} is wrong", headers={"hint": f"secret-{number}"}))
    error = play.session.error
    assert isinstance(error, AuthenticationFailed)
    assert "*** is wrong" in str(error)
    for shown in (
        repr(play.recorder.calls),
        caplog.text,
        str(error),
        repr(vars(error)),
        repr(play.session.config),
    ):
        assert "secret-" not in shown
    assert b"secret-" not in pickle.dumps(error)


def test_tokens_in_headers_are_masked(how: Callable[[Play], None]) -> None:
    play = Play(headers=lambda: {"Authorization": "Bearer s3cret"})
    for _ in range(2):
        answered(play, how)
        play.receive(Error("Unauthorized", body="token s3cret has expired"))
    assert "token *** has expired" in str(play.session.error)
    assert "s3cret" not in repr(play.recorder.calls)


def test_an_exception_that_repeats_a_passcode_is_masked_and_is_no_cause(how: Callable[[Play], None]) -> None:
    """headers() raises, and quotes what passcode() has answered just before."""

    def headers() -> dict[str, str]:
        try:
            raise TokenServerDown("who is secret-1?")
        except TokenServerDown as error:
            raise ValueError("refused") from error

    play = Play(login="app", passcode=Counter(), headers=raising(ValueError("who is secret-1?")))
    try_to_connect(play, how)
    assert "headers() raised ValueError: who is ***?" in str(play.session.error)
    play = Play(login="app", passcode=Counter(), headers=headers)
    try_to_connect(play, how)
    assert play.session.error is not None
    assert "secret-1" not in "".join(traceback.format_exception(play.session.error))


def test_an_exception_that_repeats_the_passcode_before_is_masked(how: Callable[[Play], None]) -> None:
    answers = iter(["s3cret"])

    def passcode() -> str:
        for answer in answers:
            return answer
        raise ValueError("s3cret has expired")

    play = Play(login="app", passcode=passcode, reconnect=Reconnect(rounds=1))
    answered(play, how)
    play.accept()
    play.cut()
    try_to_connect(play, how)
    assert "passcode() raised ValueError: *** has expired" in str(play.session.error)
    assert play.session.error is not None
    assert "s3cret" not in "".join(traceback.format_exception(play.session.error))


def test_no_sentence_of_ours_is_masked(how: Callable[[Play], None]) -> None:
    """What is missing would tell the passcode."""
    play = Play(login="app", passcode=lambda: "raised", headers=raising(ValueError("no")))
    try_to_connect(play, how)
    assert "headers() raised ValueError: no" in str(play.session.error)


def test_no_repr_shows_what_a_function_holds() -> None:
    def read(token: str) -> str:
        raise AssertionError(token)

    partial = functools.partial(read, "s3cret")
    play = Play(login=partial, passcode=partial, headers=functools.partial(dict, a="s3cret"))
    assert "s3cret" not in repr(play.session.config)
    assert "s3cret" not in repr(play.attempt())
    assert "s3cret" not in repr(questions_of(play))


def test_two_equal_texts_are_no_secret(how: Callable[[Play], None]) -> None:
    play = Play(login=lambda: "guest", passcode=lambda: "guest")
    for _ in range(2):
        answered(play, how)
        play.refuse("Access refused for user 'guest'")
    assert "'guest'" in str(play.session.error)


# -------------------------------------------------------------------------------- any history


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ask", "ask_async", "not at all"]),
            st.sampled_from(["good", "good", "raise", "wrong"]),
            st.sampled_from(["accept", "refuse", "refuse", "no route", "cut"]),
        ),
        max_size=12,
    )
)
def test_any_history(history: list[tuple[str, str, str]]) -> None:
    """Each attempt asks once and sends its own answer, and refused credentials are not tried for ever."""
    asked = 0
    answer = "good"

    def passcode() -> Any:
        nonlocal asked
        asked += 1
        if answer == "raise":
            raise TokenServerDown
        return f"secret-{asked}" if answer == "good" else None

    play = Play(
        login="app", passcode=passcode, reconnect=Reconnect(first_rounds=None, first_delay=1, jitter=0)
    )
    refusals = 0
    refused_at = -1.0
    ever_connected = False
    for how, answer, outcome in history:
        before = asked
        try_to_connect(play, HOW[how])
        assert asked == before + 1
        if refusals == 1 and refused_at >= 0:
            assert play.now == refused_at, "the fresh answer comes at once"
        refused_at = -1.0
        if answer == "good":
            assert play.sent_one().passcode == f"secret-{asked}"
            if outcome == "refuse":
                refuse(play)
                refusals += 1
                refused_at = play.now
            elif outcome == "no route":
                play.cut("no route")
            else:
                play.accept()
                refusals, ever_connected = 0, True
                play.cut()
        elif answer == "wrong" and not ever_connected:
            assert type(play.session.error) is ConnectFailed
            return
        if refusals == (3 if ever_connected else 2):
            assert type(play.session.error) is AuthenticationFailed
            return
        assert play.session.error is None
