"""Control: a FaultProxy that is steered while it runs, by lines of JSON, for tests in any language.

Each line is an object with one command; each answer is an object with ``ok``, and ``error`` if that is false.
"""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterable
from typing import Any, Self

from ._armed_fault import ArmedFault
from ._fault import parse_faults
from ._proxy import FaultProxy

__all__ = ["COMMANDS", "Control", "ControlServer"]

#: Each command, and what it does.
COMMANDS: dict[str, str] = {
    "fault": "add faults, separated by commas; the answer has their ids",
    "remove": "remove the fault with this id",
    "clear": "remove all faults and end all stalls",
    "wait": "wait until the fault with this id has struck, for 30 seconds or timeout",
    "resume": "end all stalls",
    "cut": "end this connection with a FIN; true ends all",
    "reset": "end this connection with a RST; true ends all",
    "refuse": "refuse new connections (true), accept them again (false)",
    "status": "show connections and faults",
    "stop": "end the program",
}


class Control:
    """Carries out commands.

    Args:
        proxy: that is running.
        armed: the faults with which it was started; they have the ids from 1 on.
        stop: ends the program.
    """

    def __init__(self, proxy: FaultProxy, armed: Iterable[ArmedFault], stop: Callable[[], object]) -> None:
        self._proxy = proxy
        self._armed = dict(enumerate(armed, 1))
        self._stop = stop
        self._lock = threading.Lock()

    def answer(self, line: str | bytes) -> dict[str, Any]:
        """Carry out the command in a line, and return the answer."""
        try:
            return {"ok": True, **self._carry_out(line)}
        except (ValueError, TypeError, OSError, RuntimeError, TimeoutError) as error:
            return {"ok": False, "error": str(error)}

    def _carry_out(self, line: str | bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
        names = [name for name in request if name in COMMANDS] if isinstance(request, dict) else []
        if len(names) != 1 or request.keys() - {names[0], *(["timeout"] if names[0] == "wait" else [])}:
            raise ValueError(f"a line is an object with one of {', '.join(COMMANDS)}, got {line.strip()!r}")
        name = names[0]
        value = request[name]
        match name:
            case "fault":
                return self._add(value)
            case "remove":
                self._proxy.remove(self._known(value))
            case "wait":
                return self._wait(self._known(value), request.get("timeout", 30.0))
            case "cut" | "reset":
                self._end(value, reset=name == "reset")
            case "refuse":
                if not isinstance(value, bool):
                    raise ValueError(f"refuse must be true or false, got {value!r}")
                self._proxy.refuse_connections = value
            case "status":
                return self._status()
            case _:
                if value is not True:
                    raise ValueError(f"{name} must be true, got {value!r}")
                {"clear": self._proxy.clear, "resume": self._proxy.resume, "stop": self._stop}[name]()
        return {}

    def _add(self, text: object) -> dict[str, Any]:
        if not isinstance(text, str):
            raise ValueError(f"fault must be a text, got {text!r}")
        faults = parse_faults(text)  # all of them are checked before the first is added
        with self._lock:
            ids = []
            for fault in faults:
                ids.append(len(self._armed) + 1)
                self._armed[ids[-1]] = self._proxy.add(fault)
        return {"ids": ids}

    def _known(self, id: object) -> ArmedFault:
        if isinstance(id, bool) or not isinstance(id, int) or id not in self._armed:
            raise ValueError(f"there is no fault with the id {id!r}")
        return self._armed[id]

    def _wait(self, armed: ArmedFault, timeout: object) -> dict[str, Any]:
        if isinstance(timeout, bool) or not isinstance(timeout, int | float):
            raise ValueError(f"timeout must be a number of seconds, got {timeout!r}")
        try:
            self._proxy.wait_until(lambda _: armed.struck, timeout)
        except TimeoutError:
            raise TimeoutError(f"{armed.fault} has not struck within {timeout:g} s") from None
        return {"struck": armed.struck}

    def _end(self, connection: object, *, reset: bool) -> None:
        if connection is True:
            (self._proxy.reset_all if reset else self._proxy.cut_all)()
        elif isinstance(connection, bool) or not isinstance(connection, int):
            raise ValueError(f"the number of a connection or true is needed, got {connection!r}")
        else:
            self._proxy.cut(connection, reset=reset)

    def _status(self) -> dict[str, Any]:
        armed = self._proxy.faults
        with self._lock:
            known = list(self._armed.items())
        return {
            "host": self._proxy.host,
            "port": self._proxy.port,
            "accepted": self._proxy.accepted,
            "connections": self._proxy.open_connections,
            "cuts": self._proxy.cuts,
            "refusing": self._proxy.refuse_connections,
            "faults": [
                {"id": number, "fault": str(one.fault), "struck": one.struck, "armed": one in armed}
                for number, one in known
            ],
        }


class ControlServer:
    """Listen for commands, in threads of its own.

    Args:
        control: carries them out.
        host: the address to listen on.
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, control: Control, host: str, port: int) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                try:
                    for line in self.rfile:
                        self.wfile.write(json.dumps(control.answer(line)).encode() + b"\n")
                except OSError:
                    pass  # the test has ended

        self._server = _Server((host, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
