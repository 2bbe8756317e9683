package r2aws_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	r2creds "r2creds.dev/go"
	"r2creds.dev/go/r2aws"
)

const patience = 30 * time.Second

func TestMain(m *testing.M) {
	for _, setting := range os.Environ() { // an SDK reads many
		name, _, _ := strings.Cut(setting, "=")
		if strings.HasPrefix(name, "AWS_") || strings.HasPrefix(name, "CLOUDFLARE_") {
			os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

func params() r2creds.Params {
	return r2creds.Params{AccountID: "023e105f4ecef8ad9ca31a8372d0c353", Bucket: "example-bucket",
		ParentAccessKeyID: "0123456789abcdef0123456789abcdef", Permission: r2creds.ObjectReadWrite}
}

// api stands in for Cloudflare's API. Each credential has its number in its secret, and the lifetime it is told; the
// access key ID is the parent's, as with R2.
type api struct {
	url      string
	mints    atomic.Int64
	lifetime atomic.Int64 // nanoseconds
	refusal  atomic.Int64 // an HTTP status, instead of a credential
	hang     atomic.Bool  // whether it answers at all
}

func newAPI(t *testing.T, lifetime time.Duration) (*api, *r2creds.Client) {
	a := &api{}
	a.lifetime.Store(int64(lifetime))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		number := a.mints.Add(1)
		for a.hang.Load() && r.Context().Err() == nil {
			time.Sleep(10 * time.Millisecond)
		}
		if status := a.refusal.Load(); status != 0 {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(int(status))
			return
		}
		part := base64.RawURLEncoding.EncodeToString
		claims := fmt.Sprintf(`{"exp":%d}`, time.Now().Add(time.Duration(a.lifetime.Load())).Unix())
		token := "jwt/" + part([]byte(`{"alg":"HS256"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature"))
		fmt.Fprintf(w, `{"success":true,"errors":[],"messages":[],"result":{"accessKeyId":"id",`+
			`"secretAccessKey":"secret-%d","sessionToken":"%s"}}`, number, base64.StdEncoding.EncodeToString([]byte(token)))
	}))
	t.Cleanup(server.Close)
	client, err := r2creds.NewClient(r2creds.WithAPIToken("token"), r2creds.WithBaseURL(server.URL),
		r2creds.WithMaxRetries(0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return a, client
}

func retrieve(t *testing.T, provider aws.CredentialsProvider) aws.Credentials {
	t.Helper()
	credentials, err := provider.Retrieve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return credentials
}

func TestSignedCredentialsAreComplete(t *testing.T) {
	p := params()
	p.ParentSecretAccessKey = strings.Repeat("0", 63) + "1"
	p.TTL = time.Hour
	p.IssuedAt = time.Now().Truncate(time.Second)
	got := retrieve(t, r2aws.Sign(p))
	made, err := r2creds.Sign(p)
	if err != nil {
		t.Fatal(err)
	}
	expected := aws.Credentials{AccessKeyID: made.AccessKeyID, SecretAccessKey: made.SecretAccessKey,
		SessionToken: made.SessionToken, Source: "r2creds", CanExpire: true, Expires: p.IssuedAt.Add(45 * time.Minute).UTC()}
	if got != expected {
		t.Errorf("not what r2creds.Sign made, or its end: %v", got.Expires)
	}
	_, err = r2aws.Sign(r2creds.Params{}).Retrieve(context.Background())
	if !errors.Is(err, r2creds.ErrInvalidArgument) {
		t.Error(err)
	}
}

// An S3 client of the SDK sends to R2 what R2 wants, and nothing else.
func TestAnS3ClientUsesThem(t *testing.T) {
	var mu sync.Mutex
	var seen []*http.Request
	r2 := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, r)
		io.Copy(io.Discard, r.Body)
		if r.Method == http.MethodGet {
			io.WriteString(w, "content")
		}
	}))
	defer r2.Close()
	server, client := newAPI(t, time.Hour)
	p := params()
	p.Endpoint = r2.URL
	ctx := context.Background()
	apply, err := r2aws.S3Options(ctx, r2aws.Create(client, p))
	if err != nil {
		t.Fatal(err)
	}
	bucket := s3.New(s3.Options{}, apply)
	key := "a/b"
	put := s3.PutObjectInput{Bucket: &p.Bucket, Key: &key, Body: strings.NewReader("content")}
	if _, err := bucket.PutObject(ctx, &put); err != nil {
		t.Fatal(err)
	}
	got, err := bucket.GetObject(ctx, &s3.GetObjectInput{Bucket: &p.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	if content, err := io.ReadAll(got.Body); err != nil || string(content) != "content" {
		t.Errorf("%q %v", content, err)
	}
	if len(seen) != 2 || server.mints.Load() != 1 {
		t.Fatalf("%d requests with %d credentials, expected 2 with 1", len(seen), server.mints.Load())
	}
	for _, r := range seen {
		if r.URL.Path != "/example-bucket/a/b" {
			t.Errorf("path %s", r.URL.Path)
		}
		if authorization := r.Header.Get("Authorization"); !strings.Contains(authorization, "Credential=id/") ||
			!strings.Contains(authorization, "/auto/s3/aws4_request") {
			t.Errorf("%s", authorization)
		}
		if r.Header.Get("X-Amz-Security-Token") == "" {
			t.Error("no session token")
		}
		for name := range r.Header {
			if strings.Contains(strings.ToLower(name), "checksum") || name == "X-Amz-Trailer" {
				t.Errorf("a checksum that is not required: %s", name)
			}
		}
	}

	server.refusal.Store(403)
	if _, err := r2aws.S3Options(ctx, r2aws.Create(client, p)); !errors.Is(err, r2creds.ErrPermissionDenied) {
		t.Error(err)
	}
}

// R2's credentials all have their parent's access key ID, by which the SDK's own signer knows them apart.
func TestAfterARenewalTheNewSecretSigns(t *testing.T) {
	_, client := newAPI(t, time.Hour)
	ctx, now := context.Background(), time.Now()
	apply, err := r2aws.S3Options(ctx, r2aws.Create(client, params()))
	if err != nil {
		t.Fatal(err)
	}
	var options s3.Options
	apply(&options)
	var presign s3.PresignOptions
	r2aws.PresignOptions(&presign)
	for _, secret := range []string{"first", "second"} {
		credentials := aws.Credentials{AccessKeyID: "id", SecretAccessKey: secret, SessionToken: "token"}
		signed := func(signer s3.HTTPSignerV4) string {
			r := httptest.NewRequest(http.MethodGet, "http://localhost/example-bucket/a%20b", nil)
			if err := signer.SignHTTP(ctx, credentials, r, "UNSIGNED-PAYLOAD", "s3", "auto", now); err != nil {
				t.Fatal(err)
			}
			return r.Header.Get("Authorization")
		}
		presigned := func(signer s3.HTTPPresignerV4) string {
			r := httptest.NewRequest(http.MethodGet, "http://localhost/example-bucket/a%20b?X-Amz-Expires=60", nil)
			url, _, err := signer.PresignHTTP(ctx, credentials, r, "UNSIGNED-PAYLOAD", "s3", "auto", now)
			if err != nil {
				t.Fatal(err)
			}
			return url
		}
		fresh := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		if got, expected := signed(options.HTTPSignerV4), signed(fresh); got != expected {
			t.Errorf("%s: %s, expected %s", secret, got, expected)
		}
		if got, expected := presigned(presign.Presigner), presigned(fresh); got != expected {
			t.Errorf("%s: %s, expected %s", secret, got, expected)
		}
	}
}

func TestANilOrZeroProviderIsAnError(t *testing.T) {
	for _, provider := range []*r2aws.Provider{nil, {}} {
		if _, err := provider.Retrieve(context.Background()); err == nil {
			t.Error("no error")
		}
		if _, err := r2aws.S3Options(context.Background(), provider); err == nil {
			t.Error("no error")
		}
	}
}

func TestOneCredentialForFiftyCallers(t *testing.T) {
	server, client := newAPI(t, time.Hour)
	provider := r2aws.Create(client, params())
	for _, retriever := range []aws.CredentialsProvider{provider, aws.NewCredentialsCache(provider)} {
		var all sync.WaitGroup
		for range 50 {
			all.Add(1)
			go func() {
				defer all.Done()
				got, err := retriever.Retrieve(context.Background())
				if err != nil || got.SecretAccessKey != "secret-1" {
					t.Error(got.SecretAccessKey, err)
				}
			}()
		}
		all.Wait()
	}
	if count := server.mints.Load(); count != 1 {
		t.Errorf("%d credentials, expected 1", count)
	}
}

// Of the SDK's cache too, which would keep one to its end and then wait for the next.
func TestTheCacheAsksAgainInTime(t *testing.T) {
	_, client := newAPI(t, time.Hour)
	provider, err := client.NewProvider(params())
	if err != nil {
		t.Fatal(err)
	}
	cache := aws.NewCredentialsCache(r2aws.New(provider))
	made, err := provider.Get(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if got := retrieve(t, cache); !got.Expires.Equal(made.RenewAt) || got.SecretAccessKey != made.SecretAccessKey {
		t.Errorf("%v, expected %v", got.Expires, made.RenewAt)
	}
}

// An API that hangs: nobody waits for longer than two seconds on a credential that is good, and the API sees one call.
func TestAnAPIThatHangsHoldsNobodyUp(t *testing.T) {
	server, client := newAPI(t, 12*time.Second) // due after six, and overdue
	provider := r2aws.Create(client, params())
	caches := []aws.CredentialsProvider{provider, aws.NewCredentialsCache(provider)}
	first := retrieve(t, provider)
	server.hang.Store(true)
	defer server.hang.Store(false)
	time.Sleep(time.Until(first.Expires) + 200*time.Millisecond)
	var all sync.WaitGroup
	for _, retriever := range caches {
		for range 16 {
			all.Add(1)
			go func() {
				defer all.Done()
				began := time.Now()
				got, err := retriever.Retrieve(context.Background())
				if took := time.Since(began); err != nil || got.SecretAccessKey != "secret-1" || took > 4*time.Second {
					t.Error(got.SecretAccessKey, err, took)
				}
			}()
		}
	}
	all.Wait()
	if count := server.mints.Load(); count != 2 {
		t.Errorf("%d calls, expected 2", count)
	}
}

// Nothing is in hand, and the API wants quiet: it is left alone, however many ask.
func TestAnAPIThatWantsQuietHasIt(t *testing.T) {
	server, client := newAPI(t, time.Hour)
	server.refusal.Store(429)
	cache := aws.NewCredentialsCache(r2aws.Create(client, params()))
	for range 200 {
		_, err := cache.Retrieve(context.Background())
		var failure *r2creds.Error
		if !errors.As(err, &failure) || failure.Status != r2creds.ErrRateLimited || failure.RetryAfter < time.Minute {
			t.Fatal(err)
		}
	}
	if count := server.mints.Load(); count != 1 {
		t.Errorf("%d calls, expected 1", count)
	}
}
