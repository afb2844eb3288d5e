"""Without websockets there is nothing to test here."""

from __future__ import annotations

import pytest

pytest.importorskip("websockets", reason='pip install "stomp-core[websocket]"')
