// Package static is the folder of the static library, libr2creds.a, and its header. `make go-static` puts them here.
package static
