"""Flavours: the table of what brokers do differently."""

from __future__ import annotations

import pytest

from stomp_testing.flavours import ACTIVEMQ, RABBITMQ, flavour_named


def test_flavours_are_found_by_name() -> None:
    assert flavour_named("rabbitmq") is RABBITMQ
    assert flavour_named("activemq") is ACTIVEMQ
    assert flavour_named(ACTIVEMQ) is ACTIVEMQ


def test_a_name_that_does_not_exist_is_answered_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="'rabbitmq', 'activemq'"):
        flavour_named("artemis")
