"""The base class of the brokers: folder, ports, processes, and waiting until STOMP is answered."""

from __future__ import annotations

import atexit
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import IO, ClassVar, Self

from ..certificates import Certificates
from ..waiting import HANGS
from . import guard

HOST = "127.0.0.1"
LOGIN = "admin"
PASSCODE = "password"


class BrokerError(Exception):
    """A broker failed to start or stop. The message contains its last log lines."""


def free_ports(count: int) -> list[int]:
    """Return unused ports below the range of ephemeral ports.

    A client that keeps connecting to a port of that range while nobody listens there, as reconnect tests do while
    their broker is down, sooner or later gets the same port for its own end, and is then connected to itself.

    Processes of pytest-xdist choose from disjoint sets, so that two of them cannot choose the same port at once.
    """
    try:
        first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first_ephemeral = 32768
    top = first_ephemeral if first_ephemeral > 11_000 else 32768
    ports: list[int] = []
    process = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    own = range(10_000 + process, top, processes)
    # Not the generator of the tests, which may be seeded: two runs at the same time would get the same ports.
    candidates = random.SystemRandom().sample(own, k=min(500, len(own)))
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise BrokerError("no free ports")


class Broker(ABC):
    """A broker for one test run. Call `start()` once; `stop()` shuts it down and removes its data."""

    name: ClassVar[str]
    #: how to install it
    install_hint: ClassVar[str]

    host = HOST
    login = LOGIN
    passcode = PASSCODE

    def __init__(self, *, require_client_certificate: bool = False, start_timeout: float = 180.0) -> None:
        self.require_client_certificate = require_client_certificate
        self.start_timeout = start_timeout
        self.tcp_port, self.tls_port, *self._more_ports = free_ports(6)
        self._folder: Path | None = None
        self._certificates: Certificates | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._suspended = False

    # -- state -----------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def available(cls) -> bool:
        """Whether it is installed."""

    @property
    def url(self) -> str:
        return f"stomp://{self.login}:{self.passcode}@{self.host}:{self.tcp_port}"

    @property
    def tls_url(self) -> str:
        """The URL of the TLS listener. Its certificate is for localhost, 127.0.0.1 and ::1, signed by `ca_file`."""
        return f"stomp+ssl://{self.login}:{self.passcode}@{self.host}:{self.tls_port}"

    @property
    def certificates(self) -> Certificates:
        """The authority that signed the certificate of the TLS listener, and a client certificate of it."""
        if self._certificates is None:
            raise BrokerError(f"{self.name} was not started")
        return self._certificates

    @property
    def ca_file(self) -> Path:
        return self.certificates.ca

    @property
    def folder(self) -> Path:
        if self._folder is None:
            raise BrokerError(f"{self.name} was not started")
        return self._folder

    @property
    def log_file(self) -> Path:
        """Its output, kept over restarts."""
        return self.folder / "out.log"

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process exists, even if it is suspended."""
        return self._process is not None and self._process.poll() is None

    def new_queue(self, prefix: str = "test") -> str:
        """Return a destination that no other test uses: a broker serves a whole test run."""
        return f"/queue/{prefix}-{uuid.uuid4().hex}"

    def new_topic(self, prefix: str = "test") -> str:
        return f"/topic/{prefix}-{uuid.uuid4().hex}"

    # -- start and stop -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, and return when it answers STOMP. The first call writes the folder."""
        if self.running:
            raise BrokerError(f"{self.name} is running already")
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix=f"stomp-{self.name}-"))
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", guard.__file__, str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            atexit.register(self.stop)
            self._certificates = Certificates.create(self._folder / "certificates")
            self._lay_out()
        self._before_start()
        self._process = self._spawn(self._command(), self._environment(), self.log_file)
        self._wait_until_ready()

    def stop(self, timeout: float = 30.0) -> None:
        """Shut down, kill it if that takes too long, and remove the folder. Safe to call twice."""
        atexit.unregister(self.stop)
        self._shut_down(timeout)
        self._after_stop()
        if self._guard is not None:
            watch, self._guard = self._guard, None
            if watch.stdin is not None:
                watch.stdin.close()
            # It removes the folder, as it does when the test run was killed.
            watch.wait(timeout=HANGS)
        self._folder = None
        self._certificates = None

    def shut_down(self, timeout: float = 30.0) -> None:
        """Shut down and keep data and ports, so that `start()` starts it again."""
        self._shut_down(timeout)

    def write_queues(self) -> None:  # noqa: B027 - nothing to do for brokers that write before they answer
        """Make sure that every queue is on disk, before a `kill` that must not lose a confirmed message."""

    def kill(self) -> None:
        """Send SIGKILL to all of its processes, to simulate a power failure. Data and ports are kept."""
        process, self._process = self._process, None
        self._suspended = False
        if process is None:
            return
        guard.kill_session(process.pid)
        process.wait(timeout=HANGS)

    def restart(self) -> None:
        """Start it (again) with its data and ports, after a clean shutdown if it is running."""
        self._shut_down(30.0)
        self.start()

    def suspend(self) -> None:
        """Send SIGSTOP: connections stay open, but it reads and writes nothing."""
        self._signal_all(signal.SIGSTOP)
        self._suspended = True
        # kill() returns before threads on other processors have stopped; one of them could still answer.
        assert self._process is not None
        deadline = time.monotonic() + HANGS
        while not guard.all_stopped(self._process.pid):
            if time.monotonic() > deadline:
                raise BrokerError(f"{self.name} did not stop")
            time.sleep(0.001)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)
        self._suspended = False

    def ensure_running(self) -> None:
        """Resume or start it if it is suspended or not running."""
        if self._suspended:
            self.resume()
        if not self.running:
            self._process = None
            self.start()

    def log_tail(self, lines: int = 30) -> str:
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        except (OSError, BrokerError):
            return "(no log)"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self.host}:{self.tcp_port}, pid {self.pid}>"

    # -- to be implemented for each broker ----------------------------------------------------------------

    @abstractmethod
    def _lay_out(self) -> None:
        """Write the configuration into the folder, once."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _environment(self) -> dict[str, str]: ...

    def _before_start(self) -> None:  # noqa: B027 - optional
        """Start processes that it needs."""

    def _after_stop(self) -> None:  # noqa: B027 - optional
        """Stop the processes that it needed."""

    # -- processes ------------------------------------------------------------------------------------------

    def _spawn(self, command: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # In its own session: Ctrl-C ends the tests and not the broker, and all of its processes can be killed.
                start_new_session=True,
            )
        watch = self._guard
        if watch is not None and watch.stdin is not None:
            pipe: IO[bytes] = watch.stdin
            pipe.write(b"%d\n" % process.pid)
            pipe.flush()
        return process

    def _signal_all(self, number: signal.Signals) -> None:
        if self._process is None:
            raise BrokerError(f"{self.name} is not running")
        for pid in guard.processes_of_session(self._process.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def _shut_down(self, timeout: float) -> None:
        process = self._process
        if process is None:
            return
        if self._suspended:
            self.resume()
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                pass
        # Also after a clean shutdown: remaining children would keep the ports in use.
        self.kill()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_timeout
        last: object = None
        while time.monotonic() < deadline:
            if not self.running:
                break
            try:
                last = answer = self._answer_to_connect()
            except OSError as error:
                last = error
            else:
                if answer.lstrip(b"\r\n").startswith(b"CONNECTED"):
                    return
            time.sleep(0.05)
        state = "did not become ready" if self.running else "ended while starting"
        tail = self.log_tail()
        self.kill()
        raise BrokerError(f"{self.name} {state}: {last!r}\n{tail}")

    def _answer_to_connect(self) -> bytes:
        """Return the answer to a CONNECT. An open port is not enough: brokers listen before they accept logins."""
        connect = (
            f"CONNECT\naccept-version:1.0,1.1,1.2\nhost:/\nlogin:{self.login}\npasscode:{self.passcode}\n\n\0"
        )
        with socket.create_connection((self.host, self.tcp_port), timeout=2.0) as connection:
            connection.settimeout(5.0)
            connection.sendall(connect.encode())
            answer = b""
            while b"\0" not in answer:
                piece = connection.recv(4096)
                if not piece:
                    break
                answer += piece
            return answer
