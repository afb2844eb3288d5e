"""The methods of a connection for STOMP 1.0, 1.1 and 1.2. Each makes a frame and gives it to the transport.

Arguments that are missing are reported here, as in stomp.py by ``AssertionError``. Everything else is checked by the
core, with the frame as the listeners have left it.

No ``__all__``: programs get from here what :mod:`stomp_py.listener` has, too.
"""

from __future__ import annotations

from typing import Any, ClassVar

from . import exception, log, utils  # noqa: F401 -- programs get them from here too
from .constants import (
    CMD_ABORT,
    CMD_ACK,
    CMD_BEGIN,
    CMD_COMMIT,
    CMD_CONNECT,
    CMD_DISCONNECT,
    CMD_NACK,
    CMD_SEND,
    CMD_STOMP,
    CMD_SUBSCRIBE,
    CMD_UNSUBSCRIBE,
    HDR_ACCEPT_VERSION,
    HDR_ACK,
    HDR_CONTENT_LENGTH,
    HDR_CONTENT_TYPE,
    HDR_DESTINATION,
    HDR_HOST,
    HDR_ID,
    HDR_LOGIN,
    HDR_MESSAGE_ID,
    HDR_PASSCODE,
    HDR_RECEIPT,
    HDR_SUBSCRIPTION,
    HDR_TRANSACTION,
)
from .exception import ConnectFailedException, NotConnectedException  # noqa: F401
from .listener import *  # noqa: F403
from .listener import ConnectionListener, HeartbeatListener

Headers = dict[str, Any]


