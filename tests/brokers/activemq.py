"""Run an isolated ActiveMQ Classic as a JVM in the foreground. Nothing outside of its folder is changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, load_pem_private_key, pkcs12

from .base import HOST, Broker

HOME = Path("/usr/share/activemq")
JAR = HOME / "bin" / "activemq.jar"
STORE_PASSWORD = "changeit"

CONFIGURATION = """\
<beans xmlns="http://www.springframework.org/schema/beans" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
                      http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="stomptest" useJmx="false" persistent="true"
          dataDirectory="{folder}/data" tmpDataDirectory="{folder}/tmp" schedulerSupport="false" useShutdownHook="true">
    <destinationPolicy><policyMap><policyEntries>
      <policyEntry queue="&gt;"><deadLetterStrategy>
        <individualDeadLetterStrategy queuePrefix="DLQ." useQueueForQueueMessages="true" processNonPersistent="true"/>
      </deadLetterStrategy></policyEntry>
    </policyEntries></policyMap></destinationPolicy>
    <plugins>
      <simpleAuthenticationPlugin anonymousAccessAllowed="false"><users>
        <authenticationUser username="{login}" password="{passcode}" groups="users,admins"/>
      </users></simpleAuthenticationPlugin>
    </plugins>
    <sslContext><sslContext keyStore="file:{folder}/server.p12" keyStorePassword="{store_password}"
                            trustStore="file:{folder}/trust.p12" trustStorePassword="{store_password}"/></sslContext>
    <systemUsage><systemUsage>
      <memoryUsage><memoryUsage limit="512 mb"/></memoryUsage>
      <storeUsage><storeUsage limit="1 gb"/></storeUsage>
      <tempUsage><tempUsage limit="1 gb"/></tempUsage>
    </systemUsage></systemUsage>
    <transportConnectors>
      <transportConnector name="stomp" uri="stomp://{host}:{tcp}"/>
      <transportConnector name="stomp+ssl" uri="stomp+ssl://{host}:{tls}{tls_options}"/>
      <transportConnector name="stomp+nio" uri="stomp+nio://{host}:{nio}"/>
    </transportConnectors>
  </broker>
</beans>
"""

LOGGING = """\
log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d | %-5p | %m | %c | %t%n
"""


class ActiveMQ(Broker):
    name: ClassVar[str] = "activemq"
    install_hint = "apt-get install --no-install-recommends activemq default-jre-headless"

    def __init__(self, *, require_client_certificate: bool = False, start_timeout: float = 180.0) -> None:
        super().__init__(require_client_certificate=require_client_certificate, start_timeout=start_timeout)
        self.nio_port = self._more_ports[0]

    @classmethod
    def available(cls) -> bool:
        return JAR.exists() and shutil.which("java") is not None

    def _lay_out(self) -> None:
        folder = self.folder
        for name in ("conf", "data", "tmp", "lib"):
            (folder / name).mkdir()
        (folder / "conf" / "log4j.properties").write_text(LOGGING)
        (folder / "conf" / "activemq.xml").write_text(
            CONFIGURATION.format(
                folder=folder,
                host=HOST,
                tcp=self.tcp_port,
                tls=self.tls_port,
                tls_options="?needClientAuth=true" if self.require_client_certificate else "",
                nio=self.nio_port,
                login=self.login,
                passcode=self.passcode,
                store_password=STORE_PASSWORD,
            )
        )
        self._write_key_stores()

    def _write_key_stores(self) -> None:
        """Write the key stores in a format that Java 17 reads, without openssl and keytool."""
        server = self.certificates.server
        chain = x509.load_pem_x509_certificates(server.certificate.read_bytes())
        key = load_pem_private_key(server.key.read_bytes(), password=None)
        authority = x509.load_pem_x509_certificate(self.certificates.ca.read_bytes())
        encryption = BestAvailableEncryption(STORE_PASSWORD.encode())
        (self.folder / "server.p12").write_bytes(
            pkcs12.serialize_key_and_certificates(
                b"server",
                key,  # type: ignore[arg-type]
                chain[0],
                chain[1:],
                encryption,
            )
        )
        (self.folder / "trust.p12").write_bytes(
            pkcs12.serialize_java_truststore([pkcs12.PKCS12Certificate(authority, b"ca")], encryption)
        )

    def _environment(self) -> dict[str, str]:
        # Without the options that this machine sets for every JVM.
        return {key: value for key, value in os.environ.items() if key != "JAVA_TOOL_OPTIONS"}

    def _command(self) -> list[str]:
        folder = self.folder
        return [
            "java",
            "-Xms64M",
            "-Xmx1024M",
            f"-Dlog4j.configuration=file:{folder}/conf/log4j.properties",
            f"-Djava.io.tmpdir={folder}/tmp",
            f"-Dactivemq.home={HOME}",
            f"-Dactivemq.base={folder}",
            f"-Dactivemq.conf={folder}/conf",
            f"-Dactivemq.data={folder}/data",
            f"-Dactivemq.classpath={folder}/conf:",
            "-jar",
            str(JAR),
            "start",
            f"xbean:file:{folder}/conf/activemq.xml",
        ]
