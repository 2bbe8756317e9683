"""Who makes the credentials: the C library, the Python package and the Go package, each by create and by sign."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import r2creds

PROGRAMS = Path(__file__).parents[2] / "target" / "e2e"
GO = PROGRAMS / "go"


class Minted(NamedTuple):
    """A credential, whoever made it. ``expires_at`` is in Unix seconds. A parent's own pair has no token."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None
    endpoint: str
    expires_at: float


class MintError(Exception):
    """No credential; the message is the minter's own."""


#: method, what create and sign take in Python, the environment with the secrets -> credential
Minter = Callable[[str, dict[str, Any], dict[str, str]], Minted]


def words(arguments: dict[str, Any]) -> list[str]:
    """Arguments of the Python package as NAME=VALUE words, which the programs in C and Go read."""
    listed = ((name, value if isinstance(value, list) else [value]) for name, value in arguments.items())
    return [f"{name}={value}" for name, values in listed for value in values]


def _program(path: Path) -> Minter:
    def mint(method: str, arguments: dict[str, Any], secrets: dict[str, str]) -> Minted:
        command = [str(path), method, *words(arguments)]
        done = subprocess.run(command, env={**os.environ, **secrets}, capture_output=True, text=True)
        if done.returncode != 0:
            raise MintError(done.stderr)
        fields = dict(line.split("=", 1) for line in done.stdout.splitlines())
        end = float(fields.pop("expires_at"))
        return Minted(**fields, expires_at=end)

    return mint


def _python(method: str, arguments: dict[str, Any], secrets: dict[str, str]) -> Minted:
    try:
        made = credentials(method, arguments, secrets)
    except r2creds.R2CredsError as error:
        raise MintError(str(error)) from None
    end = made.expires_at.timestamp()
    return Minted(made.access_key_id, made.secret_access_key, made.session_token, made.endpoint, end)


def credentials(method: str, arguments: dict[str, Any], secrets: dict[str, str]) -> r2creds.Credentials:
    """The Python package's own credential."""
    if method == "sign":
        return r2creds.sign(**arguments, parent_secret_access_key=secrets["R2_PARENT_SECRET_ACCESS_KEY"])
    with r2creds.Client(api_token=secrets["CLOUDFLARE_API_TOKEN"], base_url=secrets["CLOUDFLARE_BASE_URL"]) as client:
        return client.create(**arguments)


MINTERS: dict[str, Minter] = {"C": _program(PROGRAMS / "mint"), "Python": _python, "Go": _program(GO)}
