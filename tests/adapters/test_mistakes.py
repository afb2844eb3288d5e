"""Beginners' mistakes: each is answered by one sentence that says what was wrong, where, and what to do.

The mistakes are written as a newcomer writes them: as text, which is evaluated with the names of the adapter, and
awaited where it must be. After each of them the connection is as usable as before.
"""

from __future__ import annotations

import datetime as dt
import decimal
import io
import json
import math
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

import stomp_core
from stomp_core import HeaderTypeError, LocalProtocolError
from stomp_core.session import Config, ConnectFailed, Reconnect
from stomp_testing import CLOSE, Broker, Expect, ScriptedServer

from .worlds import HANGS, World

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclass
class Order:
    """What somebody wants to send."""

    number: int = 1


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as broker:
        yield broker


def names(world: World) -> dict[str, Any]:
    """What the text of a mistake may name: everything of the adapter, and some modules."""
    public = {name: getattr(world.module, name) for name in world.module.__all__}
    return public | {
        "Order": Order,
        "module": world.module,
        "dt": dt,
        "decimal": decimal,
        "io": io,
        "math": math,
        "pathlib": pathlib,
        "ssl": ssl,
        "stomp_core": stomp_core,
        "uuid": uuid,
    }


def refused(world: World, text: str, kind: type[Exception], known: dict[str, Any]) -> str:
    """Make a mistake, and return the sentence that it is answered with."""
    with pytest.raises(kind) as caught:
        world.call(lambda: eval(text, names(world) | known))
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert len(sentence) < 400
    for private in (
        "__init__",
        "Session.",
        "NoneType' object",
        "unpack",
        "not supported between",
        "iterable",
    ):
        assert private not in sentence
    return sentence


def check(sentence: str, *words: str) -> None:
    for word in words:
        assert word in sentence, f"{word!r} is not in {sentence!r}"


# ------------------------------------------------------------------ connect(): which broker

#: The mistake, and what its sentence must contain.
URLS: list[tuple[str, type[Exception], tuple[str, ...]]] = [
    ("connect()", TypeError, ("connect()", "endpoints", "stomp://localhost:61613")),
    ("connect(None)", TypeError, ("URL", "None", "environment variable", "stomp://localhost:61613")),
    ("connect('')", ValueError, ("empty", "stomp://localhost:61613")),
    ("connect([])", ValueError, ("at least one URL", "stomp://localhost:61613")),
    ("connect(61613)", TypeError, ("URL must be a str", "61613")),
    ("connect(b'stomp://localhost')", TypeError, ("URL must be a str", "bytes", ".decode()")),
    ("connect('localhost')", ValueError, ("no scheme", "write 'stomp://localhost:61613'")),
    ("connect('localhost:61613')", ValueError, ("no scheme", "write 'stomp://localhost:61613'")),
    ("connect('localhost', 61613)", ValueError, ("no scheme", "write 'stomp://localhost:61613'")),
    ("connect('broker.example.com:61613/')", ValueError, ("write 'stomp://broker.example.com:61613'",)),
    ("connect('[::1]:61613')", ValueError, ("write 'stomp://[::1]:61613'",)),
    ("connect(('localhost', 61613))", TypeError, ("pair of host and port", "'stomp://localhost:61613'")),
    ("connect([('localhost', 61613)])", TypeError, ("pair of host and port", "'stomp://localhost:61613'")),
    ("connect([('a', 1), ('b', 2)])", TypeError, ("pair of host and port", "'stomp://a:1'")),
    ("connect({'host': 'localhost', 'port': 61613})", TypeError, ("dict", "stomp://localhost:61613")),
    ("connect(['localhost:61613'])", ValueError, ("write 'stomp://localhost:61613'",)),
    ("connect([None])", TypeError, ("URL", "None")),
    ("connect(host='localhost', port=61613)", TypeError, ("'port'", "stomp://localhost:61613")),
    ("connect('tcp://localhost:61613')", ValueError, ("'tcp'", "write 'stomp://localhost:61613'")),
    ("connect('ssl://localhost:61614')", ValueError, ("'ssl'", "write 'stomp+ssl://localhost:61614'")),
    ("connect('tls://localhost')", ValueError, ("'tls'", "write 'stomp+ssl://localhost:61614'")),
    ("connect('stomps://localhost')", ValueError, ("'stomps'", "write 'stomp+ssl://localhost:61614'")),
    ("connect('stomp+tls://h:1')", ValueError, ("'stomp+tls'", "write 'stomp+ssl://h:1'")),
    ("connect('tcp://u:hush@h:1')", ValueError, ("'tcp'", "write stomp:// in its place")),
    ("connect('http://localhost:15672')", ValueError, ("'http'", "another protocol", "stomp://")),
    ("connect('amqp://guest:hush@localhost')", ValueError, ("'amqp'", "another protocol", "stomp://")),
    (
        "connect('failover:(tcp://a:1,tcp://b:2)?randomize=true')",
        ValueError,
        ("['stomp://a:1', 'stomp://b:2']",),
    ),
    (
        "connect('failover:(ssl://a,ssl://b)')",
        ValueError,
        ("['stomp+ssl://a:61614', 'stomp+ssl://b:61614']",),
    ),
    ("connect('failover:(tcp://u:hush@a:1,tcp://b:2)')", ValueError, ("a list of URLs", "reconnect=")),
    ("connect('unix:///run/stomp')", ValueError, ("'unix'", "stomp+unix:///")),
    ("connect('/run/stomp')", ValueError, ("no scheme", "stomp+unix:///")),
    ("connect('stomp:localhost:61613')", ValueError, ("'://'", "write 'stomp://localhost:61613'")),
    ("connect('stomp+ws://localhost:15674')", ValueError, ("write 'ws://localhost:15674'",)),
    ("connect('ws://u:hush@localhost/w s')", ValueError, ("percent-encode", "%20")),
    ("connect('stomp://')", ValueError, ("needs a host", "stomp://localhost:61613")),
    ("connect('stomp://h:0')", ValueError, ("port 0", "61613")),
    ("connect('stomp://h:99999')", ValueError, ("between 1 and 65535", "99999")),
    ("connect('stomp://h:port')", ValueError, ("port", "must be a number", "stomp://localhost:61613")),
    ("connect('stomp://::1:61613')", ValueError, ("brackets", "[::1]")),
    ("connect('stomp:// localhost')", ValueError, ("host", "space")),
    ("connect('stomp://u:hu/sh@h:1')", ValueError, ("passcode", "percent-encoded")),
    ("connect('stomp://u:12/hush@h:1')", ValueError, ("percent-encode", "%2F")),
    ("connect('stomp://u:12#hush@h:1')", ValueError, ("percent-encode", "%23")),
    ("connect('stomp://h?heartbeat=10')", ValueError, ("?query", "arguments of connect()")),
    ("Connection('stomp://localhost')", TypeError, ("connect('stomp://localhost:61613')",)),
    ("Connection([('localhost', 61613)])", TypeError, ("connect('stomp://localhost:61613')",)),
    ("Connection()", TypeError, ("connect('stomp://localhost:61613')",)),
    ("Connection(host='localhost')", TypeError, ("connect('stomp://localhost:61613')",)),
]


