"""Bad input: each is a clear exception that names the argument and repeats no value, and nothing is sent."""

from __future__ import annotations

import ctypes
import inspect
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from ctypes import POINTER, Structure, c_char_p
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, Callable

import pytest
from conftest import PARAMS, PARENT_SECRET, Api

import r2creds
from r2creds import _client, _inspect, _structs

#: In every wrong value, and in no exception.
MARKER = "hunter2"
SIGN: dict[str, Any] = {**PARAMS, "parent_secret_access_key": PARENT_SECRET}
CLIENT: dict[str, Any] = {"api_token": "example-api-token"}
#: What each call fills for the library.
STRUCTS: dict[str, list[type[Structure]]] = {
    "sign": [_structs.Params],
    "create": [_structs.Params, _structs.RequestOptions],
    "Client": [_structs.ClientOptions],
    "inspect": [_structs.InspectParams],
}


def named(belongs: Callable[[str, Any], bool]) -> dict[str, list[str]]:
    """The arguments of each call that are of one kind, so that a new one is tried as its like are."""
    return {
        call: [field[0] for struct in structs for field in struct._fields_ if belongs(field[0], field[1])]
        for call, structs in STRUCTS.items()
    }


TEXTS = named(lambda name, kind: kind is c_char_p and name != "extra_body")
LISTS = named(lambda name, kind: kind is POINTER(c_char_p) and name != "headers")
CHOICES = named(lambda name, kind: name in ("permission", "jurisdiction"))
DURATIONS = named(lambda name, kind: name.endswith(("_seconds", "_ms")))
TIMES = named(lambda name, kind: name == "at" or name.endswith("_at"))
RETRIES = named(lambda name, kind: name == "max_retries")


@pytest.mark.parametrize(
    ("call", "function"),
    [
        ("sign", r2creds.sign),
        ("create", r2creds.Client.create),
        ("Client", r2creds.Client),
        ("inspect", r2creds.inspect),
    ],
)
def test_every_argument_is_tried_with_bad_values(call: str, function: Any) -> None:
    arguments = set(inspect.signature(function).parameters)
    arguments -= {"self", "headers", "extra_body", "no_environment", "creds"}
    assert arguments == {name for kind in (TEXTS, LISTS, CHOICES, DURATIONS, TIMES, RETRIES) for name in kind[call]}


class Odd:
    """Neither text nor number nor iterable; its repr is a value too."""

    def __repr__(self) -> str:
        return MARKER


class NoOffset(tzinfo):
    """A time zone that does not know: datetime counts this as none."""

    def utcoffset(self, when: datetime | None) -> None:
        return None

    dst = utcoffset

    def tzname(self, when: datetime | None) -> None:
        return None


BAD_TEXTS = {
    "NUL": f"a\0{MARKER}",
    "NUL at the end": f"{MARKER}\0",
    "lone surrogate": f"{MARKER}\ud800",
    "bytes": MARKER.encode(),
    "int": 7,
    "list": [MARKER],
    "object": Odd(),
    "empty": "",
}
BAD_LISTS = {
    "str": MARKER,
    "bytes": MARKER.encode(),
    "int": 7,
    "object": Odd(),
    "None in it": ["a", None, MARKER],
    "bytes in it": ["a", MARKER.encode()],
    "int in it": ["a", 7],
    "list in it": ["a", [MARKER]],
    "NUL in it": ["a", f"{MARKER}\0"],
    "lone surrogate in it": ["a", f"{MARKER}\udfff"],
    "empty in it": ["a", ""],
}
BAD_CHOICES = {"unknown": MARKER, "bytes": b"eu", "int": 1, "float": float("nan"), "list": [MARKER], "object": Odd()}
BAD_NUMBERS = {
    "2**70": 2**70,
    "-2**70": -(2**70),
    "2**32+5": 2**32 + 5,
    "-1": -1,
    "float": 60.0,
    "Decimal": Decimal(60),
    "str": "60",
    "object": Odd(),
    "list": [60],
    "True": True,
    "False": False,
}
BAD_DURATIONS = {
    **BAD_NUMBERS,
    "0": 0,
    "2**32": 2**32,
    "no time": timedelta(0),
    "a fraction": timedelta(seconds=1, microseconds=1),
    "negative": timedelta(seconds=-1),
    "a long time": timedelta.max,
}
BAD_TIMES = {
    **{name: value for name, value in BAD_NUMBERS.items() if name != "2**32+5"},
    "0": 0,
    "2**63": 2**63,
    "naive": datetime(2026, 1, 1),
    "naive in disguise": datetime(2026, 1, 1, tzinfo=NoOffset()),
    "date": datetime(2026, 1, 1).date(),
}


