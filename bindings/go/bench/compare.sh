#!/bin/sh
# The same program with r2creds, linked statically, and with cloudflare-go: what building, keeping and running it costs.
# "cold" is an empty build cache, "warm" a change in the program alone; memory is that of the largest compiler process.
set -eu
cd "$(dirname "$0")"
[ -x /usr/bin/time ] || { echo "missing: /usr/bin/time" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOCACHE="$work/cache"

measure() { # program, tags
	printf '{"Replace": {"%s/%s/state.go": "%s/state.go"}}' "$PWD" "$1" "$work" > "$work/overlay.json"
	for state in cold warm; do
		printf 'package main\n\nconst state = "%s"\n' $state > "$work/state.go"
		/usr/bin/time -o "$work/time" -f '%e s (%U s + %S s of CPU), %M KiB' \
			go build -overlay "$work/overlay.json" -tags "$2" -ldflags '-s -w' -o "$work/$1" "./$1"
		echo "$1: $state build $(cat "$work/time")"
	done
	echo "$1: $(wc -c < "$work/$1") bytes stripped"
}
measure r2creds r2creds_static
rm -rf "$GOCACHE"
measure cloudflare ""

go build -o "$work/server" ./server
mkfifo "$work/stop"
"$work/server" < "$work/stop" > "$work/url" &
exec 3> "$work/stop"
while [ ! -s "$work/url" ]; do sleep 0.05; done
CLOUDFLARE_API_TOKEN=token CLOUDFLARE_BASE_URL=$(cat "$work/url")
export CLOUDFLARE_API_TOKEN CLOUDFLARE_BASE_URL
for program in r2creds cloudflare r2creds cloudflare; do
	echo "$program: $("$work/$program" 5000) a call"
done
exec 3>&-
wait
