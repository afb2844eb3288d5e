"""The books of a connection: subscriptions, acknowledgements, transactions."""

from __future__ import annotations

import gc
import time
import weakref

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


def ledger(version: str = "1.2", *events: Event) -> ConnectionTracker:
    books = ConnectionTracker()
    books.version = Version(version)
    say(books, *events)
    return books


def say(books: ConnectionTracker, *events: Event) -> None:
    for event in events:
        books.check(event)
        books.enter(event)


def deliver(books: ConnectionTracker, subscription: str | None, *ids: str, destination: str = "/q") -> None:
    """MESSAGEs whose ids for ACK are these."""
    for ack_id in ids:
        if books.version is Version.V1_2:
            message = Message(
                destination, message_id=f"message {ack_id}", subscription=subscription, ack=ack_id
            )
        else:
            message = Message(destination, message_id=ack_id, subscription=subscription)
        books.delivered(message)


def ack(books: ConnectionTracker, ack_id: str, *, subscription: str | None = "s", transaction: str | None = None) -> Ack:
    """The ACK of this id in the version of these books."""
    if books.version is Version.V1_2:
        return Ack(ack_id, transaction=transaction)
    if books.version is Version.V1_0:
        subscription = None
    return Ack(message_id=ack_id, subscription=subscription, transaction=transaction)


def refused(books: ConnectionTracker, event: Event) -> str:
    """The code for which this event is refused, with nothing changed by it."""
    before = shown(books)
    with pytest.raises(RuleViolation) as caught:
        books.check(event)
    assert shown(books) == before
    return caught.value.code


def shown(books: ConnectionTracker) -> object:
    records = [*books.subscriptions.values(), *books.without_id.values()]
    return (
        [(record.key, record.destination, record.ack, list(record.unacknowledged)) for record in records],
        {
            name: [(record.key, list(ids)) for record, ids in settled.items()]
            for name, settled in books.transactions.items()
        },
        books.acknowledging,
    )


def waiting(books: ConnectionTracker, key: str = "s") -> list[str]:
    return list(books.subscriptions[key].unacknowledged)


every_version = pytest.mark.parametrize("version", VERSIONS)
acknowledging_modes = pytest.mark.parametrize("mode", ["client", "client-individual"])


# ------------------------------------------------------------------------ subscriptions


@every_version
def test_different_subscriptions_must_use_different_identifiers(version: str) -> None:
    books = ledger(version, Subscribe("/a", id="s"))
    assert refused(books, Subscribe("/b", id="s")) == "duplicate-subscription"
    say(books, Subscribe("/a", id="t"))


def test_an_identifier_is_free_again_after_unsubscribe() -> None:
    books = ledger("1.2", Subscribe("/a", id="s"), Unsubscribe("s"))
    say(books, Subscribe("/b", id="s"))
    assert books.subscriptions["s"].destination == "/b"


@every_version
def test_unsubscribe_must_match_an_existing_subscription(version: str) -> None:
    books = ledger(version, Subscribe("/a", id="s"))
    assert refused(books, Unsubscribe("t")) == "unknown-subscription"
    with pytest.raises(RuleViolation, match="no subscription with id 't'"):
        books.check(Unsubscribe("t"))
    say(books, Unsubscribe("s"))
    assert refused(books, Unsubscribe("s")) == "unknown-subscription"


def test_in_1_0_a_subscription_without_id_ends_by_its_destination() -> None:
    books = ledger("1.0", Subscribe("/a"), Subscribe("/b"))
    assert refused(books, Subscribe("/a")) == "duplicate-subscription"
    say(books, Unsubscribe(destination="/a"))
    assert list(books.without_id) == ["/b"]
    with pytest.raises(RuleViolation, match="no subscription with destination '/a'"):
        books.check(Unsubscribe(destination="/a"))
    assert refused(books, Unsubscribe(destination="/a")) == "unknown-subscription"


def test_in_1_0_a_subscription_with_id_does_not_end_by_its_destination() -> None:
    books = ledger("1.0", Subscribe("/a", id="s"))
    assert refused(books, Unsubscribe(destination="/a")) == "unknown-subscription"
    assert refused(books, Unsubscribe()) == "unknown-subscription"
    say(books, Unsubscribe("s", destination="/a"))
    assert not books.subscriptions


