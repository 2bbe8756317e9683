// Makes one credential, and so many more as its argument says; prints the time of each of these.
package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"time"

	r2creds "r2creds.dev/go"
)

func main() {
	client, err := r2creds.NewClient()
	check(err)
	defer client.Close()
	create := func() {
		_, err := client.Create(context.Background(), r2creds.Params{
			AccountID:         "023e105f4ecef8ad9ca31a8372d0c353",
			Bucket:            "recordings",
			ParentAccessKeyID: "0123456789abcdef0123456789abcdef",
			Permission:        r2creds.ObjectReadOnly,
			Prefixes:          []string{"2026/"},
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
