"""The ``stomp`` command: publish, subscribe, move, measure and look at messages from a terminal.

``stomp --help`` lists what it can do, ``stomp COMMAND --help`` has examples. It needs the extra ``cli``:
``pip install "stomp-core[cli]"``. The module can be run, too: ``python -m stomp_cli``.

Every command is built on the public API of the adapters; none of them knows a rule of STOMP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stomp_core import __version__ as __version__

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the ``stomp`` command.

    Args:
        arguments: the arguments of the command line; ``None`` takes them from ``sys.argv``.

    Returns:
        The exit status, 0 for success. ``stomp --help`` lists the others.
    """
    try:
        import click  # noqa: F401 - only to say what is missing
    except ModuleNotFoundError as error:
        import sys

        print(
            f"stomp: {error.name} is not installed; the command needs: pip install 'stomp-core[cli]'",
            file=sys.stderr,
        )
        return 1
    from ._main import run

    return run(arguments)


def __getattr__(name: str) -> object:
    if name == "__version__":  # looked up late, since only those who ask for it need stomp_core at once
        from stomp_core import __version__

        return __version__
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
