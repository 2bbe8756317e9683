"""The key pair that belongs to an API token."""

from __future__ import annotations

import enum
from datetime import datetime

from ._credentials import Sealed


class TokenKind(str, enum.Enum):
    """Whose an API token is."""

    USER = "user"  #: A user's, which ends when the user leaves the account.
    ACCOUNT = "account"  #: An account's own.


class Parent(Sealed):
    """The key pair that belongs to an API token: as S3 credentials, and as the parent of temporary ones.

    Immutable; equal to one with the same values; its repr shows no secret, and it does not pickle.
    """

    __slots__ = ("access_key_id", "secret_access_key", "token_status", "kind", "not_before", "expires_at")

    #: The id of the token: ``parent_access_key_id`` of :func:`sign`. Not a secret.
    access_key_id: str
    #: The SHA-256 of the token's value: ``parent_secret_access_key`` of :func:`sign`. A secret.
    secret_access_key: str
    #: Cloudflare's word: ``active``, ``disabled`` or ``expired``. Only the first makes credentials that work.
    token_status: str
    #: Whose the token is.
    kind: TokenKind
    #: When the token begins, in UTC; None: it has begun.
    not_before: datetime | None
    #: When the token ends, in UTC; None: never.
    expires_at: datetime | None

    def __init__(
        self,
        *,
        access_key_id: str,
        secret_access_key: str,
        token_status: str,
        kind: TokenKind,
        not_before: datetime | None,
        expires_at: datetime | None,
    ) -> None:
        fill = object.__setattr__
        fill(self, "access_key_id", access_key_id)
        fill(self, "secret_access_key", secret_access_key)
        fill(self, "token_status", token_status)
        fill(self, "kind", kind)
        fill(self, "not_before", not_before)
        fill(self, "expires_at", expires_at)

    def __repr__(self) -> str:
        if not hasattr(self, "expires_at"):  # the last to be filled
            return "<r2creds.Parent, never made>"
        return (
            f"Parent(access_key_id={self.access_key_id!r}, secret_access_key=[redacted],"
            f" token_status={self.token_status!r}, kind={self.kind.value!r})"
        )
