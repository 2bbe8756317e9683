"""Every way to fail: which exception comes out, and what it carries."""

from __future__ import annotations

import asyncio
import copy
import multiprocessing
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import PARAMS, PARENT_SECRET, Api, Reply, compiled, interrupt, until_end

import r2creds

REFUSED: Any = {"success": False, "errors": [{"code": 1, "message": "no"}]}
NO_TOKEN: Any = {"success": True, "result": {"accessKeyId": "a", "secretAccessKey": "b", "sessionToken": ""}}
RICH: Any = {
    "success": False,
    "result": None,
    "messages": ["first", "second"],
    "errors": [
        {
            "code": 10000,
            "message": "Slow\ndown",
            "documentation_url": "https://example.com/",
            "source": {"pointer": "/bucket"},
        },
        {"code": 7},
    ],
}


def hangs_up(handler: Any) -> None:
    handler.close_connection = True


#: The reply; the class, http_status, retryable.
REPLIES: dict[str, tuple[Reply | Callable[[Any], None], type[r2creds.R2CredsError], int, bool]] = {
    "400": ((400, REFUSED, {}), r2creds.BadRequestError, 400, False),
    "401": ((401, REFUSED, {}), r2creds.AuthenticationError, 401, False),
    "403": ((403, REFUSED, {}), r2creds.PermissionDeniedError, 403, False),
    "404": ((404, REFUSED, {}), r2creds.NotFoundError, 404, False),
    "409": ((409, REFUSED, {}), r2creds.ConflictError, 409, True),
    "422": ((422, REFUSED, {}), r2creds.UnprocessableEntityError, 422, False),
    "429": ((429, REFUSED, {}), r2creds.RateLimitError, 429, True),
    "500": ((500, REFUSED, {}), r2creds.InternalServerError, 500, True),
    "599": ((599, REFUSED, {}), r2creds.InternalServerError, 599, True),
    "302": ((302, REFUSED, {"Location": "/"}), r2creds.APIStatusError, 302, False),
    "408": ((408, REFUSED, {}), r2creds.APIStatusError, 408, True),
    "418": ((418, REFUSED, {}), r2creds.APIStatusError, 418, False),
    "no success": ((200, REFUSED, {}), r2creds.APIStatusError, 200, False),
    "no JSON": ((200, b"<html>", {}), r2creds.InvalidResponseError, 200, False),
    "no token": ((200, NO_TOKEN, {}), r2creds.InvalidResponseError, 200, False),
    "reset": (hangs_up, r2creds.APIConnectionError, 0, True),
    "hangs": (until_end, r2creds.APITimeoutError, 0, True),
}


def fails(client: r2creds.Client, cls: type[r2creds.R2CredsError], **arguments: Any) -> r2creds.R2CredsError:
    """The exception of a call, which is of exactly this class."""
    with pytest.raises(r2creds.R2CredsError) as caught:
        client.create(**{**PARAMS, **arguments})
    error = caught.value
    assert type(error) is cls
    assert error.__context__ is None
    assert error.args == (error.message,)
    assert "\n" not in error.message
    return error


@pytest.mark.parametrize("name", REPLIES)
def test_every_reply_has_its_class(api: Api, name: str) -> None:
    reply, cls, http_status, retryable = REPLIES[name]
    api.replies[:] = [reply]
    # Not timeout_ms, which may run out before the first attempt.
    error = fails(api.client(attempt_timeout_ms=150 if reply is until_end else None), cls)
    assert (error.http_status, error.retryable, error.attempts) == (http_status, retryable, 1)
    assert (error.field, error.request_id, error.retry_after) == (None, None, None)
    assert error.status == cls.status
    assert error.errors == ((r2creds.ApiError(1, "no", None, None),) if http_status and reply[1] is REFUSED else ())  # type: ignore[index]


def test_everything_an_error_can_carry(api: Api) -> None:
    api.replies[:] = [(429, RICH, {"Retry-After": "61", "CF-Ray": "0123456789abcdef-LHR"})]
    error = fails(api.client(max_retries=2), r2creds.RateLimitError)
    assert error.errors == (
        r2creds.ApiError(10000, "Slow down", "https://example.com/", "/bucket"),
        r2creds.ApiError(7, None, None, None),
    )
    assert error.messages == ("first", "second")
    assert error.request_id == "0123456789abcdef-LHR"
    assert error.retry_after == timedelta(seconds=61)
    assert (error.status, error.http_status, error.retryable, error.attempts) == (306, 429, True, 1)
    assert error.hint
    assert str(error) == f"{error.message}\n    {error.hint}"
    assert repr(error) == f"RateLimitError({error.message!r})"


