//go:build !go1.24

package r2creds

import "runtime"

func whenForgotten(client *Client, owned *handle) {
	runtime.SetFinalizer(client, func(*Client) { owned.free() })
}
