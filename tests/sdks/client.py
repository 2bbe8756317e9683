"""DuckDB's credential_chain on the endpoint of r2creds exec --renew: prints how many seconds' writes went well."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import ModuleType

import duckdb
import duckdb_extension_aws
import duckdb_extension_httpfs


def load(connection: duckdb.DuckDBPyConnection, package: ModuleType, name: str) -> None:
    (path,) = Path(str(package.__file__)).parent.rglob(f"{name}.duckdb_extension")
    connection.execute(f"LOAD '{path}'")


connection = duckdb.connect()
load(connection, duckdb_extension_httpfs, "httpfs")
load(connection, duckdb_extension_aws, "aws")
host = os.environ["AWS_ENDPOINT_URL_S3"].partition("://")[2]
connection.execute(
    f"CREATE SECRET r2 (TYPE s3, PROVIDER credential_chain, REFRESH auto, ENDPOINT '{host}', URL_STYLE 'path',"
    " USE_SSL false, REGION 'auto')"
)
end = time.monotonic() + 16  # four lives
while time.monotonic() < end:
    connection.execute(f"COPY (SELECT 1) TO 's3://{os.environ['R2_BUCKET']}/sdks/duckdb.parquet'")
    time.sleep(0.2)
print(4)
