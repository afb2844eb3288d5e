"""``python -m stomp_cli``: the same as the command ``stomp``."""

from __future__ import annotations

import sys

from stomp_cli import main

if __name__ == "__main__":
    sys.exit(main())
