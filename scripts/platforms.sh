#!/bin/sh
# Runs a command by cross.sh for each of some platforms: platforms.sh "TARGET..." COMMAND.... One that cannot be had on
# this machine is left out, with a line; with R2CREDS_NO_SKIP=1 that is a failure.
set -eu
targets=$1
shift
for target in $targets; do
    echo "== $target" >&2
    status=0
    scripts/cross.sh "$target" "$@" || status=$?
    if [ $status = 3 ] && [ "${R2CREDS_NO_SKIP:-0}" != 1 ]; then
        echo "left out: $target" >&2
    elif [ $status != 0 ]; then
        echo "platforms.sh: $target failed" >&2
        exit 1
    fi
done