def test_a_wait_that_timedelta_cannot_hold_is_the_longest_it_can(api: Api) -> None:
    for header in ("Retry-After", "retry-after-ms"):
        api.replies[:] = [(429, REFUSED, {header: "99999999999999999"})]
        assert fails(api.client(), r2creds.RateLimitError).retry_after == timedelta.max


def test_without_a_hint_the_message_is_all(api: Api) -> None:
    api.replies[:] = [REPLIES["no JSON"][0]]
    error = fails(api.client(), r2creds.InvalidResponseError)
    assert error.hint is None
    assert str(error) == error.message


def test_no_secret_comes_back(api: Api) -> None:
    secret = "example-api-token"
    api.replies[:] = [(400, {"success": False, "errors": [{"code": 1, "message": f"{secret} {PARENT_SECRET}"}]}, {})]
    error = fails(api.client(), r2creds.BadRequestError, parent_secret_access_key=PARENT_SECRET)
    shown = f"{error} {error!r} {vars(error)}"
    assert secret not in shown
    assert PARENT_SECRET not in shown
    assert "[redacted]" in shown


# What a reporter of crashes would send: the local variables of each frame of this package.

#: A secret for each place that takes one.
SECRETS = {
    "token": "s3cr3t-of-the-api-token",
    "key": "s3cr3t-of-the-api-key",
    "proxy": "http://user:s3cr3t-of-the-proxy@127.0.0.1:1",
    "parent": "53c23700" * 8,  # a well-formed one
    "header": "s3cr3t-of-a-header",
    "body": "s3cr3t-of-the-body",
    "result": "s3cr3t-of-the-result",
}
SHOWN = re.compile("s3cr3t|53c23700")


def members(value: Any, depth: int = 4) -> Iterator[Any]:
    yield value
    if depth and isinstance(value, Mapping):
        for pair in value.items():
            yield from members(pair, depth - 1)
    elif depth and isinstance(value, (list, tuple, set, frozenset)):
        for each in value:
            yield from members(each, depth - 1)


def frames_of_ours(error: BaseException | None) -> Iterator[Any]:
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(os.path.dirname(r2creds.__file__)):
                yield frame
        error = error.__cause__ or error.__context__


def keeps_its_secrets(call: Callable[[], object]) -> None:
    """The call fails, and no variable of a frame shows a secret."""
    with pytest.raises(ERRORS) as caught:
        call()
    frames = list(frames_of_ours(caught.value))
    assert frames
    for frame in frames:
        for name, value in frame.f_locals.items():
            for member in members(value):
                assert not SHOWN.search(repr(member)), f"{name} in {frame.f_code.co_name}"


class Raises:
    """Neither a number nor a list, and says so in its own way."""

    def __index__(self) -> int:
        raise KeyboardInterrupt

    def __iter__(self) -> Iterator[str]:
        yield "a/"
        raise LookupError


def of_create(**changes: Any) -> dict[str, Any]:
    given = {"parent_secret_access_key": SECRETS["parent"], "headers": {"X-A": SECRETS["header"]}}
    return {**PARAMS, **given, "extra_body": {"a": SECRETS["body"]}, **changes}


def of_sign(**changes: Any) -> dict[str, Any]:
    return {**PARAMS, "parent_secret_access_key": SECRETS["parent"], **changes}


