#!/bin/sh
# The installed tree as an archive below $OUT/dist, or in the folder that is named, with its checksum: dist.sh [FOLDER].
# It is r2creds-<version>-<target>.tar.gz, and for Windows .zip: the same bytes for the same commit, where tar is GNU's.
set -eu
. scripts/names.sh
package=r2creds-$version-${CARGO_BUILD_TARGET:-$(rustc -vV | sed -n 's/^host: //p')}
dist=${1:-$OUT/dist}
tree=$OUT/tree
rm -rf "$tree" "$dist/$package".*
mkdir -p "$dist"
DESTDIR="$tree" PREFIX="/$package" LIBDIR=lib scripts/install.sh install >/dev/null

time=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
if [ "$system" = windows ]; then
    scripts/tools.sh need zip
    archive=$package.zip
    cd "$tree"
    find . -exec touch -d "@$time" {} +
    # Windows has no man pages, and a zip no time zone.
    find "$package" -name man -prune -o -type f -print | LC_ALL=C sort | TZ=UTC zip -X -9 -q -@ "$dist/$archive"
else
    archive=$package.tar.gz
    case $(tar --version) in
        *GNU*) set -- --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$time" ;;
        *)
            # macOS's would add a file of metadata for each.
            export COPYFILE_DISABLE=1
            set --
            ;;
    esac
    tar "$@" -C "$tree" -cf "$dist/$package.tar" "$package"
    gzip -n9 "$dist/$package.tar"
fi
rm -rf "$tree"
cd "$dist"
if command -v sha256sum >/dev/null; then set -- sha256sum; else set -- shasum -a 256; fi
"$@" "$archive" >"$archive.sha256"
echo "$dist/$archive"