@pytest.mark.parametrize("mode", ["auto", "client", "client-individual", None])
def test_the_ack_modes_are_auto_client_and_client_individual_and_default_to_auto(
    mode: AckMode | None,
) -> None:
    books = ledger("1.2", Subscribe("/a", id="s", ack=mode))
    assert books.subscriptions["s"].ack == (mode or "auto")


@pytest.mark.parametrize("mode", ["", "Client", "AUTO", "individual", "client "])
def test_any_other_ack_mode_is_refused(mode: str) -> None:
    assert refused(ledger(), Subscribe("/a", id="s", headers={"ack": mode})) == "bad-ack-mode"


# ------------------------------------------------------------------------ acknowledgements


@every_version
def test_client_mode_is_cumulative(version: str) -> None:
    books = ledger(version, Subscribe("/q", id="s", ack="client"))
    deliver(books, "s", "1", "2", "3", "4")
    say(books, ack(books, "3"))
    assert waiting(books) == ["4"]
    assert refused(books, ack(books, "1")) == "not-acknowledgeable"


@every_version
def test_client_individual_mode_is_not_cumulative(version: str) -> None:
    books = ledger(version, Subscribe("/q", id="s", ack="client-individual"))
    deliver(books, "s", "1", "2", "3", "4")
    say(books, ack(books, "3"))
    assert waiting(books) == ["1", "2", "4"]


@acknowledging_modes
def test_nack_takes_what_ack_would_take(mode: AckMode) -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack=mode))
    deliver(books, "s", "1", "2", "3")
    say(books, Nack("2"))
    assert waiting(books) == (["3"] if mode == "client" else ["1", "3"])


def test_cumulative_means_within_one_subscription() -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client"), Subscribe("/q", id="t", ack="client"))
    deliver(books, "s", "1", "3")
    deliver(books, "t", "2", "4")
    say(books, Ack("4"))
    assert waiting(books, "s") == ["1", "3"]
    assert waiting(books, "t") == []


@every_version
@acknowledging_modes
def test_acknowledging_twice_is_refused(version: str, mode: AckMode) -> None:
    books = ledger(version, Subscribe("/q", id="s", ack=mode))
    deliver(books, "s", "1")
    say(books, ack(books, "1"))
    assert refused(books, ack(books, "1")) == "not-acknowledgeable"


@every_version
def test_a_message_in_auto_mode_is_not_acknowledged(version: str) -> None:
    books = ledger(version, Subscribe("/q", id="s"), Subscribe("/r", id="t", ack="client"))
    deliver(books, "s", "1")
    assert refused(books, ack(books, "1")) == "not-acknowledgeable"
    assert waiting(books) == []


@every_version
def test_a_message_of_an_ended_subscription_is_not_acknowledged(version: str) -> None:
    books = ledger(version, Subscribe("/q", id="s", ack="client"))
    deliver(books, "s", "1")
    say(books, Unsubscribe("s"), Subscribe("/q", id="s", ack="client"))
    assert refused(books, ack(books, "1")) == "not-acknowledgeable"


def test_in_1_2_ack_names_the_ack_header_and_never_the_message_id() -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client"))
    books.delivered(Message("/q", message_id="m", subscription="s", ack="a"))
    assert refused(books, Ack("m")) == "not-acknowledgeable"
    assert refused(books, Ack(message_id="a", subscription="s")) == "not-acknowledgeable"
    say(books, Ack("a"))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_before_1_2_ack_names_the_message_id_and_never_the_ack_header(version: str) -> None:
    books = ledger(version, Subscribe("/q", id="s", ack="client"))
    books.delivered(Message("/q", message_id="m", subscription="s", ack="a"))
    assert refused(books, Ack("m")) == "not-acknowledgeable"
    assert refused(books, Ack(message_id="a")) == "not-acknowledgeable"
    say(books, Ack(message_id="m", subscription="s"))


def test_in_1_1_ack_names_the_subscription_too() -> None:
    books = ledger("1.1", Subscribe("/q", id="s", ack="client"), Subscribe("/q", id="t", ack="client"))
    deliver(books, "s", "1")
    assert refused(books, Ack(message_id="1", subscription="t")) == "not-acknowledgeable"
    assert refused(books, Ack(message_id="1", subscription="u")) == "unknown-subscription"
    say(books, Ack(message_id="1", subscription="s"))


