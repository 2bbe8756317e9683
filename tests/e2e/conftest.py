"""One emulator for the whole run, who makes credentials, and the table of clients and outcomes at its end."""

from __future__ import annotations

import json
import math
import os
import secrets
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from minters import GO, MINTERS, Minted

PROGRAM = Path(__file__).parents[2] / "target" / "debug" / "r2-emulator"
ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
PARENT = "0123456789abcdef0123456789abcdef"
# Of this run alone: one test looks for them in the arguments of every process.
API_TOKEN, PARENT_SECRET = secrets.token_urlsafe(30), secrets.token_hex(32)
REVOKED = "1" * 32  # by the one test that does
BUCKET, OTHER_BUCKET, EU_BUCKET = "recordings", "archive", "berlin"
CONFIG = {
    "accounts": [
        {
            "id": ACCOUNT,
            "api_tokens": [{"id": "ed17574386854bf78a67040be0a770b0", "value": API_TOKEN}],
            "parents": [
                {"access_key_id": PARENT, "secret_access_key": PARENT_SECRET},
                {"access_key_id": REVOKED, "secret_access_key": "1" * 64},
            ],
            "buckets": [{"name": BUCKET}, {"name": OTHER_BUCKET}, {"name": EU_BUCKET, "jurisdiction": "eu"}],
        }
    ]
}


class Emulator:
    """The running program. ``owner`` is an S3 client with the parent's own pair, which may do everything."""

    def __init__(self, folder: Path) -> None:
        config = folder / "config.json"
        config.write_text(json.dumps(CONFIG))
        command = [str(PROGRAM), "--config", str(config)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.api, self.s3, self.s3_eu = ready["api"], ready["s3"], ready["s3_eu"]
        self.owner = connect(Minted(PARENT, PARENT_SECRET, None, self.s3, math.inf))

    def secrets(self, parent_secret: str = PARENT_SECRET) -> dict[str, str]:
        """What a minter finds in its environment."""
        return {
            "CLOUDFLARE_API_TOKEN": API_TOKEN,
            "CLOUDFLARE_BASE_URL": self.api,
            "R2_PARENT_SECRET_ACCESS_KEY": parent_secret,
        }

    def grant(self, **more: Any) -> dict[str, Any]:
        """Arguments of create and sign."""
        identity = {"account_id": ACCOUNT, "bucket": BUCKET, "parent_access_key_id": PARENT, "endpoint": self.s3}
        return {name: value for name, value in {**identity, **more}.items() if value is not None}

    def revoke(self, parent: str) -> None:
        url = f"{self.api}/accounts/{ACCOUNT}/tokens/{parent}"
        request = urllib.request.Request(url, method="DELETE", headers={"Authorization": f"Bearer {API_TOKEN}"})
        urllib.request.urlopen(request).close()


def connect(creds: Minted) -> Any:
    """boto3's client with a credential."""
    return boto3.client(
        "s3",
        aws_access_key_id=creds.access_key_id,
        aws_secret_access_key=creds.secret_access_key,
        aws_session_token=creds.session_token,
        endpoint_url=creds.endpoint,
        region_name="auto",
        config=Config(
            retries={"total_max_attempts": 1},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def missing(tool: str) -> None:
    """Skips the test, or fails it with R2CREDS_NO_SKIP=1."""
    if os.environ.get("R2CREDS_NO_SKIP") == "1":
        pytest.fail(f"{tool} is not installed")
    pytest.skip(f"{tool} is not installed")


def tool(name: str) -> str:
    """The path of a program that has to be there."""
    path = shutil.which(name)
    if path is None:
        missing(name)
    return str(path)


def go_program() -> str:
    """The program in go/, which `make e2e` builds where there is a Go."""
    if not GO.exists():
        missing("go")
    return str(GO)


@pytest.fixture(autouse=True, scope="session")
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the caller's configuration reaches a client."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("CLOUDFLARE_", "R2_", "AWS_", "RCLONE_")) or name.upper().endswith("_PROXY"):
                patch.delenv(name)
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")  # a client without a credential would ask for one
        yield


@pytest.fixture(scope="session")
def emulator(clean_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    made = Emulator(tmp_path_factory.mktemp("emulator"))
    yield made
    made.process.terminate()
    assert made.process.wait(60) == 0


#: Makes a credential; takes the arguments of create and sign.
Mint = Callable[..., Minted]


def _mint(emulator: Emulator, name: str, method: str) -> Mint:
    if name == "Go":
        go_program()

    def mint(*, parent_secret: str = PARENT_SECRET, **more: Any) -> Minted:
        return MINTERS[name](method, emulator.grant(**more), emulator.secrets(parent_secret))

    return mint


BOTH = [(name, method) for name in MINTERS for method in ("create", "sign")]


@pytest.fixture(params=BOTH, ids=" ".join)
def mint(request: pytest.FixtureRequest, emulator: Emulator) -> Mint:
    """Each of the three, by create and by sign."""
    return _mint(emulator, *request.param)


@pytest.fixture(params=MINTERS)
def create(request: pytest.FixtureRequest, emulator: Emulator) -> Mint:
    return _mint(emulator, request.param, "create")


@pytest.fixture(params=MINTERS)
def sign(request: pytest.FixtureRequest, emulator: Emulator) -> Mint:
    """For what create cannot: single actions, and other hosts."""
    return _mint(emulator, request.param, "sign")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What test_clients.py found: a row for each client, a column for each of its tests."""
    cells: dict[tuple[str, str], str] = {}
    for outcome in ("passed", "skipped", "failed", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            file, _, name = report.nodeid.partition("::test_")
            column, _, client = name.rstrip("]").partition("[")
            if file.endswith("test_clients.py") and client:
                said = dict(report.user_properties).get("outcome", "ok")
                cells[client, column.replace("_", " ")] = said if outcome == "passed" else outcome.upper()
    clients, columns = (list(dict.fromkeys(key[i] for key in cells)) for i in (0, 1))
    if not cells:
        return
    rows = [["client", *columns], *([client, *(cells.get((client, c), "-") for c in columns)] for client in clients)]
    widths = [max(map(len, column)) for column in zip(*rows)]
    terminalreporter.section("clients and outcomes")
    for row in rows:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
