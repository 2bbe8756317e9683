package consumer

import (
	"fmt"
	"regexp"
	"testing"
)

// What the README of the whole repository shows of Go.
func TestTheFrontPagesExampleSigns(t *testing.T) {
	snippet := regexp.MustCompile("(?s)```go\n(.*?)```").FindSubmatch(read(t, "../../../../README.md"))
	if snippet == nil {
		t.Fatal("not in README.md")
	}
	folder := module(t)
	write(t, folder, fmt.Appendf(nil, `package main

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
}`, snippet[1]))
	works(t, run(t, folder, []string{"CLOUDFLARE_ACCOUNT_ID=023e105f4ecef8ad9ca31a8372d0c353", "R2_BUCKET=recordings",
		"R2_PARENT_ACCESS_KEY_ID=0123456789abcdef0123456789abcdef"}, "go", "run", "."))
}
