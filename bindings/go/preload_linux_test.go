package r2creds_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	r2creds "r2creds.dev/go"
)

// In a process that inProcessWith has started: its source.
const preloaded = "R2CREDS_TEST_PRELOADED"

// inProcessWith runs the test once more in a process of its own, where this source replaces functions of the system,
// and says whether this is that process.
func inProcessWith(t *testing.T, source string, files ...*os.File) bool {
	if os.Getenv(preloaded) == source {
		return true
	}
	library := filepath.Join(t.TempDir(), "preload.so")
	if output, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	command := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	command.Env = append(os.Environ(), "LD_PRELOAD="+library, preloaded+"="+source)
	command.ExtraFiles = files
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: "+t.Name()) {
		t.Fatalf("%v: %s", err, output)
	}
	return false
}

// A panic inside the library, which would be its bug, is an error; the process and later calls live on.
func TestAPanicOfTheLibraryIsAnError(t *testing.T) {
	if !inProcessWith(t, "testdata/clock.c") {
		return
	}
	for range 3 {
		_, err := r2creds.Sign(signParams())
		if failure := failed(t, err, r2creds.ErrPanic); failure.Hint == "" || failure.Temporary() {
			t.Errorf("%+v", *failure)
		}
	}
}
