"""A credential provider for `polars <https://pola.rs>`_ that renews itself."""

from __future__ import annotations

import time

from ._credentials import object_store
from ._source import Kept, Source


class _Provider:
    #: Endpoint and region, which polars takes from its argument of this name and not from a provider.
    storage_options: dict[str, str]

    def __init__(self, source: Source) -> None:
        self._kept = Kept(source)
        self.storage_options = object_store(self._kept.first)

    def __call__(self) -> tuple[dict[str, str], int]:
        creds = self._kept()
        # polars uses a credential up to the last second, so it is told when to ask again; but not a time that is over.
        times = [int(end.timestamp()) for end in (creds.renew_at, creds.renew_by, creds.expires_at)]
        return {
            "aws_access_key_id": creds.access_key_id,
            "aws_secret_access_key": creds.secret_access_key,
            "aws_session_token": creds.session_token,
        }, next((end for end in times if end > time.time()), times[-1])

    def __reduce__(self) -> tuple[type[_Provider], tuple[Source]]:
        return _Provider, (self._kept.source,)  # where that pickles


def provider(provider: Source) -> _Provider:
    """A credential provider, and the ``storage_options`` that belong to it::

        r2 = r2creds.polars.provider(r2creds.Provider(...))
        pl.scan_parquet("s3://recordings/a.parquet", credential_provider=r2, storage_options=r2.storage_options)

    Never leave ``storage_options`` out: polars would send the requests to AWS.

    Args:
        provider: A :class:`r2creds.Provider`. Or a function that makes a credential, called now and from each one's
            ``renew_at`` on; it always grants the same.

    Raises:
        InvalidArgumentError: It is neither, is async, or returns something else than Credentials.
        R2CredsError: No first credential could be had, which is made here, because it says where the endpoint is.
    """
    return _Provider(provider)
