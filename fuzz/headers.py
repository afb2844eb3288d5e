"""Headers, compared with a list of pairs, which is all that they mean, however they were made and asked before.

An input is one byte that picks how the headers are made, pairs, and then questions (see :func:`headers`).
"""

from __future__ import annotations

from stomp_core import Frame, FrameParser, Headers, LocalProtocolError, Send

from .choices import Choices

__all__ = ["MAKERS", "QUESTIONS", "headers"]

Pairs = list[tuple[str, str]]
MAKERS = ("pairs", "dict", "copy", "parsed", "parsed slowly", "replaced", "of a SEND")
QUESTIONS = (
    "get", "index", "contains", "get all", "find", "names", "values", "pairs", "dict", "length", "without", "equal",
    "hash", "repr", "with line",
)  # fmt: skip
_SECRETS = ("passcode", "password", "authorization")


def headers(data: bytes) -> None:
    """Check that headers answer every question as the list of their pairs does, in any order of questions.

    Byte 0 picks one of :data:`MAKERS`; the next says how many pairs follow, each a name and a value behind their
    lengths. Then one byte picks each of :data:`QUESTIONS`, and one the name that it is about, if it is about one.
    """
    choices = Choices(data)
    maker = choices.pick(MAKERS)
    pairs = [(choices.text(), choices.text()) for _ in range(choices.byte() % 8)]
    try:
        made, expected = _make(maker, pairs)
    except LocalProtocolError:
        return  # the serializer's target checks when
    names = [name for name, _ in expected] + ["absent", "", ":", "\n", "\\", " x "]
    # What is a part of another name or value is easily found where it should not be.
    names += [name[1:] for name, _ in expected] + [f"{name}:{value}" for name, value in expected]
    while choices.left:
        _ask(choices.pick(QUESTIONS), made, expected, choices.pick(names))
    assert made.items() == expected


def _make(maker: str, pairs: Pairs) -> tuple[Headers, Pairs]:
    if maker == "dict":
        return Headers(dict(pairs)), list(dict(pairs).items())
    if maker == "copy":
        original = Headers(pairs)
        original.get("a")
        return Headers(original), pairs
    if maker.startswith("parsed"):
        wire = Frame("SEND", [("destination", "/q"), *pairs]).to_bytes("1.2")
        parser = FrameParser("1.2")
        for size in (1,) * len(wire) if maker == "parsed slowly" else (len(wire),):
            parser.receive_data(wire[:size])
            wire = wire[size:]
        frame = parser.next_frame()
        assert isinstance(frame, Frame)
        return frame.headers, _stated_once([("destination", "/q"), *pairs])
    if maker == "replaced":
        frame = Frame("SEND", [("a", "b")]).replace(headers=pairs)
        return frame.headers, [pair for pair in pairs if pair[0] != "content-length"]
    if maker == "of a SEND":
        event = Send("/q", headers=dict(pairs))
        own = [pair for pair in dict(pairs).items() if pair[0] != "destination"]
        return event.headers, [("destination", "/q"), *own]
    return Headers(pairs), pairs


def _stated_once(pairs: Pairs) -> Pairs:
    """Return what the serializer writes: of several content-lengths only the first."""
    stated = [at for at, (name, _) in enumerate(pairs) if name == "content-length"]
    return [pair for at, pair in enumerate(pairs) if at not in stated[1:]]


def _ask(question: str, made: Headers, pairs: Pairs, name: str) -> None:
    values = [value for key, value in pairs if key == name]
    first = values[0] if values else None
    answer: object
    expected: object
    if question == "get":
        answer, expected = (
            (made.get(name), made.get(name, "other")),
            (first, "other" if first is None else first),
        )
    elif question == "index":
        try:
            answer = made[name]
        except KeyError:
            answer = None
        expected = first
    elif question == "contains":
        answer, expected = (name in made, 1 in made), (bool(values), False)
    elif question == "get all":
        answer, expected = made.get_all(name), values
    elif question == "find":
        if any(char in name for char in ":\\\r\n"):
            return  # only for names that need no escape
        answer, expected = made.find(f"\n{name}:"), first
    elif question == "names":
        answer, expected = (list(made), made.keys()), ([key for key, _ in pairs],) * 2
    elif question == "values":
        answer, expected = made.values(), [value for _, value in pairs]
    elif question == "pairs":
        answer, expected = (made.items(), made.pairs), (pairs, tuple(pairs))
    elif question == "dict":
        first_of_each = dict(reversed(pairs))
        answer, expected = (made.to_dict(), {**made}), (first_of_each, first_of_each)
    elif question == "length":
        answer, expected = (len(made), bool(made)), (len(pairs), bool(pairs))
    elif question == "without":
        answer, expected = made.without(name).items(), [pair for pair in pairs if pair[0] != name]
    elif question == "equal":
        others = [*pairs, (name, "")]
        answer, expected = (made == Headers(pairs), made == Headers(others)), (True, False)
    elif question == "hash":
        answer, expected = hash(made), hash(Headers(pairs))
    elif question == "repr":
        secrets = [value for key, value in pairs if key.lower() in _SECRETS]
        shown = [(key, "***" if key.lower() in _SECRETS else value) for key, value in pairs]
        answer, expected = (repr(made), made.secret_values()), (f"Headers({shown!r})", secrets)
    else:
        _written(
            Frame("DISCONNECT", made)
        )  # which the headers remember, and with them those with one line more
        longer = made.with_line("receipt", name)
        if longer is None:
            return  # left to the general path
        answer, expected = longer.items(), [*pairs, ("receipt", name)]
        # What goes out with it is what the general path writes.
        frames = (Frame("DISCONNECT", longer), Frame("DISCONNECT", [*pairs, ("receipt", name)]))
        written = [_written(frame) for frame in frames]
        assert written[0] == written[1], f"{written[0]!r} instead of {written[1]!r}"
    assert answer == expected, f"{question} {name!r} of {pairs!r}: {answer!r} instead of {expected!r}"


def _written(frame: Frame) -> bytes | None:
    try:
        return frame.to_bytes("1.0")
    except LocalProtocolError:
        return None
