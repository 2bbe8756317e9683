package r2creds_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"r2creds"
)

// In a process that inProcessWith has started: its source.
const preloaded = "R2CREDS_TEST_PRELOADED"

// inProcessWith runs one test in a process of its own, where this source replaces functions of the system.
func inProcessWith(t *testing.T, source, test string, files ...*os.File) {
	library := filepath.Join(t.TempDir(), "preload.so")
	if output, err := exec.Command("cc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	command := exec.Command(os.Args[0], "-test.run=^"+test+"$", "-test.v")
	command.Env = append(os.Environ(), "LD_PRELOAD="+library, preloaded+"="+source)
	command.ExtraFiles = files
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: "+test) {
		t.Fatalf("%v: %s", err, output)
	}
}

// A panic inside the library, which would be its bug, is an error; the process and later calls live on.
func TestAPanicOfTheLibraryIsAnError(t *testing.T) {
	inProcessWith(t, "testdata/clock.c", "TestInsideAPanic")
}

// TestInsideAPanic is what that process runs; anywhere else it has nothing to do.
func TestInsideAPanic(t *testing.T) {
	if os.Getenv(preloaded) != "testdata/clock.c" {
		return
	}
	for range 3 {
		_, err := r2creds.Sign(signParams())
		if failure := failed(t, err, r2creds.ErrPanic); failure.Hint == "" || failure.Temporary() {
			t.Errorf("%+v", *failure)
		}
	}
}
