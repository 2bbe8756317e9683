"""What a credential opens and what it does not, whoever made it and however."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from botocore.exceptions import ClientError
from clients import Boto3, DuckDb, Obstore, RefusedError
from conftest import (
    ACCOUNT,
    BUCKET,
    EU_BUCKET,
    OTHER_BUCKET,
    PARENT_SECRET,
    REVOKED,
    Emulator,
    Mint,
    connect,
    tool,
)
from minters import GO, MINTERS, Minted, MintError

DENIED = "AccessDenied"
BAD_TOKEN = "InvalidArgument: X-Amz-Security-Token"


def verdict(call: Callable[..., Any], **arguments: Any) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        said: dict[str, str] = error.response["Error"]
        # The refusal of a HEAD has no body that could say more.
        known = {
            "403": DENIED,
            "400": BAD_TOKEN,
            "InvalidArgument": f"InvalidArgument: {said.get('Message')}",
        }
        return known.get(said["Code"], said["Code"])
    return "ok"


class Target(NamedTuple):
    """What an operation works on: an object, and a multipart upload of its key with one part."""

    key: str
    upload_id: str
    part: dict[str, Any]


def target(owner: Any, key: str) -> Target:
    owner.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    upload_id = owner.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    sent = owner.upload_part(Bucket=BUCKET, Key=key, UploadId=upload_id, PartNumber=1, Body=b"part")
    return Target(key, upload_id, {"PartNumber": 1, "ETag": sent["ETag"]})


#: By the names that `actions` have.
OPERATIONS: dict[str, Callable[[Any, Target], tuple[Callable[..., Any], dict[str, Any]]]] = {
    "HeadObject": lambda s3, at: (s3.head_object, {"Key": at.key}),
    "GetObject": lambda s3, at: (s3.get_object, {"Key": at.key}),
    "GetBucketLocation": lambda s3, at: (s3.get_bucket_location, {}),
    "ListObjectsV1": lambda s3, at: (s3.list_objects, {}),
    "ListObjectsV2": lambda s3, at: (s3.list_objects_v2, {}),
    "ListMultipartUploads": lambda s3, at: (s3.list_multipart_uploads, {}),
    "ListParts": lambda s3, at: (
        s3.list_parts,
        {"Key": at.key, "UploadId": at.upload_id},
    ),
    "PutObject": lambda s3, at: (s3.put_object, {"Key": at.key, "Body": b"new"}),
    "DeleteObject": lambda s3, at: (s3.delete_object, {"Key": at.key}),
    "DeleteObjects": lambda s3, at: (
        s3.delete_objects,
        {"Delete": {"Objects": [{"Key": at.key}]}},
    ),
    "CopyObject": lambda s3, at: (
        s3.copy_object,
        {"Key": f"{at.key}-copy", "CopySource": f"{BUCKET}/{at.key}"},
    ),
    "CreateMultipartUpload": lambda s3, at: (
        s3.create_multipart_upload,
        {"Key": at.key},
    ),
    "UploadPart": lambda s3, at: (
        s3.upload_part,
        {"Key": at.key, "UploadId": at.upload_id, "PartNumber": 2, "Body": b"more"},
    ),
    "UploadPartCopy": lambda s3, at: (
        s3.upload_part_copy,
        {
            "Key": at.key,
            "UploadId": at.upload_id,
            "PartNumber": 2,
            "CopySource": f"{BUCKET}/{at.key}",
        },
    ),
    "AbortMultipartUpload": lambda s3, at: (
        s3.abort_multipart_upload,
        {"Key": at.key, "UploadId": at.upload_id},
    ),
    "CompleteMultipartUpload": lambda s3, at: (
        s3.complete_multipart_upload,
        {
            "Key": at.key,
            "UploadId": at.upload_id,
            "MultipartUpload": {"Parts": [at.part]},
        },
    ),
    "HeadBucket": lambda s3, at: (s3.head_bucket, {}),
}
ACTIONS = [name for name in OPERATIONS if name != "HeadBucket"]
READ = set(ACTIONS[: ACTIONS.index("PutObject")])


def opens_only(owner: Any, creds: Minted, opened: set[str]) -> None:
    """Asserts that these operations work, and that no other does or leaves a trace."""
    s3 = connect(creds)
    untouched = target(owner, "untouched")
    for name, operation in OPERATIONS.items():
        at = target(owner, f"touched-by-{name}") if name in opened else untouched
        call, arguments = operation(s3, at)
        expected = "ok" if name in opened else DENIED
        assert verdict(call, Bucket=BUCKET, **arguments) == expected, name
    assert owner.get_object(Bucket=BUCKET, Key=untouched.key)["Body"].read() == b"content"
    parts = owner.list_parts(Bucket=BUCKET, Key=untouched.key, UploadId=untouched.upload_id)["Parts"]
    assert [part["PartNumber"] for part in parts] == [1]


@pytest.mark.parametrize(
    ("permission", "opened"),
    [
        ("object-read-only", READ),
        ("object-read-write", {*ACTIONS}),
        ("admin-read-only", {*READ, "HeadBucket"}),
        ("admin-read-write", {*ACTIONS, "HeadBucket"}),
    ],
)
def test_each_permission(emulator: Emulator, mint: Mint, permission: str, opened: set[str]) -> None:
    opens_only(emulator.owner, mint(permission=permission), opened)


def test_each_action(emulator: Emulator, sign: Mint) -> None:
    for action in ACTIONS:
        opens_only(emulator.owner, sign(actions=[action]), {action})


def test_actions_together(emulator: Emulator, sign: Mint) -> None:
    opened = {"GetObject", "ListObjectsV2", "PutObject"}
    opens_only(emulator.owner, sign(actions=sorted(opened)), opened)


def test_prefixes(emulator: Emulator, mint: Mint) -> None:
    owner = emulator.owner
    for found in owner.list_objects_v2(Bucket=BUCKET, Prefix="paths/").get("Contents", []):
        owner.delete_object(Bucket=BUCKET, Key=found["Key"])
    for key in ("paths/a/1", "paths/ab/2", "paths/é & b/3", "paths/c/4"):
        owner.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    s3 = connect(mint(permission="object-read-write", prefixes=["paths/a/", "paths/é & "]))

    def get(key: str) -> str:
        return verdict(s3.get_object, Bucket=BUCKET, Key=key)

    assert [get("paths/a/1"), get("paths/é & b/3"), get("paths/a/missing")] == [
        "ok",
        "ok",
        "NoSuchKey",
    ]
    assert [get(key) for key in ("paths/ab/2", "paths/c/4", "paths/a", "elsewhere")] == [DENIED] * 4

    listing = s3.list_objects_v2(Bucket=BUCKET, Prefix="paths/a/")
    assert [found["Key"] for found in listing["Contents"]] == ["paths/a/1"]
    for prefix in ("", "paths/", "paths/a", "paths/c/"):
        assert verdict(s3.list_objects_v2, Bucket=BUCKET, Prefix=prefix) == DENIED, prefix

    def copy(source: str, key: str) -> str:
        return verdict(s3.copy_object, Bucket=BUCKET, Key=key, CopySource=f"{BUCKET}/{source}")

    assert copy("paths/a/1", "paths/a/copy") == "ok"
    assert [
        copy("paths/c/4", "paths/a/stolen"),
        copy("paths/a/1", "paths/c/leaked"),
    ] == [DENIED] * 2

    assert verdict(s3.put_object, Bucket=BUCKET, Key="paths/a/new", Body=b"") == "ok"
    assert verdict(s3.put_object, Bucket=BUCKET, Key="paths/c/new", Body=b"") == DENIED
    both = {"Objects": [{"Key": "paths/a/1"}, {"Key": "paths/c/4"}]}
    assert verdict(s3.delete_objects, Bucket=BUCKET, Delete=both) == DENIED
    found = {found["Key"] for found in owner.list_objects_v2(Bucket=BUCKET, Prefix="paths/")["Contents"]}
    assert {"paths/a/1", "paths/c/4", "paths/a/new"} <= found
    assert not found & {"paths/a/stolen", "paths/c/leaked", "paths/c/new"}


def test_resumed_upload(mint: Mint) -> None:
    """What another program began is found, and completed with what the listings say."""
    s3 = connect(mint(permission="object-read-write", prefixes=["resumed/"]))
    at = {"Bucket": BUCKET, "Key": "resumed/é & 1"}
    begun = s3.create_multipart_upload(**at)["UploadId"]
    for number, body in ((2, b"end"), (1, bytes(5 << 20))):
        s3.upload_part(**at, UploadId=begun, PartNumber=number, Body=body)

    pages = s3.get_paginator("list_multipart_uploads").paginate(
        Bucket=BUCKET, Prefix="resumed/", PaginationConfig={"PageSize": 1}
    )
    assert [(found["Key"], found["UploadId"]) for found in pages.search("Uploads")] == [(at["Key"], begun)]
    pages = s3.get_paginator("list_parts").paginate(**at, UploadId=begun, PaginationConfig={"PageSize": 1})
    parts = [{name: part[name] for name in ("PartNumber", "ETag")} for part in pages.search("Parts")]
    s3.complete_multipart_upload(**at, UploadId=begun, MultipartUpload={"Parts": parts})
    assert s3.get_object(**at, Range="bytes=-3")["Body"].read() == b"end"

    assert s3.list_multipart_uploads(Bucket=BUCKET, Prefix="resumed/").get("Uploads", []) == []
    for prefix in ("", "resumed", "elsewhere/"):
        assert verdict(s3.list_multipart_uploads, Bucket=BUCKET, Prefix=prefix) == DENIED, prefix


def test_objects(emulator: Emulator, mint: Mint) -> None:
    for key in ("objects/one", "objects/one more", "objects/two"):
        emulator.owner.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    s3 = connect(mint(permission="object-read-write", objects=["objects/one", "objects/new"]))
    assert verdict(s3.get_object, Bucket=BUCKET, Key="objects/one") == "ok"
    assert verdict(s3.put_object, Bucket=BUCKET, Key="objects/new", Body=b"") == "ok"
    for key in ("objects/one more", "objects/two", "objects/on", "objects/"):
        assert verdict(s3.get_object, Bucket=BUCKET, Key=key) == DENIED, key
    assert verdict(s3.put_object, Bucket=BUCKET, Key="objects/two", Body=b"") == DENIED
    assert verdict(s3.list_objects_v2, Bucket=BUCKET, Prefix="objects/") == DENIED


def test_prefixes_and_objects(emulator: Emulator, mint: Mint) -> None:
    for key in ("data/tbl/1", "data/other"):
        emulator.owner.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    s3 = connect(mint(permission="object-read-only", prefixes=["data/tbl/"], objects=["data/tbl"]))
    assert verdict(s3.get_object, Bucket=BUCKET, Key="data/tbl/1") == "ok"
    assert verdict(s3.get_object, Bucket=BUCKET, Key="data/other") == DENIED
    # Some clients ask for the bare name first, and take "not there" for an answer but not "denied".
    assert verdict(s3.head_object, Bucket=BUCKET, Key="data/tbl") == "404"
    without = connect(mint(permission="object-read-only", prefixes=["data/tbl/"]))
    assert verdict(without.head_object, Bucket=BUCKET, Key="data/tbl") == DENIED


def test_directories(emulator: Emulator, mint: Mint) -> None:
    for key in ("dir/tbl/1", "dir/tbl2/1", "dir/tbl3", "dir/other"):
        emulator.owner.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    s3 = connect(mint(permission="object-read-write", directories=["dir/tbl"]))
    assert verdict(s3.get_object, Bucket=BUCKET, Key="dir/tbl/1") == "ok"
    assert verdict(s3.put_object, Bucket=BUCKET, Key="dir/tbl/2", Body=b"") == "ok"
    assert verdict(s3.head_object, Bucket=BUCKET, Key="dir/tbl") == "404"
    assert verdict(s3.list_objects_v2, Bucket=BUCKET, Prefix="dir/tbl/") == "ok"
    for key in ("dir/tbl2/1", "dir/tbl3", "dir/other", "dir/", "dir/tb"):
        assert verdict(s3.get_object, Bucket=BUCKET, Key=key) == DENIED, key
        assert verdict(s3.list_objects_v2, Bucket=BUCKET, Prefix=key) == DENIED, key
    assert verdict(s3.put_object, Bucket=BUCKET, Key="dir/tbl2/2", Body=b"") == DENIED


@pytest.mark.parametrize("method", ["create", "sign"])
@pytest.mark.parametrize("client", [Boto3, Obstore, DuckDb])
def test_clients_in_a_directory(
    emulator: Emulator,
    tmp_path: Path,
    client: type[Boto3 | Obstore | DuckDb],
    method: str,
) -> None:
    for key in ("in/tbl/1", "in/tbl2/1"):
        emulator.owner.put_object(Bucket=BUCKET, Key=key, Body=b"content")
    s3 = client(
        emulator,
        tmp_path,
        method,
        emulator.grant(permission="object-read-write", directories=["in/tbl"]),
    )
    assert s3.get("in/tbl/1") == b"content"
    s3.put("in/tbl/2", b"new")
    assert sorted(s3.list("in/tbl/")) == ["in/tbl/1", "in/tbl/2"]
    refused: list[Callable[[], object]] = [
        lambda: s3.get("in/tbl2/1"),
        lambda: s3.put("in/tbl2/2", b"new"),
        lambda: s3.list("in/"),
    ]
    for call in refused:
        with pytest.raises(RefusedError, match=r"403|AccessDenied|Forbidden"):
            call()


def test_one_bucket(emulator: Emulator, mint: Mint) -> None:
    emulator.owner.put_object(Bucket=OTHER_BUCKET, Key="key", Body=b"content")
    s3 = connect(mint(permission="admin-read-write"))
    assert verdict(s3.get_object, Bucket=OTHER_BUCKET, Key="key") == DENIED
    assert verdict(s3.put_object, Bucket=OTHER_BUCKET, Key="new", Body=b"") == DENIED
    assert verdict(s3.copy_object, Bucket=BUCKET, Key="key", CopySource=f"{OTHER_BUCKET}/key") == DENIED
    assert verdict(s3.list_buckets) == DENIED


def test_eu_endpoint(emulator: Emulator, sign: Mint) -> None:
    creds = sign(permission="object-read-write", bucket=EU_BUCKET, endpoint=emulator.s3_eu)
    assert verdict(connect(creds).put_object, Bucket=EU_BUCKET, Key="key", Body=b"") == "ok"
    elsewhere = connect(creds._replace(endpoint=emulator.s3))
    assert verdict(elsewhere.put_object, Bucket=EU_BUCKET, Key="key", Body=b"") == BAD_TOKEN


def test_eu_bucket_cannot_be_created_for(create: Mint) -> None:
    with pytest.raises(MintError, match="The specified bucket does not exist"):
        create(
            permission="object-read-write",
            bucket=EU_BUCKET,
            endpoint=None,
            jurisdiction="eu",
        )


@pytest.mark.parametrize(
    ("jurisdiction", "bucket", "label"),
    [("default", BUCKET, ""), ("eu", EU_BUCKET, ".eu")],
)
def test_cloudflares_host_names(emulator: Emulator, sign: Mint, jurisdiction: str, bucket: str, label: str) -> None:
    """Signed as for Cloudflare, and sent to the emulator under Cloudflare's name."""
    creds = sign(
        permission="object-read-only",
        bucket=bucket,
        endpoint=None,
        jurisdiction=jurisdiction,
    )
    host = f"{ACCOUNT}{label}.r2.cloudflarestorage.com"
    assert creds.endpoint == f"https://{host}"
    for address, expected in ((emulator.s3, "default"), (emulator.s3_eu, "eu")):
        lines = [
            f'url = "http://{host}/{bucket}?list-type=2"',
            f'connect-to = "::{address.removeprefix("http://")}"',
            'aws-sigv4 = "aws:amz:auto:s3"',
            f'user = "{creds.access_key_id}:{creds.secret_access_key}"',
            f'header = "x-amz-security-token: {creds.session_token}"',
            'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"',
            r'write-out = "\n%{http_code}"',
        ]
        done = subprocess.run(
            [tool("curl"), "-q", "-sS", "-K", "-"],
            input="\n".join(lines),
            capture_output=True,
            text=True,
            check=True,
        )
        body, _, status = done.stdout.rpartition("\n")
        assert (status, "X-Amz-Security-Token" in body) == (
            ("200", False) if jurisdiction == expected else ("400", True)
        )


