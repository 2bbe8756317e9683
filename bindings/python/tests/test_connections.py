"""Each connection, with the library that it is for, against a server that takes nothing but a valid credential."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import deltalake
import duckdb
import obstore as obs
import obstore.store
import polars as pl
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet
import pytest
import s3fs
from botocore.config import Config
from conftest import ACCOUNT, PARAMS, PARENT_SECRET, httpfs
from pyiceberg.io import load_file_io
from s3 import S3

import r2creds

TABLE = pa.table({"n": [1, 2, 3]})


class Mint:
    """Signs a credential at each call, and counts them; or fails."""

    def __init__(self, s3: S3, **arguments: Any) -> None:
        self.grant = {**s3.grant, **arguments}
        self.made: list[r2creds.Credentials] = []
        self.failure: Exception | None = None
        #: What it returns instead.
        self.other: Any = ...

    def __call__(self) -> r2creds.Credentials:
        if self.failure:
            raise self.failure
        if self.other is not ...:
            return self.other  # type: ignore[no-any-return]
        # Each begins a second later, so that no two are the same.
        now = int(datetime.now(timezone.utc).timestamp())
        grant = {"issued_at": now - 60 + len(self.made), **self.grant}
        self.made.append(r2creds.sign(**grant))
        return self.made[-1]


def parquet(s3: S3, key: str) -> None:
    sink = pa.BufferOutputStream()
    pyarrow.parquet.write_table(TABLE, sink)
    s3.objects[key] = sink.getvalue().to_pybytes()


@pytest.fixture(autouse=True)
def strange_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody's environment says of AWS must not matter."""
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "a stray token")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def checksums(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what has no other setting for them."""
    monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
    monkeypatch.setenv("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")


def test_boto3(s3: S3) -> None:
    client = boto3.client("s3", **r2creds.sign(**s3.grant).boto3())
    client.put_object(Bucket="recordings", Key="a/b c.txt", Body=b"hello")
    assert client.get_object(Bucket="recordings", Key="a/b c.txt")["Body"].read() == b"hello"
    assert [found["Key"] for found in client.list_objects_v2(Bucket="recordings")["Contents"]] == ["a/b c.txt"]


def test_boto3_with_a_config_of_ones_own(s3: S3) -> None:
    own = Config(max_pool_connections=50, retries={"max_attempts": 1})
    client = boto3.client("s3", **r2creds.sign(**s3.grant).boto3(config=own))
    client.put_object(Bucket="recordings", Key="a.txt", Body=b"hello")
    assert client.meta.config.max_pool_connections == 50
    assert client.meta.config.request_checksum_calculation == "when_required"
    assert own.request_checksum_calculation != "when_required"
    # What it says itself stays.
    own = Config(request_checksum_calculation="when_supported")
    assert r2creds.sign(**s3.grant).boto3(own)["config"].request_checksum_calculation == "when_supported"
    with pytest.raises(r2creds.InvalidArgumentError, match="config: dict, expected botocore"):
        r2creds.sign(**s3.grant).boto3(config={"retries": {}})


def test_a_botocore_before_1_36_has_no_checksum_settings(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its Config refuses them."""
    checksums = {"request_checksum_calculation", "response_checksum_validation"}
    older = {name: value for name, value in Config.OPTION_DEFAULTS.items() if name not in checksums}
    monkeypatch.setattr(Config, "OPTION_DEFAULTS", older)
    with pytest.raises(TypeError):
        Config(request_checksum_calculation="when_required")
    creds = r2creds.sign(**s3.grant)
    assert creds.boto3()["config"]._user_provided_options == {}
    assert creds.boto3(config=Config(connect_timeout=7))["config"].connect_timeout == 7
    assert creds.fsspec()["config_kwargs"] == {}


def test_fsspec(s3: S3) -> None:
    files = s3fs.S3FileSystem(**r2creds.sign(**s3.grant).fsspec())
    files.pipe("recordings/a.txt", b"hello")
    assert files.cat("recordings/a.txt") == b"hello"
    assert files.ls("recordings") == ["recordings/a.txt"]


@pytest.mark.usefixtures("checksums")
def test_pyarrow(s3: S3) -> None:
    files = pyarrow.fs.S3FileSystem(**r2creds.sign(**s3.grant).pyarrow(), allow_delayed_open=True)
    with files.open_output_stream("recordings/a.txt") as opened:
        opened.write(b"hello")
    with files.open_input_file("recordings/a.txt") as opened:
        assert opened.read() == b"hello"


def test_storage_options_for_deltalake(s3: S3) -> None:
    options = r2creds.sign(**s3.grant).storage_options()
    deltalake.write_deltalake("s3://recordings/table", TABLE, storage_options=options)
    table = deltalake.DeltaTable("s3://recordings/table", storage_options=options)
    assert pa.table(table.to_pyarrow_table()).column("n").to_pylist() == [1, 2, 3]


def test_storage_options_for_lance(s3: S3) -> None:
    """In a process of its own, for other tests fork and lance does not like that."""
    script = """
import json, lance, pyarrow, sys
options = json.load(sys.stdin)
lance.write_dataset(pyarrow.table({"n": [1, 2, 3]}), "s3://recordings/numbers.lance", storage_options=options)
dataset = lance.dataset("s3://recordings/numbers.lance", storage_options=options)
print(dataset.to_table().column("n").to_pylist())
"""
    options = json.dumps(r2creds.sign(**s3.grant).storage_options())
    done = subprocess.run([sys.executable, "-c", script], input=options, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[1, 2, 3]\n", "")


def test_storage_options_for_polars(s3: S3) -> None:
    parquet(s3, "a.parquet")
    frame = pl.read_parquet("s3://recordings/a.parquet", storage_options=r2creds.sign(**s3.grant).storage_options())
    assert frame["n"].to_list() == [1, 2, 3]


def test_http_is_only_allowed_where_the_endpoint_is_http() -> None:
    creds = r2creds.sign(**PARAMS, parent_secret_access_key=PARENT_SECRET)
    assert "aws_allow_http" not in creds.storage_options()
    assert creds.pyarrow()["scheme"] == "https"


@pytest.mark.usefixtures("checksums")
def test_iceberg(s3: S3) -> None:
    s3.objects["a.txt"] = b"hello"
    creds = r2creds.sign(**s3.grant)
    for implementation in ("pyiceberg.io.pyarrow.PyArrowFileIO", "pyiceberg.io.fsspec.FsspecFileIO"):
        files = load_file_io({**creds.iceberg(), "py-io-impl": implementation})
        with files.new_input("s3://recordings/a.txt").open() as opened:
            assert opened.read() == b"hello"
    assert int(creds.iceberg()["s3.session-token-expires-at-ms"]) == creds.expires_at.timestamp() * 1000


def test_env(s3: S3) -> None:
    env = r2creds.sign(**s3.grant, issued_at=1767225600).env()
    assert env.pop("AWS_SECRET_ACCESS_KEY")
    assert env.pop("AWS_SESSION_TOKEN")
    assert env == {
        "AWS_ACCESS_KEY_ID": PARAMS["parent_access_key_id"],
        "AWS_CREDENTIAL_EXPIRATION": "2026-01-01T00:15:00Z",
        "AWS_REGION": "auto",
        "AWS_DEFAULT_REGION": "auto",
        "AWS_ENDPOINT_URL_S3": s3.url,
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    }


def test_env_is_all_that_boto3_needs(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.objects["a.txt"] = b"hello"
    for name, value in r2creds.sign(**s3.grant).env().items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.put_object(
        Bucket="recordings", Key="b.txt", Body=client.get_object(Bucket="recordings", Key="a.txt")["Body"].read()
    )
    assert s3.objects["b.txt"] == b"hello"


# DuckDB


@pytest.fixture
def duck() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(f"LOAD '{httpfs()}'")
    return connection


def test_duckdb_reads_r2_urls(s3: S3, duck: duckdb.DuckDBPyConnection) -> None:
    parquet(s3, "a.parquet")
    duck.execute(r2creds.sign(**s3.grant).duckdb_secret("r2"))
    assert duck.sql("SELECT sum(n) FROM 'r2://recordings/a.parquet'").fetchall() == [(6,)]
    duck.execute("COPY (SELECT 7 AS n) TO 'r2://recordings/b.parquet'")
    assert duck.sql("SELECT sum(n) FROM 'r2://recordings/*.parquet'").fetchall() == [(13,)]


def test_duckdb_takes_a_new_secret_in_place_of_the_old(s3: S3, duck: duckdb.DuckDBPyConnection) -> None:
    parquet(s3, "a.parquet")
    duck.execute(r2creds.sign(**s3.grant, issued_at=1, ttl_seconds=1).duckdb_secret("r2", scope="s3://recordings/"))
    with pytest.raises(duckdb.Error, match="403"):
        duck.sql("SELECT * FROM 's3://recordings/a.parquet'").fetchall()
    duck.execute(r2creds.sign(**s3.grant).duckdb_secret("r2", scope="s3://recordings/"))
    assert duck.sql("SELECT sum(n) FROM 's3://recordings/a.parquet'").fetchall() == [(6,)]


@pytest.mark.parametrize("jurisdiction", r2creds.Jurisdiction)
def test_duckdb_knows_each_jurisdiction(duck: duckdb.DuckDBPyConnection, jurisdiction: r2creds.Jurisdiction) -> None:
    creds = r2creds.sign(**PARAMS, parent_secret_access_key=PARENT_SECRET, jurisdiction=jurisdiction)
    duck.execute(creds.duckdb_secret("r2"))
    ((kind, scope, secret),) = duck.sql("SELECT type, scope, secret_string FROM duckdb_secrets()").fetchall()
    settings = dict(part.split("=", 1) for part in secret.split(";"))
    assert kind == ("r2" if jurisdiction == "default" else "s3")
    assert scope == ["r2://"]
    assert settings["endpoint"] == creds.endpoint.removeprefix("https://")
    assert settings["url_style"] == "path"
    assert settings["region"] == "auto"
    assert settings["session_token"] == settings["secret"] == "redacted"
    assert settings["key_id"] == creds.access_key_id
    assert settings.get("use_ssl", "true") == "true"
    assert ACCOUNT in creds.endpoint


def test_duckdb_gets_names_and_scopes_quoted(s3: S3, duck: duckdb.DuckDBPyConnection) -> None:
    name, scope = 'it\'s "mine"; --', 'r2://it\'s; "mine"'
    duck.execute(r2creds.sign(**s3.grant).duckdb_secret(name, scope))
    assert duck.sql("SELECT name, scope FROM duckdb_secrets()").fetchall() == [(name, [scope])]


@pytest.mark.parametrize("wrong", ["", None, 5, b"r2", "a\0b", "\ud800"], ids=repr)
def test_duckdb_gets_no_name_that_it_would_misread(s3: S3, wrong: Any) -> None:
    creds = r2creds.sign(**s3.grant)
    with pytest.raises(r2creds.InvalidArgumentError, match=r"^name: "):
        creds.duckdb_secret(wrong)
    if wrong:
        with pytest.raises(r2creds.InvalidArgumentError, match=r"^scope: "):
            creds.duckdb_secret("r2", wrong)


# botocore


def test_a_botocore_session_needs_nothing_else(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")
    session = r2creds.botocore.session(Mint(s3))
    client = boto3.Session(botocore_session=session).client("s3")
    client.put_object(Bucket="recordings", Key="a.txt", Body=b"hello")
    assert session.create_client("s3").get_object(Bucket="recordings", Key="a.txt")["Body"].read() == b"hello"


def test_a_profile_that_does_not_exist_breaks_no_session(
    s3: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "nosuch")
    session = r2creds.botocore.session(Mint(s3))
    session.create_client("s3").put_object(Bucket="recordings", Key="a.txt", Body=b"hello")
    client = boto3.Session(botocore_session=session).client("s3")
    assert client.get_object(Bucket="recordings", Key="a.txt")["Body"].read() == b"hello"
    # One that does still has its say.
    (tmp_path / "config").write_text("[profile mine]\nretry_mode = adaptive\nregion = eu-west-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "mine")
    client = r2creds.botocore.session(Mint(s3)).create_client("s3")
    assert client.meta.config.retries["mode"] == "adaptive"
    assert client.meta.region_name == "auto"


class Renewal:
    """A session with a credential of 15 minutes, and botocore's clock in the test's hand."""

    def __init__(self, s3: S3) -> None:
        self.mint = Mint(s3)
        session = r2creds.botocore.session(self.mint)
        self.credentials = session.get_credentials()
        self.credentials._time_fetcher = lambda: self.now
        self.now: datetime = self.mint.made[0].issued_at
        self.client = session.create_client("s3")

    def at(self, seconds: int) -> None:
        """Let the first credential be so old."""
        self.now = self.mint.made[0].issued_at + timedelta(seconds=seconds)
        self.mint.grant["issued_at"] = self.now

    def call(self) -> None:
        self.client.list_objects_v2(Bucket="recordings")


def test_a_short_credential_is_not_renewed_at_every_call(s3: S3) -> None:
    renewal = Renewal(s3)
    for seconds in (0, 300, 674):
        renewal.at(seconds)
        renewal.call()
    assert s3.tokens == [renewal.mint.made[0].session_token] * 3
    renewal.at(676)  # less than a quarter is left
    for _ in range(3):
        renewal.call()
    assert s3.tokens[3:] == [renewal.mint.made[1].session_token] * 3
    assert len(renewal.mint.made) == 2


def test_a_failed_early_renewal_keeps_the_credential(s3: S3) -> None:
    renewal = Renewal(s3)
    renewal.mint.failure = r2creds.RateLimitError("slow down")
    renewal.at(700)
    renewal.call()
    assert s3.tokens == [renewal.mint.made[0].session_token]
    renewal.at(800)  # less than an eighth is left
    with pytest.raises(r2creds.RateLimitError):
        renewal.call()
    renewal.mint.failure = None
    renewal.call()
    assert s3.tokens[1:] == [renewal.mint.made[1].session_token]


def test_callers_at_the_same_time_share_one_renewal(s3: S3) -> None:
    renewal = Renewal(s3)
    renewal.at(850)
    everybody = threading.Barrier(16)

    def call(_: int) -> str:
        everybody.wait(60)
        return str(renewal.credentials.get_frozen_credentials().token)

    with ThreadPoolExecutor(16) as pool:
        tokens = set(pool.map(call, range(16)))
    old, new = (creds.session_token for creds in renewal.mint.made)
    # botocore puts the new end in place shortly before the new token: who asks in between still gets the old one.
    assert tokens in ({new}, {old, new})
    assert renewal.credentials.get_frozen_credentials().token == new


def test_a_long_credential_has_botocores_own_windows(s3: S3) -> None:
    credentials = r2creds.botocore.session(Mint(s3, ttl_seconds=86400)).get_credentials()
    assert credentials._advisory_refresh_timeout == 15 * 60
    assert credentials._mandatory_refresh_timeout == 10 * 60


# obstore and polars


def test_obstore_asks_again_only_near_the_end(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []

    def renew(self: Any) -> Any:
        asked.append(None)
        return self.creds

    provider = r2creds.obstore.provider(Mint(s3, ttl_seconds=120))  # half of it is over
    monkeypatch.setattr(type(provider), "renew", renew)
    store = obstore.store.S3Store("recordings", credential_provider=provider)
    # By its own threshold, 5 minutes, obstore would ask every 100 ms.
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        obs.put(store, "a.txt", b"hello")
        assert obs.get(store, "a.txt").bytes() == b"hello"
    assert len(asked) == 1


def test_obstore_renews(s3: S3) -> None:
    now = int(datetime.now(timezone.utc).timestamp())
    mint = Mint(s3, issued_at=now - 850)
    store = obstore.store.S3Store("recordings", credential_provider=r2creds.obstore.provider(mint))
    mint.grant["issued_at"] = now
    for _ in range(3):
        obs.put(store, "a.txt", b"hello")
    assert s3.tokens == [mint.made[1].session_token] * 3
    assert len(mint.made) == 2


def scan(provider: Any) -> list[int]:
    frame = pl.scan_parquet(
        "s3://recordings/a.parquet", credential_provider=provider, storage_options=provider.storage_options
    )
    return frame.collect()["n"].to_list()


def test_polars(s3: S3) -> None:
    parquet(s3, "a.parquet")
    mint = Mint(s3)
    provider = r2creds.polars.provider(mint)
    assert scan(provider) == scan(provider) == [1, 2, 3]
    assert set(s3.tokens) == {mint.made[0].session_token}
    assert len(mint.made) == 1


def test_polars_renews(s3: S3) -> None:
    parquet(s3, "a.parquet")
    now = int(datetime.now(timezone.utc).timestamp())
    mint = Mint(s3, issued_at=now - 850)
    provider = r2creds.polars.provider(mint)
    mint.grant["issued_at"] = now
    assert scan(provider) == [1, 2, 3]
    assert set(s3.tokens) == {mint.made[1].session_token}


def test_polars_is_told_an_earlier_end(s3: S3) -> None:
    mint = Mint(s3)
    _, end = r2creds.polars.provider(mint)()
    assert 0 < mint.made[0].expires_at.timestamp() - end == 112


@pytest.mark.parametrize("module", [r2creds.obstore, r2creds.polars])
def test_a_provider_keeps_a_good_credential_when_it_cannot_renew(
    s3: S3, module: Any, caplog: pytest.LogCaptureFixture
) -> None:
    now = int(datetime.now(timezone.utc).timestamp())
    mint = Mint(s3, issued_at=now - 850)
    provider = module.provider(mint)
    mint.failure = r2creds.RateLimitError("slow down")
    assert mint.made[0].session_token in str(provider())
    assert mint.made[0].session_token in str(provider())
    # Of ours, for others log when they are collected: one, because the next attempt is some seconds away.
    (record,) = (record for record in caplog.records if record.name == "r2creds")
    assert "slow down" in str(record.exc_info)
    if module is r2creds.polars:
        assert provider()[1] == mint.made[0].expires_at.timestamp()


@pytest.mark.parametrize("module", [r2creds.obstore, r2creds.polars])
def test_a_provider_fails_when_its_credential_is_over(s3: S3, module: Any) -> None:
    mint = Mint(s3, issued_at=1)
    provider = module.provider(mint)
    mint.failure = r2creds.RateLimitError("slow down")
    with pytest.raises(r2creds.RateLimitError):
        provider()


# a mint that is none


async def asynchronous() -> r2creds.Credentials:
    return r2creds.sign(**PARAMS, parent_secret_access_key=PARENT_SECRET)


CONNECTIONS = [r2creds.botocore.session, r2creds.obstore.provider, r2creds.polars.provider]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("connection", CONNECTIONS, ids=["botocore", "obstore", "polars"])
@pytest.mark.parametrize(
    ("mint", "said"),
    [
        (asynchronous, "it is async, and nothing here awaits it"),
        (lambda: None, "it returned NoneType"),
        (lambda: {"access_key_id": "a"}, "it returned dict"),
        (lambda: lambda: None, "it returned function"),
        (None, "NoneType, expected a function"),
        (r2creds.sign(**PARAMS, parent_secret_access_key=PARENT_SECRET), "Credentials, expected a function"),
    ],
    ids=["async", "None", "dict", "function", "no function", "credentials"],
)
def test_a_mint_that_is_none_is_refused_by_name(connection: Any, mint: Any, said: str) -> None:
    with pytest.raises(r2creds.InvalidArgumentError, match=f"^mint: {said}") as caught:
        connection(mint)
    assert caught.value.field == "mint"
    gc.collect()  # when Python warns of a coroutine that nobody awaited


def test_a_mint_that_makes_something_else_later_is_refused_then(s3: S3) -> None:
    mint = Mint(s3, issued_at=1)
    providers: list[Any] = [r2creds.obstore.provider(mint), r2creds.polars.provider(mint)]
    renewal = Renewal(s3)
    renewal.at(850)
    mint.other = renewal.mint.other = None
    for call in (*providers, renewal.call):
        with pytest.raises(r2creds.InvalidArgumentError, match=r"^mint: it returned NoneType"):
            call()
