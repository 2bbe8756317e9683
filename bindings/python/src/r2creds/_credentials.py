"""The result: a temporary credential."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NoReturn

from ._arguments import refuse, text
from ._errors import forget

if TYPE_CHECKING:
    from botocore.config import Config
    from typing_extensions import Self

#: The region of every R2 bucket.
REGION = "auto"
#: Recent AWS SDKs add checksums that R2 refuses, unless told to send and check only those that S3 requires.
CHECKSUMS = {"request_checksum_calculation": "when_required", "response_checksum_validation": "when_required"}


class Sealed:
    """Immutable; equal to one with the same values; never pickled, because it holds secrets."""

    __slots__: tuple[str, ...] = ()

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        return self._values() == other._values() if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values())

    if not TYPE_CHECKING:  # for a type checker they would mean that there are more attributes

        def __setattr__(self, name: str, value: object) -> NoReturn:
            raise AttributeError(f"{type(self).__name__} is immutable: cannot set {name}")

        def __delattr__(self, name: str) -> NoReturn:
            raise AttributeError(f"{type(self).__name__} is immutable: cannot delete {name}")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds secrets and does not pickle; pass on the fields that are needed")


class _Lent(Sealed):
    """Whatever a Provider knows a credential of its own by. No value of the credential."""

    __slots__ = ("_lent",)
    _lent: object


class Credentials(_Lent):
    """A temporary credential for one R2 bucket. Immutable; equal to one with the same values; its repr shows no secret.

    ``boto3()``, ``fsspec()``, ``pyarrow()``, ``storage_options()``, ``iceberg()``, ``duckdb_secret()`` and ``env()``
    give it to other libraries and programs in their own terms. What they return holds the secrets, and ends with this
    credential: :mod:`r2creds.botocore`, :mod:`r2creds.obstore`, :mod:`r2creds.polars` and :mod:`r2creds.duckdb` renew
    it.

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
        "renew_at",
        "renew_by",
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
    #: When it ends, in UTC; never later than the truth.
    expires_at: datetime
    #: From here on get the next one, while this one is used: a quarter of its life before its end, at most an hour. A
    #: :class:`Provider` does that; for caches of others.
    renew_at: datetime
    #: From here on begin nothing with this one if another can be had: an eighth of its life before its end, at most ten
    #: minutes.
    renew_by: datetime

    def __init__(
        self,
        *,
        access_key_id: str,
        secret_access_key: str,
        session_token: str,
        endpoint: str,
        request_id: str | None = None,
        issued_at: datetime,
        expires_at: datetime,
        renew_at: datetime | None = None,
        renew_by: datetime | None = None,
    ) -> None:
        fill = object.__setattr__
        try:
            fill(self, "access_key_id", access_key_id)
            fill(self, "secret_access_key", secret_access_key)
            fill(self, "session_token", session_token)
            fill(self, "endpoint", endpoint)
            fill(self, "request_id", request_id)
            fill(self, "issued_at", issued_at.astimezone(timezone.utc))
            fill(self, "expires_at", expires_at.astimezone(timezone.utc))
            # Of one that was not made here: the end, for when to renew is the library's to say.
            fill(self, "renew_at", (renew_at or expires_at).astimezone(timezone.utc))
            fill(self, "renew_by", (renew_by or expires_at).astimezone(timezone.utc))
            fill(self, "_lent", None)
        except BaseException as error:
            del secret_access_key, session_token
            forget(error)
            raise

    @property
    def expired(self) -> bool:
        """Whether it has ended, by this machine's clock."""
        return datetime.now(timezone.utc) >= self.expires_at

    def boto3(self, config: Config | None = None) -> dict[str, Any]:
        """Arguments for ``boto3.client("s3", **creds.boto3())``, and for ``resource``.

        Args:
            config: A ``botocore.config.Config`` of your own. It is not changed: what is passed on is a copy, with the
                checksum settings that R2 needs where yours says nothing of them.
        """
        from botocore.config import Config

        settings = Config(**checksums())
        if config is not None:
            if not isinstance(config, Config):
                raise refuse("config", f"{type(config).__name__}, expected botocore.config.Config")
            settings = settings.merge(config)
        return {
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "aws_session_token": self.session_token,
            "endpoint_url": self.endpoint,
            "region_name": REGION,
            "config": settings,
        }

    def fsspec(self) -> dict[str, Any]:
        """Arguments for ``s3fs.S3FileSystem(**creds.fsspec())``, or ``storage_options`` where fsspec opens ``s3://``."""
        return {
            "key": self.access_key_id,
            "secret": self.secret_access_key,
            "token": self.session_token,
            "endpoint_url": self.endpoint,
            "client_kwargs": {"region_name": REGION},
            "config_kwargs": checksums(),
            # R2 wants all parts of an upload but the last to be of one size.
            "fixed_upload_size": True,
        }

    def pyarrow(self) -> dict[str, Any]:
        """Arguments for ``pyarrow.fs.S3FileSystem(**creds.pyarrow())``."""
        scheme, host = self.endpoint.split("://")
        return {
            "access_key": self.access_key_id,
            "secret_key": self.secret_access_key,
            "session_token": self.session_token,
            "endpoint_override": host,
            "scheme": scheme,
            "region": REGION,
        }

    def storage_options(self) -> dict[str, str]:
        """``storage_options`` for libraries on Rust's object_store, such as deltalake, polars and lance."""
        return {
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "aws_session_token": self.session_token,
            **object_store(self),
        }

    def iceberg(self) -> dict[str, str]:
        """Properties of an Iceberg catalog or FileIO, in Python (pyiceberg) or elsewhere."""
        return {
            "s3.access-key-id": self.access_key_id,
            "s3.secret-access-key": self.secret_access_key,
            "s3.session-token": self.session_token,
            "s3.session-token-expires-at-ms": str(int(self.expires_at.timestamp()) * 1000),
            "s3.endpoint": self.endpoint,
            "s3.region": REGION,
        }

    def duckdb_secret(self, name: str, scope: str | None = None) -> str:
        """SQL that creates DuckDB's secret ``name``, or replaces it: run it again with a new credential.

        Args:
            name: The secret's name; any text, for it is quoted.
            scope: Which URLs it is for, as a prefix such as ``"r2://recordings/"`` or ``"s3://recordings"``. Default:
                ``"r2://"``, so that ``s3://`` stays AWS's.

        The SQL holds the secrets: keep it out of logs. DuckDB's httpfs extension runs it.
        """
        if not name:
            raise refuse("name", "missing or empty, expected the secret's name")
        text("name", name)
        if scope is not None:
            text("scope", scope)
        scheme, host = self.endpoint.split("://")
        # TYPE r2 knows no host but this one; EU, FedRAMP and other endpoints are spelled out.
        account, _, domain = host.partition(".")
        default = scheme == "https" and domain == "r2.cloudflarestorage.com"
        options = {
            "KEY_ID": self.access_key_id,
            "SECRET": self.secret_access_key,
            "SESSION_TOKEN": self.session_token,
            "REGION": REGION,
            "SCOPE": "r2://" if scope is None else scope,
            **({"ACCOUNT_ID": account} if default else {"ENDPOINT": host, "URL_STYLE": "path"}),
        }
        quote = "'"
        kind = "r2" if default else f"s3, USE_SSL {'true' if scheme == 'https' else 'false'}"
        values = "".join(f", {option} '{value.replace(quote, quote * 2)}'" for option, value in options.items())
        identifier = name.replace('"', '""')
        return f'CREATE OR REPLACE SECRET "{identifier}" (TYPE {kind}{values})'

    def env(self) -> dict[str, str]:
        """Environment variables for programs on an AWS SDK: the credential, its end, the region, the endpoint, and the
        checksum settings that R2 needs."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_SESSION_TOKEN": self.session_token,
            "AWS_CREDENTIAL_EXPIRATION": f"{self.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            "AWS_REGION": REGION,
            # botocore, and so boto3 and the AWS CLI, does not read AWS_REGION; a region of ~/.aws/config would win.
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            **{f"AWS_{name.upper()}": value for name, value in CHECKSUMS.items()},
        }

    def __repr__(self) -> str:
        if not hasattr(self, "_lent"):  # the last to be filled
            return "<r2creds.Credentials, never made>"
        return (
            f"Credentials(access_key_id={self.access_key_id!r}, secret_access_key=[redacted], session_token=[redacted],"
            f" endpoint={self.endpoint!r}, expires_at={self.expires_at.isoformat()!r})"
        )


def checksums() -> dict[str, str]:
    """The settings of CHECKSUMS that the installed botocore has: before 1.36 none, and it adds none to be told of."""
    try:
        from botocore.config import Config
    except ImportError:
        return dict(CHECKSUMS)
    return {name: value for name, value in CHECKSUMS.items() if name in Config.OPTION_DEFAULTS}


def object_store(creds: Credentials) -> dict[str, str]:
    """Where a credential is valid, for object_store, which refuses http unless it is allowed."""
    where = {"aws_endpoint": creds.endpoint, "aws_region": REGION}
    if creds.endpoint.startswith("http://"):
        where["aws_allow_http"] = "true"
    return where
