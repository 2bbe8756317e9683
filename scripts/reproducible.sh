#!/bin/sh
# Builds what is shipped once more, in another folder and with another home of cargo, and compares: the same sources are
# to give the same bytes, so that anyone can find out whether a package was made of them.
set -eu
. scripts/names.sh
elsewhere=$(mktemp -d)
mkdir "$elsewhere/cargo" "$elsewhere/checkout"
git ls-files --cached --others --exclude-standard | tar -cf - -T - | tar -xf - -C "$elsewhere/checkout"
# The same crates and settings, by another way.
for part in registry config.toml; do
    there=${CARGO_HOME:-$HOME/.cargo}/$part
    [ ! -e "$there" ] || ln -s "$there" "$elsewhere/cargo/$part"
done
for what in library program; do
    (cd "$elsewhere/checkout" && OUT="$elsewhere/build" CARGO_HOME="$elsewhere/cargo" scripts/build.sh $what)
done
for file in $library static/libr2creds.a $program; do
    cmp "$OUT/release/$file" "$elsewhere/build/release/$file" || exit 1
done
rm -r "$elsewhere"
