"""sign and create, as users call them."""

from __future__ import annotations

import base64
import copy
import json
import pickle
import threading
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any, Callable

import pytest
from conftest import ACCOUNT, PARAMS, PARENT_SECRET, REPOSITORY, RESULT, SUCCESS, Api, Reply, send

import r2creds

VECTORS = json.loads((REPOSITORY / "tests/sign-vectors.json").read_text(encoding="utf-8"))
AT = 1767225600


def sign(**changes: Any) -> r2creds.Credentials:
    return r2creds.sign(**{**PARAMS, "parent_secret_access_key": PARENT_SECRET, "issued_at": AT, **changes})


def claims(creds: r2creds.Credentials) -> Any:
    """The claims inside a session token, as R2 reads them."""
    payload = base64.b64decode(creds.session_token).split(b".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))


def test_sign_needs_no_network() -> None:
    creds = r2creds.sign(**PARAMS, parent_secret_access_key=PARENT_SECRET)
    assert creds.access_key_id == PARAMS["parent_access_key_id"]
    assert creds.endpoint == f"https://{ACCOUNT}.r2.cloudflarestorage.com"
    assert creds.expires_at - creds.issued_at == timedelta(seconds=900)
    assert not creds.expired
    assert creds.request_id is None


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_every_vector_comes_out_byte_for_byte(vector: Any) -> None:
    # An empty list of a vector is none.
    lists = {name: vector["params"][name] or None for name in ("actions", "prefixes", "objects")}
    creds = r2creds.sign(**{**vector["params"], **lists})
    expected = vector["expected"]
    for name in ("access_key_id", "secret_access_key", "session_token", "endpoint"):
        assert getattr(creds, name) == expected[name]
    assert creds.issued_at == datetime.fromtimestamp(vector["params"]["issued_at"], timezone.utc)
    assert creds.expires_at == datetime.fromtimestamp(expected["expires_at"], timezone.utc)
    assert creds.expires_at.tzinfo is timezone.utc


def test_enums_are_their_texts() -> None:
    for permission in r2creds.Permission:
        assert claims(sign(permission=permission))["scope"] == permission.value
        assert sign(permission=permission).session_token == sign(permission=permission.value).session_token
    for jurisdiction in r2creds.Jurisdiction:
        assert sign(jurisdiction=jurisdiction).endpoint == sign(jurisdiction=jurisdiction.value).endpoint
    assert len({sign(jurisdiction=jurisdiction).endpoint for jurisdiction in r2creds.Jurisdiction}) == 4


@pytest.mark.parametrize(
    "given",
    [["b/", "a/"], ("b/", "a/"), {"b/": 1, "a/": 2}, (name for name in ("b/", "a/")), iter(["b/", "a/"])],
    ids=["list", "tuple", "dict", "generator", "iterator"],
)
def test_lists_are_any_iterable_and_keep_their_order(given: Iterable[str]) -> None:
    assert claims(sign(prefixes=given))["paths"] == {"prefixPaths": ["b/", "a/"], "objectPaths": []}


def test_lists_of_any_length_and_alphabet_arrive_whole() -> None:
    prefixes = [f"{at}/é\U0001f600\n" for at in range(5000)]
    assert claims(sign(prefixes=prefixes, objects={"x"}))["paths"] == {"prefixPaths": prefixes, "objectPaths": ["x"]}
    assert "paths" not in claims(sign(prefixes=None, objects=None))
    assert claims(sign(permission=None, actions=["PutObject", "GetObject"]))["actions"] == ["PutObject", "GetObject"]


@pytest.mark.parametrize(
    "empty", [[], (), {}, set(), iter(()), (_ for _ in "")], ids=lambda value: type(value).__name__
)
@pytest.mark.parametrize("name", ["prefixes", "objects", "directories"])
def test_an_empty_list_does_not_open_the_whole_bucket(name: str, empty: Any) -> None:
    with pytest.raises(r2creds.InvalidArgumentError) as caught:
        sign(**{name: empty})
    assert caught.value.field == name
    assert caught.value.hint is not None and "whole bucket" in caught.value.hint


def test_a_generator_that_has_ended_does_not_open_the_whole_bucket() -> None:
    grant = {"prefixes": (f"{user}/" for user in ["alice"])}
    assert claims(sign(**grant))["paths"]["prefixPaths"] == ["alice/"]
    with pytest.raises(r2creds.InvalidArgumentError, match="prefixes: an empty list"):
        sign(**grant)


def test_empty_actions_are_refused() -> None:
    with pytest.raises(r2creds.InvalidArgumentError) as caught:
        sign(permission=None, actions=[])
    assert caught.value.field == "actions"


def test_durations_and_times_are_what_python_has_for_them() -> None:
    assert claims(sign(ttl_seconds=timedelta(hours=1)))["exp"] == AT + 3600
    assert claims(sign(ttl_seconds=604800))["exp"] == AT + 604800
    utc = datetime(2026, 1, 1, tzinfo=timezone.utc)
    east = utc.astimezone(timezone(timedelta(hours=5, minutes=30)))
    for when in (utc, east, utc + timedelta(microseconds=999999)):
        assert claims(sign(issued_at=when))["iat"] == AT

    class Number:
        """As numpy's integers are: no int, but an index."""

        def __index__(self) -> int:
            return 60

    assert claims(sign(ttl_seconds=Number()))["exp"] == AT + 60


def test_a_time_that_datetime_cannot_hold_is_the_latest_it_can() -> None:
    assert sign(issued_at=2**62).expires_at == datetime.max.replace(tzinfo=timezone.utc)


def test_credentials_are_frozen_and_keep_their_secrets_to_themselves() -> None:
    creds = sign()
    for shown in (repr(creds), str(creds), f"{creds}", repr([creds])):
        assert creds.secret_access_key not in shown
        assert creds.session_token not in shown
        assert creds.access_key_id in shown
    with pytest.raises(AttributeError):
        creds.bucket = "other"  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        creds.session_token = "other"
    with pytest.raises(AttributeError):
        del creds.session_token
    assert not hasattr(creds, "__dict__")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="does not pickle"):
            pickle.dumps(creds, protocol)
    assert copy.copy(creds) is copy.deepcopy(creds) is creds
    assert {creds: 1}[sign()] == 1
    assert creds != sign(ttl_seconds=1)
    assert creds != "creds"
    fields = {name: getattr(creds, name) for name in r2creds.Credentials.__slots__}
    fields["expires_at"] = creds.expires_at.astimezone(timezone(timedelta(hours=2)))
    assert r2creds.Credentials(**fields).env() == creds.env()
    assert creds.expired
    assert not sign(issued_at=None).expired


