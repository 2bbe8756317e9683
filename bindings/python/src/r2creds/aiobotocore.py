"""An aiobotocore session, for s3fs too and so for fsspec, pandas and dask, whose credentials renew themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._credentials import Credentials
from ._errors import APITimeoutError
from ._provider import Provider
from ._source import Kept, Source
from .botocore import configure

if TYPE_CHECKING:
    from aiobotocore.session import AioSession


def session(provider: Source) -> AioSession:
    """An aiobotocore session for R2: ``session(provider).create_client("s3")``, or
    ``s3fs.S3FileSystem(session=session(provider), fixed_upload_size=True)``.

    Region, endpoint and checksum settings are the session's own, as for :func:`r2creds.botocore.session`. Each request
    has a credential that the provider says is good now; where one has to be waited for, a thread does that.

    Args:
        provider: A :class:`r2creds.Provider`. Or a function that makes a credential, called now and from each one's
            ``renew_at`` on; it always grants the same.

    Raises:
        InvalidArgumentError: It is neither, is async, or returns something else than Credentials.
        R2CredsError: No first credential could be had, which is made here, because it says where the endpoint is.
    """
    import asyncio

    from aiobotocore.credentials import AioCredentialResolver, AioCredentials
    from aiobotocore.session import get_session
    from botocore.credentials import CredentialProvider, ReadOnlyCredentials
    from botocore.exceptions import ProfileNotFound

    kept = Kept(provider)

    async def current() -> Credentials:
        if isinstance(provider, Provider):
            try:
                return provider.get(timeout_ms=1)
            except APITimeoutError:  # it is the first, or near its end
                pass
        return await asyncio.get_running_loop().run_in_executor(None, kept)

    class Provided(AioCredentials):  # type: ignore[misc]
        method = "r2creds"

        def __init__(self) -> None:
            pass

        async def get_frozen_credentials(self) -> ReadOnlyCredentials:
            creds = await current()
            return ReadOnlyCredentials(creds.access_key_id, creds.secret_access_key, creds.session_token)

        access_key = property(lambda self: kept().access_key_id)
        secret_key = property(lambda self: kept().secret_access_key)
        token = property(lambda self: kept().session_token)

    class Given(CredentialProvider):  # type: ignore[misc]
        METHOD = "r2creds"

        async def load(self) -> AioCredentials:
            return Provided()

    made = get_session()
    try:
        made.get_scoped_config()
    except ProfileNotFound:  # of AWS_PROFILE, and nothing here depends on a profile
        made = get_session({"profile": (None, None, None, None)})
    made.register_component("credential_provider", AioCredentialResolver([Given()]))
    configure(made, kept.first)
    return made
