//go:build r2creds_static

// Package static is the folder of the static library, libr2creds.a, and its header. `make go-static` puts them here.
package static

// #if defined(__has_include) && !__has_include("archive.h")
// #error "the static library is not in this module: run make go-static in the checkout of r2creds"
// #endif
// #include "archive.h"
// // Go does not look into archives: without its checksum in the program, a new one would not be linked.
// __attribute__((used)) static const char archive[] = R2CREDS_ARCHIVE;
import "C"