#: What ends a call with an error, at every step of its way.
WRONG: dict[str, dict[str, Any]] = {
    "value": {"bucket": "x"},
    "type": {"bucket": 7},
    "surrogate": {"endpoint": "\ud800"},
    "entry": {"prefixes": ["a", None]},
    "what a list raises": {"objects": Raises()},
    "bool": {"ttl_seconds": True},
    "an interrupt": {"ttl_seconds": Raises()},
    "choice": {"jurisdiction": "ue"},
    "the secret's type": {"parent_secret_access_key": [SECRETS["parent"]]},
    "the secret's text": {"parent_secret_access_key": f"{SECRETS['parent']}\0"},
    "the secret's encoding": {"parent_secret_access_key": f"{SECRETS['parent']}\ud800"},
    "a header's type": {"headers": {"X-A": SECRETS["header"], "X-B": 7}},
    "a header's text": {"headers": {"X-A": SECRETS["header"], "X-B": f"{SECRETS['header']}\0"}},
    "what is no JSON": {"extra_body": {"a": SECRETS["body"], "b": object()}},
    "the body's encoding": {"extra_body": {"a": f"{SECRETS['body']}\ud800"}},
    "the body's key": {"extra_body": {"bucket": SECRETS["body"]}},
    "a wait": {"timeout_ms": 0},
    "a name": {"bukket": SECRETS["body"]},
}
ERRORS = (r2creds.R2CredsError, LookupError, KeyboardInterrupt, TypeError, AttributeError)


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_argument_leaves_no_secret_in_a_frame(api: Api, wrong: str) -> None:
    changes = WRONG[wrong]
    client = api.client(api_token=SECRETS["token"])
    if not {"headers", "extra_body", "timeout_ms", "bukket"} & set(changes):
        keeps_its_secrets(lambda: r2creds.sign(**of_sign(**changes)))
    if wrong != "a name":  # which Python refuses before there is a frame of ours
        keeps_its_secrets(lambda: client.create(**of_create(**changes)))
    if wrong != "an interrupt":  # which ends the event loop, too
        keeps_its_secrets(lambda: asyncio.run(client.acreate(**of_create(**changes))))
    assert api.requests == []


def test_a_reply_leaves_no_secret_in_a_frame(api: Api) -> None:
    """Refused, or useless though it holds a credential; and a client that is closed."""
    result = {"accessKeyId": "a", "secretAccessKey": SECRETS["result"], "sessionToken": ""}
    api.replies[:] = [(403, REFUSED, {}), (403, REFUSED, {}), (200, {"success": True, "result": result}, {})]
    client = api.client(api_token=SECRETS["token"])
    for _ in range(2):
        keeps_its_secrets(lambda: client.create(**of_create()))
        keeps_its_secrets(lambda: asyncio.run(client.acreate(**of_create())))
    client.close()
    keeps_its_secrets(lambda: client.create(**of_create()))
    keeps_its_secrets(lambda: asyncio.run(client.acreate(**of_create())))


