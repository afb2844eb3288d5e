"""Other protocols: what a port speaks that is not STOMP, recognised by its answer to CONNECT or by its number."""

from __future__ import annotations

import re

__all__ = ["ANSWER_SIZE", "protocol_of_answer", "protocol_of_port", "usual_port"]

_STOMP_PORTS = (0, 61612, 61613, 61614)  # 0: a Unix socket
#: How many bytes of an answer are looked at.
ANSWER_SIZE = 64

_STOMP_PORT = "check the port: STOMP's is usually 61613 (61614 with TLS)"
_RABBITMQ = (
    "check the port: RabbitMQ's for STOMP is usually 61613, and its plugin rabbitmq_stomp must be enabled"
)
_ACTIVEMQ = "check the port: ActiveMQ's for STOMP is usually 61613"
_HTTP = (
    "check the port: a web page, a proxy or STOMP over WebSocket answers; STOMP's own is usually 61613, and the URL of "
    "a WebSocket begins with ws://, as in ws://localhost:15674/ws"
)
_HTTPS = _HTTP.replace("ws://", "wss://").replace(":15674", ":15673")
_PLAIN_STOMP = "check the scheme: use stomp:// for this port, or the port of its WebSocket (RabbitMQ: 15674)"
_STOMP_TLS = (
    "check the scheme: use stomp+ssl:// for this port, or the port of its WebSocket (RabbitMQ: 15673)"
)
_TLS_WEBSOCKET = "check the scheme: use wss:// for this port"
_TLS = "check the scheme: use stomp+ssl:// for this port"

#: How an answer begins, the protocol, and what to do.
_ANSWERS: tuple[tuple[bytes, str, str], ...] = (
    (rb"AMQP", "AMQP", _RABBITMQ),
    (rb".{0,8}ActiveMQ", "OpenWire", _ACTIVEMQ),
    (rb"HTTP/", "HTTP", _HTTP),
    (rb"[\x14-\x17]\x03[\x00-\x04]", "TLS", _TLS),
    (rb"SSH-", "SSH", _STOMP_PORT),
    (rb"-(ERR|NOAUTH|DENIED|WRONGPASS)", "Redis", _STOMP_PORT),
    (rb"220[ -]", "SMTP or FTP", _STOMP_PORT),
    (rb"\+OK", "POP3", _STOMP_PORT),
    (rb"\* (OK|PREAUTH)", "IMAP", _STOMP_PORT),
    (rb".{3}\x00[\n\xff]", "MySQL", _STOMP_PORT),
    (rb"E\x00\x00.{2}S", "PostgreSQL", _STOMP_PORT),
    (rb"\x20\x02", "MQTT", _STOMP_PORT),
    (rb"INFO \{", "NATS", _STOMP_PORT),
    (rb"ERROR\r\nERROR", "memcached", _STOMP_PORT),
    (rb"UNKNOWN_COMMAND", "beanstalkd", _STOMP_PORT),
    (rb"\xff[\xfb-\xfe]", "Telnet", _STOMP_PORT),
)
#: The same for answers to a WebSocket request.
_STOMP_ANSWER = rb"\s*(ERROR\r?\n(?!ERROR)|CONNECTED\r?\n)"
_WEBSOCKET_PORT = "check the port: RabbitMQ's for WebSocket is 15674"
#: For an answer to a WebSocket request, what to do in place of what is right for plain STOMP.
_WEBSOCKET_REMEDIES = {
    _STOMP_PORT: _WEBSOCKET_PORT,
    _RABBITMQ: "check the port: RabbitMQ's for WebSocket is 15674, and its plugin rabbitmq_web_stomp must be enabled",
    _ACTIVEMQ: "check the port: ActiveMQ's for WebSocket is usually 61614",
    _TLS: _TLS_WEBSOCKET,
}
_HTTP_PORTS = (80, 443, 15674)
#: Ports whose servers close the connection, or say nothing, when they get CONNECT.
_PORTS = {
    22: "SSH",
    25: "SMTP",
    80: "HTTP",
    443: "HTTPS",
    1414: "IBM MQ's",
    1883: "MQTT",
    2181: "ZooKeeper's",
    3306: "MySQL's",
    4222: "NATS",
    4369: "Erlang's epmd",
    5432: "PostgreSQL's",
    5671: "AMQP over TLS",
    5672: "AMQP",
    6379: "Redis'",
    6650: "Pulsar's",
    8161: "ActiveMQ's web console",
    8883: "MQTT over TLS",
    9092: "Kafka's",
    11211: "memcached's",
    15671: "RabbitMQ's management",
    15672: "RabbitMQ's management",
    15674: "STOMP over WebSocket, whose URL begins with ws://",
    25672: "RabbitMQ's cluster port",
    27017: "MongoDB's",
    61616: "OpenWire (ActiveMQ)",
    61617: "OpenWire over TLS (ActiveMQ)",
}


def protocol_of_answer(
    answer: bytes, *, websocket: bool = False, secure: bool = False
) -> tuple[str, str] | None:
    """Return which protocol an answer belongs to, and what to do; ``None`` if it is not known, or the right one.

    Args:
        answer: the first bytes that the server sent.
        websocket: whether it answers a WebSocket request, and not CONNECT.
        secure: whether it came through TLS, so that another scheme must mean TLS, too.
    """
    if websocket:
        if re.match(_STOMP_ANSWER, answer):
            return ("STOMP over TLS", _STOMP_TLS) if secure else ("plain STOMP", _PLAIN_STOMP)
        if answer.startswith(b"HTTP/"):
            return None
    for pattern, protocol, remedy in _ANSWERS:
        if re.match(pattern, answer, re.DOTALL):
            if remedy is _HTTP and secure:
                remedy = _HTTPS
            return protocol, (_WEBSOCKET_REMEDIES.get(remedy, remedy) if websocket else remedy)
    return None


def protocol_of_port(port: int, *, websocket: bool = False) -> str:
    """Return a part of a sentence that says what a port is usually for; ``""`` if it may well be the right one.

    Args:
        port: the port.
        websocket: whether it should be one of a WebSocket.
    """
    usual = _PORTS.get(port)
    if websocket:
        if port in (61612, 61613):  # 61614 is used for WebSocket in ActiveMQ's configuration
            return f" (port {port} is usually plain STOMP: use stomp:// for it)"
        if usual is None or port in _HTTP_PORTS:
            return ""
        return f" (port {port} is usually {usual}; RabbitMQ's for WebSocket is 15674)"
    return "" if usual is None else f" (port {port} is usually {usual}; STOMP's is 61613, with TLS 61614)"


def usual_port(port: int) -> str:
    """Return the same for a port that is not understood: it also names STOMP's ports if this is another one."""
    if port in _STOMP_PORTS:
        return ""
    return protocol_of_port(port) or " (usually 61613, with TLS 61614)"
