"""What the brokers share: a folder, ports, processes and how to end them, and the wait until STOMP is answered."""

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
from . import guard

HOST = "127.0.0.1"
LOGIN = "admin"
PASSCODE = "password"


class BrokerError(Exception):
    """A broker did not do what it was told to; its last log lines are in the message."""


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens, below those that the kernel hands out by itself.

    A client that dials a port of that range over and over while nobody listens there (every reconnect test
    does, while its broker is down) sooner or later gets the same number for its own end, and then is
    connected to itself.
    """
    try:
        first_handed_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first_handed_out = 32768
    top = first_handed_out if first_handed_out > 11_000 else 32768
    ports: list[int] = []
    # Not the generator of the tests, which may be seeded: two runs side by side would get the same ports.
    candidates = random.SystemRandom().sample(range(10_000, top), k=min(500, top - 10_000))
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
    """One broker of one's own. `start()` it once; `stop()` ends it for good and removes its data."""

    name: ClassVar[str]
    #: what to tell somebody who has not got it
    install_hint: ClassVar[str]

    host = HOST
    login = LOGIN
    passcode = PASSCODE

    def __init__(self, *, require_client_certificate: bool = False, start_timeout: float = 90.0) -> None:
        self.require_client_certificate = require_client_certificate
        self.start_timeout = start_timeout
        self.tcp_port, self.tls_port, *self._more_ports = free_ports(6)
        self._folder: Path | None = None
        self._certificates: Certificates | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._suspended = False

    # -- what a test asks -----------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def available(cls) -> bool:
        """Whether it is installed."""

    @property
    def url(self) -> str:
        return f"stomp://{self.login}:{self.passcode}@{self.host}:{self.tcp_port}"

    @property
    def tls_url(self) -> str:
        """Needs `ca_file` to be trusted; the certificate is for localhost, 127.0.0.1 and ::1."""
        return f"stomp+ssl://{self.login}:{self.passcode}@{self.host}:{self.tls_port}"

    @property
    def certificates(self) -> Certificates:
        """The authority behind the TLS listener, and a client certificate of it."""
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
        """All that it says, through restarts."""
        return self.folder / "out.log"

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        """Whether its process lives; a suspended one does."""
        return self._process is not None and self._process.poll() is None

    def new_queue(self, prefix: str = "test") -> str:
        """A destination that nobody used before: a broker serves a whole test run."""
        return f"/queue/{prefix}-{uuid.uuid4().hex}"

    def new_topic(self, prefix: str = "test") -> str:
        return f"/topic/{prefix}-{uuid.uuid4().hex}"

    # -- its life -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start it, and return when STOMP is answered. The first call lays out the folder."""
        if self.running:
            raise BrokerError(f"{self.name} runs already")
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
        """A clean shutdown, SIGKILL where that takes too long, and the folder is removed. Safe to call twice."""
        atexit.unregister(self.stop)
        self._shut_down(timeout)
        self._after_stop()
        if self._guard is not None:
            watch, self._guard = self._guard, None
            if watch.stdin is not None:
                watch.stdin.close()
            # It removes the folder, as it does when nobody is left to call stop().
            watch.wait(timeout=30)
        self._folder = None
        self._certificates = None

    def shut_down(self, timeout: float = 30.0) -> None:
        """A clean shutdown that keeps data and ports: `start()` brings it back."""
        self._shut_down(timeout)

    def write_queues(self) -> None:  # noqa: B027 - most have them on disk when they answer
        """Have every queue that exists on disk, before a `kill` that no confirmed message may be lost to."""

    def kill(self) -> None:
        """SIGKILL to every process of it, as a power cut would. Data and ports are kept."""
        process, self._process = self._process, None
        self._suspended = False
        if process is None:
            return
        guard.kill_session(process.pid)
        process.wait(timeout=30)

    def restart(self) -> None:
        """Bring it (back) up with its data and ports, after a clean shutdown if it still runs."""
        self._shut_down(30.0)
        self.start()

    def suspend(self) -> None:
        """SIGSTOP: connections stay open, and nothing is read, written or answered any more."""
        self._signal_all(signal.SIGSTOP)
        self._suspended = True
        # kill() returns before threads on other processors have stopped: one of them could still answer.
        assert self._process is not None
        deadline = time.monotonic() + 10.0
        while not guard.all_stopped(self._process.pid):
            if time.monotonic() > deadline:
                raise BrokerError(f"{self.name} did not stop")
            time.sleep(0.001)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)
        self._suspended = False

    def ensure_running(self) -> None:
        """What every test may count on, whatever the one before it did to the broker."""
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

    # -- what one broker does in its own way ----------------------------------------------------------------

    @abstractmethod
    def _lay_out(self) -> None:
        """Write the configuration into the folder, once."""

    @abstractmethod
    def _command(self) -> list[str]: ...

    @abstractmethod
    def _environment(self) -> dict[str, str]: ...

    def _before_start(self) -> None:  # noqa: B027 - most need nothing
        """Helpers that must run before it does."""

    def _after_stop(self) -> None:  # noqa: B027 - most need nothing
        """Helpers that end with it."""

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
                # Its own session: Ctrl-C at the tests is not for it, and it can be ended as a whole.
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
            raise BrokerError(f"{self.name} does not run")
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
        # Also after a clean end: children that outlived it would hold the ports.
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
        state = "did not get ready" if self.running else "ended while starting"
        tail = self.log_tail()
        self.kill()
        raise BrokerError(f"{self.name} {state}: {last!r}\n{tail}")

    def _answer_to_connect(self) -> bytes:
        """An open port proves nothing: brokers listen before they can log anybody in."""
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
