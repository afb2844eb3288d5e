"""Observers for any connection of this library: the log, and OpenTelemetry.

    conn = stomp_socket.connect(url, listener=LoggingListener())
    conn = stomp_asyncio.connect(url, listener=Listeners(LoggingListener(), OpenTelemetryListener()))

OpenTelemetry is imported when its listener is made; it comes with ``pip install "stomp-core[otel]"``.
"""

from stomp_core.session import Listener, Listeners

from .logs import LoggingListener
from .telemetry import OpenTelemetryListener

__all__ = ["Listener", "Listeners", "LoggingListener", "OpenTelemetryListener"]
