"""``python -m stomp_testing``: the embedded broker as a program, for development. See ``--help``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from stomp_core import Leniency

from .broker import Broker
from .flavours import FLAVOURS
from .recorder import Record, Recorder

__all__ = ["main"]


def _print(record: Record) -> None:
    print(record, flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m stomp_testing",
        description="A STOMP broker for tests, demos and development. It keeps messages in memory; production "
        "brokers are RabbitMQ, ActiveMQ and Artemis.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=61613, help="the port (%(default)s); 0 takes a free one")
    parser.add_argument("--login", default="guest", help="who may connect (%(default)s)")
    parser.add_argument("--passcode", default="guest", help="with which passcode (%(default)s)")
    parser.add_argument(
        "--tls", action="store_true", help="speak TLS as well, on a port of its own (needs trustme)"
    )
    parser.add_argument(
        "--flavour", choices=sorted(FLAVOURS), default="rabbitmq", help="whose habits (%(default)s)"
    )
    parser.add_argument(
        "--lenient",
        action="store_true",
        help="take what the specification forbids and real brokers take, such as stomp.py's CONNECT without host",
    )
    parser.add_argument("--verbose", action="store_true", help="print every frame; passcodes are masked")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a broker until Ctrl-C or SIGTERM. Returns the exit status: 1 if it cannot listen."""
    chosen = _arguments(arguments)
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    try:
        with Broker(
            host=chosen.host,
            port=chosen.port or None,
            users={chosen.login: chosen.passcode},
            tls=chosen.tls,
            flavour=chosen.flavour,
            leniency=Leniency.permissive() if chosen.lenient else None,
            recorder=Recorder(_print, keep=False) if chosen.verbose else None,
        ) as broker:
            print(f"stomp_testing broker ({chosen.flavour} flavour) on {broker.url}", flush=True)
            if chosen.tls:
                print(f"with TLS on {broker.tls_url}, trust {broker.ca_file}", flush=True)
            print("for tests and development; Ctrl-C ends it", flush=True)
            over.wait()
    except (OSError, ImportError) as error:
        print(f"stomp_testing: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
