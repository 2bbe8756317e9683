#!/bin/sh
# The endpoint of `r2creds exec --renew` with SDKs from their registries, each through three renewals at the emulator: a
# line for each, with how many credentials it used. boto3, the AWS CLI and obstore are in tests/e2e.
set -eu
work=$OUT/sdks
mkdir -p "$work"
mkfifo "$work/end" 2>/dev/null || true
"$EMULATOR" --env <"$work/end" >"$work/env" &
exec 3>"$work/end"
until [ -s "$work/env" ]; do sleep 0.1; done
# shellcheck disable=SC1091
. "$work/env"

renewing() {
    name=$1
    shift
    used=$("$PROGRAM" exec --renew --sign --permission object-read-write --ttl-seconds 4 --endpoint "$R2_ENDPOINT" -- \
        "$@" 2>"$work/errors") || true
    printf '%-28s%s\n' "$name" "$used"
}

if scripts/tools.sh need npm; then
    cp tests/sdks/client.mjs "$work"
    (cd "$work" && npm install --silent --no-save --prefix . @aws-sdk/client-s3 >/dev/null)
    renewing "@aws-sdk/client-s3" node "$work/client.mjs"
fi
if scripts/tools.sh need mvn; then
    cp -r tests/sdks/java "$work"
    (cd "$work/java" && mvn --quiet --batch-mode -Dstyle.color=never compile dependency:build-classpath \
        -Dmdep.outputFile=classpath)
    renewing "software.amazon.awssdk:s3" java -cp "$work/java/target/classes:$(cat "$work/java/classpath")" Client
fi
if scripts/tools.sh need go; then
    "${GO:-go}" -C tests/sdks/go build -o "$work/go" .
    renewing "aws-sdk-go-v2" "$work/go"
fi
python3 -m venv "$work/venv"
"$work/venv/bin/pip" --disable-pip-version-check --quiet install duckdb duckdb-extension-httpfs duckdb-extension-aws
renewing "DuckDB, credential_chain" "$work/venv/bin/python" tests/sdks/client.py
