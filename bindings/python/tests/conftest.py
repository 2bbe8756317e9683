"""A loopback server for the tests, which says what it is told and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable

import pytest
from s3 import S3

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


class Api:
    """A stand-in of Cloudflare's API. ``replies`` are given in turn, the last one for ever."""

    def __init__(self) -> None:
        self.replies: list[Reply | Callable[[BaseHTTPRequestHandler], None]] = [
            (200, {"success": True, "errors": [], "messages": [], "result": RESULT}, {"CF-Ray": "0123-TEST"})
        ]
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.arrived = threading.Semaphore(0)
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body)))
                reply = api.replies.pop(0) if len(api.replies) > 1 else api.replies[0]
                api.arrived.release()
                if callable(reply):
                    reply(self)
                    return
                status, content, headers = reply
                data = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Length": str(len(data)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/client/v4"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


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


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the caller's environment reaches a test."""
    import os

    for name in os.environ:
        if name.startswith(("CLOUDFLARE_", "R2_", "AWS_")) or name.upper() in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
            monkeypatch.delenv(name)
