"""The README's examples, run from top to bottom as one program."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import ACCOUNT, PARENT_SECRET, SUCCESS, Api, httpfs
from s3 import S3

import r2creds

README = Path(__file__).parent.parent / "README.md"


def test_the_examples(api: Api, s3: S3, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    # The reader's environment, with stand-ins of Cloudflare's API and of R2.
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "example-api-token")
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", api.url)
    monkeypatch.setenv("R2_PARENT_SECRET_ACCESS_KEY", PARENT_SECRET)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
    # One credential, then the error that the example catches.
    verified = {"success": True, "result": {"id": "0123456789abcdef0123456789abcdef", "status": "active"}}
    api.replies += [(429, {"success": False}, {"Retry-After": "120"}), (200, verified, {}), SUCCESS]
    sign = r2creds.sign
    monkeypatch.setattr(r2creds, "sign", lambda **grant: sign(**grant, endpoint=s3.url))
    provider = r2creds.Provider
    monkeypatch.setattr(r2creds, "Provider", lambda **grant: provider(**grant, endpoint=s3.url))
    duckdb.execute(f"LOAD '{httpfs()}'")

    # The rest of the text becomes empty lines, so that an error's line is the README's.
    inside = False
    program = []
    for line in README.read_text(encoding="utf-8").splitlines():
        program.append(line if inside and line != "```" else "")
        inside = line == "```python" or (inside and line != "```")
    names: dict[str, Any] = {}
    exec(compile("\n".join(program), str(README), "exec"), names)

    assert api.requests[0][0].endswith(f"/{ACCOUNT}/r2/temp-access-credentials")
    assert capfd.readouterr().out == f"0:02:00\nFalse ('2026/',) True\n{s3.url}\n"
    assert s3.objects["2026/hello.txt"] == b"hello"
    assert "2026/table/_delta_log/00000000000000000000.json" in s3.objects
    assert not s3.refused