def test_a_handler_that_raises_leaves_no_secret_in_a_frame(api: Api) -> None:
    def reply(handler: Any) -> None:
        interrupt()
        until_end(handler)

    def stop(*_: object) -> None:
        raise LookupError

    api.replies[:] = [reply]
    before = signal.signal(signal.SIGINT, stop)
    try:
        keeps_its_secrets(lambda: api.client(api_token=SECRETS["token"]).create(**of_create()))
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "ftp://example.com"},
        {"user_agent": 7},
        {"ca_file": "/nowhere"},
        {"api_email": ""},
        {"api_token": f"{SECRETS['token']}\0"},
        {"api_token": SECRETS["token"].encode()},
        {"api_key": [SECRETS["key"]]},
        {"proxy_url": f"{SECRETS['proxy']}:1:1"},
        {"max_retries": Raises()},
        {"no_environment": 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_client_that_cannot_be_made_leaves_no_secret_in_a_frame(changes: dict[str, Any]) -> None:
    given = {"api_token": SECRETS["token"], "api_key": SECRETS["key"], "proxy_url": SECRETS["proxy"]}
    keeps_its_secrets(lambda: r2creds.Client(**{**given, **changes}))


def test_credentials_that_cannot_be_made_leave_no_secret_in_a_frame() -> None:
    whole: dict[str, Any] = {"access_key_id": "a", "endpoint": "https://a", "issued_at": None, "expires_at": None}
    secrets: dict[str, Any] = {"secret_access_key": SECRETS["result"], "session_token": SECRETS["result"]}
    keeps_its_secrets(lambda: r2creds.Credentials(**whole, **secrets))


@pytest.mark.parametrize("connection", [r2creds.botocore.session, r2creds.obstore.provider, r2creds.polars.provider])
def test_a_mint_that_makes_something_else_leaves_no_secret_in_a_frame(connection: Any) -> None:
    keeps_its_secrets(lambda: connection(lambda: {"SecretAccessKey": SECRETS["result"]}))
    keeps_its_secrets(lambda: connection(lambda: r2creds.sign(**of_sign(bucket="x"))))


def test_a_frame_still_says_where_it_was() -> None:
    """What is emptied are the variables, and only of this package."""
    with pytest.raises(LookupError) as caught:
        r2creds.sign(**of_sign(prefixes=Raises()))
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    assert names[1] == "sign"
    assert names[-1] == "__iter__"
    assert "self" in caught.traceback[-1].frame.f_locals


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with closing(socket.create_server(("127.0.0.1", 0))) as made:
        yield made


def test_what_is_no_tls_is_a_tls_error(listener: socket.socket) -> None:
    def answer() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    threading.Thread(target=answer, daemon=True).start()
    client = r2creds.Client(api_token="token", base_url=f"https://127.0.0.1:{listener.getsockname()[1]}")
    error = fails(client, r2creds.TLSError)
    assert isinstance(error, r2creds.APIConnectionError)
    assert (error.attempts, error.retryable) == (1, False)


def test_a_port_that_refuses_is_a_connection_error() -> None:
    with closing(socket.socket()) as taken:
        # Nobody else gets the port, but nobody listens.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        error = fails(r2creds.Client(api_token="token", base_url=url, max_retries=0), r2creds.APIConnectionError)
    assert (error.attempts, error.retryable, error.http_status) == (1, True, 0)


def test_no_authentication_and_what_is_unsupported() -> None:
    with pytest.raises(r2creds.NoAuthenticationError, match="CLOUDFLARE_API_TOKEN"):
        r2creds.Client()
    with pytest.raises(r2creds.UnsupportedError) as unsupported:
        r2creds.Client(api_token="token", proxy_url="socks5://127.0.0.1:1080")
    assert unsupported.value.field == "proxy_url"
    with pytest.raises(r2creds.InvalidArgumentError) as half:
        r2creds.Client(api_key="key")
    assert half.value.field == "api_email"


def test_faults_of_the_system_are_errors(tmp_path: Path) -> None:
    """No thread to be had for a name lookup, and a clock that fails: that one panics in the library."""
    faults = compiled(Path(__file__).with_name("faults.c"), tmp_path / "faults.so")
    script = f"""
import ctypes, r2creds
faults = ctypes.CDLL({str(faults)!r})
params = {PARAMS!r}
def fails(switch, call, **arguments):
    ctypes.c_int.in_dll(faults, switch).value = 1
    try:
        call(**params, **arguments)
    except r2creds.R2CredsError as error:
        print(error.status, error.retryable, error.hint is not None)
client = r2creds.Client(api_token="token", base_url="https://something.invalid", max_retries=0)
fails("no_threads", client.create)
fails("failing_clocks", r2creds.sign, parent_secret_access_key={PARENT_SECRET!r})
r2creds.sign(**params, parent_secret_access_key={PARENT_SECRET!r})
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env={"LD_PRELOAD": str(faults)}, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["200 True True", "901 False True"]


def every_class() -> list[type[r2creds.R2CredsError]]:
    exported = [getattr(r2creds, name) for name in r2creds.__all__]
    return [cls for cls in exported if isinstance(cls, type) and issubclass(cls, r2creds.R2CredsError)]


def made(cls: type[r2creds.R2CredsError]) -> r2creds.R2CredsError:
    error = r2creds.ApiError(7, "no", None, "/bucket")
    return cls("message", status=1, errors=(error,), retry_after=timedelta(seconds=2), hint="hint", field="bucket")


def raises(name: str) -> None:
    raise made(getattr(r2creds, name))


def test_every_exception_pickles_through_multiprocessing() -> None:
    assert len(every_class()) == 19
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        for cls in every_class():
            with pytest.raises(r2creds.R2CredsError) as caught:
                pool.apply_async(raises, (cls.__name__,)).get(60)
            for error in (caught.value, pickle.loads(pickle.dumps(made(cls))), copy.deepcopy(made(cls))):
                assert type(error) is cls
                facts = {k: v for k, v in vars(error).items() if not k.startswith("__")}
                assert facts == vars(made(cls))
                assert (str(error), type(error.errors[0])) == ("message\n    hint", r2creds.ApiError)
        # Left at the end of `with`, a worker would be killed, and may hold a lock that the pool needs.
        pool.close()
        pool.join()


def test_families() -> None:
    for cls in every_class():
        assert issubclass(cls, r2creds.R2CredsError)
        http = issubclass(cls, r2creds.APIStatusError)
        assert http == (300 <= cls.status < 309)
        assert issubclass(cls, r2creds.APIConnectionError) == (200 <= cls.status < 203)
        assert issubclass(cls, ValueError) == (cls is r2creds.InvalidArgumentError)
        assert cls.__doc__
