"""The result: a temporary credential."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any, NoReturn


def _time(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, timezone.utc)
    except (OverflowError, ValueError, OSError):  # after the year 9999
        return datetime.max.replace(tzinfo=timezone.utc)


class Credentials:
    """A temporary credential for one R2 bucket. Immutable; its repr shows no secret.

    All of ``access_key_id``, ``secret_access_key`` and ``session_token`` are needed on every S3 request. It does not
    pickle: hand on the fields that a receiver needs, or :meth:`env`.
    """

    __slots__ = (
        "access_key_id",
        "secret_access_key",
        "session_token",
        "endpoint",
        "request_id",
        "issued_at",
        "expires_at",
    )

    #: S3 access key id. Not a secret.
    access_key_id: str
    #: S3 secret access key. A secret.
    secret_access_key: str
    #: S3 session token (``X-Amz-Security-Token``). A secret.
    session_token: str
    #: Where it is valid: scheme and host of the S3 endpoint. The S3 region is ``auto``.
    endpoint: str
    #: Cloudflare's CF-Ray of the reply; None when signed locally.
    request_id: str | None
    #: When it begins, in UTC.
    issued_at: datetime
    #: When it ends, in UTC; never later than the truth. Renew it some time before.
    expires_at: datetime

    def __init__(
        self,
        *,
        access_key_id: str,
        secret_access_key: str,
        session_token: str,
        endpoint: str,
        request_id: str | None,
        issued_at: int,
        expires_at: int,
    ) -> None:
        fill = object.__setattr__
        fill(self, "access_key_id", access_key_id)
        fill(self, "secret_access_key", secret_access_key)
        fill(self, "session_token", session_token)
        fill(self, "endpoint", endpoint)
        fill(self, "request_id", request_id)
        fill(self, "issued_at", _time(issued_at))
        fill(self, "expires_at", _time(expires_at))

    @property
    def expired(self) -> bool:
        """Whether it has ended, by this machine's clock."""
        return datetime.now(timezone.utc) >= self.expires_at

    def env(self) -> dict[str, str]:
        """Environment variables for AWS SDKs and tools."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
            "AWS_CREDENTIAL_EXPIRATION": f"{self.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            "AWS_REGION": "auto",
            "AWS_ENDPOINT_URL_S3": self.endpoint,
        }

    def duckdb_secret(self, name: str, scope: str | None = None) -> str:
        """SQL that makes a DuckDB secret."""
        account, _, domain = self.endpoint.partition("://")[2].partition(".")
        options = {"KEY_ID": self.access_key_id, "SECRET": self.secret_access_key, "SESSION_TOKEN": self.session_token}
        if domain == "r2.cloudflarestorage.com":
            options = {"TYPE": "r2", **options, "ACCOUNT_ID": account}
        else:
            options = {"TYPE": "s3", **options, "ENDPOINT": self.endpoint.partition("://")[2], "REGION": "auto"}
        if scope is not None:
            options["SCOPE"] = scope
        return "CREATE OR REPLACE SECRET {} ({})".format(
            '"' + name.replace('"', '""') + '"',
            ", ".join(key + " '" + value.replace("'", "''") + "'" for key, value in options.items()),
        )

    def __repr__(self) -> str:
        return (
            f"Credentials(access_key_id={self.access_key_id!r}, secret_access_key=[redacted], session_token=[redacted],"
            f" endpoint={self.endpoint!r}, expires_at={self.expires_at.isoformat()!r})"
        )

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"Credentials are immutable: cannot set {name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"Credentials are immutable: cannot delete {name}")

    def __copy__(self) -> Credentials:
        return self

    def __deepcopy__(self, memo: Any) -> Credentials:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("Credentials hold secrets and do not pickle; pass on the fields that are needed, or env()")
