"""The structs of r2creds.h, for ctypes. Made from it by ``make header``; do not edit."""

from __future__ import annotations

from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_void_p

# int32_t (*poll)(void *poll_context)
POLL = CFUNCTYPE(c_int32, c_void_p)


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
        ("directories", POINTER(c_char_p)),
        ("directories_len", c_size_t),
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
        ("renew_at", c_int64),
        ("renew_by", c_int64),
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
        ("flags", c_uint32),
        ("reserved", c_int32),
    ]


class InspectParams(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("session_token", c_char_p),
        ("access_key_id", c_char_p),
        ("secret_access_key", c_char_p),
        ("parent_secret_access_key", c_char_p),
        ("endpoint", c_char_p),
        ("at", c_int64),
    ]


class Finding(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("code", c_char_p),
        ("message", c_char_p),
        ("hint", c_char_p),
    ]


class Inspection(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("account_id", c_char_p),
        ("bucket", c_char_p),
        ("parent_access_key_id", c_char_p),
        ("host", c_char_p),
        ("prefixes", POINTER(c_char_p)),
        ("prefixes_len", c_size_t),
        ("objects", POINTER(c_char_p)),
        ("objects_len", c_size_t),
        ("actions", POINTER(c_char_p)),
        ("actions_len", c_size_t),
        ("findings", POINTER(POINTER(Finding))),
        ("findings_len", c_size_t),
        ("issued_at", c_int64),
        ("expires_at", c_int64),
        ("permission", c_int32),
        ("is_refused", c_int32),
    ]


class Parent(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("access_key_id", c_char_p),
        ("secret_access_key", c_char_p),
        ("token_status", c_char_p),
        ("not_before", c_int64),
        ("expires_at", c_int64),
        ("kind", c_int32),
        ("reserved", c_int32),
    ]
