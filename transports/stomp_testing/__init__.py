"""stomp_testing: test a program that uses STOMP without installing a broker.

* :class:`Broker`: an embedded broker, ``with Broker() as broker: broker.url``;
* :class:`FaultProxy`: a proxy in front of any broker that cuts, resets, stalls, splits and delays;
* :class:`ScriptedServer`: a server that sends literal bytes, also such as no broker would send;
* :class:`Recorder`: what was sent, as frames;
* :class:`Checker`: which of these frames break STOMP;
* fixtures ``stomp_broker`` and ``stomp_proxy`` for pytest, without any configuration;
* :mod:`stomp_testing.strategies` for hypothesis: frames, conversations, and conversations that break a named rule;
* :mod:`stomp_testing.stateful`: a state machine of a session for hypothesis, to derive from;
* :func:`dictionary_file`: tokens of STOMP for libFuzzer and AFL++;
* :mod:`stomp_testing.conformance`: the specifications as data, with cases for any broker and client;
* :mod:`stomp_testing.fuzzing`: conversations that break rules, played to any broker and client;
* ``python -m stomp_testing``: the embedded broker as a program; ``python -m stomp_testing conformance``: those cases.

For tests, demos and development. Production brokers are RabbitMQ, ActiveMQ and Artemis.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stomp_core import __version__ as __version__

    from ._armed_fault import ArmedFault
    from ._broker import Broker, ClientInfo
    from ._certificates import ServerCertificate
    from ._checker import Checker, Violation
    from ._dictionary import dictionary_file
    from ._fault import FAULTS, Direction, Fault, FaultKind, parse_fault, parse_faults
    from ._proxy import FaultProxy
    from ._recorder import Note, Record, Recorder
    from ._recording import Recording, RecordingStep, RecordingWriter
    from ._relay import Faults
    from ._replay_client import ReplayClient
    from ._replay_server import ReplayServer
    from ._scripted_server import CLOSE, RESET, Expect, Pause, ScriptedServer, Step
    from ._settings import ACTIVEMQ, RABBITMQ, Flavour

__all__ = [
    "ACTIVEMQ",
    "CLOSE",
    "FAULTS",
    "RABBITMQ",
    "RESET",
    "ArmedFault",
    "Broker",
    "Checker",
    "ClientInfo",
    "Direction",
    "Expect",
    "Fault",
    "FaultKind",
    "FaultProxy",
    "Faults",
    "Flavour",
    "Note",
    "Pause",
    "Record",
    "Recorder",
    "Recording",
    "RecordingStep",
    "RecordingWriter",
    "ReplayClient",
    "ReplayServer",
    "ScriptedServer",
    "ServerCertificate",
    "Step",
    "Violation",
    "dictionary_file",
    "parse_fault",
    "parse_faults",
]

# pytest imports this package for its plugin in every run on this machine, so a module is imported only when one of its
# names is used.
_NAMES = {
    "_armed_fault": ("ArmedFault",),
    "_broker": ("Broker", "ClientInfo"),
    "_certificates": ("ServerCertificate",),
    "_checker": ("Checker", "Violation"),
    "_dictionary": ("dictionary_file",),
    "_fault": ("FAULTS", "Direction", "Fault", "FaultKind", "parse_fault", "parse_faults"),
    "_proxy": ("FaultProxy",),
    "_recorder": ("Note", "Record", "Recorder"),
    "_recording": ("Recording", "RecordingStep", "RecordingWriter"),
    "_relay": ("Faults",),
    "_replay_client": ("ReplayClient",),
    "_replay_server": ("ReplayServer",),
    "_scripted_server": ("CLOSE", "RESET", "Expect", "Pause", "ScriptedServer", "Step"),
    "_settings": ("ACTIVEMQ", "RABBITMQ", "Flavour"),
}
_MODULES = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from stomp_core import __version__

        return __version__
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
