#!/bin/sh
# What `make demo` runs: makes a credential both ways. $1 is the program mint. $2, if given, is the R2 emulator, where the
# credentials are then used; without it they are made with the keys in the environment, and nothing is written to R2.
set -eu
mint=$1

if [ $# = 1 ]; then
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

# The emulator says what to export, R2_ENDPOINT last, and lives until this script closes its standard input.
pipe=$(mktemp -d)
trap 'rm -rf "$pipe"' EXIT
mkfifo "$pipe/in" "$pipe/out"
"$2" --env <"$pipe/in" >"$pipe/out" &
exec 3>"$pipe/in" 4<"$pipe/out"
unset R2_ENDPOINT
while [ -z "${R2_ENDPOINT:-}" ]; do
    read -r line <&4
    eval "$line"
done
export R2_PREFIX=camera-7/ R2_PERMISSION=object-read-write

# Asks for the key $1 with the credential in the environment. That goes to curl's standard input, for everybody on a
# machine can see arguments.
s3() {
    key=$1
    shift
    printf '%s\n' 'aws-sigv4 = "aws:amz:auto:s3"' "user = \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\"" \
        "header = \"x-amz-security-token: $AWS_SESSION_TOKEN\"" 'header = "x-amz-content-sha256: UNSIGNED-PAYLOAD"' \
        "url = \"$AWS_ENDPOINT_URL_S3/$R2_BUCKET/$key\"" | curl -q -sS --noproxy '*' -K - "$@"
}

for method in sign create; do
    case $method in
        sign) echo "== sign: locally, no network" ;;
        create) echo; echo "== create: over HTTP, asking an emulator of Cloudflare's API on this machine" ;;
    esac
    made=$("$mint" $method --print)
    echo "$made"
    if ! command -v curl >/dev/null; then
        echo "skipped: curl is not installed, so the credential is not used"
        [ "${R2CREDS_NO_SKIP:-0}" != 1 ]
        continue
    fi
    eval "$made"
    echo "-- curl with this credential, at the emulator's S3 endpoint"
    code=$(s3 camera-7/hello.txt -f -X PUT -d "hello from $method" -w '%{http_code}')
    echo "upload of camera-7/hello.txt: HTTP $code"
    echo "what it holds now: $(s3 camera-7/hello.txt -f)"
    code=$(s3 camera-8/hello.txt -o /dev/null -X PUT -d hello -w '%{http_code}')
    echo "upload of camera-8/hello.txt, which was not granted: HTTP $code"
    [ "$code" = 403 ]
done
exec 3>&-
wait
echo
echo "Both were made with example keys. With your own in the environment (see README.md), make demo uses those."
