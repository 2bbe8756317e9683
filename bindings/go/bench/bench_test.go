// Package bench measures what Go adds to a call of the C library: each benchmark has a twin that loops in C.
package bench

import (
	"context"
	"fmt"
	"os/exec"
	"testing"

	r2creds "r2creds.dev/go"
	"r2creds.dev/go/bench/cloop"
)

var params = r2creds.Params{
	AccountID:         "023e105f4ecef8ad9ca31a8372d0c353",
	Bucket:            "recordings",
	ParentAccessKeyID: "0123456789abcdef0123456789abcdef",
	Permission:        r2creds.ObjectReadOnly,
	Prefixes:          []string{"2026/"},
}

func BenchmarkSign(b *testing.B) {
	params := params
	params.ParentSecretAccessKey = "0000000000000000000000000000000000000000000000000000000000000001"
	b.ReportAllocs()
	for range b.N {
		if _, err := r2creds.Sign(params); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSignInC(b *testing.B) {
	if err := cloop.Sign(b.N); err != nil {
		b.Fatal(err)
	}
}

// While the credential is fresh.
func BenchmarkProviderGet(b *testing.B) {
	params := params
	params.ParentSecretAccessKey = "0000000000000000000000000000000000000000000000000000000000000001"
	provider, err := r2creds.NewProvider(params)
	if err != nil {
		b.Fatal(err)
	}
	defer provider.Close()
	b.ReportAllocs()
	for range b.N {
		if _, err := provider.Get(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	client, err := r2creds.NewClient(r2creds.WithAPIToken("token"), r2creds.WithBaseURL(api(b)))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if _, err := client.Create(ctx, params); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCreateInC(b *testing.B) {
	url := api(b)
	b.ResetTimer()
	if err := cloop.Create(url, b.N); err != nil {
		b.Fatal(err)
	}
}

// api is in a process of its own, or Go's scheduler would be part of what is measured in C.
func api(b *testing.B) string {
	server := exec.Command("go", "run", "./server")
	input, err := server.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		input.Close()
		server.Wait()
	})
	var url string
	if _, err := fmt.Fscan(output, &url); err != nil {
		b.Fatal(err)
	}
	return url
}
