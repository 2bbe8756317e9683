#!/bin/sh
# Builds the library, shared and static, or the command line: build.sh library, or build.sh program.
set -eu
. scripts/names.sh
cargo=${CARGO:-cargo}
release=$OUT/release
static=$release/static
mkdir -p "$static"

# Panic messages name source files: these get names that are the same on every machine. A registry's folder exists only
# after a fetch. `cargo tree` fetches what the library is made of; `cargo fetch` would fetch what the tests use too.
manifest=Cargo.toml
[ "$1" != program ] || manifest=cli/Cargo.toml
"$cargo" tree --locked --quiet --edges no-dev --manifest-path $manifest >/dev/null
flags=${RUSTFLAGS:-}
for folder in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    flags="$flags --remap-path-prefix=$folder=crates"
done
flags="$flags --remap-path-prefix=$PWD=r2creds"
[ -z "${RUST_SOURCES:-}" ] || flags="$flags --remap-path-prefix=$RUST_SOURCES=rust"
program_flags=
case ${CARGO_BUILD_TARGET:-} in
    *-musl)
        # Else musl itself would be inside the library, and a program would have two of them. The command line is to
        # have it inside: it is told so where it is linked, for with other flags all it is made of would be compiled
        # again.
        flags="$flags -C target-feature=-crt-static"
        program_flags="-C target-feature=+crt-static"
        ;;
esac
export RUSTFLAGS="$flags"

# AWS-LC's build depends on this part of Rust's own library: with one profile of it, it runs once for both workspaces.
settings=
[ -z "${RUST_SOURCES:-}" ] || settings="--config profile.release.package.compiler_builtins.opt-level=3"

# cargo is quiet, and the first time takes minutes: first_time NAME FILE.
first_time() {
    [ -e "$release/$2" ] || [ -n "${CARGO_BUILD_TARGET:-}" ] || echo "compiling the $1 ..." >&2
}

# Sets $built to the first file that cargo says it has built: where that is depends on the user's settings. No one else
# uses the folder: a `cargo build --release` gives its library the same name, and cargo would take that for this one. A
# shell that is told what to do when this fails goes on after a failure within; hence the return.
build() {
    # shellcheck disable=SC2086 # words
    "$cargo" rustc $settings --release --locked --quiet --manifest-path $manifest --target-dir "$OUT/build" \
        --message-format=json-render-diagnostics "$@" >"$release/messages.json" || return
    built=$(sed -nE 's/.*"(filenames":\["|executable":")([^"]*)".*/\2/p' "$release/messages.json" | tail -1)
    rm "$release/messages.json"
}

# Puts a file into $release. It is replaced, not written over: a program that runs may have it loaded.
put() {
    cmp -s "$1" "$release/$2" || { rm -f "${release:?}/$2" && cp "$1" "$release/$2"; }
}

if [ "$1" = program ]; then
    # The wrapper keeps this from replacing the library with one that has the command line's profile, where a panic ends
    # the process.
    export RUSTC_WRAPPER="$PWD/scripts/rustc.sh"
    first_time "command line" "$program"
    # shellcheck disable=SC2086 # words
    build -- $program_flags
    put "$built" "$program"
    exit
fi

# Only for these two crate types, and not for Rust's own, does cargo let the linker optimise across all of it.
# native-libs is what rustc names, link-libs what a program has to name: the compiler driver links libgcc_s and libc by
# itself, and `cc -static` could not find a libgcc_s.
first_time library "$library"
build --lib --crate-type cdylib,staticlib -- \
    --print "native-static-libs=$static/native-libs" 2>"$static/native-libs.log" || {
    cat "$static/native-libs.log" >&2
    exit 1
}
sed -e 's/$/ /' -e 's/-lgcc_s //' -e 's/-lc //' -e 's/^ *//' -e 's/ *$//' "$static/native-libs" >"$static/link-libs"
made=$(dirname "$built")
put "$made/$library" "$library"
archive=$made/libr2creds.a

if [ "$system" = windows ]; then
    # For MSVC's linker: it takes the .def with lib /def:, and the .lib as it is.
    { echo "LIBRARY r2creds.dll"; echo EXPORTS; sed 's/^/    /' tests/abi/symbols.txt; } >"$release/r2creds.def"
    "$PLATFORM/dlltool" -m i386:x86-64 -d "$release/r2creds.def" -l "$release/r2creds.lib"
    put "$made/libr2creds.dll.a" libr2creds.dll.a
else
    ln -sf "$library" "$release/$soname"
fi
if [ "$system" != linux ]; then
    # As rustc makes it: what follows is for ELF.
    cp "$archive" "$static"
    exit
fi
if [ -n "$(find "$static/libr2creds.a" -newer "$archive" 2>/dev/null)" ]; then exit; fi
scripts/tools.sh need objcopy

# rustc's archive has 300 members and everybody's names in it, so a program could hold only one such archive. Here it
# becomes one member that shows nothing but r2creds_*. Without --force-group-allocation a caught panic would crash: each
# member's reference to the unwinder is in a group, which the final link would take from another Rust archive.
# Embedded bitcode is of no use, and confuses binutils when an older LLVM's plugin is installed.
keep=$(sed 's/^/-u /' tests/abi/symbols.txt)
cd "$static"
rm -f libr2creds.a
# shellcheck disable=SC2086 # two words a line
"${LD:-ld}" -r --gc-sections --force-group-allocation $keep -o r2creds.o "$archive"
"${OBJCOPY:-objcopy}" --remove-section=.llvmbc --remove-section=.llvmcmd \
    --wildcard --keep-global-symbol='r2creds_*' r2creds.o
"${STRIP:-strip}" --strip-unneeded r2creds.o
"${AR:-ar}" rcsD libr2creds.a r2creds.o
rm r2creds.o
