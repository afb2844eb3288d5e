"""stomp_observe: a listener that reports what a connection does to OpenTelemetry.

    conn = stomp_socket.connect(url, listener=OpenTelemetryListener())
    conn = stomp_asyncio.connect(url, listener=Listeners(OpenTelemetryListener(), MyListener()))

OpenTelemetry is imported when its listener is created; ``pip install "stomp-core[otel]"`` installs it. The log needs no
listener: every connection writes to the loggers ``stomp_core.connection`` and ``stomp_core.frames``.
"""

from stomp_core import __version__ as __version__
from stomp_core.session import Listener, Listeners

from ._open_telemetry_listener import OpenTelemetryListener

__all__ = ["Listener", "Listeners", "OpenTelemetryListener"]
