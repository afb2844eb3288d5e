"""The optional compiled build: a hook of hatchling that compiles some modules of stomp_core with mypyc.

``STOMP_COMPILE=1 pip install .`` makes a wheel for one version of Python and one kind of machine. Without the variable
this hook does nothing and needs nothing, and the wheel is pure Python. Which modules are compiled, and why the others
are not, is in pyproject.toml. Their source stays in the wheel, for tracebacks, type checkers and readers.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: A release of mypyc may compile the same source in another way, so the tests run with the one that makes the wheels.
NEEDS = ["mypy==2.4.1", "setuptools>=77"]


class CompiledBuild(BuildHookInterface):  # type: ignore[misc, type-arg]  # hatchling has no types
    """Adds extension modules to the wheel if the environment variable STOMP_COMPILE is 1."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build needs besides hatchling."""
        return NEEDS if _wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and put the extension modules into the wheel.

        Args:
            version: ``"standard"``, or ``"editable"``, which stays pure: its modules are edited.
            build_data: of hatchling.
        """
        if not _wanted() or version == "editable":
            return
        self._folder = Path(tempfile.mkdtemp())
        modules = [f"stomp_core/{name}.py" for name in self.config["compiled"]]
        built = _compile(Path(self.root), self._folder, modules)
        for extension in built:
            build_data["force_include"][str(extension)] = str(extension.relative_to(self._folder / "built"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the files of the build, which the wheel contains by now."""
        if _wanted() and version != "editable":
            shutil.rmtree(self._folder)


def _wanted() -> bool:
    return os.environ.get("STOMP_COMPILE") == "1"


def _compile(root: Path, folder: Path, modules: list[str]) -> list[Path]:
    """Compile modules, without leaving anything in the source tree.

    Args:
        root: of the project.
        folder: an empty one for everything that is written; the extension modules are in ``built`` in it.
        modules: their files.

    Returns:
        The extension modules: one for each module, which is small, and one that all of them share.
    """
    from mypyc.build import mypycify
    from setuptools import Distribution

    shutil.copytree(root / "stomp_core", folder / "stomp_core")
    before = Path.cwd()
    os.chdir(folder)  # mypy names modules by their paths below it
    try:
        extensions = mypycify(["--strict", *modules], opt_level="2", group_name="stomp_core")
        command = Distribution({"name": "stomp-core", "ext_modules": extensions}).get_command_obj("build_ext")
        command.build_lib = str(folder / "built")
        command.build_temp = str(folder / "objects")
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(before)
    return sorted(path for path in (folder / "built").rglob("*") if path.suffix in (".so", ".pyd"))
