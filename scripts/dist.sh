#!/bin/sh
# The installed tree as target/dist/r2creds-<version>-<target>.tar.gz, with its checksum. The same bytes for the same
# commit, where tar is GNU's.
set -eu
. scripts/names.sh
package=r2creds-$version-$(rustc -vV | sed -n 's/^host: //p')
dist=$OUT/dist
rm -rf "$dist"
DESTDIR="$dist/tree" PREFIX="/$package" LIBDIR=lib scripts/install.sh install >/dev/null

case $(tar --version) in
    *GNU*)
        time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
        set -- --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time"
        ;;
    *)
        # macOS's would add a file of metadata for each.
        export COPYFILE_DISABLE=1
        set --
        ;;
esac
cd "$dist"
tar "$@" -C tree -cf "$package.tar" "$package"
gzip -n9 "$package.tar"
rm -rf tree
if command -v sha256sum >/dev/null; then set -- sha256sum; else set -- shasum -a 256; fi
"$@" "$package.tar.gz" >"$package.tar.gz.sha256"
echo "$dist/$package.tar.gz"
