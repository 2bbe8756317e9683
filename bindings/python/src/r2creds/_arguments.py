"""From Python to C. The library checks the arguments; here is refused only what C cannot be told or would misread."""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Mapping
from ctypes import POINTER, Array, Structure, c_char_p, c_int32, c_int64, c_uint32, sizeof
from datetime import datetime, timedelta
from operator import index
from typing import Any, Callable, Literal, TypeVar

from ._errors import InvalidArgumentError
from ._structs import ClientOptions, InspectParams, Params, RequestOptions


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
    US = "us"  #: United States.


#: The texts of the two, and of actions, for type checkers.
PermissionText = Literal["object-read-only", "object-read-write", "admin-read-only", "admin-read-write"]
JurisdictionText = Literal["default", "eu", "fedramp", "us"]
Action = Literal[
    "HeadObject",
    "GetObject",
    "GetBucketLocation",
    "ListObjectsV1",
    "ListObjectsV2",
    "ListMultipartUploads",
    "ListParts",
    "PutObject",
    "DeleteObject",
    "DeleteObjects",
    "CopyObject",
    "CreateMultipartUpload",
    "UploadPart",
    "UploadPartCopy",
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
]

_PERMISSIONS = {"object-read-only": 1, "object-read-write": 2, "admin-read-only": 3, "admin-read-write": 4}
_JURISDICTIONS = {"default": 0, "eu": 1, "fedramp": 2, "us": 3}
_NO_ENVIRONMENT = 1
_SECOND = timedelta(seconds=1)
_MILLISECOND = timedelta(milliseconds=1)


def refuse(field: str, problem: str) -> InvalidArgumentError:
    """An InvalidArgumentError in the library's own manner: what is wrong with the value, never the value.

    Not to be raised while an exception that holds the value is handled: Python would keep that one as its context.
    """
    return InvalidArgumentError(f"{field}: {problem}", field=field)


def text(field: str, value: str, where: str = "") -> bytes:
    """A NUL-terminated string."""
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


def environment() -> Array[c_char_p]:
    """``NAME=value`` each. C would read the process's own, while other threads may assign to ``os.environ``."""
    variables = [(name, os.environ.get(name)) for name in list(os.environ)]
    texts = [os.fsencode(f"{name}={value}") for name, value in variables if value is not None]
    return (c_char_p * len(texts))(*texts)


def _path(field: str, value: str | os.PathLike[str]) -> bytes:
    try:
        path = os.fspath(value)
    except TypeError:
        raise refuse(field, f"{type(value).__name__}, expected str or os.PathLike") from None
    return text(field, path)


def _texts(field: str, values: Iterable[str]) -> Array[c_char_p]:
    """The strings, and a NULL behind them, so that a list of no strings is not NULL, which would be no list."""
    # A str is an iterable of its characters: prefixes="data/" would open every key that begins with "d".
    if isinstance(values, (str, bytes)):
        raise refuse(field, f"{type(values).__name__}, expected a list or another iterable of str")
    try:
        iterator = iter(values)
    except TypeError:
        raise refuse(field, f"{type(values).__name__}, expected an iterable of str") from None
    encoded: list[bytes] = []
    for value in iterator:
        entry = f"entry {len(encoded)}: "
        if value is None:
            raise refuse(field, f"{entry}None, expected str")
        encoded.append(text(field, value, entry))
    return (c_char_p * (len(encoded) + 1))(*encoded)


def _headers(field: str, headers: Mapping[str, str]) -> Array[c_char_p]:
    """Header lines. What is not a str would be sent as its repr, and a name with a colon as another name."""
    if not hasattr(headers, "items"):
        raise refuse(field, f"{type(headers).__name__}, expected a mapping of str to str")
    items = list(headers.items())
    for at, (name, value) in enumerate(items):
        for part in (name, value):
            if not isinstance(part, str):
                raise refuse(field, f"entry {at} has {type(part).__name__}, expected str")
        if ":" in name:
            raise refuse(field, f"entry {at} has a colon in its name")
    return _texts(field, [f"{name}: {value}" for name, value in items])


