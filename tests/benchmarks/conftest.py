"""The benchmarks are in no wheel, and when the built wheel is tested the checkout is on no path."""

from __future__ import annotations

import sys
from pathlib import Path

# At the end: whatever is installed goes first, so the wheel is what is tested.
sys.path.append(str(Path(__file__).parents[2]))
