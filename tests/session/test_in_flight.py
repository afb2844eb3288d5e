"""The books of receipts: which operations wait for theirs, and which one an ERROR answers."""

from __future__ import annotations

import pytest

from stomp_core import Error, ErrorCode, LocalProtocolError, Send
from stomp_core.session import Pending
from stomp_core.session.operation import Operation, Sending
from stomp_core.session.receipts import Receipts


def operation(receipt: str | None) -> Sending:
    return Sending(Send("/q"), Pending("SEND"), receipt, 1.0)


def under_way(books: Receipts, *receipts: str | None) -> list[Sending]:
    """Operations that are said and have left; ``None`` asks for no receipt."""
    said = [operation(receipt) for receipt in receipts]
    for entry in said:
        books.said(entry)
        entry.leave()
    return said


# -------------------------------------------------------------------------------- ids


def test_ids_are_generated_where_a_receipt_is_asked_for() -> None:
    books = Receipts()
    assert books.id_for(False) is None
    assert [books.id_for(True), books.id_for(True), books.new_id()] == ["auto-1", "auto-2", "auto-3"]


def test_the_callers_own_id_is_taken_as_it_is() -> None:
    assert Receipts().id_for("mine") == "mine"
    assert Receipts().id_for("") == ""


def test_an_id_in_use_is_refused() -> None:
    books = Receipts()
    books.claim("mine")
    with pytest.raises(LocalProtocolError, match="'mine' is in use") as caught:
        books.id_for("mine")
    assert caught.value.code == ErrorCode.HEADER_CLASH


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("auto-1", True),
        ("auto-2", True),
        ("auto-3", False),
        ("auto-0x1", False),
        ("auto-", False),
        ("Auto-1", False),
        ("1", False),
        ("auto-" + "9" * 30, False),
        pytest.param("auto-" + "9" * 5000, False, id="5000 digits"),
        ("auto-١", False),
    ],
)
def test_an_id_that_was_ever_generated_is_in_use(name: str, refused: bool) -> None:
    """The RECEIPT of an operation that is late must confirm no other one."""
    books = Receipts()
    books.new_id()
    books.new_id()
    if refused:
        with pytest.raises(LocalProtocolError):
            books.id_for(name)
    else:
        assert books.id_for(name) == name


def test_an_id_that_the_caller_uses_is_not_generated() -> None:
    books = Receipts()
    books.claim("auto-1")
    books.claim("auto-3")
    assert [books.new_id(), books.new_id()] == ["auto-2", "auto-4"]


# -------------------------------------------------------------------------------- answers


def test_a_receipt_ends_only_its_own_operation() -> None:
    books = Receipts()
    one, two = under_way(books, "a", "b")
    assert len(books) == 2
    assert books.heard("b") is two
    assert len(books) == 1
    assert books.heard("b") is None
    assert books.heard("unknown") is None
    assert books.heard("a") is one
    assert len(books) == 0


def test_a_receipt_for_what_has_not_left_answers_nothing() -> None:
    books = Receipts()
    waiting = operation("a")
    books.said(waiting)
    assert books.heard("a") is None
    waiting.leave()
    assert books.heard("a") is waiting


def test_an_id_can_be_used_again_once_it_is_answered() -> None:
    books = Receipts()
    books.claim("mine")
    under_way(books, "mine")
    books.heard("mine")
    assert books.id_for("mine") == "mine"


def test_so_can_one_that_nothing_here_waits_for() -> None:
    books = Receipts()
    books.claim("of a raw frame")
    assert books.heard("of a raw frame") is None
    assert books.id_for("of a raw frame") == "of a raw frame"


def test_raw_frames_that_share_an_id_are_answered_one_by_one() -> None:
    books = Receipts()
    for _ in range(3):
        books.check_foreign("raw")
        books.claim_foreign("raw")
    for _ in range(3):
        with pytest.raises(LocalProtocolError):
            books.id_for("raw")
        assert books.heard("raw") is None
    assert books.id_for("raw") == "raw"


def test_a_lost_connection_owes_raw_frames_nothing() -> None:
    books = Receipts()
    books.claim_foreign("raw")
    books.connection_lost()
    assert books.id_for("raw") == "raw"


def test_an_id_whose_operation_is_late_stays_in_use_until_the_answer_or_the_end() -> None:
    books = Receipts()
    books.claim("mine")
    (late,) = under_way(books, "mine")
    books.given_up(late)
    assert len(books) == 0
    with pytest.raises(LocalProtocolError):
        books.id_for("mine")
    assert books.heard("mine") is None
    assert books.id_for("mine") == "mine"


def test_an_id_that_was_never_sent_is_free_at_once() -> None:
    books = Receipts()
    books.claim("mine")
    waiting = operation("mine")
    books.said(waiting)
    waiting.withdraw()
    books.given_up(waiting)
    assert len(books) == 0
    assert books.id_for("mine") == "mine"


