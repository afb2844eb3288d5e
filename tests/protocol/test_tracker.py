"""ConnectionTracker: subscriptions, acknowledgements, transactions."""

from __future__ import annotations

import gc
import time
import tracemalloc

import pytest

from stomp_core import (
    Abort,
    Ack,
    AckMode,
    Begin,
    Commit,
    Disconnect,
    ErrorCode,
    Event,
    Message,
    Nack,
    Send,
    Subscribe,
    Unsubscribe,
    Version,
)
from stomp_core.protocol._tracker import ConnectionTracker, RuleViolation

from .pair import VERSIONS


def tracker_after(version: str = "1.2", *events: Event) -> ConnectionTracker:
    tracker = ConnectionTracker()
    tracker.version = Version(version)
    apply(tracker, *events)
    return tracker


def apply(tracker: ConnectionTracker, *events: Event) -> None:
    for event in events:
        tracker.check(event)
        tracker.apply(event)


def deliver(tracker: ConnectionTracker, subscription: str | None, *ids: str, destination: str = "/q") -> None:
    """Track MESSAGEs whose ids for ACK are these."""
    for ack_id in ids:
        if tracker.version is Version.V1_2:
            message = Message(
                destination, message_id=f"message {ack_id}", subscription=subscription, ack=ack_id
            )
        else:
            message = Message(destination, message_id=ack_id, subscription=subscription)
        tracker.add_message(message)


def ack(
    tracker: ConnectionTracker, ack_id: str, *, subscription: str | None = "s", transaction: str | None = None
) -> Ack:
    """Make the ACK of this id in the version of the tracker."""
    if tracker.version is Version.V1_2:
        return Ack(ack_id, transaction=transaction)
    if tracker.version is Version.V1_0:
        subscription = None
    return Ack(message_id=ack_id, subscription=subscription, transaction=transaction)


def refused(tracker: ConnectionTracker, event: Event) -> str:
    """Return the code for which this event is refused, after checking that nothing has changed."""
    before = shown(tracker)
    with pytest.raises(RuleViolation) as caught:
        tracker.check(event)
    assert shown(tracker) == before
    return caught.value.code


def shown(tracker: ConnectionTracker) -> object:
    """Everything that can be seen from outside."""
    subscriptions = [
        (subscription.id, subscription.destination, subscription.ack, subscription.unacknowledged)
        for subscription in tracker.subscriptions
    ]
    return subscriptions, tracker.transactions, tracker.acknowledging


def unacknowledged(
    tracker: ConnectionTracker, id: str | None = "s", destination: str | None = None
) -> list[str]:
    return list(tracker.find_subscription(id, destination).unacknowledged)


every_version = pytest.mark.parametrize("version", VERSIONS)
acknowledging_modes = pytest.mark.parametrize("mode", ["client", "client-individual"])


# ------------------------------------------------------------------------ subscriptions


@every_version
def test_different_subscriptions_must_use_different_identifiers(version: str) -> None:
    tracker = tracker_after(version, Subscribe("/a", id="s"))
    assert refused(tracker, Subscribe("/b", id="s")) == "duplicate-subscription"
    apply(tracker, Subscribe("/a", id="t"))


def test_an_identifier_is_free_again_after_unsubscribe() -> None:
    tracker = tracker_after("1.2", Subscribe("/a", id="s"), Unsubscribe("s"))
    apply(tracker, Subscribe("/b", id="s"))
    assert tracker.find_subscription("s", None).destination == "/b"


@every_version
def test_unsubscribe_must_match_an_existing_subscription(version: str) -> None:
    tracker = tracker_after(version, Subscribe("/a", id="s"))
    assert refused(tracker, Unsubscribe("t")) == "unknown-subscription"
    with pytest.raises(RuleViolation, match="no subscription with id 't'"):
        tracker.check(Unsubscribe("t"))
    apply(tracker, Unsubscribe("s"))
    assert refused(tracker, Unsubscribe("s")) == "unknown-subscription"


def test_in_1_0_a_subscription_without_id_ends_by_its_destination() -> None:
    tracker = tracker_after("1.0", Subscribe("/a"), Subscribe("/b"))
    assert refused(tracker, Subscribe("/a")) == "duplicate-subscription"
    apply(tracker, Unsubscribe(destination="/a"))
    assert [subscription.destination for subscription in tracker.subscriptions] == ["/b"]
    with pytest.raises(RuleViolation, match="no subscription with destination '/a'"):
        tracker.check(Unsubscribe(destination="/a"))
    assert refused(tracker, Unsubscribe(destination="/a")) == "unknown-subscription"


