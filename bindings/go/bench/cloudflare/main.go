// The same as ../r2creds, with Cloudflare's SDK.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/cloudflare/cloudflare-go/v6"
	"github.com/cloudflare/cloudflare-go/v6/r2"
)

func main() {
	client := cloudflare.NewClient()
	create := func() {
		_, err := client.R2.TemporaryCredentials.New(context.Background(), r2.TemporaryCredentialNewParams{
			AccountID: cloudflare.F("023e105f4ecef8ad9ca31a8372d0c353"),
			TemporaryCredential: r2.TemporaryCredentialParam{
				Bucket:            cloudflare.F("recordings"),
				ParentAccessKeyID: cloudflare.F("0123456789abcdef0123456789abcdef"),
				Permission:        cloudflare.F(r2.TemporaryCredentialPermissionObjectReadOnly),
				TTLSeconds:        cloudflare.F(900.0),
				Prefixes:          cloudflare.F([]string{"2026/"}),
			},
		})
		check(err)
	}
	create()
	more, err := strconv.Atoi(os.Args[1])
	check(err)
	start := time.Now()
	for range more {
		create()
	}
	fmt.Println(time.Since(start) / time.Duration(more))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
