"""What this package knows of the C library, against r2creds.h and the lists of its ABI."""

from __future__ import annotations

import ctypes
import inspect
import re
from collections.abc import Iterator
from ctypes import POINTER
from typing import Any, TypeVar, get_args

import pytest
from conftest import PARAMS, PARENT_SECRET, REPOSITORY

import r2creds
from r2creds import _arguments, _client, _errors, _inspect, _library, _structs

HEADER = (REPOSITORY / "include/r2creds.h").read_text(encoding="utf-8")
LAYOUT = [line.split() for line in (REPOSITORY / "tests/abi/layout.txt").read_text(encoding="utf-8").splitlines()]
CONSTANTS = {line[1]: int(line[2]) for line in LAYOUT if line[0] == "constant"}
STATUSES = {name[len("R2CREDS_STATUS_") :]: n for name, n in CONSTANTS.items() if name.startswith("R2CREDS_STATUS_")}

_Struct = TypeVar("_Struct", bound=ctypes.Structure)

CLASSES = {
    "INVALID_ARGUMENT": r2creds.InvalidArgumentError,
    "UNSUPPORTED": r2creds.UnsupportedError,
    "NO_AUTHENTICATION": r2creds.NoAuthenticationError,
    "CONNECTION": r2creds.APIConnectionError,
    "TLS": r2creds.TLSError,
    "TIMEOUT": r2creds.APITimeoutError,
    "CANCELLED": r2creds.CancelledError,
    "BAD_REQUEST": r2creds.BadRequestError,
    "AUTHENTICATION": r2creds.AuthenticationError,
    "PERMISSION_DENIED": r2creds.PermissionDeniedError,
    "NOT_FOUND": r2creds.NotFoundError,
    "CONFLICT": r2creds.ConflictError,
    "UNPROCESSABLE": r2creds.UnprocessableEntityError,
    "RATE_LIMITED": r2creds.RateLimitError,
    "SERVER_ERROR": r2creds.InternalServerError,
    "API_ERROR": r2creds.APIStatusError,
    "INVALID_RESPONSE": r2creds.InvalidResponseError,
    "INTERNAL": r2creds.InternalError,
    "PANIC": r2creds.InternalError,
}


def structs() -> Iterator[tuple[str, int, list[tuple[str, int, int]]]]:
    for at, line in enumerate(LAYOUT):
        if line[0] == "struct":
            fields = []
            for kind, *rest in LAYOUT[at + 1 :]:
                if kind != "field":
                    break
                fields.append((rest[0], int(rest[1]), int(rest[2])))
            yield line[1], int(line[2]), fields


def test_every_struct_is_laid_out_as_in_c() -> None:
    ours = {}
    for name, cls in vars(_structs).items():
        if isinstance(cls, type) and issubclass(cls, ctypes.Structure) and cls is not ctypes.Structure:
            c_name = "r2creds_" + re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
            fields = [(f[0], getattr(cls, f[0]).offset, getattr(cls, f[0]).size) for f in cls._fields_]
            ours[c_name] = (ctypes.sizeof(cls), fields)
    assert ours == {name: (size, fields) for name, size, fields in structs()}


def test_every_status_has_its_exception_class() -> None:
    assert {name: _errors.class_of(n) for name, n in STATUSES.items() if name != "OK"} == CLASSES
    # The header has the same statuses: none is missing in the list above.
    assert set(re.findall(r"R2CREDS_STATUS_([A-Z_]+) \d", HEADER)) == set(STATUSES)
    for name, cls in CLASSES.items():
        if name != "PANIC":
            assert cls.status == STATUSES[name]


def test_a_status_of_a_later_library_is_read_by_its_hundred() -> None:
    assert [_errors.class_of(n) for n in (199, 299, 399, 999, 400)] == [
        r2creds.InvalidArgumentError,
        r2creds.APIConnectionError,
        r2creds.APIStatusError,
        r2creds.InternalError,
        r2creds.R2CredsError,
    ]


def test_permissions_and_jurisdictions_are_those_of_the_header() -> None:
    def named(prefix: str) -> dict[str, int]:
        return {k[len(prefix) :].lower().replace("_", "-"): v for k, v in CONSTANTS.items() if k.startswith(prefix)}

    assert named("R2CREDS_PERMISSION_") == {"unset": 0, **_arguments._PERMISSIONS}
    assert named("R2CREDS_JURISDICTION_") == _arguments._JURISDICTIONS
    assert [p.value for p in r2creds.Permission] == list(_arguments._PERMISSIONS)
    assert [j.value for j in r2creds.Jurisdiction] == list(_arguments._JURISDICTIONS)
    assert named("R2CREDS_TOKEN_") == {kind.value: number for number, kind in _client._KINDS.items()}
    assert get_args(_arguments.PermissionText) == tuple(_arguments._PERMISSIONS)
    assert get_args(_arguments.JurisdictionText) == tuple(_arguments._JURISDICTIONS)
    assert CONSTANTS["R2CREDS_ABI_VERSION"] == _library.ABI_VERSION
    assert CONSTANTS["R2CREDS_CLIENT_NO_ENVIRONMENT"] == _arguments._NO_ENVIRONMENT


