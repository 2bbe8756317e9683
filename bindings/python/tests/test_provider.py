"""The provider: what it gives, when it waits, and what it says; the rules themselves are tested in Rust."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from conftest import PARAMS, PARENT_SECRET, REPOSITORY, RESULT, SUCCESS, Api, interrupt, send, settles, until_end
from pickled import mints, worker
from s3 import S3

import r2creds

SIGN = {**PARAMS, "parent_secret_access_key": PARENT_SECRET}


def test_it_gives_the_same_credential_while_it_is_fresh() -> None:
    provider = r2creds.Provider(**SIGN)
    creds = provider.get()
    assert provider() is creds is provider.get(timeout_ms=5)
    assert creds.expires_at - creds.issued_at == timedelta(minutes=15)
    assert creds.expires_at - creds.renew_at == timedelta(seconds=225)
    assert creds.expires_at - creds.renew_by == timedelta(seconds=112)
    assert creds == r2creds.sign(**SIGN, issued_at=creds.issued_at)
    assert provider.last_error is None
    assert repr(provider) == "<r2creds.Provider, open>"


def test_it_renews_and_never_gives_what_is_over() -> None:
    provider = r2creds.Provider(**SIGN, ttl_seconds=2)
    seen: set[str] = set()
    while len(seen) < 3:
        creds = provider.get()
        assert not creds.expired
        seen.add(creds.session_token)
        time.sleep(0.01)


def test_one_call_serves_all_threads_and_the_client_may_be_closed(api: Api) -> None:
    client = api.client()
    provider = r2creds.Provider(client, **PARAMS, headers={"X-Own": "1"}, extra_body={"more": 1}, max_retries=0)
    client.close()
    everybody = threading.Barrier(16)

    def get(_: int) -> r2creds.Credentials:
        everybody.wait(60)
        return provider.get()

    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(get, range(16)))
    assert len(set(made)) == len(api.requests) == 1
    assert made[0].session_token == RESULT["sessionToken"]
    ((_, headers, body),) = api.requests
    assert headers["x-own"] == "1"
    assert body["more"] == 1
    provider.close()
    assert made[0].secret_access_key == RESULT["secretAccessKey"]


def test_a_failure_is_raised_again_without_another_call(api: Api) -> None:
    api.replies = [(429, {}, {"Retry-After": "300"}), SUCCESS]
    provider = r2creds.Provider(api.client(), **PARAMS)
    for _ in range(100):
        with pytest.raises(r2creds.RateLimitError) as caught:
            provider.get()
        assert caught.value.retry_after is not None
        assert timedelta(seconds=200) < caught.value.retry_after <= timedelta(seconds=300)
    assert len(api.requests) == 1
    assert isinstance(provider.last_error, r2creds.RateLimitError)


def test_an_api_that_hangs_holds_nobody_up_who_has_a_good_credential(api: Api) -> None:
    api.replies = [SUCCESS, until_end]
    provider = r2creds.Provider(api.client(), **PARAMS, ttl_seconds=12)  # due after 6 s, overdue at the same time
    first = provider.get()
    time.sleep(6.5)

    def get(_: int) -> float:
        began = time.monotonic()
        assert provider.get() is first
        return time.monotonic() - began

    with ThreadPoolExecutor(16) as pool:
        took = list(pool.map(get, range(16)))
    assert max(took) < 3.5
    assert get(0) < 1
    assert len(api.requests) == 2
    provider.close()


def test_a_rejected_credential_is_replaced(api: Api) -> None:
    provider = r2creds.Provider(api.client(), **PARAMS)
    creds = provider.get()
    provider.reject(r2creds.sign(**SIGN))
    provider.reject(copy.copy(creds))  # the same object
    assert provider.get() is not creds
    assert len(api.requests) == 2
    provider.reject(creds)  # not the current one any more
    provider.reject(provider.get())  # too soon
    provider.get()
    assert len(api.requests) == 2
    with pytest.raises(r2creds.InvalidArgumentError, match=r"^creds: str, expected Credentials"):
        provider.reject("")  # type: ignore[arg-type]


def test_a_wait_has_its_own_time_and_leaves_the_renewal(api: Api) -> None:
    go_on = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        go_on.wait(60)
        send(handler)

    api.replies = [late]
    provider = r2creds.Provider(api.client(), **PARAMS)
    for _ in range(2):
        with pytest.raises(r2creds.APITimeoutError, match="waiting for the renewal"):
            provider.get(timeout_ms=timedelta(milliseconds=50))
    go_on.set()
    assert provider.get().session_token == RESULT["sessionToken"]
    assert len(api.requests) == 1


def test_ctrl_c_ends_a_wait_and_not_the_renewal(api: Api) -> None:
    go_on = threading.Event()

    def late(handler: BaseHTTPRequestHandler) -> None:
        go_on.wait(60)
        send(handler)

    api.replies = [late]
    provider = r2creds.Provider(api.client(), **PARAMS)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        for _ in range(2):
            threading.Timer(0.1, interrupt).start()
            with pytest.raises(KeyboardInterrupt):
                provider.get()
    finally:
        signal.signal(signal.SIGINT, before)
    go_on.set()
    provider.get()
    assert len(api.requests) == 1


def test_closing_ends_the_waits_of_other_threads(api: Api) -> None:
    api.replies = [until_end]
    provider = r2creds.Provider(api.client(), **PARAMS)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(provider.get)
        assert api.arrived.acquire(timeout=30)
        provider.close()
        with pytest.raises(r2creds.CancelledError):
            waiting.result(30)
    provider.close()
    for use in (provider.get, provider, lambda: provider.reject(r2creds.sign(**SIGN)), lambda: provider.last_error):
        with pytest.raises(r2creds.InvalidArgumentError, match=r"^provider: closed"):
            use()
    assert repr(provider) == "<r2creds.Provider, closed>"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")
def test_a_child_has_the_credential_and_not_the_renewal(api: Api) -> None:
    api.replies = [SUCCESS, until_end]
    provider = r2creds.Provider(api.client(), **PARAMS, ttl_seconds=12)
    first = provider.get()
    time.sleep(6.2)
    provider.get(timeout_ms=100)  # begins the renewal, which is in flight from here on
    assert settles(lambda: len(api.requests) == 2)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(30)
            if provider.get(timeout_ms=100) is first:
                provider.close()
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert provider.get() is first
    provider.close()


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("prefixes", {"prefixes": []}),
        ("ttl_seconds", {"ttl_seconds": 604_801}),
        ("headers", {"headers": {"X-Own": "1"}}),
        ("extra_body", {"extra_body": {}}),
        ("timeout_ms", {"timeout_ms": 5}),
        ("max_retries", {"max_retries": 1}),
        ("client", {"client": "https://example.com"}),
        ("parent_secret_access_key", {"parent_secret_access_key": None}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_be_checked_is_checked_when_it_is_made(field: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(r2creds.InvalidArgumentError) as caught:
        r2creds.Provider(**{**SIGN, **arguments})
    assert caught.value.field == field


def test_a_closed_client_makes_none(api: Api) -> None:
    client = api.client()
    client.close()
    with pytest.raises(r2creds.InvalidArgumentError, match=r"^client: closed"):
        r2creds.Provider(client, **PARAMS)


def test_what_holds_a_secret_does_not_pickle(api: Api) -> None:
    provider = r2creds.Provider(**SIGN)
    with_client = r2creds.Provider(api.client(), **PARAMS)
    closed = r2creds.Provider(**SIGN)
    closed.close()
    connections = [connect(provider) for connect in CONNECTIONS]
    for secret in (provider, provider.get(), with_client, closed, *connections):
        with pytest.raises(TypeError, match="does not pickle"):
            pickle.dumps(secret)


#: The connections whose libraries hand providers to other processes.
CONNECTIONS: tuple[Any, ...] = (r2creds.obstore.provider, r2creds.polars.provider)


def test_one_that_signs_from_the_environment_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(r2creds.InvalidArgumentError, match=r"^parent_secret_access_key: "):
        r2creds.Provider(**PARAMS)
    monkeypatch.setenv("R2_PARENT_SECRET_ACCESS_KEY", PARENT_SECRET)
    provider = r2creds.Provider(**PARAMS, prefixes=(name for name in ("a/", "b/")), ttl_seconds=timedelta(minutes=5))
    creds = provider.get()
    assert not r2creds.inspect(creds, parent_secret_access_key=PARENT_SECRET).is_refused
    pickled = pickle.dumps(provider)
    for secret in (PARENT_SECRET, creds.secret_access_key, creds.session_token):
        assert secret.encode() not in pickled
    for duplicate in (copy.copy(provider), copy.deepcopy(provider), pickle.loads(pickled)):
        assert r2creds.inspect(duplicate.get()).prefixes == ("a/", "b/")
        assert duplicate.get().expires_at - duplicate.get().issued_at == timedelta(minutes=5)

    # In another process, with the variable that this one has.
    connections = [connect(source) for connect in CONNECTIONS for source in (provider, mints)]
    tables = r2creds.lance.namespace(provider, "s3://recordings/tables")
    assert pickle.loads(pickle.dumps(tables)).namespace_id() == tables.namespace_id()
    monkeypatch.setenv("R2_PARENT_SECRET_ACCESS_KEY", "1" * 64)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert all(pool.map(worker, [provider, mints, *connections]))
    monkeypatch.delenv("R2_PARENT_SECRET_ACCESS_KEY")
    with pytest.raises(r2creds.InvalidArgumentError, match=r"^parent_secret_access_key: "):
        pickle.loads(pickled)


def test_a_connection_to_a_function_of_no_module_does_not_pickle() -> None:
    creds = r2creds.sign(**SIGN)
    for connect in CONNECTIONS:
        with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
            pickle.dumps(connect(lambda: creds))


def test_one_that_was_never_made_has_a_repr() -> None:
    with pytest.raises(TypeError):
        r2creds.Provider(nonsense=1)  # type: ignore[call-arg]
    provider = r2creds.Provider.__new__(r2creds.Provider)
    assert repr(provider) == "<r2creds.Provider, closed>"
    provider.close()
    del provider
    gc.collect()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork, by which the example hands its provider out")
def test_the_example_of_a_pool_shares_one_provider(s3: S3, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.txt").write_bytes(b"%d" % number)
    env = {
        **os.environ,
        "CLOUDFLARE_ACCOUNT_ID": PARAMS["account_id"],
        "R2_BUCKET": PARAMS["bucket"],
        "R2_PARENT_ACCESS_KEY_ID": PARAMS["parent_access_key_id"],
        "R2_PARENT_SECRET_ACCESS_KEY": PARENT_SECRET,
        "R2_ENDPOINT": s3.url,
    }
    program = REPOSITORY / "examples/python/pool.py"
    done = subprocess.run([sys.executable, program, tmp_path], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 20
    assert s3.objects == {f"{number}.txt": b"%d" % number for number in range(20)}
    assert len(set(s3.tokens)) == 1  # which the workers have inherited
