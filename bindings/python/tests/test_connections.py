"""Each connection, with the library that it is for, against a server that takes nothing but a valid credential."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from datetime import datetime, timezone
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


def test_lance_lives_through_renewals_of_one_provider(s3: S3) -> None:
    script = """
import json, lance, pyarrow, sys
import r2creds
provider = r2creds.Provider(**json.load(sys.stdin), ttl_seconds=4)
options = provider.get().storage_options()
lance.write_dataset(pyarrow.table({"n": [1, 2, 3]}), "s3://recordings/tables/numbers.lance", storage_options=options)
tables = r2creds.lance.namespace(provider, "s3://recordings/tables/")
dataset = lance.dataset(namespace_client=tables, table_id=["numbers"])
seen = set()
while len(seen) < 4:
    seen.add(provider.get().session_token)
    assert dataset.to_table().column("n").to_pylist() == [1, 2, 3]
"""
    done = subprocess.run([sys.executable, "-c", script], input=json.dumps(s3.grant), capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert len(set(s3.tokens)) >= 4
    assert not s3.refused


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


def test_duckdb_has_a_fresh_secret_for_as_long_as_it_is_attached(s3: S3, duck: duckdb.DuckDBPyConnection) -> None:
    parquet(s3, "a.parquet")
    with r2creds.Provider(**s3.grant, ttl_seconds=4) as provider, r2creds.duckdb.attach(duck, provider, scope="s3://"):
        while len(set(s3.tokens)) < 3:
            assert duck.sql("SELECT sum(n) FROM 's3://recordings/a.parquet'").fetchall() == [(6,)]
        assert not s3.refused
    assert duck.sql("SELECT name FROM duckdb_secrets()").fetchall() == [("r2creds",)]


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


def call(session: Any) -> None:
    session.create_client("s3").list_objects_v2(Bucket="recordings")


def ago(seconds: int) -> int:
    return int(datetime.now(timezone.utc).timestamp()) - seconds


def test_a_session_asks_its_provider_for_each_request(s3: S3) -> None:
    with r2creds.Provider(**s3.grant) as provider:
        session = r2creds.botocore.session(provider)
        call(session)
        call(session)
        first = provider.get()
        provider.reject(first)
        while provider.get() == first:  # signed in the same second, it is the same again, and too young to be rejected
            time.sleep(0.1)
            provider = r2creds.Provider(**s3.grant)
            session = r2creds.botocore.session(provider)
        call(session)
        assert s3.tokens == [first.session_token] * 2 + [provider.get().session_token]
        credentials = session.get_credentials()
        frozen = credentials.get_frozen_credentials()
        assert (credentials.access_key, credentials.secret_key, credentials.token) == tuple(frozen)[:3]
        assert credentials.method == "r2creds"


def test_a_function_is_called_again_from_renew_at_on(s3: S3) -> None:
    mint = Mint(s3)
    session = r2creds.botocore.session(mint)
    for _ in range(3):
        call(session)
    assert s3.tokens == [mint.made[0].session_token] * 3
    assert len(mint.made) == 1
    due = Mint(s3, issued_at=ago(676))  # less than a quarter is left
    session = r2creds.botocore.session(due)
    due.grant["issued_at"] = ago(0)
    for _ in range(3):
        call(session)
    assert s3.tokens[3:] == [due.made[1].session_token] * 3
    assert len(due.made) == 2


def test_a_function_that_fails_early_leaves_the_credential(s3: S3) -> None:
    mint = Mint(s3, issued_at=ago(800))
    session = r2creds.botocore.session(mint)
    mint.failure = r2creds.RateLimitError("slow down")
    call(session)
    assert s3.tokens == [mint.made[0].session_token]
    over = Mint(s3, issued_at=1)
    session = r2creds.botocore.session(over)
    over.failure = r2creds.RateLimitError("slow down")
    with pytest.raises(r2creds.RateLimitError):
        call(session)


# obstore and polars


def test_obstore_asks_again_only_from_renew_at_on(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[None] = []
    provider = r2creds.obstore.provider(Mint(s3, ttl_seconds=120))  # half of it is over
    give = type(provider).__call__

    def counted(self: Any) -> Any:
        asked.append(None)
        return give(self)

    monkeypatch.setattr(type(provider), "__call__", counted)
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
    assert mint.made[0].renew_at.timestamp() == end
    assert 0 < mint.made[0].expires_at.timestamp() - end == 225
    # Not a time that is over, which polars would take for no credential.
    for age, left in ((700, 112), (800, 0)):
        mint = Mint(s3, issued_at=ago(age))
        provider = r2creds.polars.provider(mint)
        mint.failure = r2creds.RateLimitError("slow down")
        assert mint.made[0].expires_at.timestamp() - provider()[1] == left


@pytest.mark.parametrize("module", [r2creds.obstore, r2creds.polars])
def test_a_good_credential_is_kept_when_it_cannot_be_renewed(s3: S3, module: Any) -> None:
    mint = Mint(s3, issued_at=ago(850))
    provider = module.provider(mint)
    mint.failure = r2creds.RateLimitError("slow down")
    assert mint.made[0].session_token in str(provider())
    assert mint.made[0].session_token in str(provider())


def test_s3fs_and_pandas_live_through_renewals_of_one_provider(s3: S3) -> None:
    parquet(s3, "a.parquet")
    with r2creds.Provider(**s3.grant, ttl_seconds=2) as provider:
        session = r2creds.aiobotocore.session(provider)
        files = s3fs.S3FileSystem(session=session, fixed_upload_size=True, skip_instance_cache=True)
        while len(set(s3.tokens)) < 4:
            files.pipe("recordings/a.txt", b"hello")
            assert files.cat("recordings/a.txt") == b"hello"
            with files.open("recordings/a.parquet") as opened:
                assert pyarrow.parquet.read_table(opened)["n"].to_pylist() == [1, 2, 3]
        assert not s3.refused


def test_libraries_live_through_renewals_of_one_provider(s3: S3) -> None:
    """Of two seconds each: nothing that is over is ever used."""
    parquet(s3, "a.parquet")
    with r2creds.Provider(**s3.grant, ttl_seconds=2) as provider:
        client = boto3.Session(botocore_session=r2creds.botocore.session(provider)).client("s3")
        own = r2creds.obstore.provider
        stores = [obstore.store.S3Store("recordings", credential_provider=own(provider)) for _ in range(4)]
        frames = r2creds.polars.provider(provider)
        while len(set(s3.tokens)) < 4:
            client.put_object(Bucket="recordings", Key="a.txt", Body=b"hello")
            for store in stores:
                assert obs.get(store, "a.txt").bytes() == b"hello"
            assert scan(frames) == [1, 2, 3]
        assert not s3.refused
        assert provider.last_error is None


@pytest.mark.parametrize("module", [r2creds.obstore, r2creds.polars])
def test_a_provider_fails_when_its_credential_is_over(s3: S3, module: Any) -> None:
    mint = Mint(s3, issued_at=1)
    provider = module.provider(mint)
    mint.failure = r2creds.RateLimitError("slow down")
    with pytest.raises(r2creds.RateLimitError):
        provider()


# a provider that is none


async def asynchronous() -> r2creds.Credentials:
    return r2creds.sign(**PARAMS, parent_secret_access_key=PARENT_SECRET)


def attach(provider: Any) -> Any:
    return r2creds.duckdb.attach(duckdb.connect(), provider)


CONNECTIONS = [
    r2creds.botocore.session,
    r2creds.aiobotocore.session,
    r2creds.obstore.provider,
    r2creds.polars.provider,
    attach,
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("connection", CONNECTIONS, ids=["botocore", "aiobotocore", "obstore", "polars", "duckdb"])
@pytest.mark.parametrize(
    ("mint", "said"),
    [
        (asynchronous, "it is async, and nothing here awaits it"),
        (lambda: None, "it returned NoneType"),
        (lambda: {"access_key_id": "a"}, "it returned dict"),
        (lambda: lambda: None, "it returned function"),
        (None, "NoneType, expected r2creds.Provider"),
        (r2creds.sign(**PARAMS, parent_secret_access_key=PARENT_SECRET), "Credentials, expected r2creds.Provider"),
    ],
    ids=["async", "None", "dict", "function", "no function", "credentials"],
)
def test_a_mint_that_is_none_is_refused_by_name(connection: Any, mint: Any, said: str) -> None:
    with pytest.raises(r2creds.InvalidArgumentError, match=f"^provider: {said}") as caught:
        connection(mint)
    assert caught.value.field == "provider"
    gc.collect()  # when Python warns of a coroutine that nobody awaited


def test_a_function_that_makes_something_else_later_is_refused_then(s3: S3) -> None:
    mint = Mint(s3, issued_at=1)
    session = r2creds.botocore.session(mint)
    providers: list[Any] = [r2creds.obstore.provider(mint), r2creds.polars.provider(mint), lambda: call(session)]
    mint.other = None
    for give in providers:
        with pytest.raises(r2creds.InvalidArgumentError, match=r"^provider: it returned NoneType"):
            give()
