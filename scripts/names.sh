# shellcheck shell=sh disable=SC2034 # sourced by those that use them
# The version, and the names of the shared library: to link with, to load, and the file's own; of the program, and of
# the platform they are for.
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
system=${CARGO_BUILD_TARGET:-$(uname -s | tr '[:upper:]' '[:lower:]')}
program=r2creds
case $system in
    *windows*) library=r2creds.dll soname=$library installed=$library program=r2creds.exe system=windows ;;
    *darwin*) library=libr2creds.dylib soname=libr2creds.0.dylib installed=libr2creds.$version.dylib system=darwin ;;
    *) library=libr2creds.so soname=libr2creds.so.0 installed=libr2creds.so.$version system=linux ;;
esac
