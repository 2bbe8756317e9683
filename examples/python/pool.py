"""Uploads a folder with a pool of forked workers, which share one provider.

    python pool.py FOLDER

Needs boto3, CLOUDFLARE_ACCOUNT_ID, R2_BUCKET, R2_PARENT_ACCESS_KEY_ID and R2_PARENT_SECRET_ACCESS_KEY; R2_ENDPOINT, if
set, replaces the account's own.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import boto3

import r2creds

WORKERS = 4
#: Each worker's own client; connections are not to be shared across a fork.
s3: Any = None


def start(provider: r2creds.Provider) -> None:
    """The workers inherit the provider, with the credential that it has, and renew for themselves."""
    global s3
    s3 = boto3.Session(botocore_session=r2creds.botocore.session(provider)).client("s3")


def upload(path: Path) -> str:
    """Runs in a worker."""
    s3.upload_file(str(path), os.environ["R2_BUCKET"], path.name)
    return path.name


def main(folder: Path) -> None:
    """Hands the files out."""
    provider = r2creds.Provider(
        account_id=os.environ["CLOUDFLARE_ACCOUNT_ID"],
        bucket=os.environ["R2_BUCKET"],
        parent_access_key_id=os.environ["R2_PARENT_ACCESS_KEY_ID"],
        parent_secret_access_key=os.environ["R2_PARENT_SECRET_ACCESS_KEY"],
        endpoint=os.environ.get("R2_ENDPOINT"),
        actions=["PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "AbortMultipartUpload"],
    )
    provider.get()  # a mistake shows here, and once
    fork = multiprocessing.get_context("fork")  # what is passed on to a forked worker is not pickled
    with ProcessPoolExecutor(WORKERS, fork, start, (provider,)) as pool:
        for name in pool.map(upload, sorted(path for path in folder.iterdir() if path.is_file())):
            print(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
