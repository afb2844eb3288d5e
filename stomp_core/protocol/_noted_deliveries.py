"""Deliveries that are only noted, since most messages are acknowledged in the order in which they came.

To track a delivery takes the id that an ACK has to name, an entry in the index of all ids, and one in the messages of
its subscription; to acknowledge it takes both entries out again. But a program that processes one message after the
other always acknowledges the oldest one, and then nothing of this is ever looked up. So a delivery is noted by its
headers, and the ACK of the oldest one passes over it.

The tracker enters everything that is noted into its indexes before it looks for anything else in them. So it finds what
it would find if each delivery had been entered at once. One case needs care: a broker may deliver an id again that
still waits for its ACK. Such a repeat is no message of its own, so the ACK of the first one covers it. Therefore it is
remembered for each acknowledged id how many deliveries had been noted by then: a repeat among those is not entered.

The general path is that of :meth:`ConnectionTracker.add_message` and :meth:`ConnectionTracker.apply`. Property tests
compare the two (tests/protocol/test_straight_paths.py).
"""

from __future__ import annotations

from ..wire import Headers

__all__ = ["LONGEST_NOTED", "MOST_NOTED", "NotedDeliveries"]

#: How many deliveries may be noted, and how many characters their headers may have: a broker could send long ones only.
MOST_NOTED, LONGEST_NOTED = 1024, 2000


class NotedDeliveries:
    """The latest deliveries to one subscription, in their order.

    Attributes:
        headers: those of each one, or ``None`` for one that is acknowledged; the list is empty if nothing is noted. The
            tracker appends to it, since to call a method costs more than what it would do.
        id_line: how the header line begins whose value an ACK names.
    """

    __slots__ = ("_acknowledged", "_first", "headers", "id_line")

    def __init__(self) -> None:
        self.id_line = ""
        self.headers: list[Headers | None] = []
        self._first = 0  # where in the list the oldest one is that is not acknowledged
        self._acknowledged: dict[str, int] = {}  # each id, and how long the list was then

    def acknowledge_oldest(self, headers: Headers, ack_id: str) -> bool:
        """Acknowledge a delivery, if it is the oldest one, and no earlier ACK can have covered it.

        Args:
            headers: of the MESSAGE, the very object that was noted.
            ack_id: the id that they have.

        Returns:
            False, and nothing has changed, if it is not, or if that is not known here.
        """
        noted, first, acknowledged = self.headers, self._first, self._acknowledged
        if not noted or noted[first] is not headers or ack_id in acknowledged:
            return False
        if first + 1 == len(noted):
            self.clear()
        else:
            acknowledged[ack_id] = len(noted)
            noted[first] = None
            self._first = first + 1
        return True

    def acknowledge_earlier(self, ack_id: str) -> None:
        """Note that a delivery was acknowledged that came before all that is noted."""
        if self.headers:
            self._acknowledged[ack_id] = len(self.headers)

    def ids(self) -> list[str]:
        """Return the ids of what is noted and not acknowledged, in order, with those that are repeated."""
        found: list[str] = []
        id_line, acknowledged = self.id_line, self._acknowledged
        for position, headers in enumerate(self.headers):
            if headers is not None and (text := headers.text) is not None:
                ack_id = text.partition(id_line)[2].partition("\n")[0]
                if "\\" in ack_id:  # ActiveMQ's have a colon, which is escaped
                    ack_id = headers.find(id_line) or ack_id
                if ack_id not in acknowledged or acknowledged[ack_id] <= position:
                    found.append(ack_id)
        return found

    def clear(self) -> None:
        """Forget everything: it is entered, or acknowledged."""
        # No call in between: an exception of a signal handler must not leave a part of it.
        self.headers = []
        self._first = 0
        self._acknowledged = {}
