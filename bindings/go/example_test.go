package r2creds_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	r2creds "r2creds.dev/go"
)

func ExampleSign() {
	credentials, err := r2creds.Sign(r2creds.Params{
		AccountID:             "023e105f4ecef8ad9ca31a8372d0c353",
		Bucket:                "recordings",
		ParentAccessKeyID:     "0123456789abcdef0123456789abcdef",
		ParentSecretAccessKey: "0000000000000000000000000000000000000000000000000000000000000001", // from your secret store
		Permission:            r2creds.ObjectReadOnly,
		Prefixes:              []string{"2026/"},
		TTL:                   time.Hour,
		IssuedAt:              time.Unix(1767225600, 0), // leave it out: now
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(credentials.Endpoint, "until", credentials.ExpiresAt)
	// Output:
	// https://023e105f4ecef8ad9ca31a8372d0c353.r2.cloudflarestorage.com until 2026-01-01 01:00:00 +0000 UTC
}

// A single S3 action instead of a permission, for one object.
func ExampleSign_actions() {
	credentials, err := r2creds.Sign(r2creds.Params{
		AccountID:             "023e105f4ecef8ad9ca31a8372d0c353",
		Bucket:                "recordings",
		ParentAccessKeyID:     "0123456789abcdef0123456789abcdef",
		ParentSecretAccessKey: "0000000000000000000000000000000000000000000000000000000000000001",
		Actions:               []string{"PutObject"},
		Objects:               []string{"2026/first.mp4"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(credentials.ExpiresAt.Sub(credentials.IssuedAt))
	// Output: 15m0s
}

func ExampleClient_Create() {
	cloudflare := standIn(http.StatusOK, `{"success":true,"errors":[],"messages":[],"result":{"accessKeyId":"minted-id",
		"secretAccessKey":"minted-secret","sessionToken":"minted-token"}}`)
	defer cloudflare.Close()

	client, err := r2creds.NewClient(
		r2creds.WithAPIToken("token"),       // leave it out: CLOUDFLARE_API_TOKEN
		r2creds.WithBaseURL(cloudflare.URL)) // leave it out: Cloudflare
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	credentials, err := client.Create(ctx, r2creds.Params{
		AccountID:         "023e105f4ecef8ad9ca31a8372d0c353",
		Bucket:            "recordings",
		ParentAccessKeyID: "0123456789abcdef0123456789abcdef",
		Permission:        r2creds.ObjectReadWrite,
		Prefixes:          []string{"uploads/"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(credentials.AccessKeyID, credentials.Endpoint)
	// Output: minted-id https://023e105f4ecef8ad9ca31a8372d0c353.r2.cloudflarestorage.com
}

func ExampleError() {
	cloudflare := standIn(http.StatusForbidden, `{"success":false,"messages":[],"result":null,
		"errors":[{"code":10042,"message":"Please enable R2 through the Cloudflare Dashboard."}]}`)
	defer cloudflare.Close()
	client, err := r2creds.NewClient(r2creds.WithAPIToken("token"), r2creds.WithBaseURL(cloudflare.URL))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()

	_, err = client.Create(context.Background(), r2creds.Params{
		AccountID:         "023e105f4ecef8ad9ca31a8372d0c353",
		Bucket:            "recordings",
		ParentAccessKeyID: "0123456789abcdef0123456789abcdef",
		Permission:        r2creds.ObjectReadOnly,
	})
	var failure *r2creds.Error
	switch {
	case errors.Is(err, r2creds.ErrRateLimited):
		fmt.Println("later")
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Println("too slow")
	case errors.As(err, &failure):
		fmt.Println(failure)
		fmt.Println(failure.Hint)
		fmt.Println(failure.HTTPStatus, failure.Errors[0].Code, failure.Temporary())
	}
	// Output:
	// r2creds: Cloudflare refused the request (HTTP 403): 10042 Please enable R2 through the Cloudflare Dashboard.
	// R2 is not enabled for this account. Enable it in Cloudflare's dashboard.
	// 403 10042 false
}

// standIn answers every request in the same way.
func standIn(status int, body string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
}
