"""Temporary, scoped credentials for Cloudflare R2.

:func:`sign` makes one locally from the parent key pair, without any network; :meth:`Client.create` asks Cloudflare's
API. Both take the same arguments and return :class:`Credentials`::

    import r2creds

    with r2creds.Client() as client:                     # CLOUDFLARE_API_TOKEN
        creds = client.create(
            account_id="023e105f4ecef8ad9ca31a8372d0c353",
            bucket="recordings",
            parent_access_key_id="0123456789abcdef0123456789abcdef",
            permission="object-read-only",               # for 15 minutes, unless ttl_seconds says otherwise
        )

A :class:`Provider` keeps one fresh for programs that live longer than a credential; :func:`inspect` says what one
grants, and why R2 refuses it; :func:`parent_of_token` makes an API token the parent of credentials.

Every exception is an :class:`R2CredsError`.
"""

from . import aiobotocore as aiobotocore
from . import botocore as botocore
from . import duckdb as duckdb
from . import lance as lance
from . import obstore as obstore
from . import polars as polars
from ._arguments import Action, Jurisdiction, Permission
from ._client import Client, parent_of_token, sign
from ._credentials import Credentials
from ._errors import (
    APIConnectionError,
    ApiError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    CancelledError,
    ConflictError,
    InternalError,
    InternalServerError,
    InvalidArgumentError,
    InvalidResponseError,
    NoAuthenticationError,
    NotFoundError,
    PermissionDeniedError,
    R2CredsError,
    RateLimitError,
    TLSError,
    UnprocessableEntityError,
    UnsupportedError,
)
from ._inspect import Finding, Inspection, inspect
from ._library import version as __version__
from ._parent import Parent, TokenKind
from ._provider import Provider

__all__ = [
    "APIConnectionError",
    "APIStatusError",
    "APITimeoutError",
    "Action",
    "ApiError",
    "AuthenticationError",
    "BadRequestError",
    "CancelledError",
    "Client",
    "ConflictError",
    "Credentials",
    "Finding",
    "Inspection",
    "InternalError",
    "InternalServerError",
    "InvalidArgumentError",
    "InvalidResponseError",
    "Jurisdiction",
    "NoAuthenticationError",
    "NotFoundError",
    "Parent",
    "Permission",
    "PermissionDeniedError",
    "Provider",
    "R2CredsError",
    "RateLimitError",
    "TLSError",
    "TokenKind",
    "UnprocessableEntityError",
    "UnsupportedError",
    "__version__",
    "inspect",
    "parent_of_token",
    "sign",
]

# Tracebacks and help() name things as users import them.
for _name in __all__:
    if _name != "__version__":
        globals()[_name].__module__ = __name__
