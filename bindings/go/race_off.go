//go:build !race

package r2creds

func beforeSockets() {}
func afterSockets()  {}
