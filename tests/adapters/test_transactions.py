"""Transactions: all or nothing, and never half of one after a reconnect."""

from __future__ import annotations

from typing import Any

import pytest

from stomp_core import LocalProtocolError
from stomp_core.session import Reconnect, TransactionInDoubt, TransactionLost, TransactionState
from stomp_testing import CLOSE, Expect, Pause, ScriptedServer

from .worlds import HANGS, World, over_every_transport, over_websocket_too

SOON = Reconnect(first_delay=0.01, max_delay=0.05)
CONNECTED = b"CONNECTED\nversion:1.2\nserver:RabbitMQ/3\n\n\0"


@over_every_transport
def test_committed_messages_arrive_together(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        tx = conn.begin()
        tx.send("/queue/a", "one")
        tx.send("/queue/a", "two")
        conn.send("/queue/b", "outside", receipt=True)
        assert broker.messages("/queue/a") == []
        tx.commit()
        assert tx.state is TransactionState.DONE
        assert broker.messages("/queue/a") == [b"one", b"two"]


@over_every_transport
def test_aborted_messages_never_arrive(world: World) -> None:
    with world.broker() as broker:
        broker.send("/queue/jobs", "job")
        conn = world.connect(broker.url)
        jobs = conn.subscribe("/queue/jobs", ack="client-individual")
        job = jobs.receive()
        tx = conn.begin()
        tx.send("/queue/a", "one")
        tx.ack(job.inner)
        tx.abort(receipt=True)
        assert broker.messages("/queue/a") == []
        job.ack(receipt=True)
        assert broker.unacknowledged("/queue/jobs") == []


@over_every_transport
def test_a_block_is_committed_at_its_end(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        with conn.transaction() as tx:
            tx.send("/queue/a", "one")
            conn.send("/queue/a", "two", transaction=tx.inner)
            conn.send("/queue/a", "three", transaction=tx.id)
        assert broker.messages("/queue/a") == [b"one", b"two", b"three"]


@over_every_transport
def test_a_block_that_raises_is_aborted(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        with pytest.raises(KeyError), conn.transaction() as tx:  # noqa: PT012
            tx.send("/queue/a", "one")
            raise KeyError("no")
        conn.send("/queue/b", "later", receipt=True)
        assert broker.messages("/queue/a") == []
        assert tx.state is TransactionState.DONE


@over_every_transport
def test_a_send_in_a_transaction_has_no_receipt_to_wait_for(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        with conn.transaction() as tx:
            with pytest.raises(LocalProtocolError, match="after COMMIT"):
                conn.send("/queue/a", "one", transaction=tx.inner, receipt=True)


@over_every_transport
def test_a_transaction_that_has_ended_refuses_operations(world: World) -> None:
    with world.broker() as broker:
        conn = world.connect(broker.url)
        tx = conn.begin()
        tx.commit()
        for call in (tx.commit, tx.abort, lambda: tx.send("/queue/a", "late")):
            with pytest.raises(LocalProtocolError):
                call()


@over_websocket_too
def test_an_open_transaction_is_lost_with_its_connection(world: World) -> None:
    with world.broker() as broker, world.proxy(broker) as proxy:
        conn = world.connect(proxy.url, reconnect=SOON)
        with pytest.raises(TransactionLost) as caught, conn.transaction() as tx:  # noqa: PT012
            tx.send("/queue/a", "before")
            proxy.reset_all()
            broker.wait_until(lambda _: conn.session.connection_number == 2, timeout=HANGS)
            tx.send("/queue/a", "after")
        assert caught.value.code == "transaction-lost"
        assert tx.state is TransactionState.LOST
        conn.send("/queue/b", "alive", receipt=True)
        assert broker.messages("/queue/a") == []


@over_websocket_too
def test_a_transaction_lost_just_before_commit(world: World) -> None:
    with world.broker() as broker, world.proxy(broker) as proxy:
        conn = world.connect(proxy.url, reconnect=SOON)
        with pytest.raises(TransactionLost), conn.transaction() as tx:  # noqa: PT012
            tx.send("/queue/a", "before")
            proxy.reset_all()
            broker.wait_until(lambda _: conn.session.connection_number == 2, timeout=HANGS)
        assert broker.messages("/queue/a") == []


def test_a_commit_in_flight_at_a_loss_is_in_doubt(world: World) -> None:
    first: list[Any] = [Expect(b"\0"), CONNECTED, Expect(b"COMMIT"), CLOSE]
    second: list[Any] = [Expect(b"\0"), CONNECTED, Pause(2 * HANGS)]
    with ScriptedServer([first, second]) as server:
        conn = world.connect(server.url, reconnect=SOON)
        tx = conn.begin()
        tx.send("/queue/a", "one")
        with pytest.raises(TransactionInDoubt, match="all of it or nothing"):
            tx.commit()
        assert tx.state is TransactionState.IN_DOUBT
        assert b"BEGIN" not in (server.connections[1] if len(server.connections) > 1 else b"")
        conn.close(timeout=0.2)
