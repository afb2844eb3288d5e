"""stomp_observe: listeners that report what a connection does, to the log and to OpenTelemetry.

    conn = stomp_socket.connect(url, listener=LoggingListener())
    conn = stomp_asyncio.connect(url, listener=Listeners(LoggingListener(), OpenTelemetryListener()))

OpenTelemetry is imported when its listener is created; ``pip install "stomp-core[otel]"`` installs it.
"""

from stomp_core.session import Listener, Listeners

from ._logging_listener import LoggingListener
from ._open_telemetry_listener import OpenTelemetryListener

__all__ = ["Listener", "Listeners", "LoggingListener", "OpenTelemetryListener"]