class _Protocol:
    """The base class of the protocols: the methods that all versions have in common.

    In all methods, ``headers`` and ``keyword_headers`` are further headers of the frame. Values that are not text are
    made text with ``str()``; ``None`` leaves a header out, and a tuple repeats it. ``receipt`` is the id of a receipt
    to ask for, with which ``on_receipt`` is called.

    All methods that send a frame raise :class:`NotConnectedException` if there is no connection, and
    :class:`ProtocolException` if the frame cannot be written without being taken for something else; then nothing was
    sent. What STOMP does not allow otherwise is sent, with a warning in the log.
    """

    version: str
    transport: Any
    auto_content_length: bool
    _escapes: ClassVar[dict[int, str]] = {}  # of header values, as for str.translate()

    def send_frame(self, cmd: str, headers: Headers | None = None, body: Any = "") -> None:
        """Send a frame.

        Args:
            cmd: the command.
            headers: all headers. The dict stays as it is, even if a listener changes the frame.
            body: ``str``, which is sent as UTF-8, or ``bytes``.

        Raises:
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        self.transport.transmit(utils.Frame(cmd, dict(headers or {}), body))

    def _send_own(self, cmd: str, headers: Headers) -> None:
        """Send a frame with a dictionary that the program has not seen.

        stomp.py escapes the values in it, and tests of programs that watch ``send_frame()`` find them escaped.
        """
        self.send_frame(cmd, headers)
        if self._escapes:
            for name, value in headers.items():
                if isinstance(value, str):
                    headers[name] = value.translate(self._escapes)

    def _connect(
        self, cmd: str, headers: Headers, username: str | None, passcode: str | None, wait: bool
    ) -> None:
        headers[HDR_ACCEPT_VERSION] = self.version
        if username is not None:
            headers[HDR_LOGIN] = username
        if passcode is not None:
            headers[HDR_PASSCODE] = passcode
        self.send_frame(cmd, headers)
        if wait:
            self.transport.wait_for_connection()

    def disconnect(
        self, receipt: str | None = None, headers: Headers | None = None, **keyword_headers: Any
    ) -> None:
        """Send DISCONNECT with a receipt (STOMP 1.2, "DISCONNECT"). Without a connection, nothing happens.

        Nor does anything after ``transport.set_connected(False)``, as in stomp.py: the connection stays until
        ``transport.disconnect_socket()``, or until :meth:`disconnect` after ``transport.set_connected(True)``.

        Args:
            receipt: the id of the receipt; by default a generated one.
            headers, keyword_headers: further headers.
        """
        if not self.transport.is_connected():
            log.debug("not sending DISCONNECT: there is no connection")
            self.transport.cancel_connecting()  # one that waits for CONNECTED, or is being dialled by another thread
            return
        merged = utils.merge_headers([headers, keyword_headers])
        merged[HDR_RECEIPT] = receipt or utils.get_uuid()
        self.set_receipt(merged[HDR_RECEIPT], CMD_DISCONNECT)
        self.transport.notify("disconnecting")
        try:
            self._send_own(CMD_DISCONNECT, merged)
        except NotConnectedException:
            log.debug("the connection has ended by itself")

    def set_receipt(self, receipt_id: str, value: Any) -> None:
        """Keep a value until a RECEIPT is received.

        Args:
            receipt_id: the id of the receipt.
            value: the value; a false one removes what was kept.
        """
        self.transport.set_receipt(receipt_id, value)

    def send(
        self,
        destination: str,
        body: str | bytes,
        content_type: str | None = None,
        headers: Headers | None = None,
        **keyword_headers: Any,
    ) -> None:
        """Send a message (STOMP 1.2, "SEND").

        Args:
            destination: where to send it, such as ``"/queue/orders"``.
            body: ``bytes`` are sent as they are, a ``str`` as UTF-8.
            content_type: the MIME type of the body. Default: not stated.
            headers, keyword_headers: further headers, such as ``receipt``. A value that is not text becomes text with
                ``str()``, ``None`` leaves the header out, and a tuple repeats it.

        Raises:
            AssertionError: ``destination`` or ``body`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        assert destination is not None, "'destination' is required"
        assert body is not None, "'body' is required"
        merged = {**headers, **keyword_headers} if headers else keyword_headers
        merged[HDR_DESTINATION] = destination
        if content_type:
            merged[HDR_CONTENT_TYPE] = content_type
        if self.auto_content_length and body and HDR_CONTENT_LENGTH not in merged:
            merged[HDR_CONTENT_LENGTH] = len(
                body
            )  # on_send sees it, as in stomp.py; what is sent counts bytes
        self.send_frame(CMD_SEND, merged, body)

    def begin(
        self, transaction: str | None = None, headers: Headers | None = None, **keyword_headers: Any
    ) -> str:
        """Begin a transaction (STOMP 1.2, "BEGIN").

        Args:
            transaction: the id of the transaction; by default a generated one.
            headers, keyword_headers: further headers.

        Returns:
            The id of the transaction.

        Raises:
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        name = transaction or utils.get_uuid()
        self._send_transaction_frame(CMD_BEGIN, name, headers, keyword_headers)
        return name

    def commit(
        self, transaction: str | None = None, headers: Headers | None = None, **keyword_headers: Any
    ) -> None:
        """Commit a transaction (STOMP 1.2, "COMMIT").

        Args:
            transaction: the id of the transaction.
            headers, keyword_headers: further headers.

        Raises:
            AssertionError: ``transaction`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        self._send_transaction_frame(CMD_COMMIT, transaction, headers, keyword_headers)

    def abort(self, transaction: str, headers: Headers | None = None, **keyword_headers: Any) -> None:
        """Abort a transaction (STOMP 1.2, "ABORT").

        Args:
            transaction: the id of the transaction.
            headers, keyword_headers: further headers.

        Raises:
            AssertionError: ``transaction`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        self._send_transaction_frame(CMD_ABORT, transaction, headers, keyword_headers)

    def _send_transaction_frame(
        self, cmd: str, transaction: str | None, headers: Headers | None, more: Headers
    ) -> None:
        assert transaction is not None, "'transaction' is required"
        self._send_own(cmd, {**utils.merge_headers([headers, more]), HDR_TRANSACTION: transaction})

    def _acknowledge(
        self, cmd: str, named: Headers, transaction: str | None, receipt: str | None, more: Headers
    ) -> None:
        for name, value in named.items():
            assert value is not None, f"{name!r} is required"
        merged = {**more, **named}
        if transaction:
            merged[HDR_TRANSACTION] = transaction
        if receipt:
            merged[HDR_RECEIPT] = receipt
        self._send_own(cmd, merged)


class Protocol10(_Protocol, ConnectionListener):
    """The methods of a connection with STOMP 1.0.

    Args:
        transport: sends the frames.
        auto_content_length: whether a SEND has a ``content-length``. ActiveMQ makes a BytesMessage of one that has it,
            and a TextMessage of one that has not.
    """

    version = "1.0"

    def __init__(self, transport: Any, auto_content_length: bool = True) -> None:
        self.transport = transport
        self.auto_content_length = auto_content_length
        transport.set_listener("protocol-listener", self)

    def connect(
        self,
        username: str | None = None,
        passcode: str | None = None,
        wait: bool = False,
        headers: Headers | None = None,
        **keyword_headers: Any,
    ) -> None:
        """Send CONNECT.

        Args:
            username: the ``login`` header.
            passcode: the ``passcode`` header.
            wait: wait until the broker has answered.
            headers, keyword_headers: further headers.

        Raises:
            ConnectFailedException: with ``wait``, the broker refused, or did not answer in time.
        """
        self._connect(CMD_CONNECT, utils.merge_headers([headers, keyword_headers]), username, passcode, wait)

    def subscribe(
        self,
        destination: str,
        id: str | int | None = None,
        ack: str = "auto",
        headers: Headers | None = None,
        **keyword_headers: Any,
    ) -> None:
        """Subscribe to a destination (STOMP 1.0, "SUBSCRIBE"). Listeners get its messages in ``on_message``.

        Args:
            destination: what to subscribe to, such as ``"/queue/orders"``.
            id: the id of the subscription, which 1.0 does not require.
            ack: ``"auto"``: messages need no ACK; ``"client"``: an ACK covers all earlier messages, too;
                ``"client-individual"``: each message has its own ACK.
            headers, keyword_headers: further headers, such as ``selector``.

        Raises:
            AssertionError: ``destination`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        assert destination is not None, "'destination' is required"
        merged = utils.merge_headers([headers, keyword_headers])
        merged[HDR_DESTINATION] = destination
        if id:
            merged[HDR_ID] = id
        merged[HDR_ACK] = ack
        self._send_own(CMD_SUBSCRIBE, merged)

    def unsubscribe(
        self,
        destination: str | None = None,
        id: str | int | None = None,
        headers: Headers | None = None,
        **keyword_headers: Any,
    ) -> None:
        """End a subscription (STOMP 1.0, "UNSUBSCRIBE").

        Args:
            destination: the destination of the subscription, if it has no id.
            id: the id of the subscription.
            headers, keyword_headers: further headers.

        Raises:
            AssertionError: both ``destination`` and ``id`` are ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        assert id is not None or destination is not None, "'id' or 'destination' is required"
        merged = utils.merge_headers([headers, keyword_headers])
        if id:
            merged[HDR_ID] = id
        if destination:
            merged[HDR_DESTINATION] = destination
        self._send_own(CMD_UNSUBSCRIBE, merged)

    def ack(self, id: str, transaction: str | None = None, receipt: str | None = None) -> None:
        """Acknowledge a message (STOMP 1.0, "ACK").

        Args:
            id: the ``message-id`` header of the message.
            transaction: the id of the open transaction that the ACK belongs to.
            receipt: the id of a receipt to ask for.

        Raises:
            AssertionError: ``id`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        self._acknowledge(CMD_ACK, {HDR_MESSAGE_ID: id}, transaction, receipt, {})


