#!/bin/sh
# Whether the library and the command line compile for a platform, from within scripts/cross.sh.
set -eu
for manifest in Cargo.toml cli/Cargo.toml; do
    # In one folder for all platforms: what is compiled for this machine, to build the rest, is then shared.
    "${CARGO:-cargo}" check --locked --quiet --manifest-path $manifest --target-dir "${OUT%/*}/check"
done
