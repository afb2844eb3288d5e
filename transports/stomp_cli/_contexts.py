"""Contexts: options for connecting, stored by name in a TOML file of the user's configuration folder.

.. code-block:: toml

    current = "test"

    [contexts.test]
    url = "stomp+ssl://broker.test:61614"
    user = "me"
    passcode_file = "/run/secrets/stomp"
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

import click

__all__ = ["Contexts"]


class Contexts:
    """The file, read when it is needed."""

    def __init__(self) -> None:
        self._content: dict[str, Any] | None = None

    @property
    def file(self) -> Path:
        """Where it is: ``stomp/contexts.toml`` in ``XDG_CONFIG_HOME``, by default ``~/.config``."""
        return (
            Path(click.get_app_dir("stomp")) / "contexts.toml"
            if os.name == "nt"
            else _config_home() / "stomp/contexts.toml"
        )

    def options(self, name: str | None) -> dict[str, Any]:
        """Return the options of a context.

        Args:
            name: of the context; ``None`` for the current one, if there is one.

        Raises:
            click.UsageError: there is none of this name, or the file is not valid.
        """
        content = self._read()
        if name is None:
            name = content.get("current")
            if name is None:
                return {}
        stored = content.get("contexts", {}).get(name)
        if stored is None:
            known = ", ".join(sorted(content.get("contexts", {}))) or "none"
            raise click.UsageError(f"There is no context {name!r} in {self.file}; there is {known}.")
        return dict(stored)

    @property
    def current(self) -> str | None:
        """The name of the context in use."""
        return self._read().get("current")

    @property
    def all(self) -> dict[str, dict[str, Any]]:
        """The options of each context, by its name."""
        return dict(self._read().get("contexts", {}))

    def add(self, name: str, options: dict[str, Any]) -> None:
        """Store a context; one of the same name is replaced."""
        content = self._read()
        content.setdefault("contexts", {})[name] = options
        content.setdefault("current", name)
        self._write(content)

    def use(self, name: str | None) -> None:
        """Make a context the current one; ``None`` for none of them."""
        if name is not None:
            self.options(name)
        content = self._read()
        content.pop("current", None)
        if name is not None:
            content["current"] = name
        self._write(content)

    def remove(self, name: str) -> None:
        """Remove a context."""
        self.options(name)
        content = self._read()
        del content["contexts"][name]
        if content.get("current") == name:
            del content["current"]
        self._write(content)

    def _read(self) -> dict[str, Any]:
        if self._content is None:
            try:
                self._content = tomllib.loads(self.file.read_text("utf-8"))
            except FileNotFoundError:
                self._content = {}
            except (OSError, ValueError) as error:
                raise click.UsageError(f"{self.file}: {error}") from None
        return self._content

    def _write(self, content: dict[str, Any]) -> None:
        import tomli_w

        text = tomli_w.dumps(content)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # A reader finds, at any time, the old one or the new one. It may contain a URL with a passcode.
        new = self.file.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(text, "utf-8")
        new.replace(self.file)
        self._content = content


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
