"""@stomp/stompjs, the client that browsers use, against the WebSocket of the embedded broker and of RabbitMQ.

One program, ``stompjs.js``, runs in a page of headless Chromium and on node. It subscribes, sends and acknowledges,
loses its connection and gets a new one, and disconnects; each case is a broker or an option of the client. All cases
run in one start, since Chromium takes seconds to start; the results are looked at one by one.

It needs ``@stomp/stompjs`` and ``ws`` of npm in the folder ``STOMP_NODE_MODULES``, node, and Debian's chromium. With
``STOMP_BROKERS=required`` it is a failure if one is missing.
"""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("websockets", reason='pip install "stomp-core[websocket]"')

from stomp_core import HeartBeat
from stomp_testing import ACTIVEMQ, RABBITMQ, Broker, FaultProxy, Note, Recorder
from stomp_websocket import WebSocket
from tests.brokers import RabbitMQ
from tests.heart_beats import PATIENCE

HERE = Path(__file__).parent
HANGS = 240.0  # seconds; all cases take about ten
INSTALL_NPM = (
    "stompjs is missing: npm install --prefix FOLDER @stomp/stompjs ws, "
    "and STOMP_NODE_MODULES=FOLDER/node_modules"
)
INSTALL_CHROMIUM = "chromium is missing: apt-get install --no-install-recommends chromium"
_BUNDLE = "@stomp/stompjs/bundles/stomp.umd.js"
_PAGE = b"""<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script src="/stomp.umd.js"></script><script src="/stompjs.js"></script>"""


def _modules() -> Path | None:
    folder = os.environ.get("STOMP_NODE_MODULES")
    return Path(folder) if folder else None


@cache
def _missing(place: str) -> str | None:
    """Return how to install what is missing for a place."""
    modules = _modules()
    if modules is None or not (modules / _BUNDLE).exists():
        return INSTALL_NPM
    if place == "chromium":
        return None if shutil.which("chromium") else INSTALL_CHROMIUM
    return None if shutil.which("node") and (modules / "ws").exists() else INSTALL_NPM


def _require(place: str) -> None:
    missing = _missing(place)
    if missing is None:
        return
    if os.environ.get("STOMP_BROKERS") == "required":
        pytest.fail(missing)
    pytest.skip(missing)


@dataclass
class Case:
    """One run of the program.

    Attributes:
        name: of the case.
        broker: the embedded one; ``None`` for a real one.
        options: of the program.
        proxy: in front of the broker.
        recorder: of what passes the proxy.
        queue: an unused one.
    """

    name: str
    broker: Broker | None
    options: dict[str, Any]
    proxy: FaultProxy
    recorder: Recorder
    queue: str = field(default_factory=lambda: f"/queue/stompjs-{uuid.uuid4().hex}")

    def for_program(self) -> dict[str, Any]:
        url = urlsplit(self.proxy.url)
        return {
            "name": self.name,
            "url": f"ws://127.0.0.1:{self.proxy.port}{url.path}",  # a browser refuses a URL with credentials
            "login": url.username,
            "passcode": url.password,
            "queue": self.queue,
            "large": 500_000,
            "bytes": False,
            "heartBeats": False,
            "splitLargeFrames": False,
            "forceBinaryWSFrames": False,
            "disconnectReceipt": False,
            **self.options,
        }

    def wait_for_heart_beats(self) -> None:
        def came(_: FaultProxy) -> bool:
            beats = [
                record.direction for record in self.recorder.records if isinstance(record.what, HeartBeat)
            ]
            return beats.count("to-server") >= 2 and beats.count("to-client") >= 1

        self.proxy.wait_until(came, timeout=HANGS)


#: Brokers and options of the program. RabbitMQ sends bytes as text unless ws_frame is binary, which no browser accepts.
#: No name contains "activemq": such a test runs beside those of the real one (tests/conftest.py), and all cases again.
BINARY = WebSocket(text=False)
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "text": ({"websocket": True}, {"heartBeats": True}),
    "bytes": ({"websocket": BINARY}, {"bytes": True}),
    "deflate": ({"websocket": WebSocket(text=False, compression=True)}, {"bytes": True}),
    "split": ({"websocket": BINARY}, {"bytes": True, "splitLargeFrames": True}),
    "force-binary": ({"websocket": BINARY}, {"bytes": True, "forceBinaryWSFrames": True}),
    "split-deflate": (
        {"websocket": WebSocket(text=False, compression=True)},
        {"bytes": True, "splitLargeFrames": True},
    ),
    "ActiveMQ": (
        {"websocket": True, "flavour": ACTIVEMQ},
        {"heartBeats": True, "disconnectReceipt": True},
    ),
    "ActiveMQ-deflate": (
        {"websocket": WebSocket(compression=True), "flavour": ACTIVEMQ},
        {"disconnectReceipt": True},
    ),
}


