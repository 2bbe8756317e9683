"""inspect: what a session token grants, and what speaks against it."""

from __future__ import annotations

from ctypes import byref, c_void_p
from datetime import datetime
from typing import Any, NamedTuple

from . import _arguments, _library, _structs
from ._arguments import Action, Permission
from ._client import _checked, _text, _time
from ._credentials import Credentials
from ._errors import forget


class Finding(NamedTuple):
    """Something that speaks against a credential."""

    #: A word that stays. R2 refuses a credential for ``not-a-token``, ``header``, ``claim-missing``, ``claim-type``,
    #: ``scope-and-actions``, ``no-scope``, ``unknown-scope``, ``unknown-action``, ``signature``, ``secret-mismatch``,
    #: ``key-mismatch``, ``expired`` and ``not-yet-valid``. Nobody has shown that it does for ``host-mismatch``,
    #: ``too-long``, ``empty-paths``, ``leading-slash``, ``open-prefix``, ``expires-soon`` and ``unknown-claim``. There
    #: may be others.
    code: str
    #: One line for a person, without any secret.
    message: str
    #: The next step, where one is known.
    hint: str | None


class Inspection:
    """What a session token grants, as it claims itself, and what speaks against it. Holds no secret."""

    __slots__ = (
        "account_id",
        "bucket",
        "parent_access_key_id",
        "host",
        "prefixes",
        "objects",
        "actions",
        "findings",
        "issued_at",
        "expires_at",
        "permission",
        "is_refused",
        "_handle",
    )

    #: Whose the bucket is (``sub``); None where absent, as what follows.
    account_id: str | None
    #: The one bucket.
    bucket: str | None
    #: The parent's access key id (``iss``).
    parent_access_key_id: str | None
    #: Host of the S3 endpoint, with its port (``aud``).
    host: str | None
    #: The prefixes, with those that directories became.
    prefixes: tuple[str, ...]
    #: The exact keys, with those that directories became. Without prefixes and objects: the whole bucket.
    objects: tuple[str, ...]
    #: The S3 operations, known or not, where the token has them instead of a permission.
    actions: tuple[str, ...]
    #: What speaks against the credential, worst first, and each code at most once.
    findings: tuple[Finding, ...]
    #: When it begins (``iat``), in UTC.
    issued_at: datetime | None
    #: When it ends (``exp``), in UTC.
    expires_at: datetime | None
    #: None where the token has actions, or neither.
    permission: Permission | None
    #: Whether a finding says that R2 refuses it.
    is_refused: bool

    def __init__(self, raw: _structs.Inspection, handle: _Handle) -> None:
        def texts(name: str) -> tuple[str, ...]:
            values = getattr(raw, name)
            return tuple(values[i].decode() for i in range(getattr(raw, f"{name}_len")))

        self.account_id = _text(raw.account_id)
        self.bucket = _text(raw.bucket)
        self.parent_access_key_id = _text(raw.parent_access_key_id)
        self.host = _text(raw.host)
        self.prefixes = texts("prefixes")
        self.objects = texts("objects")
        self.actions = texts("actions")
        self.findings = tuple(
            Finding(f.code.decode(), f.message.decode(), _text(f.hint))
            for f in (raw.findings[i].contents for i in range(raw.findings_len))
        )
        self.issued_at = _time(raw.issued_at) if raw.issued_at else None
        self.expires_at = _time(raw.expires_at) if raw.expires_at else None
        self.permission = _arguments.permission(raw.permission)
        self.is_refused = raw.is_refused != 0
        self._handle = handle

    def allows(self, action: Action, key: str | None = None) -> bool:
        """Whether the grant covers an S3 operation. Looks at the grant alone, not at the findings and the clock.

        Args:
            action: One of those that ``actions`` of :func:`sign` may name.
            key: Relative to the bucket; for listings the prefix that is asked for, None for none. Not looked at for
                ``GetBucketLocation``, which is about the whole bucket.

        Raises:
            InvalidArgumentError: An action that does not exist, or a key that is needed and None.
        """
        what = _arguments.text("action", action)
        where = None if key is None else _arguments.text("key", key)
        allowed = _library.inspection_allows(self._handle.inspection, what, where)
        if allowed < 0:
            raise _arguments.refuse("action", "not an S3 operation that R2 has, or one that needs a key and has None")
        return bool(allowed)

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__slots__ if name != "_handle")
        return f"Inspection({shown})"


class _Handle:
    """The library's inspection, which answers allows."""

    inspection: c_void_p | None = None

    def __init__(self, params: _structs.InspectParams) -> None:
        self.inspection = c_void_p()
        _checked(_library.inspect, byref(params), byref(self.inspection))

    # The function is an argument because a module is emptied before its last objects when the interpreter ends.
    def __del__(self, inspection_free: Any = _library.inspection_free) -> None:
        inspection_free(self.inspection)


def inspect(
    creds: Credentials | None = None,
    *,
    session_token: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    parent_secret_access_key: str | None = None,
    endpoint: str | None = None,
    at: int | datetime | None = None,
) -> Inspection:
    """Reads a session token: what it grants, and what speaks against it. No network; microseconds.

    However broken the token is, there is an :class:`Inspection`: what is wrong is a finding. What is None is not
    compared; what nobody has shown R2 to refuse does not make it ``is_refused``.

    Args:
        creds: A credential, for ``session_token``, ``access_key_id``, ``secret_access_key`` and ``endpoint``, where
            those are None.
        session_token: The session token, however broken. Needed, here or in ``creds``.
        access_key_id: What the S3 client has beside it.
        secret_access_key: What the S3 client has beside it.
        parent_secret_access_key: The parent's, with which the token should be signed. None: the signature is not
            checked.
        endpoint: Where the client sends its requests, a URL.
        at: At which time: Unix seconds, or an aware datetime. Default: now.

    Raises:
        InvalidArgumentError: An argument is missing or malformed; ``field`` names it.
        InternalError: The library failed. Please report it.
    """
    given = locals()
    try:
        if creds is not None:
            if not isinstance(creds, Credentials):
                raise _arguments.refuse("creds", f"{type(creds).__name__}, expected r2creds.Credentials")
            for name in ("session_token", "access_key_id", "secret_access_key", "endpoint"):
                if given[name] is None:
                    given[name] = getattr(creds, name)
        handle = _Handle(_arguments.filled(_structs.InspectParams, given))
        return Inspection(_structs.Inspection.from_address(handle.inspection.value), handle)  # type: ignore[union-attr, arg-type]
    except BaseException as error:
        del given, creds, session_token, secret_access_key, parent_secret_access_key
        forget(error)
        raise
