"""The versions of STOMP."""

from __future__ import annotations

import pytest

from stomp_core import Version
from stomp_core.wire import ALL_VERSIONS


def test_there_are_three_in_ascending_order() -> None:
    assert ALL_VERSIONS == ("1.0", "1.1", "1.2")
    assert tuple(Version) == ALL_VERSIONS
    assert tuple(sorted(ALL_VERSIONS)) == ALL_VERSIONS


def test_a_version_is_a_str() -> None:
    for version, text in zip(Version, ("1.0", "1.1", "1.2"), strict=True):
        assert version == text
        assert f"{version}" == str(version) == text
    assert {"1.1": "found"}[Version.V1_1] == "found"
    assert Version("1.1") is Version.V1_1


def test_there_is_no_other() -> None:
    with pytest.raises(ValueError, match=r"1\.3"):
        Version("1.3")
