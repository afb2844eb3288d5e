"""Records agree with frozen dataclasses with slots, in everything that a program can do with either."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stomp_core import Endpoint, Leniency, Limits, Reconnect
from stomp_core._records import field, record, replace
from stomp_core.adapter import Dial, ProxyServer, Timer, Write
from stomp_core.session import Config


@record
class Point:
    """A point."""

    x: int
    y: int = 2
    label: str = field(default="", repr=False)
    cost: float = field(default=0.0, compare=False)
    unit: str = field(default="m", kw_only=True)
    size: int = field(init=False)

    def __post_init__(self) -> None:
        if self.y < 0:
            raise ValueError("y is negative")
        object.__setattr__(self, "size", self.x + self.y)


class Model:
    """Where the other class lives: both have the same name."""

    @dataclasses.dataclass(frozen=True, slots=True)
    class Point:
        """A point."""

        x: int
        y: int = 2
        label: str = dataclasses.field(default="", repr=False)
        cost: float = dataclasses.field(default=0.0, compare=False)
        unit: str = dataclasses.field(default="m", kw_only=True)
        size: int = dataclasses.field(init=False)

        def __post_init__(self) -> None:
            if self.y < 0:
                raise ValueError("y is negative")
            object.__setattr__(self, "size", self.x + self.y)


Model.Point.__qualname__ = "Point"

small = st.integers(-1, 2)
arguments = st.tuples(
    st.lists(small, max_size=5),
    st.dictionaries(st.sampled_from(["x", "y", "label", "cost", "unit", "size", "z"]), small, max_size=4),
)


def outcome(call: Callable[[], Any]) -> object:
    """Return what a call returns, or the class of what it raises."""
    try:
        return call()
    except Exception as error:
        return type(error)


def facts(point: Any) -> object:
    return repr(point), hash(point), dataclasses.asdict(point), point.size


@given(arguments, arguments)
def test_records_agree_with_dataclasses(
    first: tuple[list[int], dict[str, int]], second: tuple[list[int], dict[str, int]]
) -> None:
    def made(cls: Any) -> list[Any]:
        return [outcome(partial(cls, *args, **named)) for args, named in (first, second)]

    ours, theirs = made(Point), made(Model.Point)
    assert [type(one) is Point for one in ours] == [type(one) is Model.Point for one in theirs]
    assert (ours[0] == ours[1]) == (theirs[0] == theirs[1])
    for our, their in zip(ours, theirs, strict=True):
        if type(our) is not Point:
            assert our is their  # the class of the exception
            continue
        assert facts(our) == facts(their)
        changes = {name: value for name, value in second[1].items() if name not in ("size", "z")}
        for function in (replace, dataclasses.replace):
            again = outcome(lambda: facts(function(our, **changes)))  # noqa: B023
            assert again == outcome(lambda: facts(dataclasses.replace(their, **changes)))  # noqa: B023


def test_record_is_frozen() -> None:
    point = Point(1)
    changes: tuple[Callable[[], None], ...] = (
        lambda: setattr(point, "x", 2),
        lambda: setattr(point, "z", 2),
        lambda: delattr(point, "x"),
    )
    for change in changes:
        with pytest.raises(dataclasses.FrozenInstanceError, match=r"cannot (assign to|delete) field '[xz]'"):
            change()
    assert point == Point(1)
    assert not hasattr(point, "__dict__")


def test_fields_are_those_of_a_dataclass() -> None:
    def described(cls: Any) -> list[object]:
        return [
            (one.name, one.type, one.default, one.init, one.repr, one.compare, one.kw_only)
            for one in dataclasses.fields(cls)
        ]

    assert described(Point) == described(Model.Point)
    assert dataclasses.is_dataclass(Point)
    assert inspect.signature(Point) == inspect.signature(Model.Point)
    assert get_type_hints(Point) == get_type_hints(Model.Point)
    assert get_type_hints(Point.__init__)["y"] is int
    assert vars(Point)["__match_args__"] == vars(Model.Point)["__match_args__"]
    assert Point.__doc__ == "A point."


def test_record_can_be_matched() -> None:
    match Point(1, 5):
        case Point(1, y):
            assert y == 5
        case _:
            pytest.fail("no match")


def test_a_dataclass_may_inherit_from_a_record() -> None:
    @dataclasses.dataclass(frozen=True)
    class Patient(Reconnect):
        name: str = ""

    patient = dataclasses.replace(Patient(max_delay=5.0), name="a")
    assert (patient.max_delay, patient.name) == (5.0, "a")
    assert patient != Reconnect(max_delay=5.0)


class Labelled(Point):
    """A class that inherits from a record, with an attribute of its own."""

    colour = ""


def test_a_class_may_inherit_from_a_record() -> None:
    labelled = Labelled(1)
    object.__setattr__(labelled, "colour", "red")
    labelled.colour = "blue"
    with pytest.raises(dataclasses.FrozenInstanceError):
        labelled.x = 2  # type: ignore[misc]
    assert labelled.colour == "blue"
    assert repr(labelled).startswith("Labelled(x=1")
    assert labelled != Point(1)


RECORDS = [
    Limits(max_headers=7),
    Leniency.brokers(),
    Reconnect(rounds=3),
    Endpoint.parse("stomp://user:secret@localhost"),
    ProxyServer.parse("http://user:secret@localhost:8080"),
    Timer(1.0),
]


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: type(one).__name__)
def test_records_survive_copies(one: Any) -> None:
    copies = [copy.copy(one), copy.deepcopy(one), dataclasses.replace(one), one.__replace__()]
    copies += [
        pickle.loads(pickle.dumps(one, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)
    ]
    if sys.version_info >= (3, 13):
        copies.append(copy.replace(one))
    for copied in copies:
        assert copied == one
        assert hash(copied) == hash(one)
        assert repr(copied) == repr(one)
        assert "secret" not in repr(one)


@pytest.mark.parametrize("cls", [Config, Dial, Write, Endpoint], ids=lambda cls: cls.__name__)
def test_every_parameter_of_a_record_is_a_field(cls: Any) -> None:
    assert {*inspect.signature(cls).parameters} == {one.name for one in dataclasses.fields(cls) if one.init}
