//go:build !r2creds_static

package r2creds

// #cgo pkg-config: r2creds
import "C"

// Linking says how this binary was linked to the C library: "shared", or "static" with the build tag r2creds_static.
const Linking = "shared"
