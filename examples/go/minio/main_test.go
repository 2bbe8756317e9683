package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	r2creds "r2creds.dev/go"
)

func TestItLivesThroughRenewals(t *testing.T) {
	var mu sync.Mutex
	tokens := map[string]bool{}
	r2 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		tokens[r.Header.Get("X-Amz-Security-Token")] = true
		if !strings.Contains(r.Header.Get("Authorization"), "/auto/s3/aws4_request") {
			w.WriteHeader(http.StatusForbidden)
		}
		w.Header().Set("ETag", `"0"`)
		w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
		io.WriteString(w, "content")
	}))
	defer r2.Close()
	provider, err := r2creds.NewProvider(r2creds.Params{
		AccountID:             "023e105f4ecef8ad9ca31a8372d0c353",
		Bucket:                "recordings",
		ParentAccessKeyID:     "0123456789abcdef0123456789abcdef",
		ParentSecretAccessKey: strings.Repeat("0", 63) + "1",
		Permission:            r2creds.ObjectReadOnly,
		Endpoint:              r2.URL,
		TTL:                   2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	client, err := connect(provider)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		object, err := client.GetObject(context.Background(), "recordings", "a", minio.GetObjectOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if content, err := io.ReadAll(object); err != nil || string(content) != "content" {
			t.Fatal(string(content), err)
		}
		mu.Lock()
		count := len(tokens)
		mu.Unlock()
		if tokens[""] || time.Now().After(end) {
			t.Fatal("a request without a token, or no renewal")
		}
		if count > 3 {
			return
		}
	}
}
