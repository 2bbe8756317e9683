#!/bin/sh
# The reply parser, the parameters and inspect, FUZZ_SECONDS each, with stable Rust.
set -eu
target=$(rustc -vV | sed -n 's/^host: //p')
cd fuzz
mkdir -p corpus/envelope corpus/params corpus/inspect artifacts

set -- --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares
# An explicit --target keeps the flags away from build scripts.
RUSTFLAGS="$*" "${CARGO:-cargo}" build --release --locked --quiet --target "$target" --target-dir target

run() {
    program=target/$target/release/$1
    shift
    "$program" -verbosity=0 -print_final_stats=1 -max_total_time="${FUZZ_SECONDS:-60}" -rss_limit_mb=1024 \
        -artifact_prefix=artifacts/ "$@"
}
run envelope -max_len=4096 -dict=envelope.dict corpus/envelope seeds/envelope
run params corpus/params
run inspect -max_len=4096 -dict=inspect.dict corpus/inspect
