#!/bin/sh
# Puts what was built below $DESTDIR$PREFIX, or takes away what it put there: install.sh install, or uninstall; and
# install.sh library, without the command line.
set -eu
. scripts/names.sh
release=$OUT/release
root=${DESTDIR:-}$PREFIX
lib=$root/$LIBDIR
include=$root/include
doc=$root/share/doc/r2creds
man=$root/share/man
functions=$(sed -n 's/^\.Nm \(r2creds_[a-z_]*\).*/\1/p' docs/r2creds.3)

if [ "$1" = uninstall ]; then
    rm -f "$lib/$installed" "$lib/$soname" "$lib/$library" "$lib/libr2creds.a" "$lib/pkgconfig/r2creds.pc" \
        "$lib/pkgconfig/r2creds-static.pc"
    rm -rf "$lib/cmake/r2creds" "$doc"
    for header in include/*; do rm -f "$root/$header"; done
    for page in docs/*.3; do rm -f "$man/man3/${page#docs/}"; done
    for function in $functions; do rm -f "$man/man3/$function.3"; done
    for page in cli/pages/*.1; do rm -f "$man/man1/${page#cli/pages/}"; done
    rm -f "$root/bin/r2creds" "$root/share/bash-completion/completions/r2creds" \
        "$root/share/zsh/site-functions/_r2creds" "$root/share/fish/vendor_completions.d/r2creds.fish"
    exit
fi

put() {
    "${INSTALL:-install}" "$@"
}
put -d "$lib/pkgconfig" "$lib/cmake/r2creds" "$include" "$doc" "$man/man3"
if [ "$system" = windows ]; then
    # A program finds it in its PATH. Linkers want an import library: MSVC's and the GNU one each have their own form.
    put -d "$root/bin"
    put -m 755 "$release/$library" "$root/bin"
    put -m 644 "$release/libr2creds.dll.a" "$release/r2creds.lib" "$release/r2creds.def" "$lib"
else
    put -m 755 "$release/$library" "$lib/$installed"
    ln -sf "$installed" "$lib/$soname"
    ln -sf "$soname" "$lib/$library"
fi
put -m 644 "$release/static/libr2creds.a" "$lib"
put -m 644 include/* "$include"
put -m 644 LICENSE-APACHE LICENSE-MIT THIRD-PARTY-NOTICES packaging/r2creds.cdx.json "$doc"
put -m 644 docs/*.3 "$man/man3"
# So that `man r2creds_sign` finds the page.
for function in $functions; do
    echo '.so man3/r2creds.3' >"$man/man3/$function.3"
    chmod 644 "$man/man3/$function.3"
done
if [ "$1" != library ]; then
    bash=$root/share/bash-completion/completions
    zsh=$root/share/zsh/site-functions
    fish=$root/share/fish/vendor_completions.d
    put -d "$root/bin" "$man/man1" "$bash" "$zsh" "$fish"
    put -m 755 "$release/$program" "$root/bin"
    put -m 644 cli/pages/*.1 "$man/man1"
    put -m 644 cli/pages/r2creds.bash "$bash/r2creds"
    put -m 644 cli/pages/_r2creds "$zsh"
    put -m 644 cli/pages/r2creds.fish "$fish"
fi

# From $LIBDIR back to the prefix: ".." or "../..".
up=$(echo "$LIBDIR" | sed 's|[^/][^/]*|..|g')
native=$(cat "$release/static/link-libs")
location=$LIBDIR/$installed recorded=$soname
case $system in
    windows) location=bin/$installed ;;
    # CMake gives a program the library's folder as its RPATH where it reads this.
    darwin) recorded=@rpath/$soname ;;
esac
fill() {
    sed -e "s|@VERSION@|$version|g" -e "s|@LIBDIR@|$LIBDIR|g" -e "s|@UP@|$up|g" -e "s|@NATIVE_LIBS@|$native|g" \
        -e "s|@INSTALLED@|$installed|g" -e "s|@SONAME@|$recorded|g" -e "s|@LOCATION@|$location|g" \
        "packaging/${1##*/}.in" >"$1"
    chmod 644 "$1"
}
fill "$lib/pkgconfig/r2creds.pc"
fill "$lib/pkgconfig/r2creds-static.pc"
fill "$lib/cmake/r2creds/r2creds-config.cmake"
fill "$lib/cmake/r2creds/r2creds-config-version.cmake"
echo "installed below $root"
