"""stomp_socket's flow: which frames may wait for the next one."""

from __future__ import annotations

from stomp_socket.flow import Flow

FAST, SLOW, PAUSE = 0.00001, 0.001, 0.1  # seconds
FEW = 16


class Speaker:
    """Says frames at times of its own."""

    def __init__(self) -> None:
        self.flow = Flow()
        self.now = 1000.0

    def says(self, gap: float, times: int = 1, *, observed: bool = False) -> set[bool]:
        """What becomes of so many frames, each said so many seconds after the one before."""
        answers = set()
        for _ in range(times):
            self.now += gap
            answers.add(self.flow.goes_on(self.now, observed))
        return answers


def test_few_frames_leave_each_at_once() -> None:
    speaker = Speaker()
    for _ in range(5):
        assert speaker.says(PAUSE) == {False}
        assert speaker.says(FAST, FEW - 1) == {False}


def test_many_in_a_row_may_wait_for_the_next_one() -> None:
    speaker = Speaker()
    speaker.says(FAST, FEW + 1)
    assert speaker.says(FAST, 1000) == {True}


def test_a_gap_lets_one_leave_but_does_not_end_the_row() -> None:
    speaker = Speaker()
    speaker.says(FAST, FEW + 1)
    assert speaker.says(SLOW) == {False}
    assert speaker.says(FAST) == {True}
    assert speaker.says(SLOW, 100) == {False}


def test_a_pause_ends_the_row() -> None:
    speaker = Speaker()
    speaker.says(FAST, FEW + 1)
    assert speaker.says(PAUSE) == {False}
    assert speaker.says(FAST, FEW - 1) == {False}


def test_where_a_receipt_is_awaited_the_second_one_may_wait_already() -> None:
    speaker = Speaker()
    assert speaker.says(FAST, observed=True) == {False}
    assert speaker.says(FAST, 7, observed=True) == {True}
    assert speaker.says(FAST, observed=True) == {False}, "the broker gets something to do"
    assert speaker.says(FAST, 3, observed=True) == {True}
    assert speaker.says(SLOW, observed=True) == {False}
    assert speaker.says(FAST, 7, observed=True) == {True}


def test_what_may_be_an_answer_leaves_at_once() -> None:
    speaker = Speaker()
    speaker.says(FAST, FEW + 1)
    for _ in range(3):
        speaker.flow.heard = True
        assert speaker.says(FAST) == {False}
        assert speaker.says(FAST) == {True}