class Protocol11(_Protocol, HeartbeatListener):
    """The methods of a connection with STOMP 1.1.

    Args:
        transport: sends the frames.
        heartbeats: ``(send, receive)`` in milliseconds, what to ask the broker for; 0 is never.
        auto_content_length: whether a SEND has a ``content-length``, as for 1.0.
        heart_beat_receive_scale: treat the connection as lost if nothing is received for this many of the broker's
            intervals, and one more.
    """

    version = "1.1"
    _escapes: ClassVar[dict[int, str]] = str.maketrans({"\\": "\\\\", "\n": "\\n", ":": "\\c"})

    def __init__(
        self,
        transport: Any,
        heartbeats: tuple[int, int] = (0, 0),
        auto_content_length: bool = True,
        heart_beat_receive_scale: float = 1.5,
    ) -> None:
        HeartbeatListener.__init__(self, transport, heartbeats, heart_beat_receive_scale)
        self.auto_content_length = auto_content_length
        transport.heart_beat_receive_scale = heart_beat_receive_scale
        transport.set_listener("protocol-listener", self)

    def connect(
        self,
        username: str | None = None,
        passcode: str | None = None,
        wait: bool = False,
        headers: Headers | None = None,
        with_connect_command: bool = False,
        **keyword_headers: Any,
    ) -> None:
        """Send STOMP, or CONNECT (STOMP 1.2, "CONNECT or STOMP Frame").

        Args:
            username: the ``login`` header.
            passcode: the ``passcode`` header.
            wait: wait until the broker has answered.
            headers, keyword_headers: further headers.
            with_connect_command: send CONNECT instead of STOMP.

        Raises:
            ConnectFailedException: with ``wait``, the broker refused, or did not answer in time.
        """
        merged = utils.merge_headers([headers, keyword_headers])
        merged[HDR_HOST] = self.transport.vhost or merged.get(HDR_HOST) or self._default_host()
        self._connect(CMD_CONNECT if with_connect_command else CMD_STOMP, merged, username, passcode, wait)

    def _default_host(self) -> str:
        # Without vhost stomp.py 9.0 leaves the header out, which 1.1 requires. "/" is RabbitMQ's default virtual host.
        return "/"

    def subscribe(
        self,
        destination: str,
        id: str | int,
        ack: str = "auto",
        headers: Headers | None = None,
        **keyword_headers: Any,
    ) -> None:
        """Subscribe to a destination (STOMP 1.2, "SUBSCRIBE"). Listeners get its messages in ``on_message``.

        Args:
            destination: what to subscribe to, such as ``"/queue/orders"``.
            id: the id of the subscription, one that is not in use.
            ack: ``"auto"``: messages need no ACK; ``"client"``: an ACK covers all earlier messages, too;
                ``"client-individual"``: each message has its own ACK.
            headers, keyword_headers: further headers, such as ``selector``.

        Raises:
            AssertionError: ``destination`` or ``id`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        assert destination is not None, "'destination' is required"
        assert id is not None, "'id' is required"
        merged = utils.merge_headers([headers, keyword_headers])
        self._send_own(CMD_SUBSCRIBE, {**merged, HDR_DESTINATION: destination, HDR_ID: id, HDR_ACK: ack})

    def unsubscribe(self, id: str | int, headers: Headers | None = None, **keyword_headers: Any) -> None:
        """End a subscription (STOMP 1.2, "UNSUBSCRIBE").

        Args:
            id: the id of the subscription.
            headers, keyword_headers: further headers.

        Raises:
            AssertionError: ``id`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        assert id is not None, "'id' is required"
        self._send_own(CMD_UNSUBSCRIBE, {**utils.merge_headers([headers, keyword_headers]), HDR_ID: id})

    def ack(
        self, id: str, subscription: str | int, transaction: str | None = None, receipt: str | None = None
    ) -> None:
        """Acknowledge a message (STOMP 1.1, "ACK").

        Args:
            id: the ``message-id`` header of the message.
            subscription: the ``subscription`` header of the message.
            transaction: the id of the open transaction that the ACK belongs to.
            receipt: the id of a receipt to ask for.

        Raises:
            AssertionError: ``id`` or ``subscription`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        self._acknowledge(
            CMD_ACK, {HDR_MESSAGE_ID: id, HDR_SUBSCRIPTION: subscription}, transaction, receipt, {}
        )

    def nack(
        self,
        id: str,
        subscription: str | int,
        transaction: str | None = None,
        receipt: str | None = None,
        **keyword_headers: Any,
    ) -> None:
        """Tell the broker that a message was not consumed (STOMP 1.1, "NACK").

        Args:
            id: the ``message-id`` header of the message.
            subscription: the ``subscription`` header of the message.
            transaction: the id of the open transaction that the NACK belongs to.
            receipt: the id of a receipt to ask for.
            keyword_headers: further headers.

        Raises:
            AssertionError: ``id`` or ``subscription`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        named = {HDR_MESSAGE_ID: id, HDR_SUBSCRIPTION: subscription}
        self._acknowledge(CMD_NACK, named, transaction, receipt, keyword_headers)


class Protocol12(Protocol11):
    """The methods of a connection with STOMP 1.2.

    Args:
        transport, heartbeats, auto_content_length, heart_beat_receive_scale: as for :class:`Protocol11`.
    """

    version = "1.2"
    _escapes: ClassVar[dict[int, str]] = Protocol11._escapes | str.maketrans({"\r": "\\r"})

    def _default_host(self) -> str:
        return str(self.transport.current_host_and_port[0])  # as in stomp.py 9.0

    def ack(  # type: ignore[override]
        self, id: str, transaction: str | None = None, receipt: str | None = None
    ) -> None:
        """Acknowledge a message (STOMP 1.2, "ACK").

        Args:
            id: the ``ack`` header of the message.
            transaction: the id of the open transaction that the ACK belongs to.
            receipt: the id of a receipt to ask for.

        Raises:
            AssertionError: ``id`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        self._acknowledge(CMD_ACK, {HDR_ID: id}, transaction, receipt, {})

    def nack(  # type: ignore[override]
        self, id: str, transaction: str | None = None, receipt: str | None = None, **keyword_headers: Any
    ) -> None:
        """Tell the broker that a message was not consumed (STOMP 1.2, "NACK").

        Args:
            id: the ``ack`` header of the message.
            transaction: the id of the open transaction that the NACK belongs to.
            receipt: the id of a receipt to ask for.
            keyword_headers: further headers.

        Raises:
            AssertionError: ``id`` is ``None``.
            NotConnectedException: there is no connection.
            ProtocolException: the frame cannot be sent without being taken for something else. Nothing was sent.
        """
        self._acknowledge(CMD_NACK, {HDR_ID: id}, transaction, receipt, keyword_headers)