def test_in_1_0_a_subscription_with_id_does_not_end_by_its_destination() -> None:
    tracker = tracker_after("1.0", Subscribe("/a", id="s"))
    assert refused(tracker, Unsubscribe(destination="/a")) == "unknown-subscription"
    assert refused(tracker, Unsubscribe()) == "unknown-subscription"
    apply(tracker, Unsubscribe("s", destination="/a"))
    assert not tracker.subscriptions


@pytest.mark.parametrize("mode", ["auto", "client", "client-individual", None])
def test_the_ack_mode_is_auto_by_default(
    mode: AckMode | None,
) -> None:
    tracker = tracker_after("1.2", Subscribe("/a", id="s", ack=mode))
    assert tracker.find_subscription("s", None).ack == (mode or "auto")


@pytest.mark.parametrize("mode", ["", "Client", "AUTO", "individual", "client "])
def test_any_other_ack_mode_is_refused(mode: str) -> None:
    assert refused(tracker_after(), Subscribe("/a", id="s", headers={"ack": mode})) == "bad-ack-mode"


# ------------------------------------------------------------------------ acknowledgements


@every_version
def test_client_mode_is_cumulative(version: str) -> None:
    tracker = tracker_after(version, Subscribe("/q", id="s", ack="client"))
    deliver(tracker, "s", "1", "2", "3", "4")
    apply(tracker, ack(tracker, "3"))
    assert unacknowledged(tracker) == ["4"]
    assert refused(tracker, ack(tracker, "1")) == "not-acknowledgeable"


@every_version
def test_client_individual_mode_is_not_cumulative(version: str) -> None:
    tracker = tracker_after(version, Subscribe("/q", id="s", ack="client-individual"))
    deliver(tracker, "s", "1", "2", "3", "4")
    apply(tracker, ack(tracker, "3"))
    assert unacknowledged(tracker) == ["1", "2", "4"]


@acknowledging_modes
def test_nack_covers_what_ack_would_cover(mode: AckMode) -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack=mode))
    deliver(tracker, "s", "1", "2", "3")
    apply(tracker, Nack("2"))
    assert unacknowledged(tracker) == (["3"] if mode == "client" else ["1", "3"])


def test_client_mode_is_cumulative_in_one_subscription_only() -> None:
    tracker = tracker_after(
        "1.2", Subscribe("/q", id="s", ack="client"), Subscribe("/q", id="t", ack="client")
    )
    deliver(tracker, "s", "1", "3")
    deliver(tracker, "t", "2", "4")
    apply(tracker, Ack("4"))
    assert unacknowledged(tracker, "s") == ["1", "3"]
    assert unacknowledged(tracker, "t") == []


@every_version
@acknowledging_modes
def test_acknowledging_twice_is_refused(version: str, mode: AckMode) -> None:
    tracker = tracker_after(version, Subscribe("/q", id="s", ack=mode))
    deliver(tracker, "s", "1")
    apply(tracker, ack(tracker, "1"))
    assert refused(tracker, ack(tracker, "1")) == "not-acknowledgeable"


@every_version
def test_a_message_in_auto_mode_cannot_be_acknowledged(version: str) -> None:
    tracker = tracker_after(version, Subscribe("/q", id="s"), Subscribe("/r", id="t", ack="client"))
    deliver(tracker, "s", "1")
    assert refused(tracker, ack(tracker, "1")) == "not-acknowledgeable"
    assert unacknowledged(tracker) == []


@every_version
def test_a_message_of_an_ended_subscription_cannot_be_acked(version: str) -> None:
    tracker = tracker_after(version, Subscribe("/q", id="s", ack="client"))
    deliver(tracker, "s", "1")
    apply(tracker, Unsubscribe("s"), Subscribe("/q", id="s", ack="client"))
    assert refused(tracker, ack(tracker, "1")) == "not-acknowledgeable"


def test_in_1_2_ack_names_the_ack_header() -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack="client"))
    tracker.add_message(Message("/q", message_id="m", subscription="s", ack="a"))
    assert refused(tracker, Ack("m")) == "not-acknowledgeable"
    assert refused(tracker, Ack(message_id="a", subscription="s")) == "not-acknowledgeable"
    apply(tracker, Ack("a"))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_before_1_2_ack_names_the_message_id(version: str) -> None:
    tracker = tracker_after(version, Subscribe("/q", id="s", ack="client"))
    tracker.add_message(Message("/q", message_id="m", subscription="s", ack="a"))
    assert refused(tracker, Ack("m")) == "not-acknowledgeable"
    assert refused(tracker, Ack(message_id="a")) == "not-acknowledgeable"
    apply(tracker, Ack(message_id="m", subscription="s"))


