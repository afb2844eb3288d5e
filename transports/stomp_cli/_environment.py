"""A message's headers as environment variables, for the commands of ``--exec``."""

from __future__ import annotations

import os

from stomp_core.session import Delivery

__all__ = ["environment_of"]


def environment_of(message: Delivery) -> dict[str, str]:
    """Return our environment, and the headers of a message: ``STOMP_CONTENT_TYPE`` for ``content-type``."""
    headers = {
        "STOMP_" + "".join(c if c.isalnum() else "_" for c in name).upper(): value.replace("\0", "")
        for name, value in message.headers.to_dict().items()
    }
    return dict(os.environ) | headers