def cases() -> Iterator[Any]:
    kinds: list[tuple[dict[str, list[str]], dict[str, Any]]] = [
        (TEXTS, BAD_TEXTS),
        (LISTS, BAD_LISTS),
        (CHOICES, BAD_CHOICES),
        (DURATIONS, BAD_DURATIONS),
        (TIMES, BAD_TIMES),
        (RETRIES, BAD_NUMBERS),
    ]
    for arguments, values in kinds:
        for call, names in arguments.items():
            for name in names:
                for what, value in values.items():
                    # "" is no proxy, create never looks at the secret, and inspect's answer is a finding.
                    if (call, name, what) not in (
                        ("Client", "proxy_url", "empty"),
                        ("create", "parent_secret_access_key", "empty"),
                        ("inspect", "session_token", "empty"),
                        ("inspect", "access_key_id", "empty"),
                        ("inspect", "secret_access_key", "empty"),
                        ("inspect", "parent_secret_access_key", "empty"),
                    ):
                        yield pytest.param(call, name, value, id=f"{call}-{name}-{what}")


def refuses(api: Api, call: str, name: str, value: Any) -> r2creds.R2CredsError:
    with pytest.raises(r2creds.InvalidArgumentError) as caught:
        if call == "sign":
            r2creds.sign(**{**SIGN, name: value})
        elif call == "create":
            api.client().create(**{**PARAMS, name: value})
        elif call == "inspect":
            r2creds.inspect(**{"session_token": "x", name: value})
        else:
            api.client(**{name: value})
    error = caught.value
    assert api.requests == []
    assert isinstance(error, ValueError)
    assert (error.status, error.attempts, error.http_status, error.retryable) == (100, 0, 0, False)
    assert MARKER not in f"{vars(error)} {''.join(traceback.format_exception(type(error), error, None))}"
    # Python keeps what was being handled, and that may hold the value: UnicodeEncodeError.object, say.
    before = error.__context__
    assert MARKER not in f"{before!r} {getattr(before, 'object', None)} {getattr(before, 'obj', None)}"
    return error


@pytest.mark.parametrize(("call", "name", "value"), list(cases()))
def test_a_bad_value_is_refused_by_its_name(api: Api, call: str, name: str, value: Any) -> None:
    error = refuses(api, call, name, value)
    # Half of the older pair: the library asks for the other half.
    half = {"api_email": "api_key", "api_key": "api_email"}.get(name)
    assert error.field == name or error.field == half
    assert error.message.startswith(f"{error.field}: ")


@pytest.mark.parametrize("name", [name for name in SIGN if name != "permission"])
def test_what_is_required_is_not_none(api: Api, name: str) -> None:
    assert refuses(api, "sign", name, None).field == name
    if name != "parent_secret_access_key":
        assert refuses(api, "create", name, None).field == name


@pytest.mark.parametrize(
    "headers",
    [
        {MARKER: None},
        {MARKER: 7},
        {MARKER: b"x"},
        {None: MARKER},
        {7: MARKER},
        {f"X:{MARKER}": "x"},
        {"X-A": f"{MARKER}\0"},
        {"X-A": f"{MARKER}\ud800"},
        {"X-A": f"{MARKER}\r\nX-B: x"},
        {f"{MARKER} ": "x"},
        {"": MARKER},
        {"Authorization": MARKER},
        {"Content-Length": MARKER},
        [("X-A", MARKER)],
        MARKER,
        7,
    ],
    ids=repr,
)
def test_bad_headers(api: Api, headers: Any) -> None:
    assert refuses(api, "create", "headers", headers).field == "headers"


