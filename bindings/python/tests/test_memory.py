"""Nothing is leaked: neither by Python nor, by valgrind's counts, by the library."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from conftest import PARAMS, PARENT_SECRET, Api, Reply, send, tool

#: Success and each kind of failure. In a process of its own, because the server is in this one. The server answers in
#: turn with success and with an error.
EVERY_PATH = f"""
import sys
import r2creds
PARAMS = {PARAMS!r}
SIGN = dict(PARAMS, parent_secret_access_key={PARENT_SECRET!r})
def refused(call, **arguments):
    try:
        call(**arguments)
    except r2creds.R2CredsError:
        return
    raise AssertionError("it was not refused")
def every_path():
    r2creds.sign(**SIGN, prefixes=["a/", "é"], objects=["b"])
    refused(r2creds.sign, **dict(SIGN, bucket="a\\0"))
    refused(r2creds.sign, **dict(SIGN, prefixes=["a", None]))
    refused(r2creds.sign, **dict(SIGN, ttl_seconds=2**70))
    refused(r2creds.sign, **dict(SIGN, parent_secret_access_key="x"))
    refused(r2creds.Client, api_token="")
    refused(r2creds.Client, api_token="token", proxy_url="socks5://127.0.0.1:1")
    clocks = dict(timeout_ms=600000, attempt_timeout_ms=600000, connect_timeout_ms=600000)  # valgrind is slow
    with r2creds.Client(api_token="token", base_url=sys.argv[1], max_retries=0, **clocks) as client:
        client.create(**PARAMS, headers={{"X-A": "1"}}, extra_body={{"a": 1}})
        refused(client.create, **PARAMS)
        refused(client.create, **dict(PARAMS, bucket=""))
    refused(client.create, **PARAMS)
"""

#: Says how many more bytes Python holds after each time; the first round fills caches.
GROWTH = """
import gc, tracemalloc
held = []
tracemalloc.start()
for _ in range(3):
    for _ in range(200):
        every_path()
    gc.collect()
    held.append(tracemalloc.get_traced_memory()[0])
print((held[2] - held[1]) / 200)
"""

#: All that an error can carry.
RICH: Reply = (
    429,
    {"success": False, "messages": ["first"], "errors": [{"code": 7, "message": "no", "source": {"pointer": "/a"}}]},
    {"Retry-After": "61", "CF-Ray": "0123-TEST"},
)


def alternating(handler: Any) -> None:
    handler.server.turn = not getattr(handler.server, "turn", False)
    if handler.server.turn:
        send(handler)
    else:
        send(handler, RICH)


def test_python_keeps_nothing(api: Api) -> None:
    api.replies[:] = [alternating]
    command = [sys.executable, "-c", EVERY_PATH + GROWTH, api.url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    # The smallest object has 16 bytes.
    assert float(done.stdout) < 8


def leaked(url: str, times: int, log: Path) -> dict[str, tuple[int, int]]:
    """Bytes and blocks that the library allocated and nobody freed, by valgrind's kinds: definitely lost, ..."""
    command = [
        tool("valgrind"),
        f"--log-file={log}",
        "--leak-check=full",
        "--show-leak-kinds=all",
        "--undef-value-errors=no",
        "--num-callers=30",
        sys.executable,
        "-c",
        f"{EVERY_PATH}for _ in range({times}): every_path()",
        url,
    ]
    # Python's own allocator would hide what is in its pools.
    subprocess.run(command, env={**os.environ, "PYTHONMALLOC": "malloc"}, check=True, timeout=600)
    found: dict[str, tuple[int, int]] = {}
    for record in re.split(r"^==\d+== $", log.read_text(), flags=re.MULTILINE):
        head = re.search(r"([\d,]+) (?:\([^)]*\) )?bytes in ([\d,]+) blocks are ([a-z ]+) in loss record", record)
        if head and "libr2creds" in record:
            size, count = (int(number.replace(",", "")) for number in head.groups()[:2])
            had = found.get(head[3], (0, 0))
            found[head[3]] = (had[0] + size, had[1] + count)
    return found


def test_the_library_keeps_nothing(api: Api, tmp_path: Path) -> None:
    api.replies[:] = [alternating]
    few, many = leaked(api.url, 3, tmp_path / "few"), leaked(api.url, 30, tmp_path / "many")
    assert "definitely lost" not in many
    assert "indirectly lost" not in many
    assert many == few
