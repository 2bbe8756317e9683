"""From Python to C. The library checks the arguments; here is refused only what C cannot be told or would misread."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Mapping
from ctypes import Array, c_char_p, c_int32, c_int64, c_uint32, c_void_p, sizeof
from datetime import datetime, timedelta
from operator import index
from typing import Any

from . import _library as c
from ._errors import InvalidArgumentError


class Permission(str, enum.Enum):
    """What a credential may do; one for all its paths. A credential never exceeds its parent key."""

    OBJECT_READ_ONLY = "object-read-only"  #: Read and list objects.
    OBJECT_READ_WRITE = "object-read-write"  #: Read, list, write and delete objects.
    ADMIN_READ_ONLY = "admin-read-only"  #: Read and list objects, and read the bucket's configuration.
    ADMIN_READ_WRITE = "admin-read-write"  #: Everything, the bucket's configuration included.


class Jurisdiction(str, enum.Enum):
    """Where a bucket's data must stay. A jurisdictional bucket answers only at its own host."""

    DEFAULT = "default"  #: None.
    EU = "eu"  #: European Union.
    FEDRAMP = "fedramp"  #: FedRAMP.


_PARAMS_SIZE = sizeof(c.Params)
_CLIENT_OPTIONS_SIZE = sizeof(c.ClientOptions)
_REQUEST_OPTIONS_SIZE = sizeof(c.RequestOptions)
_PERMISSIONS = {"object-read-only": 1, "object-read-write": 2, "admin-read-only": 3, "admin-read-write": 4}
_JURISDICTIONS = {"default": 0, "eu": 1, "fedramp": 2}
_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)


def refuse(field: str, problem: str) -> InvalidArgumentError:
    """An InvalidArgumentError in the library's own manner: what is wrong with the value, never the value.

    Not to be raised while an exception that holds the value is handled: Python would keep that one as its context.
    """
    return InvalidArgumentError(f"{field}: {problem}", field=field)