class Control:
    """A small HTTP server: it has the page and the cases, cuts connections, and gets the results."""

    def __init__(self, cases: list[Case]) -> None:
        self.cases = {case.name: case for case in cases}
        self.results: dict[str, dict[str, Any]] = {}
        self.ended = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Control:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> Callable[..., http.server.BaseHTTPRequestHandler]:
        control = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                modules = _modules()
                assert modules is not None
                files = {"/stomp.umd.js": modules / _BUNDLE, "/stompjs.js": HERE / "stompjs.js"}
                path = files.get(self.path)
                self._answer(
                    _PAGE if path is None else path.read_bytes(),
                    "text/html" if path is None else "text/javascript",
                )

            def do_POST(self) -> None:
                url = urlsplit(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                name = parse_qs(url.query).get("case", [""])[0]
                answer: Any = None
                if url.path == "/cases":
                    answer = [case.for_program() for case in control.cases.values()]
                elif url.path == "/cut":
                    control.cases[name].proxy.reset_all()
                elif url.path == "/heart-beats":
                    control.cases[name].wait_for_heart_beats()
                elif url.path == "/result":
                    result = json.loads(body)
                    control.results[result["name"]] = result
                else:
                    control.ended.set()
                self._answer(json.dumps(answer).encode(), "application/json")

            def _answer(self, body: bytes, kind: str) -> None:
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _run_chromium(control: Control, folder: Path) -> None:
    log = folder / "chromium.log"
    command = [
        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
        "--disable-background-networking", "--disable-component-update", "--no-proxy-server",
        f"--user-data-dir={folder / 'profile'}", control.url,
    ]  # fmt: skip
    with log.open("wb") as output:
        browser = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        try:
            ended = control.ended.wait(HANGS)
        finally:
            browser.terminate()
            browser.wait(HANGS)
    assert ended, f"after {sorted(control.results)}: {log.read_text(errors='replace')[-2000:]}"


def _run_node(control: Control) -> None:
    run = subprocess.run(
        ["node", str(HERE / "stompjs.js"), control.url],
        env={**os.environ, "NODE_PATH": str(_modules())},
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert control.ended.is_set()


@pytest.fixture(scope="module", params=["node", "chromium"])
def control(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    """Every case has run."""
    _require(request.param)
    with ExitStack() as stack:
        cases = []
        for name, (arguments, options) in CASES.items():
            flavour = replace(arguments.get("flavour", RABBITMQ), heart_beat_tolerance=PATIENCE)
            settings: dict[str, Any] = {**arguments, "flavour": flavour}
            broker = stack.enter_context(Broker(**settings))
            recorder = Recorder()
            proxy = stack.enter_context(FaultProxy(broker.ws_url, recorder=recorder))
            cases.append(Case(name, broker, options, proxy, recorder))
        control = stack.enter_context(Control(cases))
        if request.param == "node":
            _run_node(control)
        else:
            _run_chromium(control, tmp_path_factory.mktemp("chromium"))
        yield control


def _check(case: Case, result: dict[str, Any]) -> None:
    assert result["error"] is None, (
        f"after {result['passed']}: {result['error']}\n{case.recorder.transcript()[-3000:]}"
    )
    steps = ["connect", "texts", "large", "bytes", "heart-beats", "cut", "disconnect"]
    if not case.options.get("bytes"):
        steps.remove("bytes")
    if not case.options.get("heartBeats"):
        steps.remove("heart-beats")
    assert result["passed"] == steps


@pytest.mark.parametrize("name", CASES)
def test_stompjs_uses_the_embedded_broker(control: Control, name: str) -> None:
    case = control.cases[name]
    _check(case, control.results[name])
    assert case.proxy.cuts >= 1
    assert case.broker is not None
    assert case.broker.messages(case.queue) == []
    assert case.broker.unacknowledged(case.queue) == []


@pytest.mark.parametrize("name", CASES)
def test_compression_is_agreed_on_where_the_broker_offers_it(control: Control, name: str) -> None:
    notes = [
        record.what.text for record in control.cases[name].recorder.records if isinstance(record.what, Note)
    ]
    answers = [note for note in notes if note.startswith("HTTP 101")]
    assert len(answers) >= 2  # one before the cut, one after it
    assert all(("permessage-deflate" in answer) is ("deflate" in name) for answer in answers), answers


def test_stompjs_on_node_does_the_same_with_rabbitmq(rabbitmq: RabbitMQ) -> None:
    """What the program expects of the embedded broker is what the real one does."""
    _require("node")
    recorder = Recorder()
    with FaultProxy(rabbitmq.ws_url, recorder=recorder) as proxy:
        case = Case("rabbitmq", None, {"heartBeats": True}, proxy, recorder, rabbitmq.new_queue())
        with Control([case]) as control:
            _run_node(control)
            _check(case, control.results["rabbitmq"])