def test_in_1_1_subscriptions_may_get_messages_of_the_same_id() -> None:
    books = ledger("1.1", *(Subscribe("/t", id=name, ack="client") for name in "stu"))
    for name in "stu":
        deliver(books, name, "1")
    say(books, Ack(message_id="1", subscription="t"))
    assert (waiting(books, "s"), waiting(books, "t"), waiting(books, "u")) == (["1"], [], ["1"])
    assert refused(books, Ack(message_id="1", subscription="t")) == "not-acknowledgeable"
    say(books, Unsubscribe("s"), Ack(message_id="1", subscription="u"))


@pytest.mark.parametrize("version", ["1.0", "1.2"])
def test_an_id_that_waits_in_several_subscriptions_is_taken_in_the_order_of_delivery(version: str) -> None:
    books = ledger(version, *(Subscribe("/t", id=name, ack="client-individual") for name in "stu"))
    for name in "ust":
        deliver(books, name, "1")
    say(books, ack(books, "1"))
    assert (waiting(books, "u"), waiting(books, "s"), waiting(books, "t")) == ([], ["1"], ["1"])
    say(books, ack(books, "1"), ack(books, "1"))
    assert refused(books, ack(books, "1")) == "not-acknowledgeable"


def test_a_message_that_comes_again_while_it_waits_is_acknowledged_once() -> None:
    books = ledger("1.1", Subscribe("/q", id="s", ack="client"))
    deliver(books, "s", "1", "2", "1")
    say(books, Ack(message_id="1", subscription="s"))
    assert waiting(books) == ["2"]
    assert refused(books, Ack(message_id="1", subscription="s")) == "not-acknowledgeable"
    say(books, Ack(message_id="2", subscription="s"))


@acknowledging_modes
def test_in_1_2_a_message_that_must_be_acknowledged_must_say_how(mode: AckMode) -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack=mode), Subscribe("/q", id="auto"))
    with pytest.raises(RuleViolation, match="'ack' header") as caught:
        books.delivered(Message("/q", message_id="1", subscription="s"))
    assert caught.value.code is ErrorCode.MISSING_HEADER
    books.delivered(Message("/q", message_id="1", subscription="auto"))


def test_a_message_for_no_subscription_is_noted_nowhere() -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client"))
    deliver(books, "/temp-queue/x", "1")
    assert waiting(books) == []
    assert refused(books, Ack("1")) == "not-acknowledgeable"


# ------------------------------------------------------------------------ 1.0: messages that name no subscription


def test_in_1_0_a_message_without_subscription_belongs_to_its_destination() -> None:
    books = ledger("1.0", Subscribe("/a", ack="client"), Subscribe("/b", ack="client"))
    deliver(books, None, "1", "2", destination="/b")
    deliver(books, None, "3", destination="/a")
    say(books, Ack(message_id="3"))
    assert list(books.without_id["/b"].unacknowledged) == ["1", "2"]
    assert list(books.without_id["/a"].unacknowledged) == []


def test_in_1_0_a_message_of_a_wildcard_names_a_destination_of_its_own() -> None:
    books = ledger("1.0", Subscribe("/queue/auto"), Subscribe("/queue/>", ack="client"))
    deliver(books, None, "1", destination="/queue/x")
    say(books, Ack(message_id="1"))
    assert refused(books, Ack(message_id="1")) == "not-acknowledgeable"


def test_in_1_0_a_server_may_leave_out_the_id_that_subscribe_had() -> None:
    books = ledger(
        "1.0",
        Subscribe("/a", id="auto"),
        Subscribe("/b", id="s", ack="client"),
        Subscribe("/c", id="t", ack="client"),
    )
    deliver(books, None, "1", destination="/a")
    deliver(books, None, "2", destination="/c")
    deliver(books, None, "3", destination="/elsewhere")
    assert (waiting(books, "s"), waiting(books, "t")) == (["3"], ["2"])
    assert refused(books, Ack(message_id="1")) == "not-acknowledgeable"
    say(books, Ack(message_id="2"))