def test_in_1_1_ack_names_the_subscription_too() -> None:
    tracker = tracker_after(
        "1.1", Subscribe("/q", id="s", ack="client"), Subscribe("/q", id="t", ack="client")
    )
    deliver(tracker, "s", "1")
    assert refused(tracker, Ack(message_id="1", subscription="t")) == "not-acknowledgeable"
    assert refused(tracker, Ack(message_id="1", subscription="u")) == "unknown-subscription"
    apply(tracker, Ack(message_id="1", subscription="s"))


def test_in_1_1_subscriptions_may_share_a_message_id() -> None:
    tracker = tracker_after("1.1", *(Subscribe("/t", id=name, ack="client") for name in "stu"))
    for name in "stu":
        deliver(tracker, name, "1")
    apply(tracker, Ack(message_id="1", subscription="t"))
    assert (unacknowledged(tracker, "s"), unacknowledged(tracker, "t"), unacknowledged(tracker, "u")) == (
        ["1"],
        [],
        ["1"],
    )
    assert refused(tracker, Ack(message_id="1", subscription="t")) == "not-acknowledgeable"
    apply(tracker, Unsubscribe("s"), Ack(message_id="1", subscription="u"))


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_an_ack_belongs_to_the_first_holder_of_its_id(version: str) -> None:
    """Several subscriptions may have received the same message."""
    tracker = tracker_after(version, *(Subscribe("/t", id=name, ack="client-individual") for name in "stu"))
    for name in "ust":
        deliver(tracker, name, "1")
    apply(tracker, ack(tracker, "1"))
    assert (unacknowledged(tracker, "u"), unacknowledged(tracker, "s"), unacknowledged(tracker, "t")) == (
        [],
        ["1"],
        ["1"],
    )
    apply(tracker, ack(tracker, "1"), ack(tracker, "1"))
    assert refused(tracker, ack(tracker, "1")) == "not-acknowledgeable"


def test_a_message_delivered_twice_is_acknowledged_once() -> None:
    tracker = tracker_after("1.1", Subscribe("/q", id="s", ack="client"))
    deliver(tracker, "s", "1", "2", "1")
    apply(tracker, Ack(message_id="1", subscription="s"))
    assert unacknowledged(tracker) == ["2"]
    assert refused(tracker, Ack(message_id="1", subscription="s")) == "not-acknowledgeable"
    apply(tracker, Ack(message_id="2", subscription="s"))


@acknowledging_modes
def test_in_1_2_a_message_to_be_acked_needs_an_ack_header(mode: AckMode) -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack=mode), Subscribe("/q", id="auto"))
    with pytest.raises(RuleViolation, match="'ack' header") as caught:
        tracker.add_message(Message("/q", message_id="1", subscription="s"))
    assert caught.value.code is ErrorCode.MISSING_HEADER
    tracker.add_message(Message("/q", message_id="1", subscription="auto"))


@acknowledging_modes
def test_where_it_is_tolerated_a_message_without_ack_header_is_not_tracked(mode: AckMode) -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack=mode))
    tracker.tolerates_missing_ack = True
    tracker.add_message(Message("/q", message_id="0", subscription="s"))
    deliver(tracker, "s", "1", "2")
    tracker.add_message(Message("/q", message_id="0", subscription="s"))
    assert unacknowledged(tracker) == ["1", "2"]
    apply(tracker, Ack("1"), Ack("2"))
    assert unacknowledged(tracker) == []


def test_a_message_for_no_subscription_is_not_tracked() -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack="client"))
    deliver(tracker, "/temp-queue/x", "1")
    assert unacknowledged(tracker) == []
    assert refused(tracker, Ack("1")) == "not-acknowledgeable"


# ------------------------------------------------------------------------ 1.0: messages that name no subscription


def test_in_1_0_the_destination_finds_the_subscription() -> None:
    tracker = tracker_after("1.0", Subscribe("/a", ack="client"), Subscribe("/b", ack="client"))
    deliver(tracker, None, "1", "2", destination="/b")
    deliver(tracker, None, "3", destination="/a")
    apply(tracker, Ack(message_id="3"))
    assert unacknowledged(tracker, None, "/b") == ["1", "2"]
    assert unacknowledged(tracker, None, "/a") == []


