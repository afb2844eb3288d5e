"""Go through the scenario with examples/embedding/qt_adapter.py: a process of its own, for the application."""

from __future__ import annotations

import ssl
import sys
from typing import Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtNetwork import QSslCertificate

from examples.embedding import qt_adapter

from .scenario import Scene, scenario


async def main() -> None:
    for kind in sys.argv[1:]:
        with Scene.open(tls=kind == "tls") as scene:
            ca = QSslCertificate.fromPath(str(scene.broker.ca_file)) if kind == "tls" else None

            def connect(url: str, *, ssl_context: ssl.SSLContext | None, **options: Any) -> Any:
                return qt_adapter.connect(url, ca_certificates=ca if ssl_context else None, **options)  # noqa: B023 -- called in this turn

            await scenario(connect, scene)
        print(kind)


async def run(application: QCoreApplication) -> None:
    try:
        await main()
    finally:
        application.quit()


if __name__ == "__main__":
    application = QCoreApplication([])
    task = qt_adapter.Task(run(application))
    application.exec()
    sys.exit(task.error is not None)