def test_in_1_0_subscriptions_without_id_come_before_those_with_one() -> None:
    books = ledger("1.0", Subscribe("/a", id="s", ack="client"), Subscribe("/>", ack="client"))
    deliver(books, None, "1", destination="/a")
    assert waiting(books) == []
    assert list(books.without_id["/>"].unacknowledged) == ["1"]


def test_a_message_without_any_subscription_is_noted_nowhere() -> None:
    books = ledger("1.0")
    deliver(books, None, "1")
    assert refused(books, Ack(message_id="1")) == "not-acknowledgeable"


# ------------------------------------------------------------------------ transactions


def test_different_transactions_must_use_different_identifiers() -> None:
    books = ledger("1.2", Begin("t"))
    assert refused(books, Begin("t")) == "duplicate-transaction"
    say(books, Begin("u"), Commit("t"), Begin("t"), Abort("t"), Begin("t"))
    assert list(books.transactions) == ["u", "t"]


@pytest.mark.parametrize("end", [Commit, Abort])
def test_only_an_open_transaction_can_end(end: type[Commit] | type[Abort]) -> None:
    books = ledger("1.2", Begin("t"))
    assert refused(books, end("u")) == "unknown-transaction"
    say(books, end("t"))
    assert refused(books, end("t")) == "unknown-transaction"


def test_send_ack_and_nack_name_an_open_transaction_or_none() -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client"))
    deliver(books, "s", "1", "2")
    for event in (Send("/q", transaction="t"), Ack("1", transaction="t"), Nack("1", transaction="t")):
        assert refused(books, event) == "unknown-transaction"
    say(books, Begin("t"))
    say(
        books,
        Send("/q", transaction="t"),
        Ack("1", transaction="t"),
        Nack("2", transaction="t"),
        Send("/q"),
    )


def test_an_ack_in_a_transaction_cannot_be_said_again_while_it_is_open() -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(books, "s", "1")
    say(books, Ack("1", transaction="t"))
    assert refused(books, Ack("1", transaction="t")) == "not-acknowledgeable"
    assert refused(books, Ack("1")) == "not-acknowledgeable"


@every_version
@acknowledging_modes
def test_abort_gives_back_what_the_transaction_acknowledged(version: str, mode: AckMode) -> None:
    books = ledger(version, Subscribe("/q", id="s", ack=mode), Begin("t"))
    deliver(books, "s", "1", "2", "3")
    say(books, ack(books, "2", transaction="t"), Abort("t"))
    assert sorted(waiting(books)) == ["1", "2", "3"]
    say(books, ack(books, "2"))
    assert waiting(books) == (["3"] if mode == "client" else ["1", "3"])


def test_commit_gives_nothing_back() -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(books, "s", "1", "2")
    say(books, Ack("1", transaction="t"), Commit("t"))
    assert refused(books, Ack("1")) == "not-acknowledgeable"
    assert waiting(books) == ["2"]


def test_abort_gives_back_nothing_that_was_acknowledged_outside_of_it() -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client-individual"), Begin("t"), Begin("u"))
    deliver(books, "s", "1", "2", "3")
    say(books, Ack("1", transaction="t"), Ack("2"), Ack("3", transaction="u"), Abort("t"))
    assert waiting(books) == ["1"]


@pytest.mark.parametrize("order", [("t", "u"), ("u", "t")], ids=["first begun first", "last begun first"])
def test_what_aborts_give_back_waits_in_the_order_of_delivery(order: tuple[str, str]) -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"), Begin("u"))
    deliver(books, "s", "1", "2", "3", "4", "5", "6")
    say(books, Ack("2", transaction="t"), Ack("4", transaction="u"))
    say(books, *(Abort(name) for name in order))
    assert waiting(books) == ["1", "2", "3", "4", "5", "6"]
    say(books, Ack("3"))
    assert waiting(books) == ["4", "5", "6"]


def test_several_acks_of_one_transaction_come_back_in_order() -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(books, "s", "1", "2", "3", "4", "5")
    say(books, Ack("1", transaction="t"), Ack("3", transaction="t"), Abort("t"))
    assert waiting(books) == ["1", "2", "3", "4", "5"]