@pytest.mark.parametrize(
    ("text", "kind", "words"), URLS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_broker_that_is_not_named_by_a_url(
    world: World, text: str, kind: type[Exception], words: tuple[str, ...]
) -> None:
    sentence = refused(world, text, kind, {})
    check(sentence, *words)
    assert "hush" not in sentence


# ------------------------------------------------------------------ connect(): options

OPTIONS: list[tuple[str, type[Exception], tuple[str, ...]]] = [
    ("heart_beat=(10000, 10000)", ValueError, ("seconds", "(10, 10), not milliseconds (10000, 10000)")),
    ("heart_beat=(0, 30000)", ValueError, ("seconds", "(0, 30), not milliseconds (0, 30000)")),
    ("heart_beat=[5000, 0]", ValueError, ("seconds", "(5, 0), not milliseconds (5000, 0)")),
    ("heart_beat=10", TypeError, ("heart_beat", "two numbers of seconds", "got 10", "(10, 10)")),
    ("heart_beat='10,10'", TypeError, ("heart_beat", "two numbers of seconds", "'10,10'", "(10, 10)")),
    ("heart_beat='10'", TypeError, ("heart_beat", "two numbers of seconds", "'10'")),
    ("heart_beat=('10', '10')", TypeError, ("heart_beat", "two numbers of seconds")),
    ("heart_beat=(True, True)", TypeError, ("heart_beat", "two numbers of seconds", "True")),
    ("heart_beat=(-1, 10)", ValueError, ("heart_beat", "seconds", "-1")),
    ("heart_beat=(math.nan, 10)", ValueError, ("heart_beat", "seconds", "nan")),
    ("heart_beat=(math.inf, 10)", ValueError, ("heart_beat", "seconds", "inf")),
    ("heart_beat=None", TypeError, ("heart_beat", "None", "(0, 0) switches heart-beats off")),
    ("heart_beat=False", TypeError, ("heart_beat", "False", "(0, 0) switches heart-beats off")),
    ("heart_beat=0", TypeError, ("heart_beat", "(0, 0) switches heart-beats off")),
    ("username='me'", TypeError, ("connect()", "'username'", "login=")),
    ("user='me'", TypeError, ("connect()", "'user'", "login=")),
    ("password='hush'", TypeError, ("connect()", "'password'", "passcode=")),
    ("passwd='hush'", TypeError, ("connect()", "'passwd'", "passcode=")),
    ("vhost='/'", TypeError, ("connect()", "'vhost'", "host=")),
    ("virtual_host='/'", TypeError, ("connect()", "'virtual_host'", "host=")),
    (
        "timeout=5",
        TypeError,
        ("connect()", "'timeout'", "connect_timeout", "handshake_timeout", "receipt_timeout"),
    ),
    ("heartbeats=(10000, 10000)", TypeError, ("connect()", "'heartbeats'", "heart_beat=(10, 10)", "seconds")),
    ("heartbeat=60", TypeError, ("connect()", "'heartbeat'", "heart_beat=(10, 10)", "seconds")),
    ("port=61613", TypeError, ("connect()", "'port'", "URL")),
    (
        "host_and_ports=[('h', 1)]",
        TypeError,
        ("connect()", "'host_and_ports'", "connect('stomp://localhost:61613')"),
    ),
    ("hosts=['h']", TypeError, ("connect()", "'hosts'", "connect('stomp://localhost:61613')")),
    ("ssl=True", TypeError, ("connect()", "'ssl'", "stomp+ssl://")),
    ("use_ssl=True", TypeError, ("connect()", "'use_ssl'", "stomp+ssl://")),
    ("tls=True", TypeError, ("connect()", "'tls'", "stomp+ssl://")),
    ("ca_certs='ca.pem'", TypeError, ("connect()", "'ca_certs'", "ca_file=")),
    ("reconnect_attempts_max=3", TypeError, ("connect()", "'reconnect_attempts_max'", "Reconnect(")),
    ("auto_reconnect=True", TypeError, ("connect()", "'auto_reconnect'", "Reconnect(")),
    ("on_message=print", TypeError, ("connect()", "'on_message'", "run(handler)")),
    ("clientid='me'", TypeError, ("connect()", "'clientid'", "client_id=")),
    ("prefetch=10", TypeError, ("connect()", "'prefetch'", "subscribe(")),
    ("heart_beet=(1, 1)", TypeError, ("connect()", "'heart_beet'", "did you mean 'heart_beat'")),
    ("colour='red'", TypeError, ("connect()", "'colour'", "help(connect)")),
    ("reconnect=False", TypeError, ("reconnect", "Reconnect", "False", "Reconnect.never()")),
    ("reconnect=True", TypeError, ("reconnect", "Reconnect", "True", "default")),
    ("reconnect=Reconnect(5000, 60000)", ValueError, ("first_delay", "seconds: 5, not milliseconds (5000)")),
    ("reconnect=5", TypeError, ("reconnect", "Reconnect(rounds=5)")),
    ("reconnect=Reconnect", TypeError, ("reconnect", "the class Reconnect", "Reconnect()")),
    ("connect_timeout='5'", TypeError, ("connect_timeout", "seconds", "'5'", "write 5")),
    ("connect_timeout=None", TypeError, ("connect_timeout", "seconds", "None", "math.inf")),
    ("connect_timeout=math.nan", ValueError, ("connect_timeout", "at least 0 seconds", "nan")),
    ("connect_timeout=-1", ValueError, ("connect_timeout", "at least 0 seconds", "-1")),
    ("connect_timeout=10000", ValueError, ("connect_timeout", "seconds: 10, not milliseconds (10000)")),
    ("handshake_timeout=5000", ValueError, ("handshake_timeout", "seconds: 5, not milliseconds (5000)")),
    ("connect_timeout=dt.timedelta(seconds=5)", TypeError, ("connect_timeout", ".total_seconds()")),
    ("receipt_timeout=None", TypeError, ("receipt_timeout", "seconds", "None", "math.inf")),
    ("receipt_timeout='30'", TypeError, ("receipt_timeout", "seconds", "'30'", "write 30")),
    ("close_timeout=True", TypeError, ("close_timeout", "seconds", "True")),
    ("versions='1.2'", TypeError, ("versions", "several", "('1.2',)")),
    ("versions=1.2", TypeError, ("versions", "several", "('1.2',)")),
    ("versions=None", TypeError, ("versions", "None", "leave it out")),
    ("versions=(1.2,)", ValueError, ("versions", "str", "'1.2'")),
    ("versions=('1.3',)", ValueError, ("versions", "'1.0', '1.1' and '1.2'", "'1.3'")),
    ("versions=()", ValueError, ("versions", "at least one")),
    ("login=5", TypeError, ("login", "str", "got 5", "'5'")),
    ("login='me', passcode=b'hush'", TypeError, ("passcode", "str", "bytes", "decode")),
    ("login='me', passcode=12345", TypeError, ("passcode", "str", "int", "quotes")),
    ("passcode='hush'", ValueError, ("passcode", "without login")),
    ("listener=Listener", TypeError, ("listener", "the class Listener", "Listener()")),
    ("listener=print", TypeError, ("listener", "the function print", "run(handler)")),
    ("listener=object()", TypeError, ("listener", "inherits from Listener")),
    ("limits=1000", TypeError, ("limits", "Limits", "1000", "Limits(max_body=")),
    ("leniency=True", TypeError, ("leniency", "True", "Leniency.permissive()")),
    ("buffer_size='1M'", TypeError, ("buffer_size", "bytes", "'1M'")),
    ("buffer_size=0", ValueError, ("buffer_size", "bytes", "at least 1", "0")),
    ("ssl_context=True", TypeError, ("ssl_context", "SSLContext", "True", "stomp+ssl://")),
    ("ssl_context='ca.pem'", TypeError, ("ssl_context", "SSLContext", "ca_file=")),
    ("ssl_context=ssl.create_default_context()", ValueError, ("ssl_context", "plaintext", "stomp+ssl://")),
    (
        "ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)",
        ValueError,
        ("ssl_context", "create_default_context()"),
    ),
    ("client_id=7", TypeError, ("client_id", "str", "7", "'7'")),
    ("host=5", TypeError, ("host", "str", "5")),
    ("headers='client-id:me'", HeaderTypeError, ("headers", "str", '{"name": "value"}')),
    ("headers=['client-id:me']", HeaderTypeError, ("'client-id:me'", "pair", '("name", "value")')),
    ("headers={'a': 5}", HeaderTypeError, ("'a'", "int", "write '5'")),
    ("headers=None", HeaderTypeError, ("headers", "None", "leave it out")),
    ("headers={'heart-beat': '1000,1000'}", LocalProtocolError, ("heart-beat", "given twice")),
    ("escape_connect='yes'", TypeError, ("escape_connect", "True or False", "'yes'")),
    ("broker_profile='rabbitmq'", TypeError, ("broker_profile", "'rabbitmq'", "RABBITMQ")),
    ("connect_frame='CONNECT'", TypeError, ("connect_frame", "Connect(")),
    ("heart_beat_tolerance='3'", TypeError, ("heart_beat_tolerance", "number of intervals", "write 3")),
    ("login='a\\nb'", LocalProtocolError, ("login", "line feed")),
]


@pytest.mark.parametrize(
    ("option", "kind", "words"), OPTIONS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_option_of_connect(
    world: World, option: str, kind: type[Exception], words: tuple[str, ...]
) -> None:
    sentence = refused(world, f"connect('stomp://localhost:1', {option})", kind, {})
    check(sentence, *words)
    assert "hush" not in sentence


def test_positional_arguments_beyond_the_passcode(world: World) -> None:
    sentence = refused(world, "connect('stomp://localhost:1', 'guest', 'guest', True)", TypeError, {})
    check(
        sentence,
        "connect()",
        "3 positional arguments (endpoints, login, passcode)",
        "got 4",
        "ssl_context=...",
    )


@pytest.mark.parametrize(
    "options",
    [
        {"heart_beat": [3600, 0]},
        {"heart_beat": (0, 0.001)},
        {"connect_timeout": decimal.Decimal(3)},
        {"connect_timeout": 3600},
        {"connect_timeout": math.inf},
        {"receipt_timeout": 86_400},
        {"versions": ["1.2", "1.1"]},
        {"reconnect": Reconnect.never()},
        {"buffer_size": 1},
        {"login": "", "passcode": "hush"},
        {"headers": [("a", "1"), ("a", "2")]},
    ],
    ids=str,
)
def test_what_is_right_is_not_refused(options: dict[str, Any]) -> None:
    for url in ("stomp://localhost", "stomp+ssl://u:p%40ss@[::1]:5/vhost", ["stomp://a", "stomp+unix:///s"]):
        Config(url, **options)


# ------------------------------------------------------------------ operations

CALLS: list[tuple[str, type[Exception], tuple[str, ...]]] = [
    # send
    (
        "conn.send('/queue/a', 'x', persistent=True)",
        TypeError,
        ("send()", "'persistent'", '{"persistent": "true"}'),
    ),
    ("conn.send('/queue/a', message='x')", TypeError, ("send()", "'message'", "body=")),
    ("conn.send(queue='a', body='x')", TypeError, ("send()", "'queue'", "destination=")),
    ("conn.send('/queue/a', 'x', expires=5)", TypeError, ("send()", "'expires'", "headers=")),
    ("conn.send('/queue/a', 'x', priority=5)", TypeError, ("send()", "'priority'", '{"priority": "4"}')),
    ("conn.send('/queue/a', 'x', correlation_id='1')", TypeError, ("send()", '"correlation-id"')),
    ("conn.send('/queue/a', 'x', reply_to='/q')", TypeError, ("send()", '"reply-to"', "request()")),
    ("conn.send('/queue/a', 'x', contenttype='a/b')", TypeError, ("send()", "content_type=")),
    ("conn.send('/queue/a', 'x', confirm=True)", TypeError, ("send()", "receipt=True")),
    ("conn.send('/queue/a', 'x', header={})", TypeError, ("send()", "'header'", "headers=")),
    (
        "conn.send('/queue/a', 'x', 'text/plain')",
        TypeError,
        ("send()", "(destination, body)", "content_type="),
    ),
    ("conn.send()", TypeError, ("send()", "destination", "send('/queue/orders', 'hello')")),
    ("conn.send(body='x')", TypeError, ("send()", "destination")),
    ("conn.send(None, 'x')", HeaderTypeError, ("destination", "None", "/queue/orders")),
    ("conn.send(b'/queue/a', 'x')", HeaderTypeError, ("destination", "str", "b'/queue/a'", "decode")),
    ("conn.send(['/queue/a'], 'x')", HeaderTypeError, ("destination", "str", "list")),
    ("conn.send('/queue/a', None)", HeaderTypeError, ("body", "str or bytes", "None", 'b""')),
    (
        "conn.send('/queue/a', {'a': 1})",
        HeaderTypeError,
        ("body", "str or bytes, not dict", "json.dumps(...)"),
    ),
    ("conn.send('/queue/a', [1, 2])", HeaderTypeError, ("body", "str or bytes, not list", "json.dumps(...)")),
    ("conn.send('/queue/a', 5)", HeaderTypeError, ("body", "str or bytes, not int", "str(5)")),
    ("conn.send('/queue/a', 1.5)", HeaderTypeError, ("body", "str or bytes, not float", "str(1.5)")),
    ("conn.send('/queue/a', True)", HeaderTypeError, ("body", "str or bytes, not bool", "str(True)")),
    ("conn.send('/queue/a', io.BytesIO(b'x'))", HeaderTypeError, ("body", "BytesIO", ".read()")),
    ("conn.send('/queue/a', Order())", HeaderTypeError, ("body", "Order", "asdict")),
    ("conn.send('/queue/a', Order)", HeaderTypeError, ("body", "str or bytes, not type", "instance")),
    ("conn.send('/queue/a', decimal.Decimal(1))", HeaderTypeError, ("body", "Decimal", "str(...)")),
    ("conn.send('/queue/a', uuid.UUID(int=1))", HeaderTypeError, ("body", "UUID", "str(...)")),
    ("conn.send('/queue/a', dt.date(2024, 1, 1))", HeaderTypeError, ("body", "date", ".isoformat()")),
    ("conn.send('/queue/a', message)", HeaderTypeError, ("body", "Message", ".body")),
    ("conn.send('/queue/a', '\\ud800')", LocalProtocolError, ("body", "UTF-8", "surrogate", "bytes")),
    ("conn.send('/queue/\\ud800', 'x')", LocalProtocolError, ("SEND", "UTF-8")),
    ("conn.send('/queue/a', 'x', headers='a:b')", HeaderTypeError, ("headers", '{"name": "value"}')),
    ("conn.send('/queue/a', 'x', headers=['a:b'])", HeaderTypeError, ("'a:b'", "pair")),
    ("conn.send('/queue/a', 'x', headers={'a': 1})", HeaderTypeError, ("'a'", "int", "write '1'")),
    ("conn.send('/queue/a', 'x', headers={'a': True})", HeaderTypeError, ("'a'", "bool", "write 'true'")),
    (
        "conn.send('/queue/a', 'x', headers={'a': None})",
        HeaderTypeError,
        ("'a'", "None", "leave the header out"),
    ),
    ("conn.send('/queue/a', 'x', headers={b'a': 'b'})", HeaderTypeError, ("b'a'", "str", "decode")),
    ("conn.send('/queue/a', 'x', headers={'a': {'b': 1}})", HeaderTypeError, ("'a'", "dict", "json.dumps")),
    ("conn.send('/queue/a', 'x', headers=[('a', 'b', 'c')])", HeaderTypeError, ("pair", '("name", "value")')),
    ("conn.send('/queue/a', 'x', headers={'receipt': '1'})", LocalProtocolError, ("'receipt'", "argument")),
    ("conn.send('/queue/a', 'x', receipt=5)", HeaderTypeError, ("receipt", "True, False", "got 5")),
    ("conn.send('/queue/a', 'x', timeout='5')", TypeError, ("timeout", "seconds", "write 5")),
    (
        "conn.send('/queue/a', 'x', receipt=True, timeout=-1)",
        ValueError,
        ("timeout", "at least 0 seconds", "-1"),
    ),
    ("conn.send('/queue/a', 'x', transaction=5)", TypeError, ("transaction", "begin()", "got 5")),
    ("conn.send('/queue/a', 'x', transaction='no')", LocalProtocolError, ("no transaction 'no' is open",)),
    ("conn.send('/queue/a', 'x', content_type=5)", HeaderTypeError, ("content-type", "int", "'5'")),
    ("conn.send('/queue/a', 'x', now=5.0)", TypeError, ("send()", "'now'")),
    # subscribe
    ("conn.subscribe()", TypeError, ("subscribe()", "destination")),
    ("conn.subscribe(queue='a')", TypeError, ("subscribe()", "'queue'", "destination=")),
    ("conn.subscribe('/queue/a', 1, 'auto')", TypeError, ("subscribe()", "1 positional", "id=...", "ack")),
    ("conn.subscribe('/queue/a', callback=print)", TypeError, ("subscribe()", "'callback'", "run(handler)")),
    ("conn.subscribe('/queue/a', on_message=print)", TypeError, ("subscribe()", "run(handler)")),
    ("conn.subscribe('/queue/a', ack_mode='auto')", TypeError, ("subscribe()", "'ack_mode'", 'ack="auto"')),
    ("conn.subscribe('/queue/a', auto_ack=True)", TypeError, ("subscribe()", "'auto_ack'", 'ack="auto"')),
    ("conn.subscribe('/queue/a', selector='a=1')", TypeError, ("subscribe()", '{"selector": "..."}')),
    ("conn.subscribe('/queue/a', prefetch_count=1)", TypeError, ("subscribe()", "prefetch=")),
    ("conn.subscribe('/queue/a', ack='auto-ack')", LocalProtocolError, ("'auto-ack'", "write 'auto'")),
    (
        "conn.subscribe('/queue/a', ack='manual')",
        LocalProtocolError,
        ("'manual'", "write 'client-individual'"),
    ),
    (
        "conn.subscribe('/queue/a', ack='client_individual')",
        LocalProtocolError,
        ("write 'client-individual'",),
    ),
    ("conn.subscribe('/queue/a', ack=True)", HeaderTypeError, ("ack mode True", "'client-individual'")),
    ("conn.subscribe('/queue/a', ack=None)", HeaderTypeError, ("ack mode None", "'auto'")),
    ("conn.subscribe('/queue/a', id=5)", HeaderTypeError, ("id", "str", "write '5'")),
    ("conn.subscribe('/queue/a', durable=True)", HeaderTypeError, ("durable", "str", "True")),
    (
        "conn.subscribe('/queue/a', ack='client', prefetch='10')",
        HeaderTypeError,
        ("prefetch", "number", "'10'"),
    ),
    (
        "conn.subscribe('/queue/a', ack='client', prefetch=0)",
        LocalProtocolError,
        ("prefetch", "at least 1", "0"),
    ),
    ("conn.subscribe(None)", HeaderTypeError, ("destination", "None")),
    ("conn.subscribe(['/queue/a'])", HeaderTypeError, ("destination", "str", "list")),
    ("conn.subscribe('/queue/a', headers={'selector': 1})", HeaderTypeError, ("'selector'", "int")),
    ("conn.subscribe('/queue/a', timeout='1')", TypeError, ("timeout", "seconds", "write 1")),
    # ack and nack
    ("conn.ack('T_1')", TypeError, ("ack()", "message", "'T_1'", "message.ack()")),
    ("conn.ack(message.message_id)", TypeError, ("ack()", "message.ack()")),
    ("conn.ack(message.headers)", TypeError, ("ack()", "message.ack()")),
    ("conn.ack(subscription)", TypeError, ("ack()", "message.ack()")),
    ("conn.ack(None)", TypeError, ("ack()", "None", "message.ack()")),
    ("conn.ack()", TypeError, ("ack()", "ack(message)")),
    ("conn.ack(message_id='1')", TypeError, ("ack()", "'message_id'", "pass the message")),
    ("conn.nack('T_1')", TypeError, ("nack()", "'T_1'", "message.nack()")),
    ("message.ack('1')", TypeError, ("ack()", "0 positional arguments", "got 1")),
    ("message.ack(receipt=5)", HeaderTypeError, ("receipt", "got 5")),
    ("message.ack(headers={'a': 1})", HeaderTypeError, ("'a'", "int")),
    ("message.nack(requeue=True)", TypeError, ("nack()", "'requeue'", "headers=")),
    ("message.ack(multiple=True)", TypeError, ("ack()", "'multiple'", 'ack="client"')),
    # transactions and pipelines
    ("conn.begin(5)", HeaderTypeError, ("id", "str", "write '5'")),
    ("conn.begin(name='a')", TypeError, ("begin()", "'name'", "id=")),
    ("conn.transaction(name='a')", TypeError, ("transaction()", "'name'", "id=")),
    ("conn.commit('no')", LocalProtocolError, ("no transaction 'no' is open",)),
    ("conn.commit(None)", TypeError, ("transaction", "begin()", "None")),
    ("conn.abort(5)", TypeError, ("transaction", "begin()", "got 5")),
    ("conn.abort()", TypeError, ("abort()", "abort(transaction)")),
    ("transaction.send('/queue/a', {})", HeaderTypeError, ("body", "dict", "json.dumps")),
    ("transaction.send('/queue/a', 'x', receipt=True)", TypeError, ("send()", "'receipt'", "COMMIT")),
    ("transaction.ack('1')", TypeError, ("ack()", "message.ack()")),
    ("conn.pipeline(0)", ValueError, ("window", "at least 1", "0")),
    ("conn.pipeline('10')", TypeError, ("window", "number of messages", "'10'")),
    ("conn.pipeline(size=10)", TypeError, ("pipeline()", "'size'", "window=")),
    ("pipeline.send('/queue/a', {})", HeaderTypeError, ("body", "dict", "json.dumps")),
    ("pipeline.send('/queue/a', 'x', receipt=True)", TypeError, ("send()", "'receipt'", "pipeline")),
    ("pipeline.send(message='x')", TypeError, ("send()", "'message'", "body=")),
    # everything else
    ("conn.request('/queue/a', {})", HeaderTypeError, ("body", "dict", "json.dumps")),
    ("conn.request('/queue/a', 'x', timeout='1')", TypeError, ("timeout", "write 1")),
    ("conn.send_frame('SEND')", TypeError, ("send_frame()", "Frame", "'SEND'")),
    ("conn.send_frame(b'SEND')", TypeError, ("send_frame()", "Frame")),
    ("conn.close(timeout='x')", TypeError, ("timeout", "seconds", "'x'")),
    ("conn.close(timeout=-1)", ValueError, ("timeout", "at least 0 seconds", "-1")),
    ("conn.close(wait=True)", TypeError, ("close()", "'wait'", "timeout=")),
    ("conn.disconnect(receipt='x')", TypeError, ("disconnect()", "'receipt'", "timeout")),
    ("subscription.receive('1')", TypeError, ("timeout", "seconds", "write 1")),
    ("subscription.receive(-1)", ValueError, ("timeout", "at least 0 seconds", "-1")),
    ("subscription.receive(timeout=math.nan)", ValueError, ("timeout", "nan")),
    ("subscription.receive(block=False)", TypeError, ("receive()", "'block'", "timeout=0")),
    ("subscription.unsubscribe(id=1)", TypeError, ("unsubscribe()", "'id'")),
    ("subscription.run()", TypeError, ("run()", "handler")),
    ("subscription.run(callback=print)", TypeError, ("run()", "'callback'", "run(handler)")),
    ("subscription.run(print, workers=4)", TypeError, ("run()", "'workers'", "concurrency=")),
    # attributes
    ("conn.publish('/queue/a', 'x')", AttributeError, ("'Connection'", "'publish'", "send(")),
    ("conn.basic_publish('', 'a', 'x')", AttributeError, ("'Connection'", "'basic_publish'", "send(")),
    ("conn.connect('guest', 'guest', wait=True)", AttributeError, ("'connect'", "connected it already")),
    ("conn.set_listener('', object())", AttributeError, ("'set_listener'", "run(handler)")),
    ("conn.receive()", AttributeError, ("'receive'", "subscribe(")),
    ("conn.consume('/queue/a')", AttributeError, ("'consume'", "subscribe(")),
    ("conn.is_connected()", AttributeError, ("'is_connected'", "connected")),
    ("conn.channel()", AttributeError, ("'channel'", "connection itself")),
    ("conn.unsubscribe(id=1)", AttributeError, ("'unsubscribe'", "subscribe()")),
    ("conn.queue_declare('a')", AttributeError, ("'queue_declare'", "first used")),
    ("conn.stop()", AttributeError, ("'stop'", "close()")),
    ("message.payload", AttributeError, ("'Message'", "'payload'", "body")),
    ("message.data", AttributeError, ("'Message'", "'data'", "text")),
    ("message.json()", AttributeError, ("'Message'", "json.loads(message.body)")),
    ("message.id", AttributeError, ("'Message'", "message_id")),
    ("message.acknowledge()", AttributeError, ("'acknowledge'", "ack()")),
    ("message.reject()", AttributeError, ("'reject'", "nack()")),
    ("message.correlation_id", AttributeError, ("'correlation_id'", 'headers.get("correlation-id")')),
    ("subscription.get()", AttributeError, ("'Subscription'", "'get'", "receive(")),
    ("subscription.on_message(print)", AttributeError, ("'Subscription'", "run(handler)")),
    ("subscription.close()", AttributeError, ("'Subscription'", "unsubscribe()")),
    ("transaction.rollback()", AttributeError, ("'Transaction'", "abort()")),
    ("pipeline.flush()", AttributeError, ("'Pipeline'", "drain()")),
    # names of packages
    (
        "stomp_core.connect('stomp://localhost')",
        AttributeError,
        ("'stomp_core'", "'connect'", "stomp_socket.connect"),
    ),
    ("module.Client('localhost')", AttributeError, ("'Client'", "connect('stomp://localhost:61613')")),
    ("module.Connection12([('localhost', 61613)])", AttributeError, ("connect('stomp://localhost:61613')",)),
    ("module.ConnectionListener()", AttributeError, ("'ConnectionListener'", "run(handler)")),
    ("module.nothing", AttributeError, ("'nothing'",)),
    ("conn.no_such_thing", AttributeError, ("'Connection'", "'no_such_thing'")),
]


class Handles:
    """A connection, and one of everything that it hands out."""

    def __init__(self, world: World, broker: Broker) -> None:
        self.conn = world.connect(broker.url)
        queue = f"/queue/{uuid.uuid4()}"
        self.subscription = self.conn.subscribe(queue, ack="client-individual")
        self.conn.send(queue, "hello", receipt=True)
        self.message = self.subscription.receive()
        self.transaction = self.conn.begin()
        self.pipeline = self.conn.inner.pipeline()

    def by_name(self) -> dict[str, Any]:
        return {
            "conn": self.conn.inner,
            "subscription": self.subscription.inner,
            "message": self.message.inner,
            "transaction": self.transaction.inner,
            "pipeline": self.pipeline,
        }


@pytest.mark.parametrize(
    ("text", "kind", "words"), CALLS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_call_is_refused_and_has_changed_nothing(
    world: World, broker: Broker, text: str, kind: type[Exception], words: tuple[str, ...]
) -> None:
    handles = Handles(world, broker)
    check(refused(world, text, kind, handles.by_name()), *words)
    # Everything is as usable as before: had a frame left half-done, the broker would refuse what follows.
    queue = f"/queue/{uuid.uuid4()}"
    handles.message.ack(transaction=handles.transaction.inner)
    handles.transaction.send(queue, "second")
    handles.conn.send(queue, "first", receipt=True)
    handles.transaction.commit()
    assert broker.messages(queue) == [b"first", b"second"]
    assert handles.conn.close()


#: Headers of a message that a SEND has no room for. RabbitMQ passes the sender's receipt on.
ITS_OWN = ("destination", "content-length", "receipt")


@pytest.mark.parametrize(
    "text",
    [
        "conn.send('/queue/right', b'x')",
        "conn.send('/queue/right', bytearray(b'x'))",
        "conn.send('/queue/right', memoryview(b'x'))",
        "conn.send('/queue/right', 'x', receipt=True, timeout=math.inf)",
        "conn.send('/queue/right', 'x', headers=[('a', 'b')], timeout=60)",
        "conn.send('/queue/right', 'x', headers=[pair for pair in message.headers.items() if pair[0] not in ITS_OWN])",
        "message.ack(receipt=True, timeout=decimal.Decimal(60))",
        "hasattr(conn, 'no_such_thing')",
    ],
)
def test_what_is_right_is_done(world: World, broker: Broker, text: str) -> None:
    handles = Handles(world, broker)
    assert not world.call(lambda: eval(text, names(world) | handles.by_name() | {"ITS_OWN": ITS_OWN}))


@pytest.mark.parametrize("seconds", [math.inf, 10_000_000])
def test_no_limit_is_math_inf(world: World, broker: Broker, seconds: float) -> None:
    """poll() takes 24 days at most: such a timeout was an OverflowError of the blocking adapter."""
    others = {f"{what}_timeout": math.inf for what in ("connect", "handshake", "close")}
    conn = world.connect(broker.url, receipt_timeout=seconds, **others)
    queue = f"/queue/{uuid.uuid4()}"
    subscription = conn.subscribe(queue, timeout=seconds)
    conn.send(queue, "hello", receipt=True, timeout=seconds)
    assert subscription.receive(timeout=seconds).text == "hello"
    assert conn.close(timeout=seconds)


def test_any_kind_of_number_will_do(world: World, broker: Broker) -> None:
    number = decimal.Decimal("60.5")
    names = (
        "connect_timeout",
        "handshake_timeout",
        "receipt_timeout",
        "close_timeout",
        "heart_beat_tolerance",
    )
    options: dict[str, Any] = dict.fromkeys(names, number)
    policy = Reconnect(first_delay=number, max_delay=number, growth=number, jitter=decimal.Decimal(1))  # type: ignore[arg-type]
    conn = world.connect(broker.url, heart_beat=(number, number), reconnect=policy, **options)
    conn.send("/queue/numbers", "x", receipt=True, timeout=number)
    conn.subscribe("/queue/numbers", timeout=number).receive(timeout=number)  # type: ignore[arg-type]
    assert conn.close(timeout=number)


# ------------------------------------------------------------------ options in classes of their own

CLASSES: list[tuple[str, type[Exception], tuple[str, ...]]] = [
    ("Reconnect(max_attempts=5)", TypeError, ("Reconnect()", "'max_attempts'", "rounds=")),
    ("Reconnect(delay=5)", TypeError, ("Reconnect()", "'delay'", "first_delay=")),
    ("Reconnect(rounds='5')", TypeError, ("Reconnect.rounds", "whole number", "'5'")),
    ("Reconnect(rounds=-1)", ValueError, ("Reconnect.rounds", "at least 0", "-1")),
    ("Reconnect(first_delay='1')", TypeError, ("Reconnect.first_delay", "seconds", "write 1")),
    ("Reconnect(first_delay=5000)", ValueError, ("first_delay <= max_delay, in seconds", "5000")),
    ("Reconnect(max_delay=None)", TypeError, ("Reconnect.max_delay", "seconds", "None")),
    ("Reconnect(jitter='x')", TypeError, ("Reconnect.jitter", "number", "'x'")),
    ("WorkPolicy(max_retries=3)", TypeError, ("WorkPolicy()", "'max_retries'", "max_failures=")),
    ("WorkPolicy(dead_letter_queue='/queue/d')", TypeError, ("WorkPolicy()", "dead_letters=")),
    ("WorkPolicy(on_error='retry')", ValueError, ("on_error", "'nack'", "'retry'")),
    ("WorkPolicy(on_error=None)", TypeError, ("on_error", "'nack'", "None")),
    ("WorkPolicy(max_failures='3')", TypeError, ("max_failures", "whole number", "'3'")),
    ("WorkPolicy(first_delay='1')", TypeError, ("first_delay", "seconds", "write 1")),
    ("WorkPolicy(given_up='move')", ValueError, ("given_up", "dead_letters")),
    ("Limits(max_size=5)", TypeError, ("Limits()", "'max_size'", "max_body=")),
    ("Limits(max_body='5')", TypeError, ("Limits.max_body", "bytes", "'5'")),
    ("Leniency(strict=True)", TypeError, ("Leniency()", "'strict'", "Leniency()")),
    ("Leniency(crlf='yes')", TypeError, ("Leniency.crlf", "True or False", "'yes'")),
    ("stomp_core.Session()", TypeError, ("Session()", "config")),
    ("stomp_core.Session(None)", TypeError, ("URL", "None")),
    ("stomp_core.Session('stomp://h', connect_timeout=3)", TypeError, ("Session()", "Config(")),
    (
        "stomp_core.Session('stomp://h', ssl_context=1)",
        TypeError,
        ("Session()", "'ssl_context'", "connect()"),
    ),
    ("stomp_core.ClientConnection('1.2')", TypeError, ("versions", "('1.2',)")),
    ("stomp_core.Send('/queue/a', '\\ud800')", LocalProtocolError, ("body", "UTF-8", "surrogate")),
    ("stomp_core.Send('/queue/a', {})", HeaderTypeError, ("body", "dict", "json.dumps")),
    ("stomp_core.Send(None)", HeaderTypeError, ("destination", "None")),
    (
        "stomp_core.Connect(heart_beat=(10.0, 10.0))",
        LocalProtocolError,
        ("heart_beat", "milliseconds", "10000"),
    ),
    ("stomp_core.Frame('SEND', {}, 'text')", HeaderTypeError, ("body", "bytes", ".encode()")),
    ("stomp_core.Headers('a:b')", HeaderTypeError, ("headers", '{"name": "value"}')),
]


@pytest.mark.parametrize(
    ("text", "kind", "words"), CLASSES, ids=lambda value: value if isinstance(value, str) else ""
)
def test_an_option_in_a_class(world: World, text: str, kind: type[Exception], words: tuple[str, ...]) -> None:
    known = {"Limits": stomp_core.Limits, "Leniency": stomp_core.Leniency}
    check(refused(world, text, kind, known), *words)


def test_there_are_more_than_116_mistakes() -> None:
    assert len({text for text, _, _ in [*URLS, *OPTIONS, *CALLS, *CLASSES]}) > 250


# ------------------------------------------------------------------ the wrong port

ANSWERS: list[tuple[str, list[Any], tuple[str, ...]]] = [
    ("AMQP", [Expect(b"\0"), b"AMQP\x00\x00\x09\x01", CLOSE], ("AMQP", "61613", "rabbitmq_stomp")),
    ("AMQP 1.0", [Expect(b"\0"), b"AMQP\x03\x01\x00\x00", CLOSE], ("AMQP", "61613")),
    (
        "OpenWire",
        [b"\x00\x00\x01\x72\x01ActiveMQ\x00\x00\x00\x0c\x01", CLOSE],
        ("OpenWire", "ActiveMQ", "61613"),
    ),
    ("SSH", [b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"], ("SSH", "61613")),
    (
        "Redis",
        [Expect(b"\0"), b"-ERR unknown command 'CONNECT', with args beginning with: \r\n", CLOSE],
        ("Redis",),
    ),
    (
        "HTTP",
        [Expect(b"\0"), b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", CLOSE],
        ("HTTP", "61613"),
    ),
    ("SMTP", [b"220 mail.example.com ESMTP Postfix\r\n"], ("SMTP", "61613")),
    ("MySQL", [b"J\x00\x00\x00\n8.0.33\x00\x08\x00\x00\x00"], ("MySQL", "61613")),
    ("TLS", [Expect(b"\0"), b"\x15\x03\x03\x00\x02\x02\x46", CLOSE], ("TLS", "stomp+ssl://")),
    ("PostgreSQL", [Expect(b"\0"), b"E\x00\x00\x00\x8bSFATAL\x00VFATAL\x00", CLOSE], ("PostgreSQL", "61613")),
    ("MQTT", [Expect(b"\0"), b"\x20\x02\x00\x01", CLOSE], ("MQTT", "61613")),
    ("Kafka", [Expect(b"\0"), CLOSE], ("closed", "before CONNECTED", "STOMP port")),
    (
        "nonsense",
        [Expect(b"\0"), b"what?\r\n", CLOSE],
        ("not STOMP", "check that this is the broker's STOMP port"),
    ),
]


@pytest.mark.parametrize(
    ("script", "words"), [entry[1:] for entry in ANSWERS], ids=[entry[0] for entry in ANSWERS]
)
def test_the_port_of_something_else(world: World, script: list[Any], words: tuple[str, ...]) -> None:
    with ScriptedServer(script) as server:
        with pytest.raises(ConnectFailed) as caught:
            world.connect(f"stomp://guest:hush@127.0.0.1:{server.port}")
    check(str(caught.value), f"127.0.0.1:{server.port}", *words)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_silent_port(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"stomp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConnectFailed) as caught:
            world.connect(url, handshake_timeout=0.2)
    check(str(caught.value), url, "no CONNECTED came within 0.2 s", "STOMP port", "stomp+ssl://")


def test_tls_to_a_port_without_it(world: World, broker: Broker) -> None:
    with pytest.raises(ConnectFailed) as caught:
        world.connect(f"stomp+ssl://localhost:{broker.port}", connect_timeout=HANGS)
    check(str(caught.value), "TLS", "stomp://", "check")


def test_a_real_tls_port_without_tls(world: World) -> None:
    """The alert of a real TLS server, whose bytes nobody has typed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                try:
                    context.wrap_socket(client, server_side=True)
                except ssl.SSLError:
                    pass  # OpenSSL has sent its alert
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with pytest.raises(ConnectFailed) as caught:
            world.connect(f"stomp://127.0.0.1:{server.getsockname()[1]}")
        thread.join(HANGS)
    check(str(caught.value), "TLS", "stomp+ssl://")


# ------------------------------------------------------------------ what is not installed


@pytest.mark.parametrize(
    ("missing", "code", "sentence"),
    [
        ("trio", "import stomp_trio", "stomp_trio needs trio: pip install stomp-core[trio]"),
        ("trio", "from stomp_trio import connect", "stomp_trio needs trio: pip install stomp-core[trio]"),
        (
            "hypothesis",
            "import stomp_testing.strategies",
            "needs hypothesis: pip install stomp-core[testing]",
        ),
        ("pytest", "import stomp_testing.plugin", "needs pytest: pip install stomp-core[testing]"),
        (
            "trustme",
            "import stomp_testing; stomp_testing.ServerCertificate()",
            "pip install stomp-core[testing]",
        ),
        (
            "opentelemetry",
            "import stomp_observe as o; o.OpenTelemetryListener()",
            'pip install "stomp-core[otel]"',
        ),
    ],
)
def test_a_missing_package_is_named_with_its_extra(missing: str, code: str, sentence: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules[{missing!r}] = None; {code}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'transports'}"},
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(("ImportError: ", "ModuleNotFoundError: "))
    assert sentence in last


def test_the_hints_are_sentences_that_can_be_followed() -> None:
    """A body that a hint suggests is accepted."""
    assert stomp_core.Send("/queue/a", json.dumps({"a": 1})).body == b'{"a": 1}'
    assert stomp_core.Send("/queue/a", str(5)).body == b"5"
