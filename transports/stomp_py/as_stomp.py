"""Importing this is calling :func:`stomp_py.install_as_stomp`. For ``pytest -p stomp_py.as_stomp``, for instance."""

from ._alias import install_as_stomp

install_as_stomp()