def test_giving_up_what_asks_for_no_receipt_changes_nothing() -> None:
    books = Receipts()
    (silent,) = under_way(books, None)
    books.given_up(silent)
    assert len(books) == 0


def test_frames_are_numbered_from_one_on_every_connection() -> None:
    books = Receipts()
    assert [entry.number for entry in under_way(books, "a", None, "b")] == [1, 2, 3]
    books.connection_lost()
    assert [entry.number for entry in under_way(books, "c")] == [1]


# -------------------------------------------------------------------------------- who is to blame


def blamed(books: Receipts, error: Error) -> Operation | None:
    return books.culprit(error)


def test_an_error_with_a_receipt_id_answers_that_operation() -> None:
    books = Receipts()
    _, two, _, _ = under_way(books, "a", "b", "c", None)
    assert blamed(books, Error("no", receipt_id="b")) is two
    assert len(books) == 2
    assert books.heard("b") is None


@pytest.mark.parametrize("receipts", [("a",), ("a", "b")], ids=["one under way", "two"])
def test_an_error_with_an_unknown_receipt_id_answers_nothing(receipts: tuple[str, ...]) -> None:
    books = Receipts()
    under_way(books, *receipts)
    assert blamed(books, Error("no", receipt_id="x")) is None
    assert len(books) == len(receipts)


def test_an_error_without_one_answers_the_only_thing_under_way() -> None:
    books = Receipts()
    (one,) = under_way(books, "a")
    assert blamed(books, Error("no")) is one
    assert len(books) == 0


def test_of_two_under_way_nobody_knows_which_is_to_blame() -> None:
    books = Receipts()
    under_way(books, "a", "b")
    assert blamed(books, Error("no")) is None
    assert len(books) == 2


@pytest.mark.parametrize("receipts", [(None, "a"), ("a", None)], ids=["before", "after"])
def test_a_frame_that_asked_for_no_receipt_may_be_to_blame(receipts: tuple[str | None, ...]) -> None:
    books = Receipts()
    under_way(books, *receipts)
    assert blamed(books, Error("no")) is None


def test_but_not_one_that_a_later_receipt_has_passed() -> None:
    books = Receipts()
    _, _, three = under_way(books, None, "a", "b")
    books.heard("a")
    assert blamed(books, Error("no")) is three


def test_receipts_that_come_out_of_order_do_not_turn_that_back() -> None:
    books = Receipts()
    under_way(books, "a", None, "b")
    books.heard("b")
    books.heard("a")
    (last,) = under_way(books, "c")
    assert blamed(books, Error("no")) is last


def test_an_error_about_a_subscription_answers_no_operation() -> None:
    books = Receipts()
    under_way(books, "a")
    assert blamed(books, Error("gone", headers={"subscription": "s"})) is None


def test_what_has_not_left_is_not_to_blame() -> None:
    books = Receipts()
    books.said(operation("a"))
    assert blamed(books, Error("shutting down")) is None
    assert blamed(books, Error("shutting down", receipt_id="a")) is None
    assert len(books) == 1


def test_beside_what_has_not_left_the_one_that_has_is_to_blame() -> None:
    books = Receipts()
    (one,) = under_way(books, "a")
    books.said(operation("b"))
    books.said(operation("c"))
    assert blamed(books, Error("no")) is one
    assert len(books) == 2


# -------------------------------------------------------------------------------- the end of a connection


def test_a_lost_connection_returns_what_waited_in_order() -> None:
    books = Receipts()
    said = under_way(books, "a", "b")
    assert books.connection_lost() == said
    assert len(books) == 0
    assert books.connection_lost() == []


def test_silent_frames_of_a_lost_connection_cast_no_suspicion_on_the_next() -> None:
    books = Receipts()
    under_way(books, "a", None)
    books.connection_lost()
    (one,) = under_way(books, "b")
    assert blamed(books, Error("no")) is one


def test_neither_do_answers_of_a_lost_connection_clear_anything_on_the_next() -> None:
    books = Receipts()
    under_way(books, None, None, "a")
    books.heard("a")
    books.connection_lost()
    under_way(books, None, "b")
    assert blamed(books, Error("no")) is None


def test_only_what_will_be_said_again_keeps_its_id_in_use() -> None:
    books = Receipts()
    for name in ("a", "b"):
        books.claim(name)
    books.keep_only([operation("a"), operation(None), operation("auto-9")])
    with pytest.raises(LocalProtocolError):
        books.id_for("a")
    assert books.id_for("b") == "b"
    assert books.id_for("auto-9") == "auto-9", "it was never chosen by a caller"


def test_what_is_said_anew_takes_the_order_of_the_new_connection() -> None:
    books = Receipts()
    one, two = operation("a"), operation("b")
    books.said(one)
    books.said(two)
    books.connection_lost()
    books.said(two)
    books.said(one)
    assert [two.number, one.number] == [1, 2]
