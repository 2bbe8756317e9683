"""A credential provider for `obstore <https://developmentseed.org/obstore/>`_ that renews itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ._credentials import object_store
from ._source import Kept, Source

if TYPE_CHECKING:
    from obstore.store import S3Credential


class _Provider:
    #: What obstore's S3Store should know beside the credential; it reads this by itself.
    config: dict[str, str]
    #: How long before the end obstore asks for a new one. It is told the right time as the end.
    refresh_threshold = timedelta(0)

    def __init__(self, source: Source) -> None:
        self._kept = Kept(source)
        self.config = object_store(self._kept.first)

    def __call__(self) -> S3Credential:
        creds = self._kept()
        return {
            "access_key_id": creds.access_key_id,
            "secret_access_key": creds.secret_access_key,
            "token": creds.session_token,
            # From here on obstore asks before each request, and gets this one again until there is another.
            "expires_at": creds.renew_at,
        }

    def __reduce__(self) -> tuple[type[_Provider], tuple[Source]]:
        return _Provider, (self._kept.source,)  # where that pickles


def provider(provider: Source) -> _Provider:
    """A credential provider: ``S3Store("recordings", credential_provider=provider(r2creds.Provider(...)))``.

    Endpoint and region come with it. One provider may serve any number of stores.

    Args:
        provider: A :class:`r2creds.Provider`. Or a function that makes a credential, called now and from each one's
            ``renew_at`` on; it always grants the same.

    Raises:
        InvalidArgumentError: It is neither, is async, or returns something else than Credentials.
        R2CredsError: No first credential could be had, which is made here, because it says where the endpoint is.
    """
    return _Provider(provider)
