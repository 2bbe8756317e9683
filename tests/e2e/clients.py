"""Real S3 clients. Each is given a grant, and takes the credential the way its users would.

An operation that a client does not have is not there; a refusal is a RefusedError with what the client says.
"""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import botocore.exceptions
import duckdb
import duckdb_extension_httpfs
import obstore
import obstore.exceptions
import obstore.store
import r2creds
from conftest import BUCKET, Emulator, go_program, tool
from minters import credentials, words

BIN = Path(sys.executable).parent


class RefusedError(Exception):
    """What the client says: S3's code where it has one, else its own words."""


class Client:
    """``method`` is create or sign, ``grant`` what they take in Python, ``folder`` where files may be made."""

    #: Whether it is a program, with a command line that others can see.
    is_program = True

    def __init__(self, emulator: Emulator, folder: Path, method: str, grant: dict[str, Any]) -> None:
        self.method, self.grant, self.folder = method, grant, folder
        self.secrets = emulator.secrets()
        self.prepare()

    def prepare(self) -> None:
        pass

    def credentials(self) -> r2creds.Credentials:
        return credentials(self.method, self.grant, self.secrets)

    def file(self, data: bytes) -> str:
        path = self.folder / "upload"
        path.write_bytes(data)
        return str(path)


def run(*command: str, env: dict[str, str] | None = None, stdin: bytes = b"", codes: str = r"\((\w+)\)") -> bytes:
    """The standard output of a program. ``codes`` finds S3's code in what it says when it fails."""
    done = subprocess.run(command, input=stdin, capture_output=True, env={**os.environ, **(env or {})})
    if done.returncode != 0:
        said = done.stderr.decode()
        found = re.search(codes, said)
        raise RefusedError(found[1] if found else said)
    return done.stdout


class Curl(Client):
    """The credential comes in a configuration on standard input."""

    def prepare(self) -> None:
        self.curl, self.creds = tool("curl"), self.credentials()

    def request(self, target: str, *more: str) -> bytes:
        lines = [
            'aws-sigv4 = "aws:amz:auto:s3"',
            f'user = "{self.creds.access_key_id}:{self.creds.secret_access_key}"',
            f'header = "x-amz-security-token: {self.creds.session_token}"',
            'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"',
            f'url = "{self.creds.endpoint}/{BUCKET}{target}"',
            r'write-out = "\n%{http_code}"',
            *more,
        ]
        said = run(self.curl, "-q", "-sS", "-K", "-", stdin="\n".join(lines).encode())
        body, _, status = said.rpartition(b"\n")
        if not status.startswith(b"2"):
            code = re.search(rb"<Code>(\w+)</Code>", body)
            raise RefusedError((code[1] if code else status).decode())
        return body

    def put(self, key: str, data: bytes) -> None:
        self.request(f"/{quote(key)}", f'upload-file = "{self.file(data)}"')

    def get(self, key: str) -> bytes:
        return self.request(f"/{quote(key)}")

    def list(self, prefix: str) -> list[str]:
        said = self.request(f"?list-type=2&prefix={quote(prefix, safe='')}").decode()
        return [html.unescape(key) for key in re.findall("<Key>([^<]*)</Key>", said)]

    def head(self, key: str) -> int:
        said = self.request(f"/{quote(key)}", "head")
        return int(re.search(rb"(?i)content-length: (\d+)", said)[1])  # type: ignore[index]

    def delete(self, key: str) -> None:
        self.request(f"/{quote(key)}", 'request = "DELETE"')


def flags(grant: dict[str, Any]) -> list[str]:
    """A grant as options of the command r2creds."""
    names = {"prefixes": "prefix", "objects": "object", "directories": "directory", "actions": "action"}
    pairs = (word.split("=", 1) for word in words(grant))
    return [part for name, value in pairs for part in (f"--{names.get(name, name).replace('_', '-')}", value)]


