"""The books of subscriptions: all that are wanted, and which of them a connection has not heard of yet."""

# What a call has changed, a checker does not know.
# mypy: no-warn-unreachable, disable-error-code=comparison-overlap

from __future__ import annotations

from stomp_core import AckMode, Headers, Message, Session
from stomp_core.session import Delivery, Subscription, SubscriptionState
from stomp_core.session.inbox import Budget
from stomp_core.session.subscriptions import Subscriptions

SESSION = Session("stomp://broker")


def wanted(
    books: Subscriptions, *names: str, destination: str = "/q", ack: AckMode = "auto"
) -> list[Subscription]:
    made = [
        Subscription(
            SESSION, Budget(1000, int), Delivery, name, destination, ack, None, None, Headers(), True
        )
        for name in names
    ]
    for subscription in made:
        books.add(subscription)
    return made


def said(books: Subscriptions) -> list[str]:
    """What the connection hears of at once."""
    names = []
    while (subscription := books.next_to_say()) is not None:
        subscription.said = True
        names.append(subscription.id)
    return names


def test_a_subscription_is_found_by_its_id() -> None:
    books = Subscriptions()
    one, other = wanted(books, "a", "b")
    assert books.get("a") is one
    assert books.get("c") is None
    assert "a" in books
    assert "c" not in books
    assert list(books) == [one, other]


def test_ids_are_generated_that_no_subscription_has() -> None:
    books = Subscriptions()
    assert books.free_id() == "s-1"
    wanted(books, "s-2")
    assert books.free_id() == "s-3"


def test_one_that_is_removed_is_not_found_and_its_id_is_free() -> None:
    books = Subscriptions()
    one, other = wanted(books, "a", "b")
    books.remove(one)
    books.remove(one)
    assert "a" not in books
    assert list(books) == [other]
    (again,) = wanted(books, "a")
    books.remove(one)
    assert books.get("a") is again, "the id belongs to somebody else now"


def test_the_only_one_to_a_destination() -> None:
    books = Subscriptions()
    one, two = wanted(books, "a", "b")
    (three,) = wanted(books, "c", destination="/other")
    assert books.only_one_to("/q") is None
    assert books.only_one_to("/other") is three
    assert books.only_one_to("/nowhere") is None
    books.remove(one)
    assert books.only_one_to("/q") is two
    books.remove(two)
    assert books.only_one_to("/q") is None
    books.remove(three)
    assert not books._by_destination, "destinations that nobody listens to are forgotten"


def test_after_all_are_cleared_nothing_is_left() -> None:
    books = Subscriptions()
    wanted(books, "a")
    books.connection_made()
    books.clear()
    assert list(books) == []
    assert books.only_one_to("/q") is None
    assert said(books) == []


def test_books_may_be_changed_while_they_are_read() -> None:
    books = Subscriptions()
    wanted(books, "a", "b", "c")
    for subscription in books:
        books.remove(subscription)
    assert list(books) == []


def test_a_new_connection_hears_of_all_in_order() -> None:
    books = Subscriptions()
    wanted(books, "a", "b", "c")
    assert said(books) == []
    books.connection_made()
    assert said(books) == ["a", "b", "c"]
    assert said(books) == []


def test_what_a_lost_connection_did_not_hear_of_is_said_on_the_next_one_only() -> None:
    books = Subscriptions()
    wanted(books, "a", "b")
    books.connection_made()
    books.connection_lost()
    assert said(books) == []
    books.connection_made()
    assert said(books) == ["a", "b"]


def test_one_that_ended_meanwhile_is_not_said() -> None:
    books = Subscriptions()
    _, two, _ = wanted(books, "a", "b", "c")
    books.connection_made()
    two._end(SubscriptionState.GONE)
    assert said(books) == ["a", "c"]


def lost_with_an_error(books: Subscriptions) -> None:
    books.suspect()
    books.connection_lost()
    books.connection_made()


def test_after_an_error_that_names_no_culprit_the_unproven_are_said_one_at_a_time_and_first() -> None:
    books = Subscriptions()
    proven, one, two = wanted(books, "proven", "one", "two")
    books.connection_made()
    said(books)
    proven.proven = True
    lost_with_an_error(books)
    assert said(books) == ["one"]
    assert books.on_trial is one
    assert said(books) == []
    books.answered(one)
    assert books.on_trial is None
    assert said(books) == ["two"]
    books.answered(two)
    assert said(books) == ["proven"]
    assert books.on_trial is None


def test_what_was_never_said_is_no_suspect() -> None:
    books = Subscriptions()
    wanted(books, "a")
    lost_with_an_error(books)
    assert said(books) == ["a"]
    assert books.on_trial is None


def test_a_message_proves_a_subscription() -> None:
    books = Subscriptions()
    (one,) = wanted(books, "a")
    books.connection_made()
    said(books)
    one._deliver(Message("/q", message_id="1", subscription="a"), 1)
    lost_with_an_error(books)
    said(books)
    assert books.on_trial is None


def test_suspects_stay_suspects_until_they_are_answered() -> None:
    books = Subscriptions()
    one, two = wanted(books, "one", "two")
    books.connection_made()
    said(books)
    lost_with_an_error(books)
    assert said(books) == ["one"]
    books.answered(one)
    assert said(books) == ["two"]
    books.connection_lost()  # no ERROR this time
    assert books.on_trial is None
    books.connection_made()
    assert said(books) == ["two"], "it has had no answer yet; the other one has"
    books.answered(two)
    assert said(books) == ["one"]


def test_the_answer_to_another_one_ends_no_trial() -> None:
    books = Subscriptions()
    one, two = wanted(books, "one", "two")
    books.connection_made()
    said(books)
    lost_with_an_error(books)
    said(books)
    books.answered(two)
    assert books.on_trial is one
    books.answered(one)
    assert said(books) == ["two"]
    assert books.on_trial is None, "it was answered, so it is no suspect"


def test_a_suspect_that_is_given_up_is_forgotten() -> None:
    books = Subscriptions()
    (one,) = wanted(books, "one")
    books.connection_made()
    said(books)
    books.suspect()
    books.remove(one)
    assert one not in books._suspects
    books.add(one)
    books.suspect()
    books.clear()
    assert not books._suspects


def test_a_subscription_that_is_made_during_a_trial_waits_for_its_end() -> None:
    books = Subscriptions()
    (one,) = wanted(books, "one")
    books.connection_made()
    said(books)
    lost_with_an_error(books)
    said(books)
    (new,) = wanted(books, "new")
    books.say_later(new)
    assert said(books) == []
    books.answered(one)
    assert said(books) == ["new"]


def test_a_lost_connection_has_heard_of_nothing() -> None:
    books = Subscriptions()
    one, draining, gone = wanted(books, "one", "draining", "gone", ack="client")
    books.connection_made()
    said(books)
    for subscription in (one, draining, gone):
        subscription._deliver(Message("/q", message_id="1", subscription="x"), 1)
    draining._end(SubscriptionState.DRAINING)
    gone._end(SubscriptionState.GONE)
    books.connection_lost()
    assert list(books) == [one]
    assert (one.said, one.proven) == (False, False)
    assert draining.state is SubscriptionState.GONE
    assert (one.dropped, one.waiting) == (1, 0), "what is not acknowledged comes again"
    books.connection_lost()
    assert said(books) == []
