"""Each real client does what was granted, and is refused the rest. conftest.py prints the outcomes as a table."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from clients import CLIENTS, RefusedError
from conftest import API_TOKEN, BUCKET, PARENT_SECRET, Emulator
from minters import credentials

INSIDE = {"prefixes": ["camera-7/"]}
KEY = "camera-7/Tür & Tor 1.txt"
OUTSIDE = "camera-70/secret.txt"
DATA = b"some content\n"

#: Makes the client under test; takes the arguments of create and sign.
Connect = Callable[..., Any]


def of_clients(operation: str) -> pytest.MarkDecorator:
    """Every client that has the operation."""
    return pytest.mark.parametrize("name", [name for name, kind in CLIENTS.items() if hasattr(kind, operation)])


@pytest.fixture
def connect(emulator: Emulator, tmp_path: Path, name: str) -> Connect:
    def made(method: str, **grant: Any) -> Any:
        return CLIENTS[name](emulator, tmp_path, method, emulator.grant(**grant))

    return made


def owned(emulator: Emulator, key: str) -> bytes | None:
    """The object, as the bucket's owner sees it."""
    try:
        content: bytes = emulator.owner.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    except emulator.owner.exceptions.NoSuchKey:
        return None
    return content


def refusal(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(RefusedError) as caught:
        call(*arguments)
    return str(caught.value)


#: What clients make of HTTP 403 AccessDenied; a HEAD's has no body that could say the code.
DENIED = {"AccessDenied", "Forbidden", "403", "HTTP 403"}
#: Of HTTP 403 SignatureDoesNotMatch: R2's answer to a credential that has expired.
EXPIRED = {"Forbidden", "403", "HTTP 403"}


@of_clients("put")
def test_put(emulator: Emulator, connect: Connect) -> None:
    emulator.owner.delete_object(Bucket=BUCKET, Key=KEY)
    connect("create", permission="object-read-write", **INSIDE).put(KEY, DATA)
    assert owned(emulator, KEY) == DATA


@of_clients("get")
def test_get(emulator: Emulator, connect: Connect) -> None:
    emulator.owner.put_object(Bucket=BUCKET, Key=KEY, Body=DATA)
    assert connect("create", permission="object-read-only", **INSIDE).get(KEY) == DATA


@of_clients("list")
def test_list(emulator: Emulator, connect: Connect) -> None:
    keys = ["listed/a ö.txt", "listed/b.txt"]
    for key in [*keys, "listed-not/c.txt"]:
        emulator.owner.put_object(Bucket=BUCKET, Key=key, Body=DATA)
    client = connect("create", permission="object-read-only", prefixes=["listed/"])
    assert sorted(client.list("listed/")) == keys


@of_clients("head")
def test_head(emulator: Emulator, connect: Connect) -> None:
    emulator.owner.put_object(Bucket=BUCKET, Key=KEY, Body=DATA)
    assert connect("create", permission="object-read-only", objects=[KEY]).head(KEY) == len(DATA)


@of_clients("delete")
def test_delete(emulator: Emulator, connect: Connect) -> None:
    emulator.owner.put_object(Bucket=BUCKET, Key=KEY, Body=DATA)
    connect("create", permission="object-read-write", **INSIDE).delete(KEY)
    assert owned(emulator, KEY) is None


@pytest.mark.parametrize("name", [name for name in CLIENTS if name != "curl"])  # it sends an object in one piece
def test_multipart(emulator: Emulator, connect: Connect) -> None:
    key, data = "camera-7/large", bytes(range(256)) * 4096 * 17
    emulator.owner.delete_object(Bucket=BUCKET, Key=key)
    # Without PutObject there is no other way.
    multipart = ["CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"]
    connect("sign", actions=[*multipart, "HeadObject", "ListObjectsV1", "ListObjectsV2"], **INSIDE).put(key, data)
    assert owned(emulator, key) == data


@of_clients("presign")
def test_presigned(emulator: Emulator, connect: Connect) -> None:
    for key in (KEY, OUTSIDE):
        emulator.owner.put_object(Bucket=BUCKET, Key=key, Body=DATA)
    client = connect("create", permission="object-read-only", **INSIDE)
    with urllib.request.urlopen(client.presign(KEY)) as reply:
        assert reply.read() == DATA
    try:
        outside = client.presign(OUTSIDE)
    except RefusedError as refused:  # rclone looks first
        assert str(refused) in DENIED
        return
    with pytest.raises(urllib.error.HTTPError) as caught, urllib.request.urlopen(outside):
        pass
    assert caught.value.code == 403


def denied(record: Callable[[str, object], None], call: Callable[..., Any], *arguments: Any) -> None:
    assert refusal(call, *arguments) in DENIED
    record("outcome", "403")


@of_clients("get")
def test_get_outside(emulator: Emulator, connect: Connect, record_property: Any) -> None:
    emulator.owner.put_object(Bucket=BUCKET, Key=OUTSIDE, Body=DATA)
    denied(record_property, connect("create", permission="object-read-write", **INSIDE).get, OUTSIDE)


@of_clients("put")
def test_put_outside(emulator: Emulator, connect: Connect, record_property: Any) -> None:
    emulator.owner.delete_object(Bucket=BUCKET, Key=OUTSIDE)
    denied(record_property, connect("create", permission="object-read-write", **INSIDE).put, OUTSIDE, DATA)
    assert owned(emulator, OUTSIDE) is None


@of_clients("list")
def test_list_outside(connect: Connect, record_property: Any) -> None:
    denied(record_property, connect("create", permission="object-read-write", **INSIDE).list, "camera-70/")


@of_clients("put")
def test_put_read_only(emulator: Emulator, connect: Connect, record_property: Any) -> None:
    emulator.owner.delete_object(Bucket=BUCKET, Key=KEY)
    denied(record_property, connect("create", permission="object-read-only", **INSIDE).put, KEY, DATA)
    assert owned(emulator, KEY) is None


@of_clients("get")
def test_expired(emulator: Emulator, connect: Connect, record_property: Any) -> None:
    emulator.owner.put_object(Bucket=BUCKET, Key=KEY, Body=DATA)
    client = connect("sign", permission="object-read-only", issued_at=int(time.time()) - 1000, ttl_seconds=900)
    said = refusal(client.get, KEY)
    # Clients that know when it ends, and make their own, do not even ask.
    was_sent = said in EXPIRED or "SignatureDoesNotMatch" in said
    assert was_sent or "expired" in said
    record_property("outcome", "403" if was_sent else "not sent")


def command_lines() -> list[bytes]:
    """What everybody on the machine can see."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # no process, or it has ended
            found.append((entry / "cmdline").read_bytes())
    return found


def test_a_secret_in_an_argument_would_be_seen() -> None:
    command = ["sh", "-c", "echo running; read _", "sh", PARENT_SECRET]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"running\n"
        assert any(PARENT_SECRET.encode() in line for line in command_lines())


@pytest.mark.parametrize("name", [name for name, kind in CLIENTS.items() if kind.is_program])
def test_arguments(emulator: Emulator, connect: Connect, record_property: Any) -> None:
    """While the client waits for its reply, no secret is in any process's arguments."""
    seen: list[list[bytes]] = []

    class Endpoint(BaseHTTPRequestHandler):
        def answer(self) -> None:
            seen.append(command_lines())
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD = answer  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        # With a given beginning, everybody signs the same credential.
        grant = {"permission": "object-read-only", "issued_at": int(time.time())}
        grant["endpoint"] = f"http://127.0.0.1:{server.server_port}"
        made = credentials("sign", emulator.grant(**grant), emulator.secrets())
        assert refusal(connect("sign", **grant).get, KEY) in DENIED
        server.shutdown()
    secrets = [PARENT_SECRET, API_TOKEN, made.secret_access_key, made.session_token]
    assert seen
    lines = [line for shown in seen for line in shown]
    assert not any(secret.encode() in line for secret in secrets for line in lines)
    record_property("outcome", "clean")
