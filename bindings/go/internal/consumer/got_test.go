package consumer

import (
	"archive/zip"
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// What r2aws asks for at least.
const version = "v0.2.0"

// proxy makes the folder of a module proxy, with what the tags bindings/go/v0.2.0 and bindings/go/r2aws/v0.2.0 would
// hold: what git has of a folder, and nothing of other modules below it.
func proxy(t *testing.T) string {
	root := t.TempDir()
	for path, folder := range map[string]string{"r2creds.dev/go": "../..", "r2creds.dev/go/r2aws": "../../r2aws"} {
		list, err := exec.Command("git", "-C", folder, "ls-files", "-z").Output()
		if err != nil {
			t.Fatalf("git ls-files: %v", err)
		}
		var packed bytes.Buffer
		archive := zip.NewWriter(&packed)
		for _, name := range strings.Split(strings.TrimSuffix(string(list), "\x00"), "\x00") {
			if ofAnotherModule(folder, name) {
				continue
			}
			file, err := archive.Create(path + "@" + version + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := file.Write(read(t, filepath.Join(folder, name))); err != nil {
				t.Fatal(err)
			}
		}
		if err := archive.Close(); err != nil {
			t.Fatal(err)
		}
		versions := filepath.Join(root, path, "@v")
		if err := os.MkdirAll(versions, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{
			"list":            []byte(version + "\n"),
			version + ".info": []byte(`{"Version": "` + version + `"}`),
			version + ".mod":  read(t, filepath.Join(folder, "go.mod")),
			version + ".zip":  packed.Bytes(),
		} {
			if err := os.WriteFile(filepath.Join(versions, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return "file://" + filepath.ToSlash(root)
}

func ofAnotherModule(folder, name string) bool {
	for at := filepath.Dir(name); at != "."; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(folder, at, "go.mod")); err == nil {
			return true
		}
	}
	return false
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// got makes what the README says to make without a checkout, and returns the environment that its modules are in. The
// README's first `go get` is for the package, its second for r2aws.
func got(t *testing.T, which int) (folder string, env []string) {
	program, commands := readme(t, `go (?:mod init|get)`)
	folder = t.TempDir()
	sources := proxy(t)
	if which == 2 { // the SDK is in this machine's cache, or else it has to be fetched
		sources += ",file://" + filepath.ToSlash(goEnv(t, "GOMODCACHE")) + "/cache/download," + goEnv(t, "GOPROXY")
	}
	env = []string{"GOPROXY=" + sources, "GOSUMDB=off", "GOMODCACHE=" + t.TempDir(), "GOFLAGS=-modcacherw"}
	run(t, folder, env, strings.Fields(commands[0])...)
	run(t, folder, env, strings.Fields(commands[which])...)
	write(t, folder, program)
	return folder, env
}

func TestGoGetNeedsNoCheckout(t *testing.T) {
	folder, env := got(t, 1)
	works(t, run(t, folder, env, "go", "run", "."))
	run(t, folder, env, "go", "mod", "vendor")
	works(t, run(t, folder, env, "go", "run", "-mod=vendor", "."))
}

// A static program needs no library of ours, and is small.
func TestAStaticProgramStandsAlone(t *testing.T) {
	folder, env := got(t, 1)
	run(t, folder, env, "go", "build", "-tags=r2creds_static", "-ldflags=-s -w", "-o", "program", ".")
	program := filepath.Join(folder, "program")
	works(t, run(t, folder, []string{"LD_LIBRARY_PATH="}, program))
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
		// The C library's own.
		own := regexp.MustCompile(`^(libc|libm|libpthread|libdl|librt|libutil|libresolv|ld-linux.*|ld64)\.so`)
		for _, name := range libraries {
			if !own.MatchString(name) {
				t.Errorf("needs %s", name)
			}
		}
	}
}

func TestR2awsIsGotToo(t *testing.T) {
	folder, env := got(t, 2)
	for _, module := range []string{"r2creds.dev/go", "r2creds.dev/go/r2aws"} {
		if used := run(t, folder, env, "go", "list", "-m", module); used != module+" "+version+"\n" {
			t.Errorf("%q", used)
		}
	}
	run(t, folder, env, "go", "list", "-deps", "r2creds.dev/go/r2aws")
}

// A module is one folder, and what lies above it in the repository is not in it.
func TestEachModuleHasTheLicences(t *testing.T) {
	for _, name := range []string{"LICENSE-APACHE", "LICENSE-MIT"} {
		for _, folder := range []string{"../..", "../../r2aws"} {
			if !bytes.Equal(read(t, filepath.Join(folder, name)), read(t, filepath.Join(checkout(t), name))) {
				t.Errorf("%s of %s is not the repository's", name, folder)
			}
		}
	}
}
