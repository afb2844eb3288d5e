"""Messages as files in a folder: the body as it is, the headers as JSON beside it."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from stomp_core.session import Delivery
from stomp_testing.frame_json import to_json

from ._message_json import to_dict

__all__ = ["Dump"]


class Dump:
    """Writes each message to ``000001.json`` (its headers) and ``000001.txt`` (its body; the ending is its type's).

    Numbers that are in use are left out, so nothing is written over.

    Args:
        folder: where to; it is made if it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._number = 0

    def __call__(self, message: Delivery) -> None:
        """Write a message.

        Raises:
            OSError: it cannot be written.
        """
        text = to_json(to_dict(message, body=False)) + "\n"
        while True:
            self._number += 1
            try:
                with (self._folder / f"{self._number:06}.json").open("x", encoding="utf-8") as file:
                    file.write(text)
                break
            except FileExistsError:
                pass
        kind = (message.content_type or "").partition(";")[0].strip()
        # The type is the sender's, and only names of mimetypes become part of a file's name.
        (self._folder / f"{self._number:06}{mimetypes.guess_extension(kind) or '.bin'}").write_bytes(
            message.body
        )
