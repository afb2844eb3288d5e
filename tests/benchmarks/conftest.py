"""Put the checkout on the path: the benchmarks are in no wheel, and tests of the wheel run without the checkout."""

from __future__ import annotations

import sys
from pathlib import Path

# At the end, so that the installed wheel is tested and not the checkout.
sys.path.append(str(Path(__file__).parents[2]))