def from_everybody(emulator: Emulator, parent_secret: str = PARENT_SECRET, **more: Any) -> Iterator[Minted]:
    """One credential from each of the three, by create and by sign."""
    for name, minter in MINTERS.items():
        for method in ("create", "sign"):
            if name != "Go" or GO.exists():  # the other tests say that it is not there
                yield minter(method, emulator.grant(**more), emulator.secrets(parent_secret))


def get(creds: Minted, key: str) -> str:
    return verdict(connect(creds).get_object, Bucket=BUCKET, Key=key)


def test_expiry(emulator: Emulator) -> None:
    emulator.owner.put_object(Bucket=BUCKET, Key="expiry", Body=b"content")
    used: dict[int, Minted] = {}
    count = 1
    while len(used) < count:
        for count, creds in enumerate(from_everybody(emulator, permission="object-read-only", ttl_seconds=2), 1):
            found = get(creds, "expiry")
            # On a machine that stalls one may end before it is used, which says nothing.
            if time.time() < creds.expires_at:
                assert found == "ok"
                used[count] = creds
    end = max(creds.expires_at for creds in used.values())
    # Nothing tells of the end, so this wait is for the clock, which may be set meanwhile.
    while time.time() < end:
        time.sleep(0.05)
    assert {get(creds, "expiry") for creds in used.values()} == {"SignatureDoesNotMatch"}


def test_revoked_parent(emulator: Emulator) -> None:
    emulator.owner.put_object(Bucket=BUCKET, Key="revoked", Body=b"content")
    secret, grant = (
        "1" * 64,
        {"parent_access_key_id": REVOKED, "permission": "object-read-only"},
    )
    children = list(from_everybody(emulator, secret, **grant))
    assert {get(creds, "revoked") for creds in children} == {"ok"}
    emulator.revoke(REVOKED)
    assert {get(creds, "revoked") for creds in children} == {BAD_TOKEN}
    with pytest.raises(MintError, match="401"):
        next(from_everybody(emulator, secret, **grant))
