"""sign and create, as users call them."""

from __future__ import annotations

from conftest import ACCOUNT, PARAMS, PARENT_SECRET, RESULT, Api

import r2creds


def test_sign_needs_no_network() -> None:
    creds = r2creds.sign(**PARAMS, parent_secret_access_key=PARENT_SECRET)
    assert creds.access_key_id == PARAMS["parent_access_key_id"]
    assert creds.endpoint == f"https://{ACCOUNT}.r2.cloudflarestorage.com"
    assert (creds.expires_at - creds.issued_at).total_seconds() == 900
    assert not creds.expired
    assert creds.request_id is None


def test_create_asks_the_api(api: Api) -> None:
    with r2creds.Client(api_token="example-api-token", base_url=api.url) as client:
        creds = client.create(**PARAMS, ttl_seconds=60, prefixes=["a/"], headers={"X-Test": "1"}, extra_body={"new": 1})
    assert creds.secret_access_key == RESULT["secretAccessKey"]
    assert creds.request_id == "0123-TEST"
    path, headers, body = api.requests[0]
    assert path == f"/client/v4/accounts/{ACCOUNT}/r2/temp-access-credentials"
    assert headers["authorization"] == "Bearer example-api-token"
    assert headers["x-test"] == "1"
    assert body["prefixes"] == ["a/"]
    assert body["new"] == 1
