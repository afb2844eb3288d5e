"""What help(), inspect and type hints show of the three adapters is true."""

from __future__ import annotations

import dataclasses
import inspect
import re
import subprocess
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import stomp_asyncio
import stomp_core.adapter
import stomp_socket
import stomp_trio
from stomp_core import HeaderSource
from stomp_core.adapter import TransportOptions
from stomp_core.session import Config, Pipeline, Session, Subscription, Transaction

ROOT = Path(__file__).parents[2]
ADAPTERS = [stomp_socket, stomp_asyncio, stomp_trio]

#: Each operation of an adapter's class: the class and the session's own class, and what it returns.
OPERATIONS: list[tuple[str, type, str, Any]] = [
    ("Connection", Session, "send", None),
    ("Connection", Session, "ack", None),
    ("Connection", Session, "nack", None),
    ("Connection", Session, "subscribe", "Subscription"),
    ("Connection", Session, "begin", "Transaction"),
    ("Connection", Session, "commit", None),
    ("Connection", Session, "abort", None),
    ("Connection", Session, "request", "Message"),
    ("Connection", Session, "send_frame", None),
    ("Message", Session, "ack", None),
    ("Message", Session, "nack", None),
    ("Transaction", Transaction, "send", None),
    ("Transaction", Transaction, "ack", None),
    ("Transaction", Transaction, "nack", None),
    ("Transaction", Transaction, "commit", None),
    ("Transaction", Transaction, "abort", None),
    ("Pipeline", Pipeline, "send", int),
    ("Pipeline", Pipeline, "drain", None),
    ("Subscription", Subscription, "unsubscribe", None),
]


def returned(adapter: ModuleType, expected: Any) -> Any:
    """Return the annotation of a method that returns ``expected``."""
    if expected is None:
        return type(None)
    return getattr(adapter, expected) if isinstance(expected, str) else expected


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.__name__)
@pytest.mark.parametrize(
    ("owner", "origin", "name", "expected"), OPERATIONS, ids=[f"{row[0]}.{row[2]}" for row in OPERATIONS]
)
def test_an_operation_is_described_as_it_is(
    adapter: ModuleType, owner: str, origin: type, name: str, expected: Any
) -> None:
    cls = getattr(adapter, owner)
    method, operation = getattr(cls, name), getattr(origin, name)
    given = {"now"} | ({"delivery"} if owner == "Message" else set())

    signature = inspect.signature(method)
    parameters = [
        entry for entry in inspect.signature(operation).parameters.values() if entry.name not in given
    ]
    assert list(signature.parameters.values()) == parameters
    hint = typing.get_type_hints(method)["return"]
    if adapter is not stomp_socket and name == "subscribe":
        assert hint == stomp_asyncio.ConnectContext[adapter.Subscription]  # type: ignore[name-defined]
    else:
        assert hint == returned(adapter, expected)
        assert inspect.iscoroutinefunction(method) is (adapter is not stomp_socket)

    defined_in = next(base for base in cls.__mro__ if name in vars(base))
    assert method.__module__ == defined_in.__module__
    assert "._" not in method.__module__
    assert method.__qualname__ == f"{defined_in.__qualname__}.{name}"
    assert "Pending" not in str(signature)
    assert inspect.getdoc(method)
    documented = re.findall(r"^    (\w+): ", inspect.getdoc(method) or "", re.MULTILINE)
    assert not set(documented) & given
    assert set(signature.parameters) - {"self"} <= {*documented}


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.__name__)
def test_public_classes_name_their_public_package(adapter: ModuleType) -> None:
    for name in adapter.__all__:
        member = getattr(adapter, name)
        if name in ("Connection", "connect"):
            assert member.__module__ == adapter.__name__
        elif name in ("Message", "Subscription", "Transaction", "Pipeline"):
            assert member.__module__ == "stomp_core.adapter"
            assert member.__name__ in (f"Blocking{name}", f"Async{name}")
            assert getattr(stomp_core.adapter, member.__name__) is member


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.__name__)
def test_connect_lists_the_fields_of_config(adapter: ModuleType) -> None:
    parameters = dict(inspect.signature(adapter.connect).parameters)
    transport = [name for name in inspect.signature(TransportOptions).parameters if name != "endpoints"]
    for name in transport:
        assert parameters.pop(name).default == inspect.signature(TransportOptions).parameters[name].default
    fields = {field.name: field for field in dataclasses.fields(Config) if field.init}
    assert list(parameters) == list(fields)
    for name, parameter in parameters.items():
        default = fields[name].default
        assert parameter.default == (parameter.empty if default is dataclasses.MISSING else default), name
        keyword_only = parameter.kind is parameter.KEYWORD_ONLY
        assert keyword_only is bool(fields[name].kw_only), name
    hints, config_hints = typing.get_type_hints(adapter.connect), typing.get_type_hints(Config)
    if adapter is stomp_socket:  # nobody awaits anything there
        config_hints["login"] = config_hints["passcode"] = str | Callable[[], str] | None
        config_hints["headers"] = HeaderSource | Callable[[], HeaderSource]
    assert {name: hints[name] for name in fields} == {name: config_hints[name] for name in fields}
    documented = re.findall(r"^    (\w+): ", inspect.getdoc(adapter.connect) or "", re.MULTILINE)
    assert {*fields, *transport} <= set(documented)


def test_the_adapters_export_the_same_names() -> None:
    # "Engine" and "dial" are what stomp_py stands on; "Stream" is what a dialler returns. What stands on sockets is for
    # other event loops.
    extra = {"ConnectContext", "ConnectionNursery", "Engine", "Stream", "dial"}
    extra |= {"SocketTransport", "Watch", "is_not_now"}
    names = [set(adapter.__all__) - extra for adapter in ADAPTERS]
    assert names[0] == names[1] == names[2]


def test_without_trio_stomp_trio_names_the_extra() -> None:
    code = "import sys; sys.modules['trio'] = None; import stomp_trio"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'transports'}"},
    )
    assert done.returncode == 1
    assert "pip install stomp-core[trio]" in done.stderr