class AwsCli(Client):
    """A profile with credential_process: the AWS CLI runs r2creds."""

    def prepare(self) -> None:
        mint = subprocess.list2cmdline([str(BIN / "r2creds"), self.method, *flags(self.grant)])
        config = self.folder / "config"
        config.write_text(
            "[default]\nregion = auto\nrequest_checksum_calculation = when_required\n"
            f"response_checksum_validation = when_required\nendpoint_url = {self.grant['endpoint']}\n"
            f"credential_process = {mint} --format credential-process\n"
        )
        self.env = {**self.secrets, "AWS_CONFIG_FILE": str(config), "AWS_MAX_ATTEMPTS": "1"}

    def aws(self, *arguments: str, stdin: bytes = b"") -> bytes:
        return run(*self.command(), *arguments, env=self.env, stdin=stdin)

    def command(self) -> list[str]:
        return [str(BIN / "aws")]

    def url(self, key: str) -> str:
        return f"s3://{BUCKET}/{key}"

    def put(self, key: str, data: bytes) -> None:
        self.aws("s3", "cp", "--no-progress", self.file(data), self.url(key))

    def get(self, key: str) -> bytes:
        return self.aws("s3", "cp", self.url(key), "-")

    def list(self, prefix: str) -> list[str]:
        query = ["--query", "Contents[].[Key]", "--output", "text"]
        return (
            self.aws("s3api", "list-objects-v2", "--bucket", BUCKET, "--prefix", prefix, *query).decode().splitlines()
        )

    def head(self, key: str) -> int:
        query = ["--query", "ContentLength"]
        return int(self.aws("s3api", "head-object", "--bucket", BUCKET, "--key", key, *query))

    def delete(self, key: str) -> None:
        self.aws("s3", "rm", self.url(key))

    def presign(self, key: str) -> str:
        return self.aws("s3", "presign", self.url(key)).decode().strip()


class AwsCliInExec(AwsCli):
    """The credential is in the environment, where r2creds exec puts it."""

    def prepare(self) -> None:
        self.env = {**self.secrets, "AWS_MAX_ATTEMPTS": "1"}

    def command(self) -> list[str]:
        return [str(BIN / "r2creds"), "exec", f"--{self.method}", *flags(self.grant), "--", str(BIN / "aws")]


class Boto3(Client):
    is_program = False

    def prepare(self) -> None:
        self.s3 = boto3.client("s3", **self.credentials().boto3())

    def call(self, name: str, **arguments: Any) -> Any:
        try:
            return getattr(self.s3, name)(Bucket=BUCKET, **arguments)
        except botocore.exceptions.ClientError as error:
            raise RefusedError(error.response["Error"]["Code"]) from None
        except boto3.exceptions.S3UploadFailedError as error:
            raise RefusedError(re.search(r"\((\w+)\)", str(error))[1]) from None  # type: ignore[index]

    def put(self, key: str, data: bytes) -> None:
        self.call("upload_file", Key=key, Filename=self.file(data))

    def get(self, key: str) -> bytes:
        got: bytes = self.call("get_object", Key=key)["Body"].read()
        return got

    def list(self, prefix: str) -> list[str]:
        return [found["Key"] for found in self.call("list_objects_v2", Prefix=prefix)["Contents"]]

    def head(self, key: str) -> int:
        size: int = self.call("head_object", Key=key)["ContentLength"]
        return size

    def delete(self, key: str) -> None:
        self.call("delete_object", Key=key)

    def presign(self, key: str) -> str:
        url: str = self.s3.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key}, 60)
        return url


class Boto3Renewing(Boto3):
    def prepare(self) -> None:
        session = r2creds.botocore.session(self.credentials)
        self.s3 = boto3.Session(botocore_session=session).client("s3")


class AwsSdkGo(Client):
    """The program in go/, which makes the credential itself."""

    def prepare(self) -> None:
        self.program = go_program()

    def perform(self, operation: str, key: str, stdin: bytes = b"") -> bytes:
        command = [self.program, self.method, *words(self.grant), "--", operation, key]
        return run(*command, env=self.secrets, stdin=stdin, codes=r"api error (\w+)")

    def put(self, key: str, data: bytes) -> None:
        self.perform("put", key, data)

    def get(self, key: str) -> bytes:
        return self.perform("get", key)

    def list(self, prefix: str) -> list[str]:
        return self.perform("list", prefix).decode().splitlines()

    def head(self, key: str) -> int:
        return int(self.perform("head", key))

    def delete(self, key: str) -> None:
        self.perform("delete", key)

    def presign(self, key: str) -> str:
        return self.perform("presign", key).decode().strip()


