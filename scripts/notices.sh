#!/bin/sh
# Writes THIRD-PARTY-NOTICES and packaging/r2creds.cdx.json, the list of what r2creds is made of, from the lock files.
# tests/notices.rs fails when they are stale.
set -eu
tools=$OUT/tools/notices
for tool in cargo-about@0.9.3 cargo-cyclonedx@0.5.9; do
    [ -e "$tools/bin/${tool%@*}" ] && continue
    echo "compiling ${tool%@*} ..." >&2
    features=
    [ "${tool%@*}" != cargo-about ] || features='--features cli'
    # shellcheck disable=SC2086 # two words, or none
    "${CARGO:-cargo}" install --quiet --locked --root "$tools" $features "$tool"
done
PATH=$tools/bin:$PATH
notices=packaging/notices

# It wants what it reads to be there already.
cargo fetch --quiet --locked --manifest-path cli/Cargo.toml
cargo about generate --offline --locked --config $notices/about.toml --manifest-path cli/Cargo.toml \
    --output-file "$OUT/notices" $notices/notices.hbs
# Licence texts come with line ends and trailing blanks of every kind, and our own once for each copy in the checkout.
tr -d '\r' <"$OUT/notices" | sed 's/[[:space:]]*$//' | awk '!(/^    r2creds / && $0 == last); { last = $0 }' \
    >THIRD-PARTY-NOTICES

cargo cyclonedx --quiet --manifest-path cli/Cargo.toml --format json --target all --spec-version 1.5 --no-build-deps
for target in $(grep -o '"[a-z0-9_]*-[a-z]*-[a-z-]*"' $notices/about.toml | tr -d '"'); do
    for manifest in Cargo.toml cli/Cargo.toml; do
        cargo tree --locked --edges normal --target "$target" --prefix none --format '{p}' --manifest-path $manifest
    done
done | sed 's/^\([^ ]*\) v\([^ ]*\).*/\1 \2/' >"$OUT/parts"
"${PYTHON:-python3}" $notices/bill.py cli/r2creds-cli.cdx.json "$OUT/parts" >packaging/r2creds.cdx.json
rm cli/r2creds-cli.cdx.json
