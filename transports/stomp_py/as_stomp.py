"""Calls :func:`stomp_py.install_as_stomp` when it is imported.

For places that can only import something, such as ``pytest -p stomp_py.as_stomp``.
"""

from ._alias import install_as_stomp

install_as_stomp()
