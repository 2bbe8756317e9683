#!/bin/sh
# The wheel of what was built for a platform, from within scripts/cross.sh: wheel.sh FOLDER PYTHON, one that has
# hatchling.
set -eu
. scripts/names.sh
folder=$1 python=$2
architecture=${CARGO_BUILD_TARGET%%-*}
case $CARGO_BUILD_TARGET in
    # The second name is the first's for a pip from before 2020.
    *-linux-gnu) tag=manylinux_2_17_$architecture.manylinux2014_$architecture ;;
    *-linux-musl) tag=musllinux_1_2_$architecture ;;
    x86_64-pc-windows-*) tag=win_amd64 ;;
esac
cd bindings/python
R2CREDS_LIBRARY="$OUT/release/$library" R2CREDS_PROGRAM="$OUT/release/$program" R2CREDS_WHEEL_PLATFORM="$tag" \
    "$python" -m hatchling build --target wheel --directory "$folder"
