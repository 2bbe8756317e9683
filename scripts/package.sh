#!/bin/sh
# Makes, in $OUT/package, every package that this machine can make, with their checksums, and then tries each:
#   for each platform  a wheel, and an archive of the installed tree
#   for Linux's glibc  the Debian packages too
#   for all            the sdist
# PLATFORMS names a part of the platforms.
set -eu
packages=$OUT/package
venv=$OUT/tools/package
requirements=scripts/package-requirements.txt
# In all of them: the same bytes for the same commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

scripts/tools.sh need python3.11
if ! cmp -s $requirements "$venv/requirements.txt"; then
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" --quiet --disable-pip-version-check install -r $requirements
    cp $requirements "$venv/requirements.txt"
fi
rm -rf "$packages"
mkdir -p "$packages"

# Two at once, because to link takes one processor for long; the longest first. Before that, what they share is set up.
targets=${PLATFORMS:-"aarch64-unknown-linux-musl aarch64-unknown-linux-gnu x86_64-unknown-linux-musl
    x86_64-pc-windows-gnu x86_64-unknown-linux-gnu"}
R2CREDS_NO_SKIP=0 scripts/platforms.sh "$targets" true 2>"$OUT/tools/package.log" || {
    cat "$OUT/tools/package.log" >&2
    exit 1
}
# shellcheck disable=SC2086 # words
printf '%s\n' $targets |
    xargs -P 2 -I TARGET scripts/platforms.sh TARGET scripts/package-platform.sh "$packages" "$venv/bin/python"
echo "left out: macOS, for its linker wants Apple's SDK; a Mac makes its own by make wheel and make dist" >&2
(cd bindings/python && "$venv/bin/python" -m hatchling build --target sdist --directory "$packages")

(
    cd "$packages"
    rm -f ./*.sha256
    sha256sum -- * >SHA256SUMS
)
"$venv/bin/pytest" --quiet -p no:cacheprovider -rs --numprocesses 2 tests/packages
