#!/bin/sh
# For a release: keeps the header and the lists of its ABI, see tests/abi/README.md.
set -eu
. scripts/names.sh
mkdir -p "tests/abi/$version"
cp include/r2creds.h tests/abi/layout*.txt tests/abi/symbols.txt "tests/abi/$version"
