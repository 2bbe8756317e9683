"""A credential provider for `obstore <https://developmentseed.org/obstore/>`_ that renews itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ._credentials import object_store
from ._renewal import Mint, Renewed, margin

if TYPE_CHECKING:
    from obstore.store import S3Credential


class _Provider(Renewed):
    #: What obstore's S3Store should know beside the credential; it reads this by itself.
    config: dict[str, str]
    #: How long before the end obstore asks for a new one. Its own default, 5 minutes, is long for a short credential.
    refresh_threshold: timedelta

    def __init__(self, mint: Mint) -> None:
        super().__init__(mint)
        self.config = object_store(self.creds)
        self.refresh_threshold = margin(self.creds)

    def __call__(self) -> S3Credential:
        creds = self.renew()
        return {
            "access_key_id": creds.access_key_id,
            "secret_access_key": creds.secret_access_key,
            "token": creds.session_token,
            "expires_at": creds.expires_at,
        }


def provider(mint: Mint) -> _Provider:
    """A credential provider: ``S3Store("recordings", credential_provider=provider(mint))``.

    Endpoint and region come with it. A credential is replaced an eighth of its life before its end, at most ten
    minutes; when that fails it is used until it ends.

    Args:
        mint: Called now and for each renewal, for example ``lambda: r2creds.sign(...)``; it always grants the same.

    Raises:
        InvalidArgumentError: ``mint`` is no function, is async, or returns something else than Credentials.
        R2CredsError: What the first call of ``mint`` raises.
    """
    return _Provider(mint)
