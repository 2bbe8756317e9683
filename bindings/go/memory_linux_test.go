package r2creds_test

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	r2creds "r2creds.dev/go"
)

// What the process holds in memory, in bytes, without Go's garbage.
func resident(t *testing.T) int {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, pages int
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

func descriptors(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// Arguments, credentials, errors and cancel objects are C's memory. If one kind of them were left behind, these calls
// would leave much more.
func TestNothingOfCIsLeft(t *testing.T) {
	client := newClient(t, newAPI(t).URL)
	long := signParams()
	for range 100 {
		long.Prefixes = append(long.Prefixes, strings.Repeat("p", 1000))
	}
	bad := validParams()
	bad.Prefixes = []string{""}
	calls := func(count int) {
		for range count {
			if _, err := r2creds.Sign(long); err != nil {
				t.Fatal(err)
			}
			for range 300 {
				_, err := client.Create(background, bad)
				failed(t, err, r2creds.ErrInvalidArgument)
			}
			if _, err := client.Create(background, validParams()); err != nil {
				t.Fatal(err)
			}
		}
	}
	calls(100)
	memory, files := resident(t), descriptors(t)
	calls(1000)
	if grown := resident(t) - memory; grown > 10_000_000 {
		t.Errorf("%d bytes more than before", grown)
	}
	if grown := descriptors(t) - files; grown > 20 {
		t.Errorf("%d descriptors more than before", grown)
	}
}

func TestSecretsAreWipedBeforeTheirMemoryIsFreed(t *testing.T) {
	if !inProcessWith(t, "testdata/free.c") {
		return
	}
	if _, err := r2creds.Sign(signParams()); err != nil {
		t.Fatal(err)
	}
	refused := signParams()
	refused.Bucket = "-"
	_, err := r2creds.Sign(refused)
	failed(t, err, r2creds.ErrInvalidArgument)
	client := newClient(t, newAPI(t).URL, r2creds.WithAPIToken(parentSecret))
	if _, err := client.Create(background, signParams()); err != nil {
		t.Fatal(err)
	}
}