def _json(field: str, value: Mapping[str, Any]) -> bytes:
    import json  # rarely needed, and 3 ms to import

    if not hasattr(value, "items"):
        raise refuse(field, f"{type(value).__name__}, expected a mapping")
    try:
        # With the text as it is, lone surrogates and all, for `text` to see.
        encoded = json.dumps(dict(value), ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise refuse(field, f"not JSON: {type(error).__name__}") from error
    return text(field, encoded)


def _integer(field: str, value: Any) -> int:
    # A bool is an int: ttl_seconds=True would be one second.
    if isinstance(value, bool):
        raise refuse(field, "bool, expected int")
    try:
        return index(value)
    except TypeError:
        raise refuse(field, f"{type(value).__name__}, expected int") from None


def _fits(field: str, number: int, kind: type[c_int32 | c_int64 | c_uint32]) -> int:
    """The number, which ctypes would cut off where it does not fit."""
    if kind(number).value != number:
        raise refuse(field, f"does not fit in {8 * sizeof(kind)} bits")
    return number


def duration(field: str, value: int | timedelta) -> int:
    """Seconds or milliseconds, as the field's name says. 0 is the default in C, so that a computed 0 must not pass."""
    if isinstance(value, timedelta):
        unit, units = (_SECOND, "seconds") if field.endswith("_seconds") else (_MILLISECOND, "milliseconds")
        value, rest = divmod(value, unit)
        if rest:
            raise refuse(field, f"a timedelta that is not whole {units}")
    number = _integer(field, value)
    if number < 1:
        raise refuse(field, "0 or less, expected more")
    return _fits(field, number, c_uint32)


def _time(field: str, value: int | datetime) -> int:
    """Unix seconds. 0 is the default in C."""
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise refuse(field, "a datetime without a time zone; use datetime.now(timezone.utc)")
        value = int(value.timestamp() // 1)
    number = _integer(field, value)
    if number == 0:
        raise refuse(field, "0, expected more")
    return _fits(field, number, c_int64)


def _retries(field: str, value: int) -> int:
    """In C, 0 is the default and -1 is none."""
    number = _integer(field, value)
    if number < 0:
        raise refuse(field, "negative, expected 0 or more")
    return _fits(field, number, c_int32) or -1


def _choice(numbers: Mapping[str, int]) -> _Convert:
    def convert(field: str, value: str) -> int:
        number = numbers.get(value) if isinstance(value, str) else None
        if number is None:
            raise refuse(field, f"unknown, expected one of {', '.join(numbers)}")
        return number

    return convert


def permission(number: int) -> Permission | None:
    """Of its number in C; None for one that a later library knows."""
    return next((Permission(text) for text, known in _PERMISSIONS.items() if known == number), None)


def _flags(field: str, value: bool) -> int:
    """C has one field for what are arguments here; so far there is one."""
    if not isinstance(value, bool):
        raise refuse("no_environment", f"{type(value).__name__}, expected bool")
    return _NO_ENVIRONMENT if value else 0


def _as_it_is(field: str, value: Any) -> Any:
    return value


#: From the name of an argument and its value, which is not None, to the value of the field.
_Convert = Callable[[str, Any], Any]
#: For fields whose type in C does not say what Python takes for them.
_BY_NAME: dict[str, _Convert] = {
    "permission": _choice(_PERMISSIONS),
    "jurisdiction": _choice(_JURISDICTIONS),
    "ca_file": _path,
    "headers": _headers,
    "extra_body": _json,
    "max_retries": _retries,
    "flags": _flags,
    "cancel": _as_it_is,
    "poll": _as_it_is,
}
_NO_ARGUMENTS = {"struct_size", "reserved", "poll_context"}


def _convert(name: str, kind: Any) -> _Convert:
    if name in _BY_NAME:
        return _BY_NAME[name]
    if kind is c_char_p:
        return text
    if kind is POINTER(c_char_p):
        return _texts
    if name.endswith(("_seconds", "_ms")):
        return duration
    if name == "at" or name.endswith("_at"):
        return _time
    raise NotImplementedError(f"_arguments.py does not say what Python takes for {name}")


#: Of each field that an argument fills: its name, what converts the argument, and for a list the field of its length.
_FIELDS: dict[type[Structure], list[tuple[str, _Convert, str | None]]] = {
    struct: [
        (name, _convert(name, kind), f"{name}_len" if kind is POINTER(c_char_p) else None)
        for name, kind in (field[:2] for field in struct._fields_)
        if not name.endswith("_len") and name not in _NO_ARGUMENTS
    ]
    for struct in (Params, ClientOptions, RequestOptions, InspectParams)
}
_Struct = TypeVar("_Struct", bound=Structure)


def filled(struct: type[_Struct], arguments: Mapping[str, Any]) -> _Struct:
    """A struct for C with each argument in the field of its name. None leaves it zero, which is the default in C."""
    made = struct(sizeof(struct))
    for name, convert, length in _FIELDS[struct]:
        argument = arguments[name]
        if argument is not None:
            value = convert(name, argument)
            setattr(made, name, value)
            if length is not None:
                setattr(made, length, len(value) - 1)  # without the NULL at its end
    return made