class Rclone(Client):
    """Its configuration is what r2creds prints for it."""

    def prepare(self) -> None:
        self.program = tool("rclone")
        self.config = self.folder / "rclone.conf"
        mint = [str(BIN / "r2creds"), self.method, *flags(self.grant), "--format", "rclone"]
        self.config.write_bytes(run(*mint, env=self.secrets))

    def rclone(self, *arguments: str, stdin: bytes = b"") -> bytes:
        once = ["--retries", "1", "--low-level-retries", "1"]
        parts = ["--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M"]
        command = [self.program, "--config", str(self.config), *once, *parts, *arguments]
        return run(*command, stdin=stdin, codes=r"(AccessDenied|InvalidArgument|Forbidden|Bad Request)")

    def url(self, key: str) -> str:
        return f"r2:{BUCKET}/{key}"

    def put(self, key: str, data: bytes) -> None:
        self.rclone("copyto", self.file(data), self.url(key))

    def get(self, key: str) -> bytes:
        return self.rclone("cat", self.url(key))

    def list(self, prefix: str) -> list[str]:
        return [prefix + name for name in self.rclone("lsf", "-R", self.url(prefix)).decode().splitlines()]

    def delete(self, key: str) -> None:
        self.rclone("deletefile", self.url(key))

    def presign(self, key: str) -> str:
        return self.rclone("link", self.url(key)).decode().strip()


class Obstore(Client):
    is_program = False

    def prepare(self) -> None:
        provider = r2creds.obstore.provider(self.credentials)
        self.store = obstore.store.S3Store(BUCKET, credential_provider=provider)

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(self.store, *arguments)
        except obstore.exceptions.BaseError as error:
            found = re.search(r"<Code>(\w+)</Code>|status code: (\d+)|(40\d) ", str(error))
            raise RefusedError(found[found.lastindex or 0] if found else str(error)) from None

    def put(self, key: str, data: bytes) -> None:
        self.call(obstore.put, key, data)

    def get(self, key: str) -> bytes:
        return bytes(self.call(obstore.get, key).bytes())

    def list(self, prefix: str) -> list[str]:
        return [found["path"] for found in self.call(lambda store: obstore.list(store, prefix).collect())]

    def head(self, key: str) -> int:
        size: int = self.call(obstore.head, key)["size"]
        return size

    def delete(self, key: str) -> None:
        self.call(obstore.delete, key)

    def presign(self, key: str) -> str:
        url: str = self.call(obstore.sign, "GET", key, timedelta(minutes=1))
        return url


class DuckDb(Client):
    """Its httpfs extension comes from a package, so that nothing is loaded from elsewhere."""

    is_program = False

    def prepare(self) -> None:
        self.connection = duckdb.connect()
        (httpfs,) = Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension")
        self.connection.execute(f"LOAD '{httpfs}'")
        self.connection.execute("SET http_retries = 0; SET s3_uploader_max_filesize = '50GB'")  # parts of 5 MB, not 80
        self.connection.execute(self.credentials().duckdb_secret("r2"))

    def query(self, sql: str, *values: Any) -> list[Any]:
        try:
            return self.connection.execute(sql, values).fetchall()
        except duckdb.Error as error:
            found = re.search(r"AccessDenied|InvalidArgument|HTTP 40\d", str(error))
            raise RefusedError(found[0] if found else str(error)) from None

    def put(self, key: str, data: bytes) -> None:
        self.query(f"COPY (SELECT ?::BLOB) TO 'r2://{BUCKET}/{key}' (FORMAT blob)", data)

    def get(self, key: str) -> bytes:
        ((content,),) = self.query("SELECT content FROM read_blob(?)", f"r2://{BUCKET}/{key}")
        return bytes(content)

    def list(self, prefix: str) -> list[str]:
        found = self.query("SELECT file FROM glob(?)", f"r2://{BUCKET}/{prefix}*")
        return [file.removeprefix(f"r2://{BUCKET}/") for (file,) in found]


CLIENTS: dict[str, type[Client]] = {
    "curl": Curl,
    "aws, credential_process": AwsCli,
    "aws, r2creds exec": AwsCliInExec,
    "boto3": Boto3,
    "boto3, renewing": Boto3Renewing,
    "aws-sdk-go-v2": AwsSdkGo,
    "rclone": Rclone,
    "obstore": Obstore,
    "DuckDB": DuckDb,
}
