//go:build race

package r2creds

import (
	"os"
	"syscall"
)

// What a goroutine did before it sends a request has happened before the server handles it. Where both are in one
// process, as in a test, the race detector has to be told so: Go's own syscall.Write and syscall.Read do that, but the
// library sends and receives in C, and the detector would report races that are none. So a Write of no bytes goes
// before each call that uses sockets, and a Read of no bytes after it; these tell the detector what C does not.

var null, _ = syscall.Open(os.DevNull, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)

func raceRelease() { syscall.Write(null, nil) }
func raceAcquire() { syscall.Read(null, nil) }
