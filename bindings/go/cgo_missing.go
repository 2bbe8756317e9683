//go:build !cgo

package r2creds

// The compiler's first error where there is no cgo, as when Go finds no C compiler: it looks at types before all else.
type _ r2creds_needs_cgo__install_a_C_compiler_or_set_CGO_ENABLED_to_1
