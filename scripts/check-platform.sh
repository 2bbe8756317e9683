#!/bin/sh
# Whether the library and the command line compile for a platform, from within scripts/cross.sh.
set -eu
# In one folder for all platforms: what is compiled for this machine, to build the rest, is then shared.
check() {
    "${CARGO:-cargo}" check --locked --quiet --target-dir "${OUT%/*}/check" "$@"
}
check
# Nothing in it is of one processor.
case $CARGO_BUILD_TARGET in aarch64-*) check --manifest-path cli/Cargo.toml ;; esac
