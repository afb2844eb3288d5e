"""Listening sockets."""

from __future__ import annotations

from pathlib import Path

import pytest

from stomp_testing.ports import listening_socket


def test_a_free_port_is_none_that_the_system_hands_out_by_itself() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    if first <= 11_000:
        pytest.skip("this machine hands out nearly every port by itself")
    with listening_socket("127.0.0.1", None) as one, listening_socket("127.0.0.1", None) as two:
        ports = {one.getsockname()[1], two.getsockname()[1]}
    assert len(ports) == 2
    assert max(ports) < first


def test_a_port_that_is_taken_is_named() -> None:
    with listening_socket("127.0.0.1", None) as one:
        port = one.getsockname()[1]
        with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
            listening_socket("127.0.0.1", port)