def test_create_asks_the_api(api: Api) -> None:
    with api.client(user_agent="example/1") as client:
        creds = client.create(
            **PARAMS,
            parent_secret_access_key=PARENT_SECRET,
            ttl_seconds=60,
            prefixes=["a/"],
            objects=["b"],
            jurisdiction="eu",
            headers={"X-Test": "1"},
            extra_body=MappingProxyType({"new": {"é": [1, None, True]}}),
        )
    assert creds.access_key_id == RESULT["accessKeyId"]
    assert creds.secret_access_key == RESULT["secretAccessKey"]
    assert creds.session_token == RESULT["sessionToken"]
    assert creds.endpoint == f"https://{ACCOUNT}.eu.r2.cloudflarestorage.com"
    assert creds.expires_at - creds.issued_at == timedelta(seconds=60)
    assert creds.request_id == "0123-TEST"
    path, headers, body = api.requests[0]
    assert path == f"/client/v4/accounts/{ACCOUNT}/r2/temp-access-credentials"
    assert headers["authorization"] == "Bearer example-api-token"
    assert headers["user-agent"] == f"example/1 r2creds/{r2creds.__version__}"
    assert headers["x-test"] == "1"
    assert body == {
        "bucket": PARAMS["bucket"],
        "parentAccessKeyId": PARAMS["parent_access_key_id"],
        "permission": PARAMS["permission"],
        "ttlSeconds": 60,
        "objects": ["b"],
        "prefixes": ["a/"],
        "new": {"é": [1, None, True]},
    }


