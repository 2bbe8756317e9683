//go:build r2creds_static

package r2creds

// The system libraries are those that rustc names; `make go-static` fails when they differ. -static-libgcc, because the
// compiler would link its own library, which unwinds Rust's stack, as one more to be installed beside the program.

// #cgo CFLAGS: -I${SRCDIR}/internal/static -DR2CREDS_STATIC
// #cgo LDFLAGS: ${SRCDIR}/internal/static/libr2creds.a
// #cgo linux LDFLAGS: -lutil -lrt -lpthread -lm -ldl -static-libgcc
// #cgo darwin LDFLAGS: -framework Security -framework CoreFoundation -liconv -lSystem -lm
import "C"

import _ "r2creds.dev/go/internal/static" // so that `go mod vendor` takes the archive along

// Linking says how this binary was linked to the C library: "shared", or "static" with the build tag r2creds_static.
const Linking = "static"
