"""Every option of ``connect()`` has an effect: none is lost between the adapter and the session."""

from __future__ import annotations

import dataclasses
from typing import Any

from stomp_core import Leniency, Limits
from stomp_core.protocol import Connect
from stomp_core.session import ARTEMIS, Config, Listener, Reconnect
from stomp_testing import Broker
from stomp_websocket import WebSocket

from .worlds import World


def options_of_a_kind() -> dict[str, Any]:
    """A value for each option of the session but ``connect_frame``. None is the default."""
    return {
        "login": "someone",
        "passcode": "hush",
        "websocket": WebSocket(headers={"origin": "http://localhost"}),
        "host": "virtual",
        "client_id": "client-1",
        "heart_beat": (7.0, 9.0),
        "versions": ("1.2",),
        "headers": {"x-application": "tests"},
        "reconnect": Reconnect(max_delay=9.0),
        "connect_timeout": 11.0,
        "handshake_timeout": 12.0,
        "receipt_timeout": 13.0,
        "close_timeout": 14.0,
        "buffer_size": 15_000,
        "broker_profile": ARTEMIS,
        "limits": Limits(max_body=16_000),
        "leniency": Leniency.permissive(),
        "escape_connect": True,
        "heart_beat_tolerance": 3.5,
        "heart_beat_pace": 0.5,
        "listener": Listener(),
    }


def test_every_option_reaches_the_session(world: World) -> None:
    options = options_of_a_kind()
    defaults = {entry.name: entry.default for entry in dataclasses.fields(Config) if entry.init}
    assert set(defaults) - set(options) == {"endpoints", "connect_frame"}
    assert not [name for name, value in options.items() if value == defaults[name]]
    with Broker(websocket=True, vhosts=("virtual",), users={"someone": "hush"}) as broker:
        conn = world.connect(broker.ws_url, **options)
        expected = Config(broker.ws_url, **options)
        differing = {
            name for name in options if getattr(conn.session.config, name) != getattr(expected, name)
        }
        assert not differing


def test_a_frame_in_place_of_connect_reaches_the_session(world: World) -> None:
    frame = Connect(host="virtual", login="someone", passcode="hush", heart_beat=(0, 0))
    with Broker(vhosts=("virtual",), users={"someone": "hush"}) as broker:
        conn = world.connect(broker.url, connect_frame=frame)
        assert conn.session.config.connect_frame is frame
