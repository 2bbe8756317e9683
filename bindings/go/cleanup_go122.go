//go:build !go1.24

package r2creds

import "runtime"

func freeWhenUnreachable[Owner any, Owned interface{ free() }](owner *Owner, owned Owned) {
	runtime.SetFinalizer(owner, func(*Owner) { owned.free() })
}
