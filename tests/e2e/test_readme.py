"""The README's examples in C and Python, as they stand there, in the environment that `make emulator` prints."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import boto3
import pytest
import r2creds
from conftest import ACCOUNT, API_TOKEN, BUCKET, PARENT, PARENT_SECRET, Emulator, connect, tool
from minters import Minted

ROOT = Path(__file__).parents[2]
PROGRAM = """
#include <stdio.h>
#include <stdlib.h>
#include "r2creds.h"

static int complain(r2creds_error *error) {
    fprintf(stderr, "%%s\\n", error->message);
    r2creds_error_free(error);
    return 1;
}

static void upload(const r2creds_credentials *made) {
    printf("%%s\\n%%s\\n", made->access_key_id, made->secret_access_key);
    printf("%%s\\n%%s\\n", made->session_token, made->endpoint);
}

int main(void) {
%s
    return 0;
}
"""


def example(language: str) -> str:
    _, opening, rest = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n```{language}\n")
    assert opening
    return rest.partition("\n```")[0]


@pytest.fixture
def environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "CLOUDFLARE_ACCOUNT_ID": ACCOUNT,
        "CLOUDFLARE_API_TOKEN": API_TOKEN,
        "CLOUDFLARE_BASE_URL": emulator.api,
        "R2_BUCKET": BUCKET,
        "R2_ENDPOINT": emulator.s3,
        "R2_PARENT_ACCESS_KEY_ID": PARENT,
        "R2_PARENT_SECRET_ACCESS_KEY": PARENT_SECRET,
    }.items():
        monkeypatch.setenv(name, value)


def test_python_uploads_an_object(environment: None, emulator: Emulator) -> None:
    exec(compile(example("python"), "README.md", "exec"), {"boto3": boto3, "os": os, "r2creds": r2creds})
    assert emulator.owner.get_object(Bucket=BUCKET, Key="camera-7/hello.txt")["Body"].read() == b"hello"


def test_c_makes_a_credential_that_reads(environment: None, emulator: Emulator, tmp_path: Path) -> None:
    (tmp_path / "example.c").write_text(PROGRAM % example("c"))
    library = ROOT / "target/release"
    command = [tool("cc"), "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/include", str(tmp_path / "example.c")]
    command += ["-o", str(tmp_path / "example"), f"-L{library}", "-lr2creds", f"-Wl,-rpath,{library}"]
    subprocess.run(command, check=True)
    done = subprocess.run([tmp_path / "example"], stdout=subprocess.PIPE, text=True, check=True)
    access_key_id, secret_access_key, session_token, endpoint = done.stdout.splitlines()
    assert endpoint == f"https://{ACCOUNT}.r2.cloudflarestorage.com"  # Cloudflare's, since the example names no other
    emulator.owner.put_object(Bucket=BUCKET, Key="readme.txt", Body=b"read me")
    # Tokens for Cloudflare's own host work at the emulator, too.
    reader = connect(Minted(access_key_id, secret_access_key, session_token, emulator.s3, 0))
    assert reader.get_object(Bucket=BUCKET, Key="readme.txt")["Body"].read() == b"read me"
    with pytest.raises(reader.exceptions.ClientError, match="AccessDenied"):
        reader.put_object(Bucket=BUCKET, Key="readme.txt", Body=b"")