def test_in_1_0_a_message_may_belong_to_a_wildcard() -> None:
    """Then it names a destination of its own."""
    tracker = tracker_after("1.0", Subscribe("/queue/auto"), Subscribe("/queue/>", ack="client"))
    deliver(tracker, None, "1", destination="/queue/x")
    apply(tracker, Ack(message_id="1"))
    assert refused(tracker, Ack(message_id="1")) == "not-acknowledgeable"


def test_in_1_0_a_server_may_leave_out_the_id() -> None:
    """Although SUBSCRIBE had one."""
    tracker = tracker_after(
        "1.0",
        Subscribe("/a", id="auto"),
        Subscribe("/b", id="s", ack="client"),
        Subscribe("/c", id="t", ack="client"),
    )
    deliver(tracker, None, "1", destination="/a")
    deliver(tracker, None, "2", destination="/c")
    deliver(tracker, None, "3", destination="/elsewhere")
    assert (unacknowledged(tracker, "s"), unacknowledged(tracker, "t")) == (["3"], ["2"])
    assert refused(tracker, Ack(message_id="1")) == "not-acknowledgeable"
    apply(tracker, Ack(message_id="2"))


def test_in_1_0_subscriptions_without_id_come_first() -> None:
    tracker = tracker_after("1.0", Subscribe("/a", id="s", ack="client"), Subscribe("/>", ack="client"))
    deliver(tracker, None, "1", destination="/a")
    assert unacknowledged(tracker) == []
    assert unacknowledged(tracker, None, "/>") == ["1"]


def test_without_subscriptions_no_message_is_tracked() -> None:
    tracker = tracker_after("1.0")
    deliver(tracker, None, "1")
    assert refused(tracker, Ack(message_id="1")) == "not-acknowledgeable"


# ------------------------------------------------------------------------ transactions


def test_different_transactions_must_use_different_identifiers() -> None:
    tracker = tracker_after("1.2", Begin("t"))
    assert refused(tracker, Begin("t")) == "duplicate-transaction"
    apply(tracker, Begin("u"), Commit("t"), Begin("t"), Abort("t"), Begin("t"))
    assert list(tracker.transactions) == ["u", "t"]


@pytest.mark.parametrize("end", [Commit, Abort])
def test_only_an_open_transaction_can_end(end: type[Commit] | type[Abort]) -> None:
    tracker = tracker_after("1.2", Begin("t"))
    assert refused(tracker, end("u")) == "unknown-transaction"
    apply(tracker, end("t"))
    assert refused(tracker, end("t")) == "unknown-transaction"


def test_send_ack_and_nack_need_an_open_transaction() -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack="client"))
    deliver(tracker, "s", "1", "2")
    for event in (Send("/q", transaction="t"), Ack("1", transaction="t"), Nack("1", transaction="t")):
        assert refused(tracker, event) == "unknown-transaction"
    apply(tracker, Begin("t"))
    apply(
        tracker,
        Send("/q", transaction="t"),
        Ack("1", transaction="t"),
        Nack("2", transaction="t"),
        Send("/q"),
    )


def test_an_ack_in_a_transaction_cannot_be_repeated() -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(tracker, "s", "1")
    apply(tracker, Ack("1", transaction="t"))
    assert refused(tracker, Ack("1", transaction="t")) == "not-acknowledgeable"
    assert refused(tracker, Ack("1")) == "not-acknowledgeable"


@every_version
@acknowledging_modes
def test_abort_restores_what_was_acknowledged(version: str, mode: AckMode) -> None:
    tracker = tracker_after(version, Subscribe("/q", id="s", ack=mode), Begin("t"))
    deliver(tracker, "s", "1", "2", "3")
    apply(tracker, ack(tracker, "2", transaction="t"), Abort("t"))
    assert sorted(unacknowledged(tracker)) == ["1", "2", "3"]
    apply(tracker, ack(tracker, "2"))
    assert unacknowledged(tracker) == (["3"] if mode == "client" else ["1", "3"])


def test_commit_restores_nothing() -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(tracker, "s", "1", "2")
    apply(tracker, Ack("1", transaction="t"), Commit("t"))
    assert refused(tracker, Ack("1")) == "not-acknowledgeable"
    assert unacknowledged(tracker) == ["2"]