CIRCULAR: dict[str, Any] = {}
CIRCULAR[MARKER] = CIRCULAR
DEEP: dict[str, Any] = {}
for _ in range(100_000):
    DEEP = {"a": DEEP}


@pytest.mark.parametrize(
    "extra_body",
    [
        {"a": Odd()},
        {"a": MARKER.encode()},
        {"a": {MARKER}},
        {(MARKER,): 1},
        CIRCULAR,
        DEEP,
        {"a": ["\ud800"]},
        {"\udfff": 1},
        {"a": float("nan")},
        {"bucket": MARKER},
        {"Bucket": MARKER},
        [MARKER],
        [(MARKER, 1)],
        MARKER,
        7,
    ],
    ids=lambda value: type(value).__name__,
)
def test_bad_extra_body(api: Api, extra_body: Any) -> None:
    assert refuses(api, "create", "extra_body", extra_body).field == "extra_body"


@pytest.mark.parametrize("call", ["sign", "create"])
def test_what_an_iterable_raises_comes_out_as_it_is(api: Api, call: str) -> None:
    wrong = LookupError()

    def names() -> Iterator[str]:
        yield "a/"
        raise wrong

    for name in LISTS[call]:
        arguments: dict[str, Any] = {name: names()}
        with pytest.raises(LookupError) as caught:
            if call == "sign":
                r2creds.sign(**SIGN, **arguments)
            else:
                api.client().create(**PARAMS, **arguments)
        assert caught.value is wrong
    assert api.requests == []


def test_what_only_sign_or_only_create_knows(api: Api) -> None:
    assert refuses(api, "create", "actions", ["GetObject"]).field == "actions"
    assert refuses(api, "create", "issued_at", 1767225600).field == "issued_at"
    assert refuses(api, "sign", "actions", ["GetObject"]).field == "actions"  # beside a permission
    assert refuses(api, "sign", "permission", None).field == "permission"
    assert refuses(api, "create", "permission", None).field == "permission"


def test_one_str_for_a_list_says_what_to_write(api: Api) -> None:
    """It would open every key that begins with one of its characters."""
    assert "expected a list" in refuses(api, "sign", "prefixes", "data/").message


def test_limits_are_those_of_the_library(api: Api) -> None:
    too_much: dict[str, Any] = {"ttl_seconds": 604801, "prefixes": ["x" * 1025], "bucket": MARKER * 10}
    for name, value in too_much.items():
        assert refuses(api, "sign", name, value).field == name
    for name, bits in {"ttl_seconds": 32, "issued_at": 64}.items():
        assert refuses(api, "sign", name, 2**70).message == f"{name}: does not fit in {bits} bits"
    for timeout in (2**32 - 1, timedelta(milliseconds=2**32 - 1), 1):
        api.client(timeout_ms=timeout).close()
    for retries in (0, 2**31 - 1):
        api.client(max_retries=retries).close()


def test_a_bool_is_no_number(api: Api) -> None:
    """It would be one second, or no retry."""
    assert refuses(api, "sign", "ttl_seconds", True).message == "ttl_seconds: bool, expected int"
    assert refuses(api, "Client", "max_retries", False).message == "max_retries: bool, expected int"


