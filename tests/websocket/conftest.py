"""Tests that ask for ``world`` run with the three adapters."""

from __future__ import annotations

import pytest

pytest.importorskip("websockets", reason='pip install "stomp-core[websocket]"')
