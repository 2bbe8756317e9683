"""A credential provider for `polars <https://pola.rs>`_ that renews itself."""

from __future__ import annotations

import time

from ._credentials import object_store
from ._renewal import Mint, Renewed, margin


class _Provider(Renewed):
    #: Endpoint and region, which polars takes from its argument of this name and not from a provider.
    storage_options: dict[str, str]

    def __init__(self, mint: Mint) -> None:
        super().__init__(mint)
        self.storage_options = object_store(self.creds)

    def __call__(self) -> tuple[dict[str, str], int]:
        creds = self.renew()
        # polars uses a credential up to the last second, so it is told an earlier one.
        end = int(creds.expires_at.timestamp())
        early = end - int(margin(creds).total_seconds())
        return {
            "aws_access_key_id": creds.access_key_id,
            "aws_secret_access_key": creds.secret_access_key,
            "aws_session_token": creds.session_token,
        }, early if early > time.time() else end


def provider(mint: Mint) -> _Provider:
    """A credential provider, and the ``storage_options`` that belong to it::

        r2 = r2creds.polars.provider(mint)
        pl.scan_parquet("s3://recordings/a.parquet", credential_provider=r2, storage_options=r2.storage_options)

    Never leave ``storage_options`` out: polars would send the requests to AWS. A credential is replaced an eighth of
    its life before its end, at most ten minutes; when that fails it is used until it ends.

    Args:
        mint: Called now and for each renewal, for example ``lambda: r2creds.sign(...)``; it always grants the same.

    Raises:
        InvalidArgumentError: ``mint`` is no function, is async, or returns something else than Credentials.
        R2CredsError: What the first call of ``mint`` raises.
    """
    return _Provider(mint)
