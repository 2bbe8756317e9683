#!/bin/sh
# What `make demo` runs: mints a credential both ways. $1 is the folder with the programs mint and standin.
# With nothing configured: documented example keys, and a stand-in of the API on loopback. With real keys: those.
set -eu
mint=$1/mint

if [ -n "${CLOUDFLARE_API_TOKEN:-}${R2_PARENT_SECRET_ACCESS_KEY:-}" ]; then
    for name in CLOUDFLARE_ACCOUNT_ID R2_BUCKET R2_PARENT_ACCESS_KEY_ID; do
        eval "[ -n \"\${$name:-}\" ]" || { echo "demo: $name is not set, and your keys need it" >&2; exit 1; }
    done
    if [ -n "${R2_PARENT_SECRET_ACCESS_KEY:-}" ]; then
        echo "== sign: locally, with your parent key" >&2
        "$mint" sign
    fi
    if [ -n "${CLOUDFLARE_API_TOKEN:-}" ]; then
        echo "== create: asking Cloudflare, with your API token" >&2
        "$mint" create
    fi
    exit
fi

# Example keys; nothing of them is secret.
export CLOUDFLARE_ACCOUNT_ID=023e105f4ecef8ad9ca31a8372d0c353 R2_BUCKET=recordings R2_PREFIX=camera-7/
export R2_PARENT_ACCESS_KEY_ID=0123456789abcdef0123456789abcdef

echo "== sign: locally, no network"
R2_PARENT_SECRET_ACCESS_KEY=0000000000000000000000000000000000000000000000000000000000000001 "$mint" sign --print 2>&1

echo
echo "== create: over HTTP, asking a stand-in of Cloudflare's API on this machine"
# The stand-in says where it listens, and lives until this script closes its standard input.
pipe=$(mktemp -d)
trap 'rm -rf "$pipe"' EXIT
mkfifo "$pipe/in" "$pipe/out"
"$1/standin" <"$pipe/in" >"$pipe/out" &
exec 3>"$pipe/in" 4<"$pipe/out"
read -r CLOUDFLARE_BASE_URL <&4
export CLOUDFLARE_BASE_URL
CLOUDFLARE_API_TOKEN=example-api-token "$mint" create --print 2>&1
exec 3>&-
wait
echo
echo "Both were made with example keys. With your own in the environment (see README.md), make demo uses those."