def text(field: str, value: str | None, where: str = "") -> bytes | None:
    """A NUL-terminated string, or NULL."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise refuse(field, f"{where}{type(value).__name__}, expected str")
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        encoded = None
    if encoded is None:
        raise refuse(field, f"{where}a lone surrogate, expected text that UTF-8 can hold")
    if b"\0" in encoded:
        raise refuse(field, f"{where}a NUL inside the string")
    return encoded


def _path(field: str, value: str | os.PathLike[str] | None) -> str | None:
    try:
        return None if value is None else os.fspath(value)
    except TypeError:
        raise refuse(field, f"{type(value).__name__}, expected str or os.PathLike") from None


def texts(field: str, values: Iterable[str] | None) -> tuple[Array[c_char_p] | None, int]:
    """An array of strings and its length."""
    if values is None:
        return None, 0
    # A str is an iterable of its characters: prefixes="data/" would open every key that begins with "d".
    if isinstance(values, (str, bytes)):
        raise refuse(field, f"{type(values).__name__}, expected a list or another iterable of str")
    try:
        iterator = iter(values)
    except TypeError:
        raise refuse(field, f"{type(values).__name__}, expected an iterable of str") from None
    encoded: list[bytes | None] = []
    for value in iterator:
        entry = f"entry {len(encoded)}: "
        if value is None:
            raise refuse(field, f"{entry}None, expected str")
        encoded.append(text(field, value, entry))
    return (c_char_p * len(encoded))(*encoded), len(encoded)


def _integer(field: str, value: Any) -> int:
    try:
        return index(value)
    except TypeError:
        raise refuse(field, f"{type(value).__name__}, expected int") from None


def _fits(field: str, number: int, kind: type[c_int32 | c_int64 | c_uint32]) -> int:
    """The number, which ctypes would cut off where it does not fit."""
    if kind(number).value != number:
        raise refuse(field, f"does not fit in {8 * sizeof(kind)} bits")
    return number


def _duration(field: str, value: int | timedelta | None, unit: timedelta) -> int:
    """A number of units for uint32_t. 0 is the default in C, so that a computed 0 must not get there."""
    if value is None:
        return 0
    if isinstance(value, timedelta):
        value, rest = divmod(value, unit)
        if rest:
            raise refuse(field, f"a timedelta that is not whole {'seconds' if unit is _SECOND else 'milliseconds'}")
    number = _integer(field, value)
    if number < 1:
        raise refuse(field, "0 or less, expected more")
    return _fits(field, number, c_uint32)


def _retries(value: int | None) -> int:
    if value is None:
        return 0
    number = _integer("max_retries", value)
    if number < 0:
        raise refuse("max_retries", "negative, expected 0 or more")
    return _fits("max_retries", number, c_int32) or -1


def _issued_at(value: int | datetime | None) -> int:
    if value is None:
        return 0
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise refuse("issued_at", "a datetime without a time zone; use datetime.now(timezone.utc)")
        value = int(value.timestamp() // 1)
    number = _integer("issued_at", value)
    if number == 0:
        raise refuse("issued_at", "0, expected more")
    return _fits("issued_at", number, c_int64)


def _choice(field: str, value: str | None, numbers: Mapping[str, int]) -> int:
    if value is None:
        return 0
    number = numbers.get(value) if isinstance(value, str) else None
    if number is None:
        raise refuse(field, f"unknown, expected one of {', '.join(numbers)}")
    return number


def params(
    account_id: str | None,
    bucket: str | None,
    parent_access_key_id: str | None,
    parent_secret_access_key: str | None,
    permission: str | None,
    actions: Iterable[str] | None,
    prefixes: Iterable[str] | None,
    objects: Iterable[str] | None,
    ttl_seconds: int | timedelta | None,
    jurisdiction: str | None,
    endpoint: str | None,
    issued_at: int | datetime | None,
) -> c.Params:
    return c.Params(
        _PARAMS_SIZE,
        text("account_id", account_id),
        text("bucket", bucket),
        text("parent_access_key_id", parent_access_key_id),
        text("parent_secret_access_key", parent_secret_access_key),
        *texts("prefixes", prefixes),
        *texts("objects", objects),
        *texts("actions", actions),
        text("endpoint", endpoint),
        _issued_at(issued_at),
        _duration("ttl_seconds", ttl_seconds, _SECOND),
        _choice("permission", permission, _PERMISSIONS),
        _choice("jurisdiction", jurisdiction, _JURISDICTIONS),
    )


def client_options(
    api_token: str | None,
    api_email: str | None,
    api_key: str | None,
    base_url: str | None,
    proxy_url: str | None,
    ca_file: str | os.PathLike[str] | None,
    user_agent: str | None,
    timeout_ms: int | timedelta | None,
    attempt_timeout_ms: int | timedelta | None,
    connect_timeout_ms: int | timedelta | None,
    max_retries: int | None,
) -> c.ClientOptions:
    return c.ClientOptions(
        _CLIENT_OPTIONS_SIZE,
        text("api_token", api_token),
        text("api_email", api_email),
        text("api_key", api_key),
        text("base_url", base_url),
        text("proxy_url", proxy_url),
        text("ca_file", _path("ca_file", ca_file)),
        text("user_agent", user_agent),
        _duration("timeout_ms", timeout_ms, _MILLISECOND),
        _duration("attempt_timeout_ms", attempt_timeout_ms, _MILLISECOND),
        _duration("connect_timeout_ms", connect_timeout_ms, _MILLISECOND),
        _retries(max_retries),
    )


def request_options(
    cancel: c_void_p,
    headers: Mapping[str, str] | None,
    extra_body: Mapping[str, Any] | None,
    poll: Any,
    timeout_ms: int | timedelta | None,
    max_retries: int | None,
) -> c.RequestOptions:
    return c.RequestOptions(
        _REQUEST_OPTIONS_SIZE,
        cancel,
        *texts("headers", _lines(headers)),
        text("extra_body", None if extra_body is None else _json(extra_body)),
        poll,
        None,
        _duration("timeout_ms", timeout_ms, _MILLISECOND),
        _retries(max_retries),
    )


def _lines(headers: Mapping[str, str] | None) -> list[str] | None:
    """Header lines. What is not a str would be sent as its repr, and a name with a colon as another name."""
    if headers is None:
        return None
    if not hasattr(headers, "items"):
        raise refuse("headers", f"{type(headers).__name__}, expected a mapping of str to str")
    items = list(headers.items())
    for at, (name, value) in enumerate(items):
        for part in (name, value):
            if not isinstance(part, str):
                raise refuse("headers", f"entry {at} has {type(part).__name__}, expected str")
        if ":" in name:
            raise refuse("headers", f"entry {at} has a colon in its name")
    return [f"{name}: {value}" for name, value in items]


def _json(value: Mapping[str, Any]) -> str:
    import json  # rarely needed, and 3 ms to import

    if not hasattr(value, "items"):
        raise refuse("extra_body", f"{type(value).__name__}, expected a mapping")
    try:
        # With the text as it is, lone surrogates and all, for `text` to see.
        return json.dumps(dict(value), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise refuse("extra_body", f"not JSON: {type(error).__name__}") from error
