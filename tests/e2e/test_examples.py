"""The C programs of examples/ that use libcurl, compiled as their first lines say."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import ACCOUNT, BUCKET, PARENT, Emulator, tool

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "target" / "release"
KEY = "camera-7/Tür & Tor 1.txt"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tool("curl-config")
    folder = tmp_path_factory.mktemp("programs")
    for name in ("put", "get"):
        source, program = ROOT / "examples" / "c" / f"{name}.c", folder / name
        libraries = [f"-L{RELEASE}", "-lr2creds", f"-Wl,-rpath,{RELEASE}", "-lcurl"]
        subprocess.run([tool("cc"), f"-I{ROOT}/include", source, "-o", program, *libraries], check=True)
    return folder


def test_put_and_get(emulator: Emulator, programs: Path, tmp_path: Path) -> None:
    file, data = tmp_path / "file", bytes(range(256)) * 8000  # curl asks before it sends more than 1 MiB
    file.write_bytes(data)
    identity = {"CLOUDFLARE_ACCOUNT_ID": ACCOUNT, "R2_BUCKET": BUCKET, "R2_PARENT_ACCESS_KEY_ID": PARENT}
    environment = {**os.environ, **identity, "R2_ENDPOINT": emulator.s3, **emulator.secrets()}
    emulator.owner.delete_object(Bucket=BUCKET, Key=KEY)
    subprocess.run([programs / "put", file, KEY], env=environment, check=True)
    assert emulator.owner.get_object(Bucket=BUCKET, Key=KEY)["Body"].read() == data
    assert subprocess.run([programs / "get", KEY], env=environment, check=True, capture_output=True).stdout == data

    wrong = {**environment, **emulator.secrets(parent_secret="1" * 64)}
    for command in ([str(programs / "put"), str(file), KEY], [str(programs / "get"), KEY]):
        refused = subprocess.run(command, env=wrong, capture_output=True, text=True)
        assert refused.returncode == 1 and "error: 40" in refused.stderr, refused
