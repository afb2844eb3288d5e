"""Questions: what the program is asked at each attempt to connect, where ``login``, ``passcode`` or ``headers`` are
functions: tokens that expire, and secrets that rotate.

One object belongs to one attempt. The adapter calls :meth:`Questions.ask`, or awaits :meth:`Questions.ask_async`, in
its task or thread that dials, before it dials; if it does not, the session asks when there is a connection. An answer
that comes after the attempt has failed changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, NoReturn, TypeVar

from .._callbacks import check_result
from ..wire import Headers, HeaderTypeError
from ._masking import Mask, secrets_in

__all__ = ["QuestionFailed", "Questions"]

T = TypeVar("T")


class QuestionFailed(Exception):
    """A function of the program has raised, or its answer cannot be used. The text says which one, and why.

    Its ``__cause__`` is what was raised, unless that contains a secret.

    Attributes:
        mistake: whether it has answered what cannot be used: a mistake of the program, which asking again does not
            correct.
    """

    def __init__(self, text: str, *, mistake: bool) -> None:
        super().__init__(text)
        self.mistake = mistake


class Questions(Generic[T]):
    """The functions for ``login``, ``passcode`` and ``headers`` of one attempt to connect, and their answers.

    Args:
        functions: the functions, which take no arguments, by name of the option, in the order in which to call them.
        accept: makes the options of the attempt of the answers, or raises what is wrong with them.
        secrets: texts that exceptions must not contain. The answer for ``passcode`` is added to them.

    Attributes:
        current: the function that is running, as in ``"passcode()"``; ``None`` if none is.
        secrets: see the argument.
    """

    def __init__(
        self,
        functions: Mapping[str, Callable[[], Any]],
        accept: Callable[[Mapping[str, Any]], T],
        secrets: tuple[str, ...] = (),
    ) -> None:
        self.current: str | None = None
        self.secrets: tuple[str, ...] = secrets
        self._functions = functions
        self._accept = accept
        self._asked = False
        self._answers: dict[str, Any] = {}
        self._options: T | None = None
        self._failure: QuestionFailed | None = None

    def __repr__(self) -> str:
        return f"<Questions {', '.join(self._functions)}>"

    def ask(self) -> None:
        """Call the functions. To call it again does nothing.

        Raises:
            QuestionFailed: a function has raised, or its answer cannot be used. An ``async`` function is refused here.
        """
        if not self._asked:
            self._asked = True
            for name, function in self._functions.items():
                self.current = f"{name}()"
                try:
                    answer = function()
                except Exception as error:
                    self._raised(error)
                self._check_and_keep(name, function, answer)
            self._finish()
        self._check()

    async def ask_async(self) -> None:
        """Call the functions, and await what they return if it can be awaited. To call it again does nothing.

        Raises:
            QuestionFailed: see :meth:`ask`.
        """
        if not self._asked:
            self._asked = True
            for name, function in self._functions.items():
                self.current = f"{name}()"
                try:
                    answer = function()
                    if isinstance(answer, Awaitable):
                        answer = await answer
                except Exception as error:
                    self._raised(error)
                self._check_and_keep(name, function, answer)
            self._finish()
        self._check()

    def result(self) -> T:
        """Return the options of the attempt. It asks first, if nobody has.

        Raises:
            QuestionFailed: see :meth:`ask`.
        """
        self.ask()
        if self._options is None:
            # An adapter has told that it is connected in the middle of its questions.
            self._refuse(f"{self.current} had not answered when the connection was made: ask before dialling")
        return self._options

    def fail(self, error: BaseException) -> None:
        """Note that a function has raised what :meth:`ask` lets through, such as :class:`SystemExit`.

        Args:
            error: the exception.
        """
        try:
            self._raised(error)
        except QuestionFailed:
            pass  # it is kept

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    # ------------------------------------------------------------------ answers

    def _check_and_keep(self, name: str, function: Callable[[], Any], answer: Any) -> None:
        try:
            check_result(answer, function, name, finished=True)
        except TypeError:
            self._refuse(
                f"{name}() returned something of type {type(answer).__name__}, which nobody awaits here: pass a plain "
                "function that returns the answer itself; stomp_asyncio and stomp_trio take async ones"
            )
        if name not in ("login", "passcode"):
            pairs = self._answers[name] = self._as_pairs(name, answer)
            try:
                self.secrets += secrets_in(Headers(pairs))
            except HeaderTypeError:
                pass  # what is wrong with them is found with everything else
            return
        if not isinstance(answer, str):
            decode = ": decode it, as in .decode()" if isinstance(answer, (bytes, bytearray)) else ""
            none = "; raise an exception if there is none at the moment" if answer is None else ""
            self._refuse(f"{name}() must return a str, got {_kind(answer)}{decode}{none}")
        if name == "passcode" and answer and answer != self._answers.get("login"):
            self.secrets += (answer,)
        self._answers[name] = answer

    def _as_pairs(self, name: str, answer: Any) -> list[Any]:
        """Read headers once: they may come from an iterator. What is in them is checked with everything else."""
        if isinstance(answer, (str, bytes)) or not isinstance(answer, Iterable):
            self._refuse(
                f"{name}() must return headers, a mapping or pairs of str, got {_kind(answer)}; {{}} means none"
            )
        try:
            return list(answer.items() if isinstance(answer, (Headers, Mapping)) else answer)
        except Exception as error:
            self._refuse_because_of(f"{name}() returned headers that cannot be read", error)

    def _finish(self) -> None:
        self.current = None
        try:
            self._options = self._accept(self._answers)
        except Exception as error:
            *others, last = (f"{name}()" for name in self._functions)
            names = f"{', '.join(others)} and {last}" if others else last
            strip = " (use .strip(): it ends with a line end)" if _ends_line(self._answers) else ""
            self._refuse_because_of(f"what {names} returned cannot be sent{strip}", error, mistake=True)

    # ------------------------------------------------------------------ failures

    def _refuse(self, text: str) -> NoReturn:
        self._fail(QuestionFailed(text, mistake=True))

    def _raised(self, error: BaseException) -> NoReturn:
        while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]  # of a nursery or task group
        if error.__traceback__ is not None:
            error.__traceback__ = error.__traceback__.tb_next  # from the program's own function on
        self._refuse_because_of(f"{self.current} raised {type(error).__name__}", error)

    def _refuse_because_of(self, text: str, error: BaseException, *, mistake: bool = False) -> NoReturn:
        """Fail because of what was raised: quote it, without secrets, and keep it as the cause if it has none."""
        mask = Mask(*self.secrets)
        quoted = mask.text(str(error))
        failure = QuestionFailed(f"{text}: {quoted}" if quoted else text, mistake=mistake)
        if not mask.is_in(error):
            failure.__cause__ = error
        self._fail(failure)

    def _fail(self, failure: QuestionFailed) -> NoReturn:
        self.current = None
        self._failure = failure
        raise failure


def _ends_line(answers: Mapping[str, Any]) -> bool:
    """Return whether an answer ends with a line end, as what was read from a file does."""
    texts: list[object] = []
    for answer in answers.values():
        if isinstance(answer, str):
            texts.append(answer)
        else:
            texts += [part for pair in answer if isinstance(pair, (tuple, list)) for part in pair]
    return any(isinstance(text, str) and text.endswith(("\n", "\r")) for text in texts)


def _kind(answer: object) -> str:
    """Return how an error shows an answer, which may be a secret."""
    return "None" if answer is None else f"a value of type {type(answer).__name__}"
