"""stomp_testing: what one needs to test a program that speaks STOMP, without installing a broker.

* :class:`Broker`: an embedded broker, ``with Broker() as broker: broker.url``;
* :class:`FaultProxy`: stands before any broker and cuts, resets, stalls, splits, delays;
* :class:`Recorder`: what was said, as frames;
* :class:`ScriptedServer`: literal bytes, for what no broker would say.

For tests, demos and development. Production brokers are RabbitMQ, ActiveMQ and Artemis.
"""

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
