"""inspect and parent_of_token, as users call them."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
import traceback
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from conftest import ACCOUNT, PARAMS, PARENT_SECRET, Api, Reply, until_end

import r2creds

PARENT_ID = PARAMS["parent_access_key_id"]
API_TOKEN = "example-api-token"


def signed(**changes: Any) -> r2creds.Credentials:
    return r2creds.sign(**{**PARAMS, "parent_secret_access_key": PARENT_SECRET, **changes})


def codes(inspection: r2creds.Inspection) -> list[str]:
    return [finding.code for finding in inspection.findings]


def test_what_a_credential_grants() -> None:
    creds = signed(prefixes=["camera-7/"], objects=["list.json"], directories=["tbl"])
    inspection = r2creds.inspect(creds, parent_secret_access_key=PARENT_SECRET)
    assert not inspection.is_refused
    assert inspection.findings == ()
    assert (inspection.account_id, inspection.bucket) == (ACCOUNT, "recordings")
    assert (inspection.parent_access_key_id, inspection.host) == (PARENT_ID, f"{ACCOUNT}.r2.cloudflarestorage.com")
    assert inspection.permission is r2creds.Permission.OBJECT_READ_ONLY
    assert inspection.actions == ()
    assert inspection.prefixes == ("camera-7/", "tbl/")
    assert inspection.objects == ("list.json", "tbl")
    assert (inspection.issued_at, inspection.expires_at) == (creds.issued_at, creds.expires_at)
    assert creds.session_token not in repr(inspection)


def test_what_a_grant_allows() -> None:
    inspection = r2creds.inspect(signed(directories=["tbl"]))
    assert inspection.allows("GetObject", "tbl/x") is True
    assert inspection.allows("GetObject", "tbl2") is False
    assert inspection.allows("PutObject", "tbl/x") is False
    assert inspection.allows("ListObjectsV2", "tbl/") is True
    assert inspection.allows("ListObjectsV2") is False
    wrong: Any
    for wrong in (("GetObject",), ("GetObjekt", "x"), ("", "x"), (7, "x"), ("Get\0Object", "x"), ("Get\ud800", "x")):
        with pytest.raises(r2creds.InvalidArgumentError) as caught:
            inspection.allows(*wrong)
        assert caught.value.field == "action"
    for wrong in ("\0", "\ud800", 7, b"x"):
        with pytest.raises(r2creds.InvalidArgumentError) as caught:
            inspection.allows("GetObject", wrong)
        assert caught.value.field == "key"
    actions = r2creds.inspect(signed(permission=None, actions=["PutObject"]))
    assert (actions.permission, actions.actions) == (None, ("PutObject",))
    assert actions.allows("PutObject", "x")
    assert not actions.allows("GetObject", "x")


def test_what_speaks_against_a_credential() -> None:
    creds, other = signed(), signed(ttl_seconds=60)
    assert codes(r2creds.inspect(creds, at=creds.expires_at)) == ["expired"]
    assert codes(r2creds.inspect(creds, at=creds.issued_at - timedelta(hours=1))) == ["not-yet-valid"]
    assert codes(r2creds.inspect(creds, secret_access_key=other.secret_access_key)) == ["secret-mismatch"]
    assert codes(r2creds.inspect(creds, access_key_id="f" * 32)) == ["key-mismatch"]
    refused = r2creds.inspect(creds, parent_secret_access_key="f" * 64)
    assert refused.is_refused
    assert codes(refused) == ["signature"]
    warned = r2creds.inspect(creds, endpoint="https://elsewhere.example")
    assert not warned.is_refused
    assert codes(warned) == ["host-mismatch"]
    (finding,) = warned.findings
    assert "elsewhere.example" in finding.message
    assert finding.hint


@pytest.mark.parametrize("token", ["", "x", "é", "bnVsbA==", "A" * (1 << 20), "eyJhbGciOiJIUzI1NiJ9.e30.x"])
def test_a_broken_token_is_a_finding(token: str) -> None:
    inspection = r2creds.inspect(session_token=token)
    assert inspection.is_refused
    assert codes(inspection) == ["not-a-token"]
    assert (inspection.account_id, inspection.permission, inspection.issued_at) == (None, None, None)
    assert inspection.allows("GetObject", "x") is False


def test_what_inspect_needs() -> None:
    wrong: Any = {"session_token": "x"}
    for arguments, field in (((), "session_token"), ((wrong,), "creds"), (("x",), "creds")):
        with pytest.raises(r2creds.InvalidArgumentError) as caught:
            r2creds.inspect(*arguments)
        assert caught.value.field == field


def test_an_inspection_outlives_the_credential_and_serves_threads() -> None:
    inspection = r2creds.inspect(signed(prefixes=["a/"]))
    wrong: list[bool] = []

    def asks() -> None:
        for _ in range(1000):
            if not inspection.allows("GetObject", "a/x") or inspection.allows("GetObject", "b/x"):
                wrong.append(True)

    threads = [threading.Thread(target=asks) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_inspection_at_the_interpreters_end() -> None:
    program = "import r2creds, sys; sys.kept = r2creds.inspect(session_token='x'); print(sys.kept.is_refused)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "True\n", "")


def verified(**changes: Any) -> Reply:
    return 200, {"success": True, "result": {"id": PARENT_ID, "status": "active", **changes}}, {}


def refused(status: int) -> Reply:
    return status, {"success": False, "errors": [{"code": 1000, "message": "Invalid API Token"}], "result": None}, {}


def test_the_parent_of_a_users_token(api: Api) -> None:
    api.replies = [verified(expires_on="2030-01-01T00:00:00Z", not_before="2020-01-01T00:00:00Z")]
    with api.client() as client:
        parent = client.parent_of_token(ACCOUNT, headers={"X-One": "1"})
    (path, headers, body) = api.requests[0]
    assert path.endswith("/user/tokens/verify")
    assert (headers["authorization"], headers["x-one"], body) == (f"Bearer {API_TOKEN}", "1", None)
    assert parent.access_key_id == PARENT_ID
    assert parent.kind is r2creds.TokenKind.USER
    assert parent.token_status == "active"
    assert parent.not_before == datetime(2020, 1, 1, tzinfo=timezone.utc)
    assert parent.expires_at == datetime(2030, 1, 1, tzinfo=timezone.utc)
    creds = r2creds.sign(
        account_id=ACCOUNT,
        bucket="recordings",
        parent_access_key_id=parent.access_key_id,
        parent_secret_access_key=parent.secret_access_key,
        permission="object-read-only",
    )
    assert not r2creds.inspect(creds, parent_secret_access_key=parent.secret_access_key).findings


def test_the_parent_of_an_accounts_token(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.replies = [refused(401), verified()]
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", API_TOKEN)
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", api.url)
    parent = r2creds.parent_of_token(account_id=ACCOUNT)
    assert [request[0].partition("/v4")[2] for request in api.requests] == [
        "/user/tokens/verify",
        f"/accounts/{ACCOUNT}/tokens/verify",
    ]
    assert (parent.kind, parent.not_before, parent.expires_at) == (r2creds.TokenKind.ACCOUNT, None, None)
    api.replies = [refused(403), verified()]
    assert r2creds.parent_of_token(api.client(), account_id=ACCOUNT) == parent


def test_a_parent_keeps_its_secret(api: Api) -> None:
    api.replies = [verified()]
    parent = api.client().parent_of_token(ACCOUNT)
    assert parent.secret_access_key not in f"{parent!r} {parent}"
    assert copy.deepcopy(parent) is copy.copy(parent) is parent
    assert len({parent, api.client().parent_of_token(ACCOUNT)}) == 1
    with pytest.raises(TypeError, match="does not pickle"):
        pickle.dumps(parent)
    with pytest.raises(AttributeError, match="immutable"):
        parent.kind = r2creds.TokenKind.USER
    with pytest.raises(AttributeError, match="immutable"):
        del parent.kind


def test_no_parent(api: Api) -> None:
    api.replies = [refused(401), refused(403)]
    with pytest.raises(r2creds.PermissionDeniedError) as caught:
        api.client().parent_of_token(ACCOUNT)
    assert caught.value.attempts == 2
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert API_TOKEN not in shown
    api.requests.clear()
    with pytest.raises(r2creds.InvalidArgumentError) as refusal:
        api.client(api_token=None, api_email="a@example.com", api_key="key").parent_of_token(ACCOUNT)
    assert refusal.value.field == "client"
    wrong: Any
    for wrong in ("", "a/b", 7, None, "\0", "\ud800"):
        with pytest.raises(r2creds.InvalidArgumentError) as refusal:
            api.client().parent_of_token(wrong)
        assert refusal.value.field == "account_id"
    for wrong in ({"timeout_ms": 0}, {"max_retries": -1}, {"headers": {"Host": "x"}}):
        with pytest.raises(r2creds.InvalidArgumentError) as refusal:
            api.client().parent_of_token(ACCOUNT, **wrong)
        assert refusal.value.field == next(iter(wrong))
    closed = api.client()
    closed.close()
    with pytest.raises(r2creds.InvalidArgumentError, match="closed"):
        closed.parent_of_token(ACCOUNT)
    assert api.requests == []


def test_a_parent_that_does_not_come(api: Api) -> None:
    api.replies = [until_end]
    with pytest.raises(r2creds.APITimeoutError):
        api.client().parent_of_token(ACCOUNT, timeout_ms=50)
    assert api.arrived.acquire(timeout=30)
    client = api.client()

    def closes() -> None:
        assert api.arrived.acquire(timeout=30)
        client.close()

    thread = threading.Thread(target=closes)
    thread.start()
    with pytest.raises(r2creds.CancelledError):
        client.parent_of_token(ACCOUNT)
    thread.join()
