"""What a spawned process imports: not conftest, which clears the environment."""

from __future__ import annotations

import os
from typing import Any

import r2creds


def mints() -> r2creds.Credentials:
    """A function that makes a credential, with the secret of the process that it runs in."""
    return r2creds.sign(
        account_id="023e105f4ecef8ad9ca31a8372d0c353",
        bucket="recordings",
        parent_access_key_id="0123456789abcdef0123456789abcdef",
        parent_secret_access_key=os.environ["R2_PARENT_SECRET_ACCESS_KEY"],
        permission="object-read-only",
    )


def worker(provider: Any) -> bool:
    """Whether what a provider gives was signed with the secret of this process."""
    made = provider()
    if isinstance(made, r2creds.Credentials):
        token = made.session_token
    else:  # polars takes a pair, and obstore another name
        options = made[0] if isinstance(made, tuple) else made
        token = options.get("token") or options["aws_session_token"]
    secret = os.environ["R2_PARENT_SECRET_ACCESS_KEY"]
    return not r2creds.inspect(session_token=token, parent_secret_access_key=secret).is_refused
