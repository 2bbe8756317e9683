package r2creds_test

import (
	"debug/elf"
	"os"
	"slices"
	"testing"

	r2creds "r2creds.dev/go"
)

func TestTheConstantSaysHowThisBinaryWasLinked(t *testing.T) {
	program, err := elf.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	libraries, err := program.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	linking := "static"
	if slices.Contains(libraries, "libr2creds.so.0") {
		linking = "shared"
	}
	equal(t, "Linking", r2creds.Linking, linking)
}
