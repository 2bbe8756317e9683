#!/bin/sh
# Rust's and Go's format, Rust's warnings, the shell scripts, and what others' code comes in. What checks Python comes
# with its tests' environment.
set -eu

skip() {
    scripts/tools.sh skip "$@"
}

# Each is a workspace of its own.
for manifest in Cargo.toml cli/Cargo.toml emulator/Cargo.toml benches/Cargo.toml fuzz/Cargo.toml; do
    skip rustfmt -- "${CARGO:-cargo}" fmt --all --check --manifest-path $manifest
done
# Not fuzz: it does not build without its flags and a C++ compiler.
for manifest in Cargo.toml cli/Cargo.toml emulator/Cargo.toml benches/Cargo.toml; do
    skip clippy -- "${CARGO:-cargo}" clippy --locked --quiet --workspace --all-targets --manifest-path $manifest \
        --target-dir "$OUT" -- -D warnings
done

unformatted=$(skip gofmt -- gofmt -l bindings/go tests/e2e/go tests/sdks/go examples/go)
if [ -n "$unformatted" ]; then
    echo "not as gofmt has it: $unformatted" >&2
    exit 1
fi

for script in .ci/run scripts/*.sh examples/*.sh bindings/go/bench/*.sh; do
    sh -n "$script"
done
skip shellcheck -- shellcheck .ci/run scripts/*.sh examples/*.sh bindings/go/bench/*.sh

skip python3.9 -- scripts/deny.sh parts
