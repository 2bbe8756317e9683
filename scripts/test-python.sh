#!/bin/sh
# The Python package, in the environment of `make venv`.
set -eu
cd bindings/python
bin=$OUT/venv/bin
"$bin/ruff" check --no-cache
"$bin/ruff" format --no-cache --check
"$bin/mypy" --cache-dir "$OUT/mypy"
"$bin/pytest" --quiet
