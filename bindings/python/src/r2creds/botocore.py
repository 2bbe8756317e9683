"""A botocore session, for boto3 too, whose credentials renew themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ._credentials import CHECKSUMS, REGION
from ._renewal import Mint, margin, minted

if TYPE_CHECKING:
    import botocore.session


def session(mint: Mint) -> botocore.session.Session:
    """A botocore session for R2, or ``boto3.Session(botocore_session=session(mint)).client("s3")``.

    Region, endpoint and checksum settings are the session's own, whatever the environment and ``~/.aws/config`` say.
    Other settings come from the profile that ``AWS_PROFILE`` names, if there is one.
    The credential is replaced when a quarter of its life is left, at most 15 minutes; a failure then is logged, and it
    stays in use. In its last eighth, at most 10 minutes, callers wait for the new one, and a failure is raised. Any
    number of threads may use it; one of them calls ``mint``.

    Args:
        mint: Called now and for each renewal, for example ``lambda: r2creds.sign(...)``; it always grants the same.

    Raises:
        InvalidArgumentError: ``mint`` is no function, is async, or returns something else than Credentials.
        R2CredsError: What the first call of ``mint`` raises.
    """
    import botocore.session
    from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials
    from botocore.exceptions import ProfileNotFound

    first = minted(mint)

    def refresh() -> dict[str, str]:
        creds = minted(mint)
        return {
            "access_key": creds.access_key_id,
            "secret_key": creds.secret_access_key,
            "token": creds.session_token,
            "expiry_time": creds.expires_at.isoformat(),
        }

    # botocore's own windows are made for hours: a credential of 15 minutes would be replaced at every call.
    credentials = RefreshableCredentials(
        first.access_key_id,
        first.secret_access_key,
        first.session_token,
        first.expires_at,
        refresh_using=refresh,
        method="r2creds",
        advisory_timeout=min((first.expires_at - first.issued_at) / 4, timedelta(minutes=15)).total_seconds(),
        mandatory_timeout=margin(first).total_seconds(),
    )

    class Provider(CredentialProvider):  # type: ignore[misc]
        METHOD = "r2creds"

        def load(self) -> RefreshableCredentials:
            return credentials

    made = botocore.session.get_session()
    try:
        made.get_scoped_config()
    except ProfileNotFound:  # of AWS_PROFILE, and nothing here depends on a profile
        made = botocore.session.get_session({"profile": (None, None, None, None)})
    made.register_component("credential_provider", CredentialResolver([Provider()]))
    config = made.get_component("config_store")
    # A configured endpoint is the only one a session can hold, so that it must not be ignored.
    for name, value in {
        **CHECKSUMS,
        "region": REGION,
        "endpoint_url": first.endpoint,
        "ignore_configured_endpoint_urls": False,
    }.items():
        config.set_config_variable(name, value)
    return made