@pytest.mark.parametrize(
    ("call", "taken"),
    [
        (r2creds.sign, ["params"]),
        (r2creds.Client, ["client_options"]),
        (r2creds.Client.create, ["params", "request_options"]),
        (r2creds.Client.acreate, ["params", "request_options"]),
        (r2creds.inspect, ["inspect_params"]),
    ],
    ids=["sign", "Client", "create", "acreate", "inspect"],
)
def test_arguments_are_the_fields_of_the_structs(call: Any, taken: list[str]) -> None:
    # What is C's own, or stands for Ctrl-C and Client.close.
    own = {"struct_size", "reserved", "cancel", "poll", "poll_context"}
    fields = {f[0] for name, _, fields in structs() if name[len("r2creds_") :] in taken for f in fields}
    fields = {name for name in fields if not name.endswith("_len")} - own
    # C has flags, Python an argument for each.
    fields = {"no_environment" if name == "flags" else name for name in fields}
    # A credential stands for its values.
    parameters = {n: p for n, p in inspect.signature(call).parameters.items() if n not in ("self", "creds")}
    assert set(parameters) == fields
    assert {p.kind for p in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    # Documented, each of them; of a grant, create says only what differs from sign.
    for name in parameters:
        described = rf"^ *([a-z_]+, )*{name}(, [a-z_]+)*: "
        where = f"{call.__doc__}"
        for other in (r2creds.Client.create, r2creds.sign):
            if re.search(f"As for :(meth|func):`{other.__name__}`", where):
                where += f"{other.__doc__}"
        assert re.search(described, where, re.MULTILINE), f"{name} is not described"


@pytest.mark.parametrize(
    ("call", "begin", "names"),
    [
        (r2creds.sign, "S3 operations such as", r"\b[A-Z][a-z]+[A-Z]\w+"),
        (r2creds.Client.create, "framed or authenticated:", r"\b[A-Z][\w*-]+"),
    ],
    ids=["actions", "headers"],
)
def test_the_lists_in_docstrings_are_those_of_the_header(call: Any, begin: str, names: str) -> None:
    found = set(re.findall(names, re.split(r"\*/|\. Accept", HEADER.partition(begin)[2])[0]))
    assert len(found) > 12
    assert found <= set(re.findall(names, call.__doc__))
    if call is r2creds.sign:
        assert found == set(get_args(r2creds.Action))


def test_the_library_knows_each_action() -> None:
    grant = {**PARAMS, "permission": None, "parent_secret_access_key": PARENT_SECRET}
    r2creds.sign(**grant, actions=get_args(r2creds.Action))


def filled(struct: _Struct) -> _Struct:
    """The same, with something in every text and number."""
    for name, *_ in struct._fields_:
        if getattr(struct, name) is None:
            setattr(struct, name, b"x")
        elif getattr(struct, name) == 0:
            setattr(struct, name, 1)
    return struct


def test_every_field_of_a_result_is_read() -> None:
    creds = filled(_structs.Credentials())
    entry = filled(_structs.ApiError())
    entries = (POINTER(_structs.ApiError) * 1)(ctypes.pointer(entry))
    error = filled(_structs.Error(errors=entries, messages=(ctypes.c_char_p * 1)(b"x")))
    finding = filled(_structs.Finding())
    findings = (POINTER(_structs.Finding) * 1)(ctypes.pointer(finding))
    lists = {name: (ctypes.c_char_p * 1)(b"x") for name in ("prefixes", "objects", "actions")}
    inspection = filled(_structs.Inspection(findings=findings, **lists))
    parent = filled(_structs.Parent())

    def results() -> tuple[Any, ...]:
        inspected = _inspect.Inspection(inspection, _inspect._Handle.__new__(_inspect._Handle))
        return (
            *(_client._credentials(creds)._values(), vars(_client._error(error))),
            *(repr(inspected), _client._parent(parent)._values()),
        )

    for struct in (creds, entry, error, finding, inspection, parent):
        for name, *_ in struct._fields_:
            # Of a list the length is changed, which ends it.
            if name == "struct_size" or hasattr(struct, f"{name}_len"):
                continue
            if struct is parent and name == "reserved":
                continue
            before, value = results(), getattr(struct, name)
            setattr(struct, name, b"other" if isinstance(value, bytes) else 2 if name == "kind" else 0)
            assert results() != before, f"{type(struct).__name__}.{name} is not read"
            setattr(struct, name, value)


def test_every_function_is_exported() -> None:
    """And of the exported ones two are left out: a name for logs, because here the class of an exception says it, and
    the maker of a client that would read C's environment instead of Python's."""
    used = set(re.findall(r'"(r2creds_\w+)"', inspect.getsource(_library))) | {"r2creds_abi_version"}
    exported = (REPOSITORY / "tests/abi/symbols.txt").read_text(encoding="utf-8").split()
    assert used == set(exported) - {"r2creds_status_name", "r2creds_client_new"}


def test_version_is_the_crates() -> None:
    found = re.search(r'^version = "(.+)"$', (REPOSITORY / "Cargo.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None
    assert found[1] == r2creds.__version__
