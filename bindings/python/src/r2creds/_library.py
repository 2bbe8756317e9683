"""The shared library: where it is, and its structs and functions for ctypes. r2creds.h says what they mean."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from ctypes import POINTER, Structure, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_void_p
from typing import Any

ABI_VERSION = 0

# int32_t (*poll)(void *)
POLL = ctypes.CFUNCTYPE(c_int32, c_void_p)


class Params(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("account_id", c_char_p),
        ("bucket", c_char_p),
        ("parent_access_key_id", c_char_p),
        ("parent_secret_access_key", c_char_p),
        ("prefixes", POINTER(c_char_p)),
        ("prefixes_len", c_size_t),
        ("objects", POINTER(c_char_p)),
        ("objects_len", c_size_t),
        ("actions", POINTER(c_char_p)),
        ("actions_len", c_size_t),
        ("endpoint", c_char_p),
        ("issued_at", c_int64),
        ("ttl_seconds", c_uint32),
        ("permission", c_int32),
        ("jurisdiction", c_int32),
        ("reserved", c_int32),
    ]


class ClientOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("api_token", c_char_p),
        ("api_email", c_char_p),
        ("api_key", c_char_p),
        ("base_url", c_char_p),
        ("proxy_url", c_char_p),
        ("ca_file", c_char_p),
        ("user_agent", c_char_p),
        ("timeout_ms", c_uint32),
        ("attempt_timeout_ms", c_uint32),
        ("connect_timeout_ms", c_uint32),
        ("max_retries", c_int32),
    ]


class RequestOptions(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("cancel", c_void_p),
        ("headers", POINTER(c_char_p)),
        ("headers_len", c_size_t),
        ("extra_body", c_char_p),
        ("poll", POLL),
        ("poll_context", c_void_p),
        ("timeout_ms", c_uint32),
        ("max_retries", c_int32),
    ]


class Credentials(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("access_key_id", c_char_p),
        ("secret_access_key", c_char_p),
        ("session_token", c_char_p),
        ("endpoint", c_char_p),
        ("request_id", c_char_p),
        ("issued_at", c_int64),
        ("expires_at", c_int64),
    ]


class ApiError(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("message", c_char_p),
        ("documentation_url", c_char_p),
        ("pointer", c_char_p),
        ("code", c_int64),
    ]


class Error(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("message", c_char_p),
        ("hint", c_char_p),
        ("request_id", c_char_p),
        ("field", c_char_p),
        ("errors", POINTER(POINTER(ApiError))),
        ("errors_len", c_size_t),
        ("messages", POINTER(c_char_p)),
        ("messages_len", c_size_t),
        ("retry_after_ms", c_int64),
        ("status", c_int32),
        ("http_status", c_int32),
        ("retryable", c_int32),
        ("attempts", c_int32),
    ]


CredentialsPointer = POINTER(Credentials)
ErrorPointer = POINTER(Error)


_PATH = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "libr2creds.dylib" if sys.platform == "darwin" else "libr2creds.so"
)


def _unusable(problem: str) -> ImportError:
    again = "install the package again, from its wheel or with pip install ./bindings/python in a checkout"
    return ImportError(f"r2creds: its library {_PATH} {problem}; {again}", name="r2creds", path=_PATH)


def _load() -> ctypes.CDLL:
    """Load the library beside this file, by absolute path: another libr2creds on this machine is not ours."""
    if not os.path.exists(_PATH):
        raise _unusable("is missing")
    try:
        return ctypes.CDLL(_PATH)
    except OSError as error:
        raise _unusable(f"is not for this machine ({error})") from None


_library = _load()


def _function(name: str, result: Any, arguments: Sequence[Any]) -> Any:
    try:
        function = getattr(_library, name)
    except AttributeError:
        raise _unusable(f"is another one, without {name}") from None
    function.restype = result
    function.argtypes = arguments
    return function


_abi_version = _function("r2creds_abi_version", c_uint32, [])()
if _abi_version != ABI_VERSION:
    raise _unusable(f"has ABI version {_abi_version}, and this package needs {ABI_VERSION}")

# Structs that are borrowed and pointers that are set are passed with byref(), which a c_void_p takes without a copy.
sign = _function("r2creds_sign", c_int32, [c_void_p, c_void_p, c_void_p])
create = _function("r2creds_create", c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p])
client_new = _function("r2creds_client_new", c_int32, [c_void_p, c_void_p, c_void_p])
client_free = _function("r2creds_client_free", None, [c_void_p])
cancel_new = _function("r2creds_cancel_new", c_int32, [c_void_p])
cancel_trigger = _function("r2creds_cancel_trigger", None, [c_void_p])
cancel_free = _function("r2creds_cancel_free", None, [c_void_p])
credentials_free = _function("r2creds_credentials_free", None, [c_void_p])
error_free = _function("r2creds_error_free", None, [c_void_p])
version: str = _function("r2creds_version", c_char_p, [])().decode()
