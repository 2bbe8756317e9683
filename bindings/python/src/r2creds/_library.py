"""The shared library: where it is, and its functions for ctypes. r2creds.h says what they mean."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from ctypes import c_char_p, c_int32, c_size_t, c_uint32, c_void_p
from typing import Any

ABI_VERSION = 0

_NAMES = {"darwin": "libr2creds.dylib", "win32": "r2creds.dll"}
_PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), _NAMES.get(sys.platform, "libr2creds.so"))


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
client_new = _function(
    "r2creds_client_new_with_environment", c_int32, [c_void_p, c_void_p, c_size_t, c_void_p, c_void_p]
)
client_free = _function("r2creds_client_free", None, [c_void_p])
provider_new = _function("r2creds_provider_new", c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p])
provider_get = _function("r2creds_provider_get", c_int32, [c_void_p, c_void_p, c_void_p, c_void_p])
provider_reject = _function("r2creds_provider_reject", None, [c_void_p, c_void_p])
provider_last_error = _function("r2creds_provider_last_error", c_void_p, [c_void_p])
provider_free = _function("r2creds_provider_free", None, [c_void_p])
inspect = _function("r2creds_inspect", c_int32, [c_void_p, c_void_p, c_void_p])
inspection_allows = _function("r2creds_inspection_allows", c_int32, [c_void_p, c_char_p, c_char_p])
inspection_free = _function("r2creds_inspection_free", None, [c_void_p])
parent_of_token = _function("r2creds_parent_of_token", c_int32, [c_void_p, c_char_p, c_void_p, c_void_p, c_void_p])
parent_free = _function("r2creds_parent_free", None, [c_void_p])
cancel_new = _function("r2creds_cancel_new", c_int32, [c_void_p])
cancel_trigger = _function("r2creds_cancel_trigger", None, [c_void_p])
cancel_free = _function("r2creds_cancel_free", None, [c_void_p])
credentials_free = _function("r2creds_credentials_free", None, [c_void_p])
error_free = _function("r2creds_error_free", None, [c_void_p])
version: str = _function("r2creds_version", c_char_p, [])().decode()