def test_abort_restores_nothing_of_other_transactions() -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack="client-individual"), Begin("t"), Begin("u"))
    deliver(tracker, "s", "1", "2", "3")
    apply(tracker, Ack("1", transaction="t"), Ack("2"), Ack("3", transaction="u"), Abort("t"))
    assert unacknowledged(tracker) == ["1"]


@pytest.mark.parametrize("order", [("t", "u"), ("u", "t")], ids=["first begun first", "last begun first"])
def test_aborts_restore_the_order_of_delivery(order: tuple[str, str]) -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"), Begin("u"))
    deliver(tracker, "s", "1", "2", "3", "4", "5", "6")
    apply(tracker, Ack("2", transaction="t"), Ack("4", transaction="u"))
    apply(tracker, *(Abort(name) for name in order))
    assert unacknowledged(tracker) == ["1", "2", "3", "4", "5", "6"]
    apply(tracker, Ack("3"))
    assert unacknowledged(tracker) == ["4", "5", "6"]


def test_abort_restores_several_acks_in_order() -> None:
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(tracker, "s", "1", "2", "3", "4", "5")
    apply(tracker, Ack("1", transaction="t"), Ack("3", transaction="t"), Abort("t"))
    assert unacknowledged(tracker) == ["1", "2", "3", "4", "5"]


