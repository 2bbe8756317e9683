"""Work that lives through three renewals of its credential, which are of a few seconds here."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import obstore
import obstore.store
import polars as pl
import pytest
import r2creds
from clients import CLIENTS
from conftest import BUCKET, PARENT_SECRET, Emulator
from minters import PROGRAMS

PART = 5 << 20
#: Seconds that a credential lives: it is renewed after half of them.
LIFE = 4


@pytest.fixture(params=["create", "sign"])
def provider(emulator: Emulator, request: pytest.FixtureRequest) -> Iterator[r2creds.Provider]:
    grant = emulator.grant(permission="object-read-write", ttl_seconds=LIFE)
    if request.param == "sign":
        with r2creds.Provider(**grant, parent_secret_access_key=PARENT_SECRET) as made:
            yield made
        return
    secrets = emulator.secrets()
    client = r2creds.Client(api_token=secrets["CLOUDFLARE_API_TOKEN"], base_url=secrets["CLOUDFLARE_BASE_URL"])
    with client, r2creds.Provider(client, **grant) as made:
        yield made


class Lives:
    """Counts the credentials that work goes through."""

    def __init__(self, provider: r2creds.Provider) -> None:
        self.provider = provider
        self.seen: list[str] = []

    def is_new(self) -> bool:
        token = self.provider.get().session_token
        if token in self.seen:
            return False
        self.seen.append(token)
        return True


def content(emulator: Emulator, key: str) -> bytes:
    got: bytes = emulator.owner.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return got


def test_boto3(emulator: Emulator, provider: r2creds.Provider) -> None:
    """A multipart upload of which each credential sends a part, and requests all the while."""
    s3 = boto3.Session(botocore_session=r2creds.botocore.session(provider)).client("s3")
    lives, parts = Lives(provider), []
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="long/boto3")["UploadId"]
    while len(lives.seen) < 4:
        if lives.is_new():
            number = len(lives.seen)
            sent = s3.upload_part(
                Bucket=BUCKET, Key="long/boto3", UploadId=upload, PartNumber=number, Body=b"%d" % number * PART
            )
            parts.append({"ETag": sent["ETag"], "PartNumber": number})
        s3.put_object(Bucket=BUCKET, Key="long/beside", Body=b"x")
    s3.complete_multipart_upload(Bucket=BUCKET, Key="long/boto3", UploadId=upload, MultipartUpload={"Parts": parts})
    assert content(emulator, "long/boto3") == b"".join(b"%d" % number * PART for number in (1, 2, 3, 4))


def test_obstore_and_polars(emulator: Emulator, provider: r2creds.Provider, tmp_path: Path) -> None:
    """One streamed upload, and scans of several files, each as long as it takes."""
    pl.DataFrame({"n": [1, 2, 3]}).write_parquet(tmp_path / "n.parquet")
    for number in range(3):
        key = f"long/scan/{number}.parquet"
        emulator.owner.put_object(Bucket=BUCKET, Key=key, Body=(tmp_path / "n.parquet").read_bytes())
    store = obstore.store.S3Store(BUCKET, credential_provider=r2creds.obstore.provider(provider))
    r2 = r2creds.polars.provider(provider)
    lives = Lives(provider)

    def pieces() -> Iterator[bytes]:
        while len(lives.seen) < 4:
            if lives.is_new():
                yield b"%d" % len(lives.seen) * PART
            scanned: Any = pl.scan_parquet(
                f"s3://{BUCKET}/long/scan/*.parquet", credential_provider=r2, storage_options=r2.storage_options
            )
            assert scanned.collect()["n"].sum() == 18

    obstore.put(store, "long/obstore", pieces(), use_multipart=True, chunk_size=PART)
    assert content(emulator, "long/obstore") == b"".join(b"%d" % number * PART for number in (1, 2, 3, 4))


@pytest.mark.parametrize("method", ["create", "sign"])
def test_aws_sdk_go(emulator: Emulator, tmp_path: Path, method: str) -> None:
    grant = emulator.grant(permission="object-read-write", ttl_seconds=LIFE)
    client: Any = CLIENTS["aws-sdk-go-v2"](emulator, tmp_path, method, grant)
    client.perform("renew", "long/go")
    assert content(emulator, "long/go") == b"".join(b"%d" % number * PART for number in (1, 2, 3, 4))


@pytest.mark.parametrize("method", ["create", "sign"])
def test_s3_sync(emulator: Emulator, tmp_path: Path, method: str) -> None:
    """The AWS CLI asks credential_process again when one is near its end."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number}.txt").write_bytes(b"%d" % number * 1000)
    grant = emulator.grant(permission="object-read-write", ttl_seconds=LIFE)
    aws: Any = CLIENTS["aws, credential_process"](emulator, tmp_path, method, grant)
    aws.aws("configure", "set", "default.s3.max_bandwidth", "20KB/s")  # so that it takes ten seconds and more
    aws.aws("s3", "sync", str(folder), f"s3://{BUCKET}/long/sync/")
    assert content(emulator, "long/sync/199.txt") == b"199" * 1000


@pytest.mark.parametrize("method", ["create", "sign"])
def test_c_with_libcurl(emulator: Emulator, tmp_path: Path, method: str) -> None:
    """The daemon of examples/c, to which files come for as long as three renewals take."""
    folder, program = tmp_path / "spool", PROGRAMS / "daemon"
    if not program.exists():
        pytest.skip("libcurl's headers are not installed")
    folder.mkdir()
    secrets = emulator.secrets()
    del secrets["R2_PARENT_SECRET_ACCESS_KEY" if method == "create" else "CLOUDFLARE_API_TOKEN"]
    grant = emulator.grant()
    env = {
        **secrets,
        "CLOUDFLARE_ACCOUNT_ID": grant["account_id"],
        "R2_BUCKET": BUCKET,
        "R2_PARENT_ACCESS_KEY_ID": grant["parent_access_key_id"],
        "R2_ENDPOINT": grant["endpoint"],
    }
    daemon = subprocess.Popen([str(program), str(folder)], env=env, stderr=subprocess.PIPE, text=True)
    for number in range(40):
        (folder / f".{number}").write_bytes(b"%d" % number)
        (folder / f".{number}").rename(folder / f"long-{number}")
        time.sleep(0.25)
    end = time.monotonic() + 60
    while list(folder.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    daemon.terminate()
    assert daemon.communicate(timeout=60)[1] == ""
    assert daemon.returncode == 0
    for number in range(40):
        assert content(emulator, f"long-{number}") == b"%d" % number
