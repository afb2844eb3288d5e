"""What a parser returns besides frames."""

from __future__ import annotations

import copy
import pickle

from stomp_core import NEED_DATA, ConnectionClosed, HeartBeat, NeedData


def test_need_data_is_a_singleton_also_when_copied() -> None:
    assert NEED_DATA is NeedData.NEED_DATA
    assert copy.deepcopy(NEED_DATA) is NEED_DATA
    assert pickle.loads(pickle.dumps(NEED_DATA)) is NEED_DATA
    assert repr(NEED_DATA) == "NEED_DATA"


def test_heart_beats_are_equal_by_their_count() -> None:
    assert HeartBeat() == HeartBeat(1)
    assert HeartBeat(2) != HeartBeat(1)
    assert HeartBeat(1) != 1
    assert HeartBeat(1).__eq__(1) is NotImplemented
    assert len({HeartBeat(1), HeartBeat(1), HeartBeat(2)}) == 2
    assert repr(HeartBeat(3)) == "HeartBeat(count=3)"


def test_ends_are_equal_by_everything_but_their_reason() -> None:
    one = ConnectionClosed(clean=False, cut=True, reason="a", code="eof")
    assert one == ConnectionClosed(clean=False, cut=True, reason="b")
    assert hash(one) == hash(ConnectionClosed(clean=False, cut=True))
    assert one != ConnectionClosed(clean=True, cut=True)
    assert one != ConnectionClosed(clean=False, cut=False)
    assert one != ConnectionClosed(clean=False, cut=True, code="heart-beat")
    assert one.__eq__("eof") is NotImplemented
    assert repr(one) == "ConnectionClosed(clean=False, cut=True, code='eof', reason='a')"


def test_an_end_is_not_cut_and_by_eof_by_default() -> None:
    end = ConnectionClosed(clean=True)
    assert (end.clean, end.cut, end.reason, end.code) == (True, False, "", "eof")
