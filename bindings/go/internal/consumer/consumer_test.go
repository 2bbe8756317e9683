// Package consumer tests the package as other modules get it: by the README's words, from a checkout and from
// a proxy, vendored, and linked both ways.
package consumer

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readme returns the program of the README, and those of its commands that begin so.
func readme(t *testing.T, beginning string) (program []byte, commands []string) {
	text := read(t, "../../README.md")
	block := regexp.MustCompile("(?s)```go\n(package main\n.*?)```").FindSubmatch(text)
	commands = regexp.MustCompile(`(?m)^`+beginning+` [^#\n]*`).FindAllString(string(text), -1)
	if block == nil || len(commands) != 3 {
		t.Fatalf("README.md has %q", commands)
	}
	return block[1], commands
}

// module makes what the README says to make with a checkout, in a folder outside the repository.
func module(t *testing.T) string {
	program, commands := readme(t, `go mod (?:init|edit)`)
	folder := t.TempDir()
	write(t, folder, program)
	for _, command := range commands[:2] { // the third is for r2aws
		run(t, folder, nil, strings.Fields(strings.ReplaceAll(command, "/path/to/r2creds", checkout(t)))...)
	}
	return folder
}

func write(t *testing.T, folder string, program []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), program, 0o600); err != nil {
		t.Fatal(err)
	}
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

func goEnv(t *testing.T, name string) string {
	value, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(value))
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
	before := read(t, filepath.Join(folder, "go.mod"))
	run(t, folder, nil, "go", "mod", "tidy")
	if after := read(t, filepath.Join(folder, "go.mod")); !bytes.Equal(after, before) {
		t.Errorf("go mod tidy makes of\n%s\nthis\n%s", before, after)
	}
}

// What the README says of r2aws, whose SDK may have to be fetched.
func TestR2awsIsTakenFromACheckoutToo(t *testing.T) {
	folder := module(t)
	_, commands := readme(t, `go mod (?:init|edit)`)
	snippet := regexp.MustCompile("(?s)```go\n(apply, err := .*?)```").FindSubmatch(read(t, "../../README.md"))
	if snippet == nil {
		t.Fatal("not in README.md")
	}
	write(t, folder, fmt.Appendf(nil, `package main

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
}`, snippet[1]))
	run(t, folder, nil, strings.Fields(strings.ReplaceAll(commands[2], "/path/to/r2creds", checkout(t)))...)
	run(t, folder, []string{"GOPROXY=" + goEnv(t, "GOPROXY")}, "go", "mod", "tidy")
	run(t, folder, nil, "go", "run", ".")
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
