"""Run an isolated RabbitMQ node, as the user that runs the tests. Nothing outside of its folder is changed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import ClassVar

from ..waiting import HANGS
from .base import HOST, Broker, BrokerError

CONFIGURATION = """\
listeners.tcp = none
stomp.listeners.tcp.1 = {host}:{tcp}
stomp.listeners.ssl.1 = {host}:{tls}
web_stomp.ws_frame = text
web_stomp.tcp.ip = {host}
web_stomp.tcp.port = {ws}
web_stomp.ssl.ip = {host}
web_stomp.ssl.port = {wss}
web_stomp.ssl.certfile = {certificate}
web_stomp.ssl.keyfile = {key}
web_stomp.ssl.cacertfile = {ca}
ssl_options.cacertfile = {ca}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = {verify}
ssl_options.fail_if_no_peer_cert = {need_certificate}
default_user = {login}
default_pass = {passcode}
loopback_users = none
log.console = true
log.console.level = info
vm_memory_high_watermark.absolute = 4GB
disk_free_limit.absolute = 50MB
"""


def _programs() -> Path | None:
    """Return the folder of the scripts. On Debian, those on the path are wrappers that change the user."""
    candidates = [*Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin")]
    found = sorted(path for path in candidates if (path / "rabbitmq-server").exists())
    return found[-1] if found else None


def _epmd() -> str | None:
    return shutil.which("epmd")


class RabbitMQ(Broker):
    name: ClassVar[str] = "rabbitmq"
    install_hint = "apt-get install --no-install-recommends rabbitmq-server"

    def __init__(self, *, require_client_certificate: bool = False, start_timeout: float = 180.0) -> None:
        super().__init__(require_client_certificate=require_client_certificate, start_timeout=start_timeout)
        self.ws_port, self.wss_port, self._distribution_port, self._epmd_port = self._more_ports
        self._epmd_process: subprocess.Popen[bytes] | None = None

    @classmethod
    def available(cls) -> bool:
        return _programs() is not None and _epmd() is not None and shutil.which("erl") is not None

    @property
    def ws_url(self) -> str:
        return f"ws://{self.login}:{self.passcode}@{self.host}:{self.ws_port}/ws"

    @property
    def wss_url(self) -> str:
        return f"wss://{self.login}:{self.passcode}@{self.host}:{self.wss_port}/ws"

    def ctl(self, *arguments: str, timeout: float = 240.0) -> str:
        """Run `rabbitmqctl`, to close connections, raise alarms or inspect queues. A call takes about a second."""
        programs = _programs()
        assert programs is not None
        done = subprocess.run(
            [str(programs / "rabbitmqctl"), "--quiet", "-n", self._node, *arguments],
            env=self._environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise BrokerError(f"rabbitmqctl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def write_queues(self) -> None:
        # A RECEIPT means that the message is on disk. The declaration of its queue, however, stays in the buffer of
        # Mnesia's log for up to two seconds: of thirty new queues, one was lost after SIGKILL, with confirmed messages.
        self.ctl("eval", "disk_log:sync(latest_log).")

    @property
    def _node(self) -> str:
        return f"stomptest{self.tcp_port}@localhost"

    def _lay_out(self) -> None:
        self.folder.chmod(0o700)
        (self.folder / "log").mkdir()
        (self.folder / "mnesia").mkdir()
        server = self.certificates.server
        (self.folder / "rabbitmq.conf").write_text(
            CONFIGURATION.format(
                host=HOST,
                tcp=self.tcp_port,
                tls=self.tls_port,
                ws=self.ws_port,
                wss=self.wss_port,
                certificate=server.certificate,
                key=server.key,
                ca=self.certificates.ca,
                verify="verify_peer" if self.require_client_certificate else "verify_none",
                need_certificate="true" if self.require_client_certificate else "false",
                login=self.login,
                passcode=self.passcode,
            )
        )
        (self.folder / "enabled_plugins").write_text("[rabbitmq_stomp,rabbitmq_web_stomp].\n")
        (self.folder / "advanced.config").write_text("[].\n")

    def _environment(self) -> dict[str, str]:
        folder = self.folder
        # Without the settings that this machine has for another node of RabbitMQ.
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("RABBITMQ_", "ERL_")) and key != "NOTIFY_SOCKET"
        }
        return inherited | {
            "HOME": str(folder),
            "RABBITMQ_NODENAME": self._node,
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(folder / "rabbit.pid"),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": HOST,
            # Two schedulers that sleep when idle, because the tests need the processor too.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none"
            ),
            # Makes the script replace itself by the node instead of waiting for it, so that SIGTERM reaches Erlang.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _command(self) -> list[str]:
        programs = _programs()
        assert programs is not None
        return [str(programs / "rabbitmq-server")]

    def _before_start(self) -> None:
        """Run Erlang's port mapper in the foreground. Otherwise the node starts one that never ends."""
        if self._epmd_process is not None and self._epmd_process.poll() is None:
            return
        epmd = _epmd()
        assert epmd is not None
        self._epmd_process = self._spawn(
            [epmd, "-port", str(self._epmd_port), "-address", HOST],
            self._environment(),
            self.folder / "epmd.log",
        )
        deadline = time.monotonic() + HANGS
        while time.monotonic() < deadline:
            try:
                socket.create_connection((HOST, self._epmd_port), timeout=1.0).close()
                return
            except OSError:
                time.sleep(0.02)
        raise BrokerError("epmd did not start")

    def _after_stop(self) -> None:
        process, self._epmd_process = self._epmd_process, None
        if process is not None:
            process.kill()
            process.wait(timeout=HANGS)
