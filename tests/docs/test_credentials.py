"""The code in docs/how-to/credentials.md runs: each block connects, with a passcode that is rotated once meanwhile."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from stomp_testing import Broker

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "how-to" / "credentials.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
PAIR = {"username": "app", "password": "the-new-one"}


class _TokenServer(BaseHTTPRequestHandler):
    """Answers as an OAuth2 server and as Vault, the first time with what the broker does not know any more."""

    answers: list[dict[str, str]]

    def do_GET(self) -> None:
        self._answer({"data": self._next() if self.headers["X-Vault-Token"] == "root" else {}})

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        assert "grant_type=client_credentials" in form
        self._answer({"access_token": self._next()["password"], "expires_in": 3600})

    def _next(self) -> dict[str, str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def answers() -> list[dict[str, str]]:
    return [{**PAIR, "password": "the-old-one"}, PAIR]


@pytest.fixture
def server(answers: list[dict[str, str]]) -> Iterator[str]:
    handler = type("Handler", (_TokenServer,), {"answers": answers})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_example_connects_and_sends(
    number: int, answers: list[dict[str, str]], server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get_secret_value(SecretId: str) -> dict[str, str]:  # noqa: N803
        return {"SecretString": json.dumps(answers.pop(0) if len(answers) > 1 else answers[0])}

    class Jwt(ModuleType):
        def encode(self, claims: dict[str, Any], key: str, algorithm: str) -> str:
            assert claims["exp"] > claims["iat"]
            return (answers.pop(0) if len(answers) > 1 else answers[0])["password"]

    class Boto(ModuleType):
        def client(self, service: str) -> Any:
            return SimpleNamespace(get_secret_value=get_secret_value)

    monkeypatch.setitem(sys.modules, "jwt", Jwt("jwt"))
    monkeypatch.setitem(sys.modules, "boto3", Boto("boto3"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.key").write_text("key")
    (tmp_path / "token").write_text("the-new-one\n")
    monkeypatch.setenv("TOKEN_FILE", "token")
    monkeypatch.setenv("VAULT_ADDR", server)
    monkeypatch.setenv("VAULT_TOKEN", "root")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    code = BLOCKS[number].replace("https://login.example.com/oauth2/token", server)
    code = code.replace("a token, from a request that blocks", "the-new-one")
    with Broker(users={"app": "the-new-one"}) as broker:
        code = code.replace("stomp://localhost:61613", f"stomp://{broker.host}:{broker.port}")
        exec(compile(code, f"block {number} of credentials.md", "exec"), {"__name__": "__main__"})
        assert broker.messages("/queue/orders") == [b"hello"]


def test_there_is_an_example_of_each_kind() -> None:
    assert len(BLOCKS) == 6
    for word in ("jwt.encode", "client_credentials", "VAULT_ADDR", "boto3", "asyncio.run"):
        assert any(word in code for code in BLOCKS)
