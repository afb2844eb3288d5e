"""The brokers and clients that the cases are played to, and what became of it the last time.

``tools/conformance-table`` writes ``results.json`` beside this module, and makes docs/conformance.md of it. The tests
play the cases again and compare.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from stomp_testing import Broker
from stomp_testing.conformance import (
    Case,
    Outcome,
    Result,
    SocketServer,
    load_requirements,
    play,
    play_to_program,
)

__all__ = [
    "EMBEDDED",
    "PROGRAMS",
    "RESULTS",
    "Play",
    "Program",
    "cases_of",
    "embedded",
    "load_results",
    "outcomes",
    "play_all",
    "play_to_url",
    "server_version",
]

#: Plays one case.
Play = Callable[[Case], Result]

_HERE = Path(__file__).parent
_ROOT = _HERE.parents[1]
RESULTS = _HERE / "results.json"
#: The flavours of the embedded broker, by the name of the implementation.
EMBEDDED = {"embedded, rabbitmq": "rabbitmq", "embedded, activemq": "activemq"}
_JOBS = 8


@dataclass(frozen=True)
class Program:
    """An echo client.

    Attributes:
        command: its command line.
        version: prints the version of the library, or fails if it is not installed.
        install: how to install it.
        stomp: the versions of STOMP that the library has.
    """

    command: str
    version: tuple[str, ...]
    install: str
    stomp: tuple[str, ...] = ("1.2", "1.1", "1.0")

    @property
    def available(self) -> bool:
        """Whether the library is installed."""
        return shutil.which(self.version[0]) is not None and self._ask().returncode == 0

    def installed_version(self) -> str:
        """Return the version of the library."""
        return self._ask().stdout.strip()

    def _ask(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.version, env=_environment(), capture_output=True, text=True, check=False, timeout=60
        )

    @contextmanager
    def player(self) -> Iterator[Play]:
        """Return what plays a case to it. Those of versions that the library has not are not applicable."""
        played = partial(play_to_program, command=self.command, timeout=10.0, environment=_environment())
        yield (
            lambda case: played(case) if case.version in self.stomp else Result(case, Outcome.NOT_APPLICABLE)
        )


def _environment() -> dict[str, str]:
    modules = os.environ.get("STOMP_NODE_MODULES")
    return {
        **os.environ,
        "PYTHONPATH": f"{_ROOT}{os.pathsep}{_ROOT / 'transports'}",
        **({"NODE_PATH": modules} if modules else {}),
    }


def _python(distribution: str) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import importlib.metadata as m; print(m.version({distribution!r}))")


def _script(interpreter: str, name: str) -> str:
    return f"{interpreter} {_HERE / 'clients' / name}"


#: The package does not export its package.json, so that ``require`` cannot read it.
_FILE_OF_STOMPJS = 'require.resolve("@stomp/stompjs").replace(/bundles.*/, "package.json")'
#: Echo clients, by the name of the library.
PROGRAMS = {
    "stomp_socket": Program(
        _script(sys.executable, "stomp_socket_client.py"),
        (sys.executable, "-c", "import stomp_core; print(stomp_core.__version__)"),
        "it is in this repository",
    ),
    "stomp.py": Program(
        _script(sys.executable, "stomp_py_client.py"), _python("stomp.py"), "pip install stomp.py"
    ),
    "stompman": Program(
        _script(sys.executable, "stompman_client.py"), _python("stompman"), "pip install stompman", ("1.2",)
    ),
    "stompest": Program(
        _script(sys.executable, "stompest_client.py"), _python("stompest"), "pip install stompest"
    ),
    "Net::Stomp": Program(
        _script("perl", "net_stomp_client.pl"),
        ("perl", "-MNet::Stomp", "-e", "print $Net::Stomp::VERSION"),
        "apt-get install --no-install-recommends libnet-stomp-perl",
    ),
    "stomp (Ruby)": Program(
        _script("ruby", "ruby_stomp_client.rb"),
        ("ruby", "-rstomp", "-e", "puts Stomp::Version::STRING"),
        "apt-get install --no-install-recommends ruby-stomp",
    ),
    "stomp (PHP)": Program(
        _script("php", "php_stomp_client.php"),
        ("php", "-r", "echo (new ReflectionExtension('stomp'))->getVersion();"),
        "apt-get install --no-install-recommends php-cli php-stomp",
        ("1.1", "1.0"),
    ),
    "stompit": Program(
        _script("node", "stompit_client.js"),
        ("node", "-p", 'require("stompit/package.json").version'),
        "npm install --prefix FOLDER stompit, and STOMP_NODE_MODULES=FOLDER/node_modules",
    ),
    "stompjs": Program(
        _script("node", "stompjs_client.js"),
        ("node", "-p", f"JSON.parse(fs.readFileSync({_FILE_OF_STOMPJS})).version"),
        "npm install --prefix FOLDER @stomp/stompjs, and STOMP_NODE_MODULES=FOLDER/node_modules",
    ),
}


def cases_of(role: str) -> list[Case]:
    """Return all cases of a role."""
    return [case for one in load_requirements() for case in one.cases if case.role == role]


@contextmanager
def play_to_url(url: str) -> Iterator[Play]:
    """Return what plays a case to the broker with this URL."""
    parts = urlsplit(url)
    server = SocketServer(parts.hostname or "", parts.port or 0)
    yield partial(play, target=server, login=parts.username or "", passcode=parts.password or "")


@contextmanager
def embedded(flavour: str) -> Iterator[Play]:
    """Start an embedded broker."""
    with Broker(flavour=flavour) as broker, play_to_url(broker.url) as player:
        yield player


def play_all(player: Play, cases: Iterable[Case]) -> list[Result]:
    """Play cases, several at the same time."""
    with ThreadPoolExecutor(_JOBS) as pool:
        return list(pool.map(player, cases))


def server_version(url: str) -> str:
    """Return the version in the ``server`` header of a broker, such as ``"3.10.8"``."""
    parts = urlsplit(url)
    line = SocketServer(parts.hostname or "", parts.port or 0).open()
    try:
        connect = (
            f"CONNECT\naccept-version:1.2\nhost:/\nlogin:{parts.username}\npasscode:{parts.password}\n\n\0"
        )
        line.write(connect.encode())
        headers = dict(
            pair.split(":", 1) for pair in line.read(30.0).decode().split("\n\n")[0].splitlines()[1:]
        )
    finally:
        line.close()
    return headers["server"].partition("/")[2]


# ---------------------------------------------------------------------- results.json


def outcomes(results: Iterable[Result]) -> dict[str, list[str]]:
    """Return the ids of the cases that were not passed, by their outcome, as results.json has them."""
    results = list(results)
    return {
        str(outcome): sorted(one.case.id for one in results if one.outcome is outcome)
        for outcome in (Outcome.FAILED, Outcome.NOT_APPLICABLE)
    }


def load_results() -> dict[str, Any]:
    """Return what became of the cases: by implementation its role, its version, and its outcomes."""
    content: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return content
