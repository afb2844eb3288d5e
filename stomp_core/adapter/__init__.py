"""For authors of adapters: the driver of a session, and the Connection API over any event loop or thread.

:class:`Driver` is all that a loop needs to drive a :class:`~stomp_core.Session`; :mod:`stomp_core.adapter._driver`
states the contract.
"""

from ._driver import Abort, Command, Dial, Driver, End, Line, Read, Timer, Write

__all__ = ["Abort", "Command", "Dial", "Driver", "End", "Line", "Read", "Timer", "Write"]