def test_a_message_that_came_again_before_the_abort_waits_once() -> None:
    books = ledger("1.1", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(books, "s", "1", "2")
    say(books, ack(books, "1", transaction="t"))
    deliver(books, "s", "1")
    say(books, Abort("t"))
    assert waiting(books) == ["1", "2"]
    say(books, ack(books, "2"))
    assert waiting(books) == []


def test_an_abort_gives_nothing_back_to_a_subscription_that_took_over_the_id() -> None:
    books = ledger("1.2", Subscribe("/q", id="s", ack="client"), Begin("t"))
    deliver(books, "s", "1")
    say(books, Ack("1", transaction="t"), Unsubscribe("s"), Subscribe("/q", id="s", ack="client"), Abort("t"))
    assert waiting(books) == []
    assert refused(books, Ack("1")) == "not-acknowledgeable"


def test_frames_without_a_rule_pass() -> None:
    books = ledger()
    before = shown(books)
    say(books, Send("/q"), Disconnect())
    assert shown(books) == before


# ------------------------------------------------------------------------ what it costs


def test_acknowledging_is_known_while_any_subscription_is_not_automatic() -> None:
    books = ledger("1.0", Subscribe("/a", id="auto"))
    known = [bool(books.acknowledging)]
    for event in (
        Subscribe("/b", id="s", ack="client"),
        Subscribe("/c", ack="client-individual"),
        Unsubscribe("s"),
        Unsubscribe("auto"),
        Unsubscribe(destination="/c"),
    ):
        say(books, event)
        known.append(bool(books.acknowledging))
    assert known == [False, True, True, True, True, False]


@every_version
def test_ended_subscriptions_and_transactions_leave_nothing_behind(version: str) -> None:
    books = ledger(version)
    ended = []
    for _ in range(3):
        say(books, Subscribe("/q", id="s", ack="client"), Subscribe("/q", id="u", ack="client-individual"))
        say(books, Begin("t"), Begin("open") if "open" not in books.transactions else Begin("t2"))
        deliver(books, "s", "1", "2", "3")
        deliver(books, "u", "1", "2")
        say(books, ack(books, "1", transaction="open"), ack(books, "2", transaction="t"))
        ended += [weakref_to(books, "s"), weakref_to(books, "u")]
        say(books, Unsubscribe("s"), Unsubscribe("u"), Commit("t"))
        if "t2" in books.transactions:
            say(books, Abort("t2"))
    gc.disable()
    try:
        assert [what() for what in ended] == [None] * 6, "freed at once, with no help of the collector"
    finally:
        gc.enable()
    assert not books._holders
    assert books.transactions == {"open": {}}


def weakref_to(books: ConnectionTracker, key: str) -> weakref.ref[object]:
    return weakref.ref(books.subscriptions[key].unacknowledged)


def seconds(version: str, size: int, mode: AckMode, transaction: str | None) -> float:
    """The time of 100 subscriptions and ``size`` messages, each acknowledged by itself, oldest first."""
    started = time.process_time()
    books = ledger(version, *(Subscribe("/q", id=str(number), ack=mode) for number in range(100)), Begin("t"))
    for number in range(size):
        deliver(books, str(number % 100), str(number))
    for number in range(size):
        say(books, ack(books, str(number), subscription=str(number % 100), transaction=transaction))
    say(books, Abort("t"), *(Unsubscribe(str(number)) for number in range(100)))
    return time.process_time() - started


@every_version
@acknowledging_modes
@pytest.mark.parametrize("transaction", [None, "t"], ids=["outside", "in a transaction"])
def test_the_time_grows_with_the_number_of_messages_and_not_with_its_square(
    version: str, mode: AckMode, transaction: str | None
) -> None:
    small = min(seconds(version, 500, mode, transaction) for _ in range(3))
    large = min(seconds(version, 4000, mode, transaction) for _ in range(2))
    assert large < 25 * small + 0.05, "8 times as many"


def test_many_subscriptions_come_and_go_in_linear_time() -> None:
    def cost(size: int) -> float:
        started = time.process_time()
        books = ledger("1.2", *(Subscribe("/q", id=str(number), ack="client") for number in range(size)))
        say(books, *(Unsubscribe(str(number)) for number in range(size)))
        return time.process_time() - started

    small = min(cost(500) for _ in range(3))
    assert min(cost(4000) for _ in range(2)) < 25 * small + 0.05
