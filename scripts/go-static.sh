#!/bin/sh
# Puts the static library and its header into the Go module, where git ignores them.
set -eu
static=$OUT/release/static
module=bindings/go/internal/static

# link_static.go cannot read its flags from a file, so they have to be what rustc names.
system=$(uname -s | tr '[:upper:]' '[:lower:]')
named=$(cat "$static/link-libs")
[ "$system" != linux ] || named="$named -static-libgcc"
if [ "$named" != "$(sed -n "s/^.*#cgo $system LDFLAGS: //p" bindings/go/link_static.go)" ]; then
    echo "bindings/go/link_static.go: rustc names other libraries: $named" >&2
    exit 1
fi
cp "$static/libr2creds.a" include/r2creds.h "$module"
# Go's cache does not see that an archive has changed, but it sees this.
printf '#define R2CREDS_ARCHIVE "%s"\n' "$(cksum <"$static/libr2creds.a")" >"$module/archive.h"
