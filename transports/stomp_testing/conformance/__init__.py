"""The three STOMP specifications as data, and runners that play them to brokers and clients over a socket.

The data are ``stomp-1.0.json``, ``stomp-1.1.json`` and ``stomp-1.2.json`` in this folder, ``schema.json`` (JSON Schema,
draft 2020-12) describes them, and ``README.md`` says how a program in any language plays them. :data:`DATA` is the
folder.

* :func:`load_requirements`: the requirements, each with a quoted sentence and its cases;
* :func:`play`: play one case to anything that is reached by a :class:`Channel`;
* :class:`SocketServer`: a broker that listens, for the cases of role ``server``;
* :class:`ListeningPort`: where a client connects, for the cases of role ``client``;
* :func:`play_to_program`: play one case to a client that is a program;
* ``python -m stomp_testing conformance``: all of that as a program.
"""

from __future__ import annotations

from ._channels import Channel, ListeningPort, SocketServer
from ._player import Outcome, Result, Target, play
from ._programs import play_to_program
from ._requirements import DATA, VERSIONS, Case, Requirement, Step, load_requirements

__all__ = [
    "DATA",
    "VERSIONS",
    "Case",
    "Channel",
    "ListeningPort",
    "Outcome",
    "Requirement",
    "Result",
    "SocketServer",
    "Step",
    "Target",
    "load_requirements",
    "play",
    "play_to_program",
]