def test_a_redelivered_message_is_restored_once() -> None:
    tracker = tracker_after("1.1", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(tracker, "s", "1", "2")
    apply(tracker, ack(tracker, "1", transaction="t"))
    deliver(tracker, "s", "1")
    apply(tracker, Abort("t"))
    assert unacknowledged(tracker) == ["1", "2"]
    apply(tracker, ack(tracker, "2"))
    assert unacknowledged(tracker) == []


def test_a_message_delivered_again_before_an_abort_takes_its_first_place() -> None:
    tracker = tracker_after("1.1", Subscribe("/q", id="s", ack="client"), Begin("t"), Begin("u"))
    deliver(tracker, "s", "1", "2", "3")
    apply(tracker, ack(tracker, "1", transaction="t"))
    deliver(tracker, "s", "1")
    apply(tracker, ack(tracker, "3", transaction="u"))
    assert unacknowledged(tracker) == ["1"]
    apply(tracker, Abort("u"), Abort("t"))
    assert unacknowledged(tracker) == ["1", "2", "3"]


def test_a_message_delivered_again_and_acknowledged_in_two_transactions_takes_its_first_place() -> None:
    tracker = tracker_after("1.1", Subscribe("/q", id="s", ack="client"), Begin("t"), Begin("u"))
    deliver(tracker, "s", "1")
    apply(tracker, ack(tracker, "1", transaction="t"))
    deliver(tracker, "s", "2", "1")
    apply(tracker, ack(tracker, "1", transaction="u"), Abort("t"), Abort("u"))
    assert unacknowledged(tracker) == ["1", "2"]


def test_abort_restores_nothing_to_a_new_subscription() -> None:
    """It has the same id as the one that ended."""
    tracker = tracker_after("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(tracker, "s", "1")
    apply(
        tracker,
        Ack("1", transaction="t"),
        Unsubscribe("s"),
        Subscribe("/q", id="s", ack="client"),
        Abort("t"),
    )
    assert unacknowledged(tracker) == []
    assert refused(tracker, Ack("1")) == "not-acknowledgeable"


def test_other_frames_change_nothing() -> None:
    tracker = tracker_after()
    before = shown(tracker)
    apply(tracker, Send("/q"), Disconnect())
    assert shown(tracker) == before


# ------------------------------------------------------------------------ what it costs


def test_acknowledging_counts_subscriptions_with_acks() -> None:
    tracker = tracker_after("1.0", Subscribe("/a", id="auto"))
    known = [bool(tracker.acknowledging)]
    for event in (
        Subscribe("/b", id="s", ack="client"),
        Subscribe("/c", ack="client-individual"),
        Unsubscribe("s"),
        Unsubscribe("auto"),
        Unsubscribe(destination="/c"),
    ):
        apply(tracker, event)
        known.append(bool(tracker.acknowledging))
    assert known == [False, True, True, True, True, False]


@every_version
def test_ended_subscriptions_and_transactions_are_freed(version: str) -> None:
    """At once, without the garbage collector; also while a transaction is open in which they acknowledged."""
    tracker = tracker_after(version, Begin("open"))

    def come_and_go() -> None:
        apply(
            tracker, Subscribe("/q", id="s", ack="client"), Subscribe("/q", id="u", ack="client-individual")
        )
        apply(tracker, Begin("t"), Begin("t2"))
        deliver(tracker, "s", "1", "2", "3")
        deliver(tracker, "u", "1", "2")
        apply(tracker, ack(tracker, "1", transaction="open"), ack(tracker, "2", transaction="t"))
        apply(tracker, Unsubscribe("s"), Unsubscribe("u"), Commit("t"), Abort("t2"))

    come_and_go()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(200):
            come_and_go()
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()
        gc.enable()
    assert (tracker.subscriptions, tracker.transactions) == ((), {"open": ()})


def seconds(version: str, size: int, mode: AckMode, transaction: str | None) -> float:
    """Measure 100 subscriptions and ``size`` messages, each acknowledged by itself, oldest first."""
    started = time.process_time()
    tracker = tracker_after(
        version, *(Subscribe("/q", id=str(number), ack=mode) for number in range(100)), Begin("t")
    )
    for number in range(size):
        deliver(tracker, str(number % 100), str(number))
    for number in range(size):
        apply(tracker, ack(tracker, str(number), subscription=str(number % 100), transaction=transaction))
    apply(tracker, Abort("t"), *(Unsubscribe(str(number)) for number in range(100)))
    return time.process_time() - started


@every_version
@acknowledging_modes
@pytest.mark.parametrize("transaction", [None, "t"], ids=["outside", "in a transaction"])
def test_acknowledging_takes_linear_time(version: str, mode: AckMode, transaction: str | None) -> None:
    small = min(seconds(version, 500, mode, transaction) for _ in range(3))
    large = min(seconds(version, 4000, mode, transaction) for _ in range(2))
    assert large < 25 * small + 0.05, "8 times as many"


def test_subscribing_takes_linear_time() -> None:
    def cost(size: int) -> float:
        started = time.process_time()
        tracker = tracker_after(
            "1.2", *(Subscribe("/q", id=str(number), ack="client") for number in range(size))
        )
        apply(tracker, *(Unsubscribe(str(number)) for number in range(size)))
        return time.process_time() - started

    small = min(cost(500) for _ in range(3))
    assert min(cost(4000) for _ in range(2)) < 25 * small + 0.05


# -------------------------------------------------------------------------------- RabbitMQ


def across_subscriptions(mode: AckMode) -> ConnectionTracker:
    """Two subscriptions of a connection whose ACKs cover all of it; 1 and 3 are a's, 2 and 4 are b's."""
    tracker = tracker_after("1.2", Subscribe("/a", id="a", ack="client"), Subscribe("/b", id="b", ack=mode))
    tracker.ack_covers_connection = True
    for number in ("1", "2", "3", "4"):
        deliver(tracker, "ab"[int(number) % 2 - 1], number)
    return tracker


def unacknowledged_of_both(tracker: ConnectionTracker) -> tuple[tuple[str, ...], ...]:
    return tuple(tracker.find_subscription(name, None).unacknowledged for name in "ab")


@pytest.mark.parametrize("mode", ["client", "client-individual"])
def test_an_ack_may_cover_the_whole_connection(mode: AckMode) -> None:
    tracker = across_subscriptions(mode)
    apply(tracker, ack(tracker, "3"))
    assert unacknowledged_of_both(tracker) == ((), ("4",))
    with pytest.raises(RuleViolation, match=r"covers the earlier messages of all subscriptions"):
        tracker.check(ack(tracker, "2"))
    apply(tracker, ack(tracker, "4"))
    assert unacknowledged_of_both(tracker) == ((), ())


def test_an_ack_of_one_message_covers_nothing_else() -> None:
    tracker = across_subscriptions("client-individual")
    apply(tracker, ack(tracker, "4"))
    assert unacknowledged_of_both(tracker) == (("1", "3"), ("2",))


@pytest.mark.parametrize("end", [Abort, Commit])
def test_what_an_ack_in_a_transaction_covers_of_others_ends_with_it(end: type[Abort | Commit]) -> None:
    tracker = across_subscriptions("client")
    apply(tracker, Begin("t"), ack(tracker, "3", transaction="t"))
    assert unacknowledged_of_both(tracker) == ((), ("4",))
    apply(tracker, end("t"))
    expected = (("1", "3"), ("2", "4")) if end is Abort else ((), ("4",))
    assert unacknowledged_of_both(tracker) == expected
