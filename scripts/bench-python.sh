#!/bin/sh
# The wheel against the C call and against cloudflare-python, in an environment of its own.
set -eu
venv=$OUT/venv-bench
[ -x "$venv/bin/pip" ] || "${PYTHON:-python3}" -m venv "$venv"
pip() {
    "$venv/bin/pip" --disable-pip-version-check --quiet "$@"
}
pip install -r bindings/python/bench/requirements.txt
pip install --force-reinstall --no-deps "$OUT"/wheel/*.whl
"$venv/bin/python" bindings/python/bench/bench.py "$OUT"/wheel/*.whl
