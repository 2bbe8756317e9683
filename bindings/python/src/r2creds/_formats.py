"""What the command line prints: a credential in the format of the program that will read it."""

from __future__ import annotations

import json
import re
import shlex
from datetime import datetime
from typing import Callable

from ._credentials import REGION, Credentials
from ._errors import InvalidResponseError


def _env(creds: Credentials) -> str:
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in creds.env().items())


def _dotenv(creds: Credentials) -> str:
    return "".join(f"{name}={_bare(value)}\n" for name, value in creds.env().items())


def _json(creds: Credentials) -> str:
    # Who starts a command for each credential has no use for the times to renew it.
    fields = {name: getattr(creds, name) for name in Credentials.__slots__ if not name.startswith("renew_")}
    fields.update(issued_at=_utc(creds.issued_at), expires_at=_utc(creds.expires_at))
    return json.dumps(fields, indent=2) + "\n"


def _credential_process(creds: Credentials) -> str:
    fields = {
        "Version": 1,
        "AccessKeyId": creds.access_key_id,
        "SecretAccessKey": creds.secret_access_key,
        "SessionToken": creds.session_token,
        "Expiration": _utc(creds.expires_at),
    }
    return json.dumps(fields, indent=2) + "\n"


def _duckdb(creds: Credentials) -> str:
    return creds.duckdb_secret("r2") + ";\n"


def _rclone(creds: Credentials) -> str:
    options = {
        "type": "s3",
        "provider": "Cloudflare",
        "access_key_id": creds.access_key_id,
        "secret_access_key": creds.secret_access_key,
        "session_token": creds.session_token,
        "endpoint": creds.endpoint,
        "region": REGION,
        # Without it rclone asks whether the bucket exists, and tries to make it, before it writes.
        "no_check_bucket": "true",
    }
    return "[r2]\n" + "".join(f"{name} = {_bare(value)}\n" for name, value in options.items())


def _utc(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _bare(value: str) -> str:
    """A value for a file that knows no quotes, or whose readers disagree on them."""
    if re.fullmatch(r"[A-Za-z0-9+/=_.:@\[\]-]+", value) is None:
        raise InvalidResponseError("a credential with characters that this format cannot hold; use --format json")
    return value


#: By the name that ``--format`` takes.
FORMATS: dict[str, Callable[[Credentials], str]] = {
    "env": _env,
    "dotenv": _dotenv,
    "json": _json,
    "credential-process": _credential_process,
    "duckdb": _duckdb,
    "rclone": _rclone,
}
