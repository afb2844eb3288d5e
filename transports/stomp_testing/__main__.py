"""``python -m stomp_testing``: the embedded broker as a program, for development. See ``--help``.

``python -m stomp_testing conformance`` plays the cases of the specifications to a broker or a client,
``python -m stomp_testing fuzz`` conversations of its own, of which many break a rule, and ``python -m stomp_testing
proxy`` causes faults between the two.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from stomp_core import Leniency

from ._broker import Broker
from ._recorder import Record, Recorder
from ._settings import FLAVOURS

__all__ = ["main"]


def _print(record: Record) -> None:
    print(record, flush=True)


def _parse(arguments: Sequence[str] | None, prog: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog=prog,
        description="A STOMP broker for tests, demos and development. It keeps messages in memory; production "
        "brokers are RabbitMQ, ActiveMQ and Artemis.",
        epilog="Other programs: python -m stomp_testing conformance, fuzz or proxy, each with --help",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=61613, help="the port (%(default)s); 0 takes a free one")
    parser.add_argument("--login", default="guest", help="the login of the only user (%(default)s)")
    parser.add_argument("--passcode", default="guest", help="the user's passcode (%(default)s)")
    parser.add_argument("--tls", action="store_true", help="open a TLS port too (needs trustme)")
    parser.add_argument(
        "--websocket", action="store_true", help="open a WebSocket port too (needs websockets)"
    )
    parser.add_argument(
        "--ws-port", type=int, default=15674, help="the WebSocket port (%(default)s); 0 takes a free one"
    )
    parser.add_argument("--ws-path", default="/ws", help="the path of the WebSocket (%(default)s)")
    parser.add_argument(
        "--flavour",
        choices=sorted(FLAVOURS),
        default="rabbitmq",
        help="the broker to behave like (%(default)s)",
    )
    parser.add_argument(
        "--lenient",
        action="store_true",
        help="accept frames that the specification forbids and no broker need accept, such as lines without colon",
    )
    parser.add_argument("--verbose", action="store_true", help="print every frame; passcodes are masked")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m stomp_testing") -> int:
    """Run a broker until Ctrl-C or SIGTERM, or another program if the first argument names one.

    Args:
        arguments: of the command line; ``None`` takes them from ``sys.argv``.
        prog: what the program is called in its help.

    Returns:
        The exit status: 1 if the broker cannot listen; that of the other program.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["conformance"]:
        from .conformance._command import main as conformance

        return conformance(given[1:])
    if given[:1] == ["fuzz"]:
        from .fuzzing import run_command

        return run_command(given[1:])
    if given[:1] == ["proxy"]:
        from ._proxy_command import main as proxy

        return proxy(given[1:])
    chosen = _parse(given, prog)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with Broker(
            host=chosen.host,
            port=chosen.port or None,
            users={chosen.login: chosen.passcode},
            tls=chosen.tls,
            websocket=chosen.websocket,
            websocket_path=chosen.ws_path,
            ws_port=chosen.ws_port or None,
            flavour=chosen.flavour,
            leniency=Leniency.permissive() if chosen.lenient else None,
            recorder=Recorder(_print, keep=False) if chosen.verbose else None,
        ) as broker:
            print(f"stomp_testing broker ({chosen.flavour} flavour) on {broker.url}", flush=True)
            if chosen.tls:
                print(f"with TLS on {broker.tls_url}, trust {broker.ca_file}", flush=True)
            if chosen.websocket:
                print(f"with WebSocket on {broker.ws_url}", flush=True)
            if chosen.websocket and chosen.tls:
                print(f"with WebSocket and TLS on {broker.wss_url}", flush=True)
            print("for tests and development; Ctrl-C stops it", flush=True)
            stopped.wait()
    except (OSError, ImportError, ValueError) as error:
        print(f"stomp_testing: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
