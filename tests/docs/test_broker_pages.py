"""The pages of brokers that can be installed here: the real one runs with the configuration that the page shows.

rabbitmq.md and activemq.md show a whole configuration, commands of an administrator, and code. The broker is started
with the configuration, except for addresses and paths of files; the commands are run; then the code is.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..brokers import ActiveMQ, RabbitMQ
from .pages import blocks, run_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..brokers import Broker

RABBITMQ_PAGE = "docs/how-to/brokers/rabbitmq.md"
ACTIVEMQ_PAGE = "docs/how-to/brokers/activemq.md"


class _PageRabbitMQ(RabbitMQ):
    """RabbitMQ with the configuration of the page."""

    name = "rabbitmq-page"
    login = passcode = "guest"

    def _lay_out(self) -> None:
        super()._lay_out()
        (shown,) = blocks(RABBITMQ_PAGE, "ini")
        server = self.certificates.server
        for on_the_page, here in {
            "= 61613": f"= {self.host}:{self.tcp_port}",
            "= 61614": f"= {self.host}:{self.tls_port}",
            "/etc/rabbitmq/ca.pem": str(self.certificates.ca),
            "/etc/rabbitmq/server.pem": str(server.certificate),
            "/etc/rabbitmq/server.key": str(server.key),
        }.items():
            assert on_the_page in shown
            shown = shown.replace(on_the_page, here)
        keys = set(re.findall(r"^([\w.]+) *=", shown, re.MULTILINE))
        file = self.folder / "rabbitmq.conf"
        others = [line for line in file.read_text().splitlines() if line.split(" ")[0] not in keys]
        file.write_text("\n".join([shown, *others, ""]))

    @property
    def port(self) -> int:
        return self.tcp_port


class _PageActiveMQ(ActiveMQ):
    """ActiveMQ with the configuration of the page."""

    name = "activemq-page"
    login = passcode = "admin"

    def _lay_out(self) -> None:
        super()._lay_out()
        (shown,) = blocks(ACTIVEMQ_PAGE, "xml")
        for on_the_page, here in {
            "0.0.0.0:61613": f"{self.host}:{self.tcp_port}",
            "0.0.0.0:61614": f"{self.host}:{self.tls_port}",
            "${activemq.conf}": f"file:{self.folder}",
        }.items():
            assert on_the_page in shown
            shown = shown.replace(on_the_page, here)
        (self.folder / "conf" / "activemq.xml").write_text(shown)

    @property
    def port(self) -> int:
        return self.tcp_port

    @property
    def ws_url(self) -> str:
        raise NotImplementedError("its WebSocket connector is not on the page")


@pytest.mark.rabbitmq
def test_page_of_rabbitmq(start_broker: Callable[[type[Broker]], Broker], tmp_path: Path) -> None:
    broker = start_broker(_PageRabbitMQ)
    assert isinstance(broker, _PageRabbitMQ)
    for block in blocks(RABBITMQ_PAGE, "sh"):
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            if program == "rabbitmqctl":
                broker.ctl(*arguments)
            else:
                assert line == "rabbitmq-plugins enable rabbitmq_stomp"  # which tests/brokers has done
    assert run_page(RABBITMQ_PAGE, tmp_path, broker) == len(blocks(RABBITMQ_PAGE, "python"))


@pytest.mark.activemq
def test_page_of_activemq(start_broker: Callable[[type[Broker]], Broker], tmp_path: Path) -> None:
    broker = start_broker(_PageActiveMQ)
    assert isinstance(broker, _PageActiveMQ)
    assert run_page(ACTIVEMQ_PAGE, tmp_path, broker) == len(blocks(ACTIVEMQ_PAGE, "python"))
