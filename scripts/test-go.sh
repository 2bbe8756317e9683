#!/bin/sh
# Both ways of linking, the race detector, and cgo's strictest pointer checks.
set -eu
go=${GO:-go}

# -count=1: Go's cache of results does not know the library.
run() {
    echo "$*"
    "$@"
}
cd bindings/go
run "$go" vet ./...
run "$go" vet -tags r2creds_static ./...
run "$go" test -count=1 ./...
run "$go" test -count=1 -tags r2creds_static .
run "$go" test -count=1 -race .
run env GOEXPERIMENT=cgocheck2 GODEBUG=cgocheck=1 GOGC=1 "$go" test -count=1 .
cd ../../tests/e2e/go
run "$go" vet -tags r2creds_static .
cd ../../../bindings/go/r2aws
run "$go" vet .
run "$go" test -count=1 -race .
for example in backend minio; do
    cd ../../../examples/go/$example
    run "$go" vet .
    run "$go" test -count=1 .
done
