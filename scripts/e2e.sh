#!/bin/sh
# Real S3 clients use credentials from C, Python and Go against the emulator, and are refused what was not granted.
set -eu
bin=$OUT/venv/bin
settings=bindings/python/pyproject.toml

rm -f "$OUT/e2e/go"
go=${GO:-go}
scripts/tools.sh skip go pkg-config -- "$go" -C tests/e2e/go build -tags r2creds_static -o "$OUT/e2e/go" .
rm -f "$OUT/e2e/daemon"
scripts/tools.sh skip curl-config -- "${CC:-cc}" -O2 -std=c99 -DTTL_SECONDS=4 -Iinclude examples/c/daemon.c \
    -o "$OUT/e2e/daemon" -L"$OUT/release" -lr2creds -Wl,-rpath,"$OUT/release" -lcurl -pthread
"$bin/ruff" check --quiet --no-cache --config $settings tests/e2e tests/packages
"$bin/ruff" format --quiet --no-cache --config $settings --check tests/e2e tests/packages
"$bin/mypy" --no-error-summary --cache-dir "$OUT/mypy" --config-file $settings tests/e2e
"$bin/mypy" --no-error-summary --cache-dir "$OUT/mypy" --config-file $settings tests/packages
"$bin/pytest" --quiet -p no:cacheprovider -rs tests/e2e
