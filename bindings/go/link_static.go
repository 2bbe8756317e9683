//go:build r2creds_static

package r2creds

// -static-libgcc, because the compiler would link its own library, which unwinds Rust's stack, as one more to be
// installed beside the program.

// #cgo pkg-config: r2creds-static
// #cgo linux windows LDFLAGS: -static-libgcc
import "C"

// Linking says how this binary was linked to the C library: "shared", or "static" with the build tag r2creds_static.
const Linking = "static"
