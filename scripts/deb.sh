#!/bin/sh
# The Debian packages of what was built for Linux, from within scripts/cross.sh: deb.sh FOLDER. libr2creds0 is the
# shared library, libr2creds-dev what a C program is built with, and r2creds the command line.
set -eu
. scripts/names.sh
folder=$1
command -v dpkg-deb >/dev/null || {
    echo "left out: Debian packages, for dpkg-deb is missing" >&2
    exit
}
case $CARGO_BUILD_TARGET in
    x86_64-*) architecture=amd64 multiarch=x86_64-linux-gnu ;;
    aarch64-*) architecture=arm64 multiarch=aarch64-linux-gnu ;;
esac
revision=$version-1
work=$OUT/deb
rm -rf "$work"
DESTDIR="$work/tree" PREFIX=/usr LIBDIR="lib/$multiarch" scripts/install.sh install >/dev/null
tree=$work/tree/usr
date=$(date -u -R -d "@$SOURCE_DATE_EPOCH")

# Moves what the patterns name to a package, and gives it what every package has.
package() {
    name=$1 section=$2 depends=$3 summary=$4
    shift 4
    root=$work/$name
    doc=$root/usr/share/doc/$name
    mkdir -p "$root/DEBIAN" "$doc"
    for pattern in "$@"; do
        # shellcheck disable=SC2086 # a pattern
        for file in "$tree"/$pattern; do
            to=$root/usr/${file#"$tree"/}
            mkdir -p "$(dirname "$to")"
            mv "$file" "$to"
            # Debian has libraries that are not executable.
            case $to in *.so.*) [ -h "$to" ] || chmod 644 "$to" ;; esac
        done
    done
    if [ -d "$root/usr/share/man" ]; then find "$root/usr/share/man" -type f -exec gzip -n9 {} +; fi
    {
        cat <<END
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: r2creds
Source: https://r2creds.dev

Files: *
Copyright: r2creds contributors
License: Apache-2.0 or Expat
Comment: What is built in, and its licences, are in THIRD-PARTY-NOTICES beside this file.

License: Apache-2.0
 On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.

License: Expat
END
        sed -e 1,2d -e 's/^$/./' -e 's/^/ /' LICENSE-MIT
    } >"$doc/copyright"
    printf 'r2creds (%s) unstable; urgency=medium\n\n  * Release: https://r2creds.dev\n\n -- %s  %s\n' \
        "$revision" "$maintainer" "$date" | gzip -n9 >"$doc/changelog.Debian.gz"
    gzip -n9 <THIRD-PARTY-NOTICES >"$doc/THIRD-PARTY-NOTICES.gz"
    gzip -n9 <packaging/r2creds.cdx.json >"$doc/r2creds.cdx.json.gz"
    # It is not uploaded to Debian, where a first version answers somebody's request.
    mkdir -p "$root/usr/share/lintian/overrides"
    echo "$name: initial-upload-closes-no-bugs" >"$root/usr/share/lintian/overrides/$name"
    cat >"$root/DEBIAN/control" <<END
Package: $name
Source: r2creds
Version: $revision
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -k -s --apparent-size "$root/usr" | cut -f1)
Depends: $depends
Section: $section
Priority: optional
Multi-Arch: $multi
Homepage: https://r2creds.dev
Description: temporary, scoped credentials for Cloudflare R2 ($summary)
 Makes credentials for a part of a bucket and for a time, by asking
 Cloudflare's API or by signing them on this machine, and keeps programs
 supplied with them.
END
    (cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    find "$root" -type d -exec chmod 755 {} +
    find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
    dpkg-deb --root-owner-group -Zxz --build "$root" "$folder" >/dev/null
    echo "$folder/${name}_${revision}_$architecture.deb"
}
maintainer="r2creds maintainers <maintainers@r2creds.dev>"

# The newest version of glibc that a file asks for.
glibc() {
    readelf -W -V "$1" | grep -o 'GLIBC_[0-9.]*' | sed 's/GLIBC_//' | sort -Vu | tail -1
}
shared=$tree/lib/$multiarch
mkdir -p "$work/libr2creds0/DEBIAN"
echo "libr2creds 0 libr2creds0 (>= $version)" >"$work/libr2creds0/DEBIAN/shlibs"
echo "activate-noawait ldconfig" >"$work/libr2creds0/DEBIAN/triggers"
multi=same
package libr2creds0 libs "libc6 (>= $(glibc "$shared/$installed"))" library \
    "lib/$multiarch/$installed" "lib/$multiarch/$soname"
multi=foreign
package r2creds utils "libc6 (>= $(glibc "$tree/bin/r2creds"))" "command line" \
    bin/r2creds 'share/man/man1/*' 'share/bash-completion/completions/*' 'share/zsh/site-functions/*' \
    'share/fish/vendor_completions.d/*'
multi=same
package libr2creds-dev libdevel "libr2creds0 (= $revision)" "development files" \
    'include/*' "lib/$multiarch/*" 'share/man/man3/*'
left=$(find "$tree" ! -type d ! -path '*/share/doc/*')
if [ -n "$left" ]; then
    echo "deb.sh: no package has $left" >&2
    exit 1
fi
