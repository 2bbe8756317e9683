#!/bin/sh
# Builds the library, or the command line: build.sh shared, build.sh static, or build.sh program.
set -eu
. scripts/names.sh
cargo=${CARGO:-cargo}
release=$OUT/release
static=$release/static

# Panic messages name source files: these get names that are the same on every machine. A registry's folder exists only
# after a fetch. `cargo tree` fetches what the library is made of; `cargo fetch` would fetch what the tests use too.
"$cargo" tree --locked --quiet --edges no-dev >/dev/null
flags=${RUSTFLAGS:-}
for folder in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
    flags="$flags --remap-path-prefix=$folder=crates"
done
flags="$flags --remap-path-prefix=$PWD=r2creds"

# Naming the one crate type lets the linker optimise across all of it; with several, cargo does not.
build() {
    RUSTFLAGS=$flags "$cargo" rustc --release --locked --quiet --lib --target-dir "$OUT" --crate-type "$@"
}

if [ "$1" = program ]; then
    "$cargo" tree --locked --quiet --edges no-dev --manifest-path cli/Cargo.toml >/dev/null
    # In a folder of its own: as a dependency the library is built in all its crate types, which would replace ours.
    RUSTFLAGS=$flags "$cargo" build --release --locked --quiet --target-dir "$OUT/program" --manifest-path cli/Cargo.toml
    mkdir -p "$release"
    cp "$OUT/program/release/r2creds" "$release"
    exit
fi

if [ "$1" = shared ]; then
    build cdylib
    ln -sf "$library" "$release/$soname"
    exit
fi

system=$(uname -s)
[ "$system" = Darwin ] || scripts/tools.sh need objcopy
# native-libs is what rustc names, link-libs what a program has to name: the compiler driver links libgcc_s and libc by
# itself, and `cc -static` could not find a libgcc_s.
mkdir -p "$static"
build staticlib -- --print "native-static-libs=$static/native-libs" 2>"$static/native-libs.log" || {
    cat "$static/native-libs.log" >&2
    exit 1
}
sed -e 's/-lgcc_s//' -e 's/-lc$//' -e 's/^ *//' -e 's/ *$//' "$static/native-libs" >"$static/link-libs"

if [ "$system" = Darwin ]; then
    cp "$release/libr2creds.a" "$static"
    exit
fi
if [ -n "$(find "$static/libr2creds.a" -newer "$release/libr2creds.a" 2>/dev/null)" ]; then exit; fi

# rustc's archive has 300 members and everybody's names in it, so a program could hold only one such archive. Here it
# becomes one member that shows nothing but r2creds_*. Without --force-group-allocation a caught panic would crash: each
# member's reference to the unwinder is in a group, which the final link would take from another Rust archive.
# Embedded bitcode is of no use, and confuses binutils when an older LLVM's plugin is installed.
keep=$(sed 's/^/-u /' tests/abi/symbols.txt)
cd "$static"
rm -f libr2creds.a
# shellcheck disable=SC2086 # two words a line
"${LD:-ld}" -r --gc-sections --force-group-allocation $keep -o r2creds.o ../libr2creds.a
"${OBJCOPY:-objcopy}" --remove-section=.llvmbc --remove-section=.llvmcmd \
    --wildcard --keep-global-symbol='r2creds_*' r2creds.o
"${STRIP:-strip}" --strip-unneeded r2creds.o
"${AR:-ar}" rcsD libr2creds.a r2creds.o
rm r2creds.o
