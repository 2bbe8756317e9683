package consumer

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// What the README of the whole repository shows of Go.
func TestTheFrontPagesExampleSigns(t *testing.T) {
	readme, err := os.ReadFile("../../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	snippet := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(readme)
	if snippet == nil {
		t.Fatal("not in README.md")
	}
	program := fmt.Sprintf(`package main

import (
	"fmt"
	"log"
	"os"
	"time"

	r2creds "r2creds.dev/go"
)

func main() {
	%s
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(credentials.Endpoint, "until", credentials.ExpiresAt)
}`, snippet[1])
	folder := module(t)
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	works(t, run(t, folder, []string{"CLOUDFLARE_ACCOUNT_ID=023e105f4ecef8ad9ca31a8372d0c353", "R2_BUCKET=recordings",
		"R2_PARENT_ACCESS_KEY_ID=0123456789abcdef0123456789abcdef"}, "go", "run", "."))
}
