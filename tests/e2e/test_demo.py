"""`make demo`, which is the first thing that most people run."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from conftest import tool

ROOT = Path(__file__).parents[2]


def test_demo() -> None:
    tool("curl")
    # Not what a make that runs this test has told its children.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    # These tests have the library and the emulator already, and no home in which cargo would find its own.
    command = [tool("make"), "-o", "lib", "CARGO=true", "demo"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = re.split("^== ", done.stdout, flags=re.MULTILINE)[1:]
    assert [part.partition(":")[0] for part in shown] == ["sign", "create"]
    for method, part in zip(("sign", "create"), shown):
        assert "export AWS_SESSION_TOKEN='" in part
        assert "upload of camera-7/hello.txt: HTTP 200\n" in part
        assert f"what it holds now: hello from {method}\n" in part
        assert "upload of camera-8/hello.txt, which was not granted: HTTP 403\n" in part

    account = json.loads((ROOT / "emulator/example.json").read_text())["accounts"][0]
    for secret in (account["parents"][0]["secret_access_key"], account["api_tokens"][0]["value"]):
        assert secret not in done.stdout + done.stderr