MISSPELT = """
import os
import r2creds

client = r2creds.Client()
r2creds.sign(permission="object-read-olny", SECRET, WHO)  # wrong
client.create(permission="object-read-olny", WHO)  # wrong
r2creds.sign(actions=["GetObjekt"], SECRET, WHO)  # wrong
client.create(permission="object-read-only", jurisdiction="ue", WHO)  # wrong
client.create(permission=os.environ["PERMISSION"], WHO)  # wrong
actions: list[r2creds.Action] = ["GetObject", "PutObject"]
r2creds.sign(actions=actions, jurisdiction="eu", SECRET, WHO)
r2creds.sign(actions=["ListParts"], SECRET, WHO)
client.create(permission=r2creds.Permission(os.environ["PERMISSION"]), jurisdiction=r2creds.Jurisdiction.EU, WHO)


async def asks() -> r2creds.Credentials:
    await client.acreate(permission="object-read-olny", WHO)  # wrong
    await client.acreate(permission="object-read-only", bukket="b", WHO)  # wrong
    return await client.acreate(permission="admin-read-only", prefixes=["a/"], WHO)
"""


def test_a_type_checker_sees_a_misspelt_word(tmp_path: Path) -> None:
    snippet = tmp_path / "snippet.py"
    spelled = {"WHO": 'account_id="a", bucket="b", parent_access_key_id="c"', "SECRET": 'parent_secret_access_key="d"'}
    snippet.write_text(re.sub("WHO|SECRET", lambda found: spelled[found[0]], MISSPELT))
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", "cache", snippet.name]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stderr == ""
    found = [int(line) for line in re.findall(r"^snippet\.py:(\d+): error: ", done.stdout, re.MULTILINE)]
    wrong = [at for at, line in enumerate(MISSPELT.splitlines(), 1) if line.endswith("# wrong")]
    assert len(wrong) == 7
    assert found == wrong, done.stdout


def test_a_path_that_is_not_there(api: Api, tmp_path: Path) -> None:
    assert refuses(api, "Client", "ca_file", tmp_path / MARKER).field == "ca_file"


def test_a_client_that_was_not_made_is_closed_quietly(capfd: pytest.CaptureFixture[str]) -> None:
    wrong: Any
    for wrong in ({"api_token": ""}, {"api_token": 7}, {"max_retries": 0.5}):
        with pytest.raises(r2creds.InvalidArgumentError):
            r2creds.Client(**wrong)
    client = r2creds.Client.__new__(r2creds.Client)  # what a debugger shows of one whose constructor raised
    assert repr(client) == "<r2creds.Client, closed>"
    with client, pytest.raises(r2creds.InvalidArgumentError, match="closed"):
        client.create(**PARAMS)
    client.close()
    del client
    for inside in (_client._Handle, _client._Calls, _inspect._Handle):
        del_only = inside.__new__(inside)
        del del_only
    assert repr(r2creds.Credentials.__new__(r2creds.Credentials)) == "<r2creds.Credentials, never made>"
    assert repr(r2creds.Parent.__new__(r2creds.Parent)) == "<r2creds.Parent, never made>"
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows' environment is not that of a C library")
def test_the_environment_is_python_s_not_c_s(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other threads may assign to os.environ, which C cannot read meanwhile."""
    monkeypatch.setenv("SOME_VARIABLE", "not UTF-8: \udcff")
    c = ctypes.CDLL(None)
    c.setenv(b"CLOUDFLARE_API_TOKEN", b"only C knows this", 1)
    try:
        with pytest.raises(r2creds.NoAuthenticationError):
            r2creds.Client(base_url=api.url)
    finally:
        c.unsetenv(b"CLOUDFLARE_API_TOKEN")


def test_no_environment_is_a_bool_and_reads_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (1, 0, "yes", MARKER):
        with pytest.raises(r2creds.InvalidArgumentError) as caught:
            r2creds.Client(api_token="x", no_environment=value)  # type: ignore[arg-type]
        assert caught.value.field == "no_environment"
        assert MARKER not in str(caught.value)
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "of-the-environment")
    monkeypatch.setenv("CLOUDFLARE_BASE_URL", "no URL")
    with pytest.raises(r2creds.NoAuthenticationError, match="the environment is not read"):
        r2creds.Client(no_environment=True)
    with r2creds.Client(api_token="mine", base_url=api.url, no_environment=True) as client:
        client.create(**PARAMS)
    assert api.requests[0][1]["authorization"] == "Bearer mine"
