"""A loopback server for the tests, which says what it is told and remembers what it was asked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Callable

import pytest
from s3 import S3, Server

import r2creds

# Nothing of the caller's environment reaches a test, nor a library that reads it when it is imported, as duckdb does.
for _name in list(os.environ):
    if _name.startswith(("CLOUDFLARE_", "R2_", "AWS_", "SSL_CERT_")) or _name.upper().endswith("_PROXY"):
        del os.environ[_name]

REPOSITORY = Path(__file__).resolve().parents[3]

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
#: Arguments that fit both calls.
PARAMS: dict[str, Any] = {
    "account_id": ACCOUNT,
    "bucket": "recordings",
    "parent_access_key_id": "0123456789abcdef0123456789abcdef",
    "permission": "object-read-only",
}
PARENT_SECRET = "0" * 63 + "1"
RESULT = {"accessKeyId": "key-id", "secretAccessKey": "example-secret", "sessionToken": "example-token"}

#: status, body, headers
Reply = tuple[int, Any, dict[str, str]]
#: What a client wants to hear.
SUCCESS: Reply = (200, {"success": True, "errors": [], "messages": [], "result": RESULT}, {"CF-Ray": "0123-TEST"})


def send(handler: BaseHTTPRequestHandler, reply: Reply = SUCCESS) -> None:
    """Sends a whole reply."""
    status, content, headers = reply
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    handler.send_response(status)
    for name, value in {"Content-Length": str(len(data)), **headers}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(data)
    handler.wfile.flush()


class Api:
    """A stand-in of Cloudflare's API. ``replies`` are given in turn, the last one for ever."""

    def __init__(self) -> None:
        self.replies: list[Reply | Callable[[BaseHTTPRequestHandler], None]] = [SUCCESS]
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.arrived = threading.Semaphore(0)
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                given = json.loads(body) if body else None
                api.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, given))
                reply = api.replies.pop(0) if len(api.replies) > 1 else api.replies[0]
                api.arrived.release()
                if callable(reply):
                    reply(self)
                    return
                send(self, reply)

            def do_GET(self) -> None:
                self.do_POST()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/client/v4"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def client(self, **options: Any) -> r2creds.Client:
        """A client of this server, which tries once."""
        return r2creds.Client(**{"api_token": "example-api-token", "base_url": self.url, "max_retries": 0, **options})


def until_end(handler: BaseHTTPRequestHandler) -> None:
    """A reply that never comes: waits until the client has closed the connection."""
    while handler.connection.recv(4096):
        pass


def interrupt() -> None:
    """Ctrl-C, in this process. Windows sends no signals, and there os.kill() would end it."""
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)


def settles(condition: Callable[[], bool]) -> bool:
    """Whether it becomes true soon, for what the system tells nobody of."""
    end = time.monotonic() + 30
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    return condition()


def tool(name: str) -> str:
    """The path of a program; without it the test is skipped, or fails with R2CREDS_NO_SKIP=1."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("R2CREDS_NO_SKIP") == "1":
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path


def compiled(source: Path, to: Path) -> Path:
    """A shared library from a C file."""
    compiler = tool(os.environ.get("CC", "cc"))
    subprocess.run([compiler, "-shared", "-fPIC", "-Wall", "-Wextra", "-o", to, source, "-ldl"], check=True)
    return to


@pytest.fixture
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def s3() -> Iterator[S3]:
    made = S3(**{**PARAMS, "permission": "object-read-write"}, parent_secret_access_key=PARENT_SECRET)
    yield made
    made.server.shutdown()
    made.server.server_close()


def httpfs() -> Path:
    """DuckDB's extension from the package index, so that it need not download it."""
    import duckdb_extension_httpfs

    (path,) = Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
    return path
