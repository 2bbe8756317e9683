//go:build !go1.24

package r2creds

import "runtime"

func freeWhenUnreachable(client *Client, owned *handle) {
	runtime.SetFinalizer(client, func(*Client) { owned.free() })
}
