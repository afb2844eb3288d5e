"""Tests of the ``stomp`` command, as its users meet it: arguments, input and environment; output and exit status."""
