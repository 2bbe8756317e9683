# shellcheck shell=sh disable=SC2034 # sourced by those that use them
# The version, and the names of the shared library: to link with, to load, and the file's own.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
if [ "$(uname -s)" = Darwin ]; then
    library=libr2creds.dylib soname=libr2creds.0.dylib installed=libr2creds.$version.dylib
else
    library=libr2creds.so soname=libr2creds.so.0 installed=libr2creds.so.$version
fi
