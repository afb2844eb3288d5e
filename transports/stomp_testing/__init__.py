"""stomp_testing: what one needs to test a program that speaks STOMP, without installing a broker.

* :class:`Broker`: an embedded broker, ``with Broker() as broker: broker.url``;
* :class:`FaultProxy`: stands before any broker and cuts, resets, stalls, splits, delays;
* :class:`ScriptedServer`: literal bytes, for what no broker would say;
* :class:`Recorder`: what was said, as frames;
* fixtures ``stomp_broker`` and ``stomp_proxy`` for pytest, without any configuration;
* :mod:`stomp_testing.strategies` for hypothesis.

For tests, demos and development. Production brokers are RabbitMQ, ActiveMQ and Artemis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .broker import Broker, ClientInfo
    from .certificates import ServerCertificate
    from .flavours import ACTIVEMQ, RABBITMQ, Flavour
    from .proxy import Direction, FaultProxy, Ill
    from .recorder import Record, Recorder
    from .scripted import CLOSE, RESET, Expect, Pause, ScriptedServer

__all__ = [
    "ACTIVEMQ",
    "CLOSE",
    "RABBITMQ",
    "RESET",
    "Broker",
    "ClientInfo",
    "Direction",
    "Expect",
    "FaultProxy",
    "Flavour",
    "Ill",
    "Pause",
    "Record",
    "Recorder",
    "ScriptedServer",
    "ServerCertificate",
]

# Every pytest run on this machine imports this package for its plugin: until a name is asked for, it costs nothing.
_MODULES = {
    "broker": ("Broker", "ClientInfo"),
    "certificates": ("ServerCertificate",),
    "flavours": ("ACTIVEMQ", "RABBITMQ", "Flavour"),
    "proxy": ("Direction", "FaultProxy", "Ill"),
    "recorder": ("Record", "Recorder"),
    "scripted": ("CLOSE", "RESET", "Expect", "Pause", "ScriptedServer"),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    module = _WHERE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
