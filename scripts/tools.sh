#!/bin/sh
# Tools that a machine may lack; the first that is missing is named in one line.
#   tools.sh need TOOL...                  and this fails
#   tools.sh skip TOOL... -- COMMAND...    and the command is not run; that is a failure with R2CREDS_NO_SKIP=1 only
set -eu

# Whether $1 is here; $name is what to look for. Make passes on the variables that it was given, as in make CC=clang.
is_here() {
    name=$1
    case $1 in
        cargo) name="cargo and rustc (Rust 1.88 or later)" && command -v "${CARGO:-cargo}" && command -v rustc ;;
        rustfmt) "${CARGO:-cargo}" fmt --version ;;
        clippy) "${CARGO:-cargo}" clippy --version ;;
        cc) name="a C compiler (cc, or make CC=...)" && command -v "${CC:-cc}" ;;
        c++) name="a C++ compiler (g++, or make CXX=...)" && command -v "${CXX:-g++}" ;;
        objcopy) name="objcopy (binutils)" && command -v "${OBJCOPY:-objcopy}" ;;
        go) name="go (1.22 or later)" && command -v "${GO:-go}" ;;
        python3.*)
            name="python3 (${1#python} or later) with venv"
            "${PYTHON:-python3}" -c "import sys, ensurepip; sys.exit(sys.version_info < (3, ${1#python3.}))"
            ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

mode=$1
shift
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    if ! is_here "$1"; then
        if [ "$mode" = skip ] && [ "${R2CREDS_NO_SKIP:-0}" != 1 ]; then
            echo "skipped: $name is not installed" >&2
            exit
        fi
        echo "missing: $name" >&2
        exit 1
    fi
    shift
done
[ "$mode" = need ] || { shift && exec "$@"; }