def test_arguments_have_names_only() -> None:
    with pytest.raises(TypeError, match="positional"):
        r2creds.sign(ACCOUNT)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="positional"):
        r2creds.Client("token")  # type: ignore[call-arg]


def test_authentication_comes_from_the_environment(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", api.url)
    monkeypatch.setenv("CLOUDFLARE_EMAIL", "a@example.com")
    monkeypatch.setenv("CLOUDFLARE_API_KEY", "key")
    r2creds.Client().create(**PARAMS)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "token")
    r2creds.Client().create(**PARAMS)
    r2creds.Client(api_email="b@example.com", api_key="other").create(**PARAMS)
    sent = [{k: v for k, v in h.items() if k.startswith(("x-auth", "authorization"))} for _, h, _ in api.requests]
    assert sent == [
        {"x-auth-email": "a@example.com", "x-auth-key": "key"},
        {"authorization": "Bearer token"},
        {"x-auth-email": "b@example.com", "x-auth-key": "other"},
    ]


def test_an_empty_proxy_url_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(r2creds.UnsupportedError) as caught:
        r2creds.Client(api_token="token")
    assert caught.value.field == "proxy_url"
    r2creds.Client(api_token="token", proxy_url="").close()


def test_failed_attempts_are_repeated_as_often_as_asked(api: Api) -> None:
    fails: Reply = (503, {"success": False}, {"retry-after-ms": "1"})
    thrice = r2creds.Client(api_token="token", base_url=api.url)
    once = r2creds.Client(api_token="token", base_url=api.url, max_retries=0)
    for client, call, attempts in ((thrice, None, 3), (once, None, 1), (once, 1, 2), (thrice, 0, 1)):
        api.replies[:] = [*[fails] * attempts, SUCCESS]
        with pytest.raises(r2creds.InternalServerError) as caught:
            client.create(**PARAMS, max_retries=call)
        assert caught.value.attempts == attempts
    api.replies[:] = [fails, fails, SUCCESS]
    thrice.create(**PARAMS)


def test_a_client_keeps_its_connection_until_it_is_closed(api: Api) -> None:
    ports: list[int] = []
    ended = threading.Event()

    def reply(handler: Any) -> None:
        ports.append(handler.client_address[1])
        send(handler)
        if len(ports) == 2:
            # The next thing on this connection is its end.
            assert handler.connection.recv(1) == b""
            ended.set()

    api.replies[:] = [reply]
    with api.client() as client:
        assert repr(client) == "<r2creds.Client, open>"
        client.create(**PARAMS)
        client.create(**PARAMS)
        assert ports[0] == ports[1]
    assert ended.wait(10)
    assert repr(client) == "<r2creds.Client, closed>"
    client.close()
    with pytest.raises(r2creds.InvalidArgumentError, match="closed") as caught:
        client.create(**PARAMS)
    assert caught.value.field == "client"


def test_a_client_is_neither_pickled_nor_copied(api: Api, capfd: pytest.CaptureFixture[str]) -> None:
    with api.client() as client:
        duplicate: Callable[[r2creds.Client], object]
        for duplicate in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="make one in each process"):
                duplicate(client)
    assert capfd.readouterr() == ("", "")


def test_a_client_that_is_dropped_closes_its_connection(api: Api) -> None:
    ended = threading.Event()

    def reply(handler: Any) -> None:
        send(handler)
        assert handler.connection.recv(1) == b""
        ended.set()

    api.replies[:] = [reply]
    api.client().create(**PARAMS)
    assert ended.wait(10)
