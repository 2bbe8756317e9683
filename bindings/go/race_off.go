//go:build !race

package r2creds

func raceRelease() {}
func raceAcquire() {}
