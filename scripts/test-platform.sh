#!/bin/sh
# Tests the library and the command line for another platform, from within scripts/cross.sh: test-platform.sh, or
# test-platform.sh smoke, a part that takes two minutes.
set -eu
. scripts/names.sh
base=${OUT%/*}
suites="arguments attempts environment inspect parent properties provider proxy secrets sign sockets tables tls"
case $CARGO_BUILD_TARGET in
    # provider puts its own clock_gettime under the library, and forks; secrets has a freed block searched by memmem.
    *-windows-*) suites=$(echo "$suites" | sed -e 's/provider//' -e 's/secrets//') ;;
    # There std reads the clock by another function than the one that provider puts under it.
    i686-*) suites=$(echo "$suites abi" | sed 's/provider//') ;;
esac
# Tests that run here, on programs for the other platform.
here() {
    env -u CARGO_BUILD_TARGET -u RUSTC -u RUSTDOC -u RUSTC_BOOTSTRAP -u CARGO_UNSTABLE_BUILD_STD \
        -u CARGO_UNSTABLE_BUILD_STD_FEATURES -u RUSTFLAGS "$@"
}
programs() {
    here "${CARGO:-cargo}" test --locked --quiet --target-dir "$base" "$@"
}
if [ "${1:-}" = smoke ]; then
    # C programs sign and create; the tests in Rust, and C++, would take as long again to build.
    CARGO_PROFILE_DEV_DEBUG=0 "${CARGO:-cargo}" build --locked --quiet --target-dir "$OUT" --lib
    export R2CREDS_LIB_DIR="$OUT/$CARGO_BUILD_TARGET/debug"
    programs --test c -- every_status misuse sixteen_threads inspect
    exit
fi
(
    # Where Rust's own library is built here, what its tests need of it too.
    [ -z "${CARGO_UNSTABLE_BUILD_STD:-}" ] || export CARGO_UNSTABLE_BUILD_STD="$CARGO_UNSTABLE_BUILD_STD,test"
    # shellcheck disable=SC2046,SC2086 # words
    "${CARGO:-cargo}" test --locked --quiet --target-dir "$OUT" --lib $(printf ' --test %s' $suites)
)

for what in library program; do scripts/build.sh $what; done
export R2CREDS_LIB_DIR="$OUT/release"
# A program for musl is linked statically, for its loader is not on this machine.
case $CARGO_BUILD_TARGET in *-musl) export R2CREDS_LIB_DIR="$OUT/release/static" ;; esac
programs --test c --test cpp --test hardening

# The command line, against the emulator. i686 is tested for its layouts alone.
case $CARGO_BUILD_TARGET in i686-*) exit ;; esac
mkdir -p "$OUT/e2e"
run=
[ ! -e "$PLATFORM/run" ] || run=$PLATFORM/run
cat >"$OUT/e2e/r2creds" <<END
#!/bin/sh
exec $run "$OUT/release/$program" "\$@"
END
chmod +x "$OUT/e2e/r2creds"
tests=tests/e2e/test_command.py
[ "$system" != windows ] || tests="$tests tests/e2e/windows.py"
# shellcheck disable=SC2086 # words
R2CREDS_PROGRAM=$OUT/e2e/r2creds here "$base/venv/bin/pytest" --quiet -p no:cacheprovider -rs $tests

# The Python package, where there is a Python for the platform: pip takes the wheel for it, and what needs no other
# program is tested.
case $CARGO_BUILD_TARGET in *-musl) ;; *)
    scripts/cross-python.sh
    rm -rf "$OUT/wheel" "$OUT/python"
    scripts/wheel.sh "$OUT/wheel" "$base/venv/bin/python"
    wheel=$(echo "$OUT/wheel/"*.whl)
    tags=${wheel##*-}
    # What the tests use has its version of here; colorama is for Windows, which pip does not notice.
    # shellcheck disable=SC2046 # words
    "$base/venv/bin/pip" --quiet --disable-pip-version-check install --target "$OUT/python" --only-binary :all: \
        --python-version 3.11 $(echo "${tags%.whl}" | tr . '\n' | sed 's/^/--platform /') "$wheel" \
        $("$base/venv/bin/pip" freeze | grep -E '^(boto3|botocore|lance-namespace|pytest)=') colorama
    drive=
    [ "$system" != windows ] || drive=Z: # where Wine has all that is here
    # By way of a variable: where the output is no pipe, Wine gives Python none. Types are the same everywhere, and no
    # emulator loads one library before another.
    told=$(
        cd bindings/python
        PYTHONPATH=$drive$OUT/python "$PLATFORM/python" -m pytest --quiet \
            -k 'not type_checker and not faults_of_the_system' tests/test_calls.py tests/test_arguments.py \
            tests/test_errors.py tests/test_inspect.py tests/test_provider.py </dev/null 2>&1
    ) || {
        printf '%s\n' "$told"
        exit 1
    }
    printf '%s\n' "$told"
    ;;
esac

# The Go module, with the static library.
export GOOS="$system" CGO_ENABLED=1 CC="$PLATFORM/cc" PKG_CONFIG_PATH="$OUT/go-prefix/lib/pkgconfig"
DESTDIR='' PREFIX=$OUT/go-prefix LIBDIR=lib scripts/install.sh library >/dev/null
set -- -count=1 -tags r2creds_static
[ -z "$run" ] || set -- "$@" -exec "$run"
case $CARGO_BUILD_TARGET in x86_64-*) export GOARCH=amd64 ;; aarch64-*) export GOARCH=arm64 ;; esac
case $CARGO_BUILD_TARGET in
    *-linux-*)
        export CGO_LDFLAGS=-lunwind # zig's, which it does not link by itself
        # These start themselves again with a library that is loaded before all others.
        set -- "$@" -skip 'ALookupThatNeverEnds|SecretsAreWipedBefore|APanicOfTheLibrary'
        ;;
    # The first runs /bin/sh; the second is done, when Wine cannot delete its file in the way that Go asks for.
    *-windows-*) set -- "$@" -skip 'CommandsRunWhileCallsAreInFlight|CertificatesAreChecked' ;;
esac
case $CARGO_BUILD_TARGET in *-musl | *-windows-*) set -- "$@" -ldflags '-extldflags "-static"' ;; esac
cd bindings/go
here "${GO:-go}" test "$@" .
