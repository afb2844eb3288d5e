"""Go through the scenario with examples/embedding/qt_adapter.py: a process of its own, for the application."""

from __future__ import annotations

import sys

from PySide6.QtCore import QCoreApplication

from examples.embedding import qt_adapter

from .scenario import Scene, scenario


async def main() -> None:
    for kind in sys.argv[1:]:
        with Scene.open(tls=kind == "tls") as scene:
            await scenario(qt_adapter.connect, scene)
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
