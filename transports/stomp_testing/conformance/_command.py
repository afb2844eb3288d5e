"""``python -m stomp_testing conformance``: play the cases to a broker or a client, and print what became of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from functools import partial

from stomp_core import Credentials, Endpoint

from ._channels import ListeningPort, SocketServer
from ._player import Outcome, Result, play
from ._programs import play_to_program
from ._report import as_json, as_table, violations
from ._requirements import VERSIONS, Case, load_requirements

__all__ = ["main"]

_EXPLANATION = """\
A case that failed is a violation if its level is MUST, or WILL (a sentence that describes what happens without one of
the words of RFC 2119). SHOULD is a recommendation, MAY a permission that the case uses. STRICT: the specification
forbids the case's peer to send this, and does not state what a receiver does; a strict one refuses it.

The exit status is 0 without a violation, 1 with one, 2 if nothing could be played.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the cases.

    Args:
        arguments: of the command line; ``None`` takes them from ``sys.argv``.

    Returns:
        The exit status: 1 if the implementation violates a specification.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if (chosen.url is None) == (chosen.listen is None):
        parser.error("give either the URL of a broker or --listen for a client")
    if chosen.command is not None and chosen.listen is None:
        parser.error("--exec needs --listen")
    role = "server" if chosen.listen is None else "client"
    cases = [case for case in _cases(chosen.version or VERSIONS) if case.role == role]
    if chosen.only is not None:
        cases = [case for case in cases if fnmatchcase(case.id, chosen.only)]
    if not cases:
        parser.error(f"no case of role {role} matches --only {chosen.only}")
    try:
        results = _play_to_broker(cases, chosen) if role == "server" else _play_to_client(cases, chosen)
    except (OSError, ValueError) as error:
        print(f"stomp_testing: {error}", file=sys.stderr)
        return 2
    print(as_json(results) if chosen.json else as_table(results))
    if all(one.outcome is Outcome.NOT_APPLICABLE for one in results):
        print("stomp_testing: no case is applicable", file=sys.stderr)
        return 2
    return 1 if violations(results) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m stomp_testing conformance",
        description="Play the cases of the STOMP specifications to a broker, or to a client that connects.",
        epilog=_EXPLANATION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("url", nargs="?", help="the broker: stomp://login:passcode@host:port/virtual-host")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="play to a client that connects here; port 0 is free"
    )
    parser.add_argument(
        "--exec",
        dest="command",
        metavar="COMMAND",
        help="start this client for each case, with STOMP_URL and STOMP_VERSION in its environment",
    )
    parser.add_argument(
        "--version", action="append", choices=VERSIONS, help="play this version only; repeatable"
    )
    parser.add_argument("--only", metavar="PATTERN", help="play the cases whose ids match, as in '1.2/ack/*'")
    parser.add_argument(
        "--timeout", type=float, default=5.0, help="seconds to wait for each frame (default: %(default)s)"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=8,
        help="cases to play to a broker at the same time (default: %(default)s)",
    )
    parser.add_argument(
        "--destination",
        default="/queue/conformance-",
        help="what the names of queues begin with (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _cases(versions: Sequence[str]) -> Iterator[Case]:
    for requirement in load_requirements(versions):
        yield from requirement.cases


# ---------------------------------------------------------------------- a broker


def _play_to_broker(cases: Sequence[Case], chosen: argparse.Namespace) -> list[Result]:
    endpoint = Endpoint.parse(chosen.url)
    if endpoint.scheme != "stomp":
        raise ValueError(f"the URL of the broker must be stomp://..., got {endpoint}")
    credentials = endpoint.credentials or Credentials("guest", "guest")
    server = SocketServer(endpoint.host, endpoint.port, chosen.timeout)
    server.open().close()  # an address that nobody listens on is no failure of each case
    play_one = partial(
        play,
        target=server,
        timeout=chosen.timeout,
        host=endpoint.virtual_host or "/",
        login=credentials.login or "",
        passcode=credentials.passcode or "",
        destination=chosen.destination,
    )
    with ThreadPoolExecutor(chosen.jobs) as pool:
        return list(pool.map(play_one, cases))


# ---------------------------------------------------------------------- a client


def _play_to_client(cases: Sequence[Case], chosen: argparse.Namespace) -> list[Result]:
    host, port = _address(chosen.listen)
    if chosen.command is not None:
        play_one = partial(
            play_to_program, command=chosen.command, host=host, port=port, timeout=chosen.timeout
        )
        with ThreadPoolExecutor(chosen.jobs if port == 0 else 1) as pool:
            return list(pool.map(play_one, cases))
    with ListeningPort(host, port) as listening:
        print(f"waiting for a client on {listening.url}", file=sys.stderr, flush=True)
        return [play(case, listening, timeout=chosen.timeout) for case in cases]


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"--listen must be HOST:PORT, got {text!r}")
    return host.strip("[]") or "127.0.0.1", int(port)
