// Package consumer tests the package as other modules get it: by the README's words, vendored, and linked both ways.
package consumer

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// module makes what the README says to make, in a folder outside the repository.
func module(t *testing.T) string {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(readme)
	commands := regexp.MustCompile(`(?m)^go mod (?:init|edit) .*$`).FindAllString(string(readme), -1)
	if program == nil || len(commands) < 2 {
		t.Fatalf("README.md has %d commands", len(commands))
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), program[1], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range commands[:2] { // the third is for r2aws
		run(t, folder, nil, strings.Fields(strings.ReplaceAll(command, "/path/to/r2creds", checkout(t)))...)
	}
	return folder
}

func checkout(t *testing.T) string {
	path, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// run gives back what a command prints. Nothing may be fetched.
func run(t *testing.T, folder string, env []string, arguments ...string) string {
	t.Helper()
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Dir = folder
	command.Env = append(append(os.Environ(), "GOPROXY=off", "GOWORK=off",
		"R2_PARENT_SECRET_ACCESS_KEY="+strings.Repeat("0", 63)+"1"), env...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", arguments, err, output)
	}
	return string(output)
}

func works(t *testing.T, output string) {
	t.Helper()
	if !strings.HasPrefix(output, "https://023e105f4ecef8ad9ca31a8372d0c353.r2.cloudflarestorage.com until 2") {
		t.Errorf("%q", output)
	}
}

func TestAModuleOutsideTheRepositoryUsesACheckout(t *testing.T) {
	folder := module(t)
	works(t, run(t, folder, nil, "go", "run", "."))
	before, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, folder, nil, "go", "mod", "tidy")
	if after, err := os.ReadFile(filepath.Join(folder, "go.mod")); err != nil || string(after) != string(before) {
		t.Errorf("%v: go mod tidy makes of\n%s\nthis\n%s", err, before, after)
	}
}

// What the README says of r2aws, whose SDK may have to be fetched.
func TestR2awsIsTakenFromACheckoutToo(t *testing.T) {
	folder := module(t)
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile("go mod edit .*r2aws.*").FindString(string(readme))
	snippet := regexp.MustCompile("(?s)```go\n(apply, err := .*?)```").FindSubmatch(readme)
	if command == "" || snippet == nil {
		t.Fatal("not in README.md")
	}
	program := fmt.Sprintf(`package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	r2creds "r2creds.dev/go"
	"r2creds.dev/go/r2aws"
)

func main() { use(context.Background(), nil, r2creds.Params{}) }

func use(ctx context.Context, client *r2creds.Client, params r2creds.Params) error {
	%s
	_ = bucket
	return nil
}`, snippet[1])
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	proxy, err := exec.Command("go", "env", "GOPROXY").Output()
	if err != nil {
		t.Fatal(err)
	}
	run(t, folder, nil, strings.Fields(strings.ReplaceAll(command, "/path/to/r2creds", checkout(t)))...)
	run(t, folder, []string{"GOPROXY=" + strings.TrimSpace(string(proxy))}, "go", "mod", "tidy")
	run(t, folder, nil, "go", "run", ".")
}

func TestAVendoredModuleIsComplete(t *testing.T) {
	folder := module(t)
	run(t, folder, nil, "go", "mod", "vendor")
	works(t, run(t, folder, nil, "go", "run", "-mod=vendor", "."))
	works(t, run(t, folder, nil, "go", "run", "-mod=vendor", "-tags=r2creds_static", "."))
	// Its own archive was linked, and not the one in the checkout.
	if err := os.Remove(filepath.Join(folder, "vendor/r2creds.dev/go/internal/static/libr2creds.a")); err != nil {
		t.Fatal(err)
	}
	command := exec.Command("go", "build", "-mod=vendor", "-tags=r2creds_static", "-o", "none", ".")
	command.Dir = folder
	if output, err := command.CombinedOutput(); err == nil || !strings.Contains(string(output), "libr2creds.a") {
		t.Errorf("%v: %s", err, output)
	}
}

// A static program needs neither the library nor pkg-config, and is small.
func TestAStaticProgramStandsAlone(t *testing.T) {
	folder := module(t)
	alone := []string{"LD_LIBRARY_PATH=", "PKG_CONFIG=no-such-program"}
	run(t, folder, alone, "go", "build", "-tags=r2creds_static", "-ldflags=-s -w", "-o", "program", ".")
	program := filepath.Join(folder, "program")
	works(t, run(t, folder, alone, program))
	about, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	if about.Size() > 6_000_000 {
		t.Errorf("%d bytes, expected less than 6 MB", about.Size())
	}
	if runtime.GOOS == "linux" {
		file, err := elf.Open(program)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		libraries, err := file.ImportedLibraries()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range libraries { // the C library's own
			if !regexp.MustCompile(`^(libc|libm|libpthread|libdl|librt|libutil|libresolv|ld-linux.*|ld64)\.so`).MatchString(name) {
				t.Errorf("needs %s", name)
			}
		}
	}
}

// Go turns cgo off by itself where it finds no C compiler.
func TestWithoutCgoTheCompilerSaysWhatIsMissing(t *testing.T) {
	command := exec.Command("go", "build", "-o", "none", ".")
	command.Dir = module(t)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := command.CombinedOutput()
	_, errors, _ := strings.Cut(string(output), "# r2creds.dev/go\n")
	first, _, _ := strings.Cut(errors, "\n")
	if err == nil || !strings.Contains(first, "install_a_C_compiler") {
		t.Errorf("%v: %s", err, output)
	}
}
