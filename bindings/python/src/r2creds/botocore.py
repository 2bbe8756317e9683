"""A botocore session, for boto3 too, whose credentials renew themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._credentials import CHECKSUMS, REGION, Credentials
from ._source import Kept, Source

if TYPE_CHECKING:
    import botocore.session


def session(provider: Source) -> botocore.session.Session:
    """A botocore session for R2, or ``boto3.Session(botocore_session=session(provider)).client("s3")``.

    Region, endpoint and checksum settings are the session's own, whatever the environment and ``~/.aws/config`` say.
    Other settings come from the profile that ``AWS_PROFILE`` names, if there is one. Any number of threads may use it;
    each request has a credential that the provider says is good now.

    Args:
        provider: A :class:`r2creds.Provider`. Or a function that makes a credential, called now and from each one's
            ``renew_at`` on; it always grants the same.

    Raises:
        InvalidArgumentError: It is neither, is async, or returns something else than Credentials.
        R2CredsError: No first credential could be had, which is made here, because it says where the endpoint is.
    """
    import botocore.session
    from botocore.credentials import CredentialProvider, CredentialResolver, ReadOnlyCredentials
    from botocore.credentials import Credentials as Plain
    from botocore.exceptions import ProfileNotFound

    kept = Kept(provider)

    class Provided(Plain):  # type: ignore[misc]
        """What the provider gives, each time botocore asks; so botocore's own windows and locks have no part in it."""

        method = "r2creds"

        def __init__(self) -> None:
            pass

        def get_frozen_credentials(self) -> ReadOnlyCredentials:
            creds = kept()
            return ReadOnlyCredentials(creds.access_key_id, creds.secret_access_key, creds.session_token)

        access_key = property(lambda self: self.get_frozen_credentials().access_key)
        secret_key = property(lambda self: self.get_frozen_credentials().secret_key)
        token = property(lambda self: self.get_frozen_credentials().token)

    class Provider(CredentialProvider):  # type: ignore[misc]
        METHOD = "r2creds"

        def load(self) -> Plain:
            return Provided()

    made = botocore.session.get_session()
    try:
        made.get_scoped_config()
    except ProfileNotFound:  # of AWS_PROFILE, and nothing here depends on a profile
        made = botocore.session.get_session({"profile": (None, None, None, None)})
    made.register_component("credential_provider", CredentialResolver([Provider()]))
    configure(made, kept.first)
    return made


def configure(session: botocore.session.Session, creds: Credentials) -> None:
    """What R2 wants besides the credential, whatever else is configured."""
    config = session.get_component("config_store")
    # A configured endpoint is the only one a session can hold, so that it must not be ignored.
    for name, value in {
        **CHECKSUMS,
        "region": REGION,
        "endpoint_url": creds.endpoint,
        "ignore_configured_endpoint_urls": False,
    }.items():
        config.set_config_variable(name, value)
