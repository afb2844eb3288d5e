"""docs/tutorials/tls.md: real brokers take its configuration, and a client that has nothing but its certificate."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

import stomp_socket

from ..brokers import ActiveMQ, RabbitMQ
from ..waiting import HANGS
from .pages import ROOT

TEXT = (ROOT / "docs" / "tutorials" / "tls.md").read_text()


def block(start: str) -> str:
    """Return the only block of the page whose text begins so."""
    (found,) = [
        text
        for text in re.findall(r"^```\w+\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
        if text.startswith(start)
    ]
    return str(found)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the commands of the page that make certificates and key stores."""
    for program in ("openssl", "keytool"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("certificates")
    for script in (block("# make-certificates.sh"), block("openssl pkcs12")):
        done = subprocess.run(
            ["sh", "-ec", script], cwd=folder, capture_output=True, text=True, timeout=HANGS, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder


class ConfiguredRabbitMQ(RabbitMQ):
    """RabbitMQ with the settings of the page."""

    certificates_of_page: ClassVar[Path]

    def _lay_out(self) -> None:
        super()._lay_out()
        file = self.folder / "rabbitmq.conf"
        kept = [
            line
            for line in file.read_text().splitlines()
            if not line.startswith(("ssl_options", "stomp.listeners.ssl"))
        ]
        page = block("# rabbitmq.conf").replace("/etc/rabbitmq/tls", str(self.certificates_of_page))
        page = page.replace("= 61614", f"= {self.host}:{self.tls_port}")
        file.write_text("\n".join(kept) + "\n" + page)

    def add_user(self) -> None:
        for line in block("rabbitmq-plugins").splitlines():
            program, *arguments = line.replace("'", "").split()
            if program == "rabbitmqctl":
                self.ctl(*arguments)


class ConfiguredActiveMQ(ActiveMQ):
    """ActiveMQ with the elements and files of the page."""

    certificates_of_page: ClassVar[Path]

    def _lay_out(self) -> None:
        super()._lay_out()
        configuration = self.folder / "conf"
        for name in ("server.p12", "trust.p12"):
            shutil.copy(self.certificates_of_page / name, configuration)
        (configuration / "login.config").write_text(block("certificate-login"))
        (configuration / "certificates.properties").write_text(block("orders="))
        (configuration / "users.properties").write_text(f"{self.login}={self.passcode}\n")
        (configuration / "groups.properties").write_text(f"{block('users=')}admins={self.login}\n")
        file = configuration / "activemq.xml"
        text, page = (
            file.read_text(),
            block("<plugins>").replace("0.0.0.0:61614", f"{self.host}:{self.tls_port}"),
        )
        # The configuration that comes with ActiveMQ replaces this; that of the tests has no bean for it.
        page = page.replace("${activemq.conf}", str(configuration))
        for element in ("plugins", "sslContext"):
            whole = re.compile(
                rf"^ *<{element}>.*^ *</{element}>|<{element}>.*</{element}>", re.MULTILINE | re.DOTALL
            )
            (new,) = whole.findall(page)
            text = whole.sub(new, text)
        (connector,) = re.findall(r"<transportConnector .*/>", page)
        file.write_text(re.sub(r'<transportConnector name="stomp\+ssl".*/>', connector, text))

    def _command(self) -> list[str]:
        java, *rest = super()._command()
        return [java, f"-Djava.security.auth.login.config={self.folder}/conf/login.config", *rest]

    def add_user(self) -> None:
        """Do nothing: the users are in its files."""


@pytest.mark.parametrize(
    "broker_type", [ConfiguredRabbitMQ, ConfiguredActiveMQ], ids=["rabbitmq", "activemq"]
)
def test_program_of_the_page_runs_with_a_certificate_alone(
    broker_type: type[ConfiguredRabbitMQ | ConfiguredActiveMQ], certificates: Path
) -> None:
    mode = os.environ.get("STOMP_BROKERS")
    if mode == "off" or (mode != "required" and not broker_type.available()):
        pytest.skip(f"{broker_type.name} is not to be used, or not installed")
    broker_type.certificates_of_page = certificates
    with broker_type() as broker:
        broker.add_user()
        url = f"stomp+ssl://localhost:{broker.tls_port}"
        program = block("# orders.py").replace("stomp+ssl://localhost:61614", url)
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=certificates,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=HANGS,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("hello\n", "")
        with pytest.raises(stomp_socket.ConnectFailed, match="client certificate"):
            stomp_socket.connect(url, ca_file=str(certificates / "ca.pem"))
