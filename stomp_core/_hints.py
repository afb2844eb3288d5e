"""Hints: what to write here in place of a word of another messaging library, or of a guess.

People come from stomp.py, pika, kombu, Kafka, Redis and JMS, and bring their words. Python says of a wrong word that it
is wrong; the tables here say what the right one is. They are read only when a call or a look-up has failed already, so
that they cost nothing where everything is right.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Never, TypeVar

__all__ = ["explained", "refuse_call", "unknown_attribute", "unknown_keywords", "unknown_name"]

F = TypeVar("F", bound=Callable[..., Any])


def _words(table: dict[str, str]) -> dict[str, str]:
    """Split the keys, each of which is several words with the same hint."""
    return {word: hint for words, hint in table.items() for word in words.split()}


# ------------------------------------------------------------------ arguments

_SEND = _words(
    {
        "message msg data payload content text value json": "use body=..., a str or bytes",
        "queue topic to dest routing_key exchange channel address subject": (
            "use destination=..., such as '/queue/orders'"
        ),
        "persistent delivery_mode durable": 'use headers={"persistent": "true"}',
        "expires expiration ttl time_to_live": (
            'use headers={"expiration": "60000"} (RabbitMQ, milliseconds) or {"expires": ...} (ActiveMQ, epoch in ms)'
        ),
        "priority": 'use headers={"priority": "4"}',
        "correlation_id": 'use headers={"correlation-id": "..."}, or request(), which waits for the reply',
        "reply_to": 'use headers={"reply-to": "..."}, or request(), which waits for the reply',
        "message_id": 'use headers={"message-id": "..."}; the broker may replace it',
        "type": 'use headers={"type": "..."}',
        "properties props header attributes user_properties": 'use headers={"name": "value"}',
        "mime_type mimetype contenttype": "use content_type=...",
        "encoding charset content_encoding": (
            "a str is sent as UTF-8; encode it yourself and pass the bytes with content_type=..."
        ),
        "auto_content_length": "use content_length=False",
        "confirm confirmed wait sync block blocking mandatory ack acks": "use receipt=True",
        "tx txn transaction_id": "use transaction=...",
        "receipt": "leave it out: a pipeline asks for every receipt, in a transaction COMMIT has one",
        "transaction": "use the send() of the transaction itself",
        "timeout": "leave it out: in a transaction only COMMIT waits",
        "callback on_delivery on_ack": "send(..., receipt=True) returns when the broker has confirmed it",
    }
)
_DELIVERY = _words(
    {
        "message message_id id ack_id delivery_tag msg subscription subscription_id": (
            "pass the message that the subscription returned, or call its own ack() or nack()"
        ),
        "multiple cumulative": 'use subscribe(..., ack="client"), where an ACK covers all earlier messages',
        "requeue": 'use nack(headers={"requeue": "false"}), which RabbitMQ knows',
        "tx txn transaction_id": "use transaction=...",
    }
)
_CONFIG = _words(
    {
        "username user user_name userid user_id": "use login=...",
        "password passwd pwd pw pass_ secret token": "use passcode=...",
        "token_provider credentials_provider credential_provider get_token token_factory": (
            "use passcode=..., a function without arguments, which is asked at each attempt to connect"
        ),
        "vhost virtual_host virtualhost": "use host=..., or the path of the URL: 'stomp://localhost:61613/vhost'",
        "timeout": (
            "use connect_timeout=... (dialling), handshake_timeout=... (until CONNECTED) or receipt_timeout=... "
            "(operations), each in seconds"
        ),
        "heartbeat heartbeats heart_beats heartbeat_interval keepalive keep_alive ping_interval": (
            "use heart_beat=(10, 10): seconds (send, receive)"
        ),
        "url uri urls hosts host_and_ports brokers broker broker_url broker_urls hostname address server servers "
        "bootstrap_servers endpoint": "pass it first, as in connect('stomp://localhost:61613')",
        "port": "it is part of the URL, as in connect('stomp://localhost:61613')",
        "ssl use_ssl tls use_tls secure enable_ssl": (
            "write stomp+ssl:// in the URL; ssl_context=... is only needed for certificates of your own"
        ),
        "cafile ca_certs ca_cert": "use ca_file='ca.pem' with a stomp+ssl:// URL",
        "certfile keyfile cert key client_cert ssl_cert_file ssl_key_file": (
            "use cert_file='client.pem' and key_file='client.key' with a stomp+ssl:// URL"
        ),
        "ssl_options ssl_params capath ssl_version verify verify_ssl cert_reqs check_hostname": (
            "use ssl_context=ssl.create_default_context(cafile=...) with a stomp+ssl:// URL"
        ),
        "sni tls_hostname server_name": "use server_hostname=...",
        "proxies proxy_url http_proxy https_proxy socks_proxy": "use proxy='socks5://host:1080' or 'http://host:3128'",
        "source_address bind bind_host_port local_addr bind_address": "use local_address=...",
        "sock socket transport create_connection connector network_backend": (
            "use dial=..., a function that returns a connected socket"
        ),
        "auto_reconnect reconnects reconnect_attempts max_reconnects max_reconnect_attempts reconnect_delay "
        "reconnect_interval reconnect_attempts_max reconnect_sleep_initial reconnect_sleep_max "
        "reconnect_sleep_increase reconnect_sleep_jitter retry retries max_retries connection_attempts max_attempts "
        "retry_delay retry_on_timeout backoff": (
            "use reconnect=Reconnect(...), which has first_delay, max_delay, rounds and first_rounds"
        ),
        "version protocol protocol_version stomp_version accept_version": 'use versions=("1.2",)',
        "listeners on_message on_connected on_error on_disconnected callback handler": (
            "use subscribe(...) and subscription.run(handler) for messages, listener=... to observe the connection"
        ),
        "clientid": "use client_id=...",
        "wait": "connect() returns when the broker has answered CONNECTED",
        "loop event_loop": "leave it out: the connection belongs to the event loop that runs",
        "max_size max_frame_size max_message_size max_length": "use limits=Limits(max_body=...)",
        "prefetch prefetch_count": "use subscribe(..., prefetch=...)",
        "name connection_name": "use client_id=... for durable subscriptions, or headers=...",
        "ws use_websocket ws_path path": "write it into the URL, as in ws://localhost:15674/ws",
        "ws_headers http_headers extra_headers additional_headers": "use websocket=WebSocket(headers=...)",
        "origin subprotocols compression": "use websocket=WebSocket(...), from stomp_websocket",
        "auto_decode encoding": "leave it out: message.body is bytes, and message.text is str",
    }
)

#: By function: what to write for a word that it does not know.
_ARGUMENTS: dict[str, dict[str, str]] = {
    "connect": _CONFIG,
    "Config": _CONFIG,
    "Session": {
        **_CONFIG,
        **_words(
            {
                "login passcode host client_id heart_beat heart_beat_pace versions headers reconnect connect_timeout "
                "handshake_timeout receipt_timeout close_timeout buffer_size broker_profile limits leniency "
                "escape_connect heart_beat_tolerance listener connect_frame websocket": (
                    "it is an option of Config: Session(Config('stomp://localhost:61613', ...))"
                ),
                "ssl_context ca_file cert_file key_file server_hostname dial proxy local_address": (
                    "it is an argument of an adapter's connect(): a Session does no I/O"
                ),
            }
        ),
    },
    "send": _SEND,
    "request": _SEND,
    "subscribe": _words(
        {
            "queue topic dest channel address queues topics": "use destination=..., such as '/queue/orders'",
            "callback on_message handler listener func function on_message_callback cb": (
                "use subscription.run(handler), or iterate over the subscription"
            ),
            "ack_mode ackmode acknowledge acknowledgement auto_ack no_ack manual_ack": (
                'use ack="auto" (the default), "client" or "client-individual"'
            ),
            "selector filter": 'use headers={"selector": "..."}',
            "prefetch_count prefetch_size qos max_in_flight max_messages": "use prefetch=...",
            "durable_name durable_id durable_subscription_name subscription_name group group_id": (
                "use durable=..., the name of the durable subscription"
            ),
            "name sub_id subscription_id consumer_tag": "use id=...",
            "exclusive priority properties props": 'use headers={"name": "value"}',
        }
    ),
    "receive": _words(
        {
            "block blocking wait": "use timeout=0 to return at once, timeout=None (the default) to wait",
            "seconds timeout_ms timeout_seconds": "use timeout=..., in seconds",
            "auto_ack no_ack ack": 'use subscribe(..., ack="auto"), or message.ack()',
            "count n max_messages limit": "it returns one message: iterate over the subscription",
        }
    ),
    "run": _words(
        {
            "callback on_message func function target cb": "pass the handler first, as in run(handler)",
            "workers threads max_workers n processes prefetch pool_size parallelism": "use concurrency=...",
            "auto_ack ack on_error max_retries retries": "use policy=WorkPolicy(...)",
            "timeout": "call subscription.stop() to end it",
        }
    ),
    "ack": _DELIVERY,
    "nack": _DELIVERY,
    "begin": _words({"transaction name tx transaction_id": "use id=..."}),
    "transaction": _words({"transaction name tx transaction_id": "use id=..."}),
    "commit": _words({"id tx transaction_id": "use transaction=..."}),
    "abort": _words({"id tx transaction_id": "use transaction=..."}),
    "close": _words(
        {
            "receipt wait": "leave it out: it always awaits the broker's confirmation, for timeout=... seconds",
            "seconds": "use timeout=..., in seconds",
        }
    ),
    "pipeline": _words(
        {"size batch_size max_in_flight n limit batch prefetch": "use window=..., the messages in flight"}
    ),
    "Reconnect": _words(
        {
            "attempts max_attempts retries max_retries tries max_tries max_rounds count": (
                "use rounds=... (after a loss) and first_rounds=... (the first connection)"
            ),
            "delay initial_delay initial sleep interval wait min_delay base": "use first_delay=..., in seconds",
            "maximum max_wait cap max_interval": "use max_delay=..., in seconds",
            "backoff multiplier factor exponential": "use growth=...",
            "forever infinite": "use rounds=None (the default); first_rounds=None for the first connection too",
            "enabled": "use Reconnect.never()",
        }
    ),
    "WorkPolicy": _words(
        {
            "retries max_retries attempts max_attempts tries": "use max_failures=...",
            "delay retry_delay initial_delay backoff": "use first_delay=... and max_delay=..., in seconds",
            "dlq dead_letter dead_letter_queue dead_letter_exchange": 'use given_up="move", dead_letters="/queue/..."',
            "auto_ack ack on_success": 'use on_return="ack" (the default) or "leave"',
            "on_failure on_exception nack requeue": 'use on_error="nack" (the default), "ack", "leave" or "stop"',
        }
    ),
    "Limits": _words(
        {
            "max_size max_frame_size max_message_size max_length body max_bytes": "use max_body=..., in bytes",
            "headers": "use max_headers=... (how many) or max_head=... (bytes)",
        }
    ),
    "Leniency": _words(
        {"strict": "use Leniency(), which tolerates nothing", "all": "use Leniency.permissive()"}
    ),
}


def unknown_keywords(name: str, unknown: Iterable[str], known: Iterable[str]) -> TypeError:
    """Return the error for arguments that a function does not have.

    Args:
        name: of the function.
        unknown: the words of the caller; the first one is named.
        known: the names of its parameters.
    """
    word = next(iter(unknown))
    return TypeError(
        f"{name}() got an unexpected keyword argument {word!r}: {_argument_hint(name, word, known)}"
    )


def _argument_hint(name: str, word: str, known: Iterable[str]) -> str:
    hint = _NOT_CALLED.get(name) or _ARGUMENTS.get(name, {}).get(word.lower())
    if hint is not None:
        return hint
    known = list(known)
    close = _closest(word, known)
    if close is not None:
        return f"did you mean {close!r}?"
    if not known:
        return "it takes no arguments"
    return f"it takes {', '.join(known)}" if len(known) <= _LONGEST_LIST else f"see help({name})"


def _closest(word: str, known: Iterable[str]) -> str | None:
    from difflib import get_close_matches

    found = get_close_matches(word.lower(), list(known), 1, 0.7)
    return found[0] if found else None


def refuse_call(
    function: Callable[..., Any], arguments: tuple[Any, ...], keywords: Mapping[str, Any], *, name: str = ""
) -> None:
    """Raise what is wrong with a call that has raised a ``TypeError``; return if that came from inside.

    Args:
        function: what was called, as ``inspect.signature`` knows it.
        arguments: the positional arguments; of a method with its object.
        keywords: the named arguments.
        name: what the caller knows it by, if that is not its ``__name__``.

    Raises:
        TypeError: the arguments do not fit the signature.
    """
    import inspect

    name = name or function.__name__
    signature = inspect.signature(function)
    try:
        signature.bind(*arguments, **keywords)
        return
    except TypeError as error:
        reason = str(error)
    parameters = list(signature.parameters.values())
    if parameters and parameters[0].name == "self":
        parameters, arguments = parameters[1:], arguments[1:]
    names = [parameter.name for parameter in parameters]
    unknown = [word for word in keywords if word not in names]
    if unknown:
        raise unknown_keywords(name, unknown, names) from None
    positional = [entry.name for entry in parameters if entry.kind is not inspect.Parameter.KEYWORD_ONLY]
    if len(arguments) > len(positional):
        others = names[len(positional) :]
        more = f" ({', '.join(others)})" if 1 < len(others) <= _LONGEST_LIST else ""
        named = f": name the others, as in {others[0]}=...{more}" if others else ""
        raise TypeError(
            f"{name}() takes {len(positional)} positional argument{'s' * (len(positional) != 1)}"
            f"{' (' + ', '.join(positional) + ')' if positional else ''}, got {len(arguments)}{named}"
        ) from None
    missing = [
        entry.name
        for entry in parameters[len(arguments) :]
        if entry.default is inspect.Parameter.empty and entry.name not in keywords
    ]
    if missing:
        raise TypeError(
            f"{name}() is missing {' and '.join(missing)}: {_example(name, missing[0])}"
        ) from None
    raise TypeError(f"{name}(): {reason}") from None


_EXAMPLES = {
    "connect": "connect('stomp://localhost:61613')",
    "send": "send('/queue/orders', 'hello')",
    "request": "request('/queue/prices', 'apples')",
    "subscribe": "subscribe('/queue/orders')",
    "ack": "ack(message), with the message that the subscription returned",
    "nack": "nack(message), with the message that the subscription returned",
    "run": "run(handler), with a function that takes a message",
    "commit": "commit(transaction), with what begin() returned",
    "abort": "abort(transaction), with what begin() returned",
    "Session": "Session('stomp://localhost:61613')",
}
#: Classes that users do not call.
_NOT_CALLED: dict[str, str] = dict.fromkeys(
    ("BlockingConnection", "AsyncConnection"), "a Connection is made by connect('stomp://localhost:61613')"
)
_LONGEST_LIST = 10  # names in a sentence


_CO_COROUTINE = (
    0x80  # inspect.CO_COROUTINE; to import inspect takes longer than to import a layer of this package
)


def _example(name: str, missing: str) -> str:
    return _NOT_CALLED.get(name) or _EXAMPLES.get(name, f"pass {missing}=...")


def explained(function: F) -> F:
    """Decorate a function or a class: a call that does not fit its signature is refused with a hint.

    It is not for functions that are called for each message, since the wrapper costs a call.

    Args:
        function: the function or class.

    Returns:
        The same, or a function that calls it.
    """
    decorated: Any = function
    if isinstance(decorated, type):
        decorated.__init__ = _explained(decorated.__init__, decorated.__name__)  # type: ignore[misc]
    else:
        decorated = _explained(decorated, decorated.__name__)
    return decorated  # type: ignore[no-any-return]


def _explained(function: Any, name: str) -> Any:
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & _CO_COROUTINE:

        @functools.wraps(function)
        async def call_async(*arguments: Any, **keywords: Any) -> Any:
            try:
                coroutine = function(*arguments, **keywords)
            except TypeError:
                refuse_call(function, arguments, keywords, name=name)
                raise
            return await coroutine

        return call_async

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except TypeError:
            refuse_call(function, arguments, keywords, name=name)
            raise

    return call


# ------------------------------------------------------------------ attributes

_CONSUME = "use subscribe(destination), and iterate over it, or call its receive() or run(handler)"
_QUEUES = "brokers make queues when they are first used: subscribe(destination) or send(destination, body)"
_ATTRIBUTES: dict[str, dict[str, str]] = {
    "Connection": _words(
        {
            "publish produce put emit send_message basic_publish write sendall post push": (
                "use send(destination, body)"
            ),
            "connect start open open_connection": "connect() has connected it already",
            "set_listener add_listener remove_listener get_listener on_message on_error on": (
                "use subscription.run(handler) for messages, connect(listener=...) to observe the connection"
            ),
            "receive get recv consume read poll messages listen get_message basic_consume basic_get start_consuming "
            "run run_forever loop_forever start_consume consumer iter_messages": _CONSUME,
            "unsubscribe": "call unsubscribe() of what subscribe() returned",
            "is_connected is_open": "use connected, which is None while there is no connection",
            "is_closed": "use closed",
            "channel create_channel cursor": "there are no channels: use the connection itself",
            "queue_declare exchange_declare queue_bind declare_queue create_queue create_topic queue": _QUEUES,
            "begin_transaction start_transaction": "use begin(), or transaction() in a with block",
            "rollback": "use abort(transaction)",
            "flush drain": "use pipeline(), whose end awaits every confirmation",
            "stop shutdown quit terminate": "use close()",
            "reconnect": "it reconnects by itself: see connect(reconnect=...)",
            "set_ssl": "write stomp+ssl:// in the URL, and pass connect(ssl_context=...)",
            "url endpoint host port": "use session.endpoint",
            "server": 'use connected.headers.get("server")',
        }
    ),
    "Message": _words(
        {
            "data payload content message value msg raw bytes": "use body (bytes) or text (str)",
            "json": "use json.loads(message.body)",
            "decode str string": "use text",
            "id": "use message_id",
            "acknowledge accept complete task_done basic_ack confirm": "use ack()",
            "reject requeue negative_acknowledge basic_nack basic_reject fail": "use nack()",
            "delivery_tag ack_id": "call ack() of the message itself",
            "reply respond": 'use send(message.headers["reply-to"], body, headers=...) of the connection',
            "get": "use headers.get(name)",
            "topic queue routing_key subject channel": "use destination",
            "correlation_id": 'use headers.get("correlation-id")',
            "reply_to": 'use headers.get("reply-to")',
            "properties attributes header props": "use headers",
            "frame cmd command": "use event.frame",
        }
    ),
    "Subscription": _words(
        {
            "get recv read poll next messages receive_message get_message pop fetch listen": (
                "use receive(timeout=...), or iterate over it"
            ),
            "on_message set_listener add_listener callback consume start_consuming start loop_forever": (
                "use run(handler)"
            ),
            "close cancel stop_consuming end disconnect": "use unsubscribe()",
            "nack reject acknowledge": "call ack() or nack() of the message",
            "queue topic": "use destination",
            "empty qsize size count": "use waiting",
            "send publish": "use send() of the connection",
        }
    ),
    "Transaction": _words(
        {
            "rollback cancel": "use abort()",
            "publish send_message put": "use send(destination, body)",
            "begin start": "it has begun already",
            "close end": "use commit() or abort()",
            "subscribe": "use subscribe() of the connection, and ack(message) of the transaction",
        }
    ),
    "Pipeline": _words(
        {
            "publish put send_message": "use send(destination, body)",
            "flush wait join close commit execute end finish": "use drain(), or the end of the with block",
        }
    ),
}


_ATTRIBUTES["Delivery"] = _ATTRIBUTES["Message"]  # what a session without an adapter returns


def unknown_attribute(owner: object, name: str) -> Never:
    """Raise the error for an attribute that an object does not have, with a hint if the word is known.

    Args:
        owner: the object. The end of its class's name says which words are looked up.
        name: of the attribute.
    """
    kind = type(owner).__name__.removeprefix("Blocking").removeprefix("Async")
    text = f"{kind!r} object has no attribute {name!r}"
    if not name.startswith("_"):
        for ending, hints in _ATTRIBUTES.items():
            if kind.endswith(ending) and name in hints:
                # Without `obj`: Python would add a guess of its own.
                raise AttributeError(f"{text}: {hints[name]}", name=name)
    raise AttributeError(text, name=name, obj=owner)


_PURE = "stomp_core does no I/O: use stomp_socket.connect(...), or that of stomp_asyncio or stomp_trio"
_CONNECT = "use connect('stomp://localhost:61613')"
#: Names that people look for in a package.
_NAMES = {
    "stomp_core": _words(
        {"connect Connection Client StompClient StompConnection Connection11 Connection12 AsyncClient": _PURE}
    ),
    "": _words(
        {
            "Client StompClient AsyncClient StompConnection StompConnection10 StompConnection11 StompConnection12 "
            "Connection10 Connection11 Connection12 Stomp open open_connection create_connection connect_async "
            "BlockingConnection AsyncConnection": _CONNECT,
            "ConnectionListener PrintingListener StatsListener MessageListener": (
                "use subscription.run(handler) for messages; a Listener observes the connection"
            ),
            "Session Config Frame Headers": "it is in stomp_core",
            "Consumer Subscriber": "use subscribe(destination) of a connection",
            "Producer Publisher": "use send(destination, body) of a connection",
        }
    ),
}


def unknown_name(package: str, name: str) -> Never:
    """Raise the error for a name that a package does not have, with a hint if there is one.

    Args:
        package: the name of the package.
        name: the name that it does not have.

    Raises:
        AttributeError: always.
    """
    hint = _NAMES.get(package, _NAMES[""]).get(name)
    raise AttributeError(
        f"module {package!r} has no attribute {name!r}{': ' if hint else ''}{hint or ''}", name=name
    )
