package r2creds_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	r2creds "r2creds.dev/go"
)

var background = context.Background()

func TestCreateSendsTheParamsAndReturnsTheCredential(t *testing.T) {
	server := newAPI(t)
	client := newClient(t, server.URL, r2creds.WithUserAgent("my-tool/2.0"))
	params := validParams()
	params.Permission = r2creds.AdminReadOnly
	params.Prefixes = []string{"z/", `a/"quoted"`, "Ünïcode/"}
	params.Objects = []string{"last", "first"}
	params.TTL = time.Hour
	params.Jurisdiction = r2creds.EU
	before := time.Now().Truncate(time.Second)
	made, err := client.Create(background, params, r2creds.WithHeader("X-Trace", "one: two"),
		r2creds.WithHeader("X-Empty", ""), r2creds.WithExtraBody(`{"actions":["GetObject"],"n":1}`))
	if err != nil {
		t.Fatal(err)
	}
	if made.IssuedAt.Before(before) || made.IssuedAt.After(time.Now()) {
		t.Errorf("begins %v, and it was %v", made.IssuedAt, before)
	}
	equal(t, "renew at", made.ExpiresAt.Sub(made.RenewAt), 15*time.Minute)
	equal(t, "renew by", made.ExpiresAt.Sub(made.RenewBy), 450*time.Second)
	made.RenewAt, made.RenewBy = time.Time{}, time.Time{}
	equal(t, "credential", *made, r2creds.Credentials{AccessKeyID: "minted-id", SecretAccessKey: "minted-secret",
		SessionToken: "minted-token", Endpoint: "https://" + account + ".eu.r2.cloudflarestorage.com",
		RequestID: "0123456789abcdef-LHR", IssuedAt: made.IssuedAt, ExpiresAt: made.IssuedAt.Add(time.Hour)})
	sent := server.last(t)
	equal(t, "body", sent.body, `{"bucket":"example-bucket","parentAccessKeyId":"`+parentID+
		`","permission":"admin-read-only","ttlSeconds":3600,"objects":["last","first"],`+
		`"prefixes":["z/","a/\"quoted\"","Ünïcode/"],"actions":["GetObject"],"n":1}`)
	equal(t, "authentication", sent.header.Get("Authorization"), "Bearer "+apiToken)
	equal(t, "header", sent.header.Get("X-Trace"), "one: two")
	equal(t, "empty header", len(sent.header.Values("X-Empty")), 1)
	equal(t, "user agent", strings.HasPrefix(sent.header.Get("User-Agent"), "my-tool/2.0 r2creds/"), true)
}

// For `go test -race`, of which this is a usual test: nothing but the reply orders the handler before what comes after.
func TestARaceDetectorSeesThatAReplyWasAwaited(t *testing.T) {
	var bucket string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var sent struct{ Bucket string }
		json.NewDecoder(r.Body).Decode(&sent)
		bucket = sent.Bucket
		io.WriteString(w, granted)
	}))
	defer server.Close()
	client := newClient(t, server.URL)
	for _, name := range []string{"first-bucket", "second-bucket"} {
		params := validParams()
		params.Bucket = name
		if _, err := client.Create(background, params); err != nil {
			t.Fatal(err)
		}
		equal(t, "bucket", bucket, name)
	}
}

func TestTheOlderPairAuthenticatesToo(t *testing.T) {
	server := newAPI(t)
	client, err := r2creds.NewClient(r2creds.WithAPIEmail("user@example.test"), r2creds.WithAPIKey("global-key"),
		r2creds.WithBaseURL(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Create(background, validParams()); err != nil {
		t.Fatal(err)
	}
	sent := server.last(t)
	equal(t, "e-mail", sent.header.Get("X-Auth-Email"), "user@example.test")
	equal(t, "key", sent.header.Get("X-Auth-Key"), "global-key")
	equal(t, "bearer", sent.header.Get("Authorization"), "")
}

func TestWhatNoOptionSaysComesFromTheEnvironment(t *testing.T) {
	server := newAPI(t)
	t.Setenv("CLOUDFLARE_API_TOKEN", "from-the-environment")
	t.Setenv("CLOUDFLARE_BASE_URL", server.URL)
	client, err := r2creds.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Create(background, validParams()); err != nil {
		t.Fatal(err)
	}
	equal(t, "bearer", server.last(t).header.Get("Authorization"), "Bearer from-the-environment")
	// What an option says is meant, even if it is empty.
	_, err = r2creds.NewClient(r2creds.WithAPIToken(""))
	equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "api_token")
}

// C's getenv would crash here: setenv moves the variables that it reads.
func TestTheEnvironmentMayChangeWhileAClientIsMade(t *testing.T) {
	t.Setenv("CLOUDFLARE_API_TOKEN", "from-the-environment")
	done := make(chan struct{})
	var changing sync.WaitGroup
	changing.Add(1)
	go func() {
		defer changing.Done()
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				os.Setenv(fmt.Sprintf("R2CREDS_TEST_%d", i%1000), strings.Repeat("x", i%100))
			}
			if i%1000 == 999 {
				for k := 0; k < 1000; k++ {
					os.Unsetenv(fmt.Sprintf("R2CREDS_TEST_%d", k))
				}
			}
		}
	}()
	for i := 0; i < 500; i++ {
		client, err := r2creds.NewClient(r2creds.WithProxyURL(""), r2creds.WithCAFile("testdata/nothing-here"))
		if err == nil {
			client.Close()
			t.Fatal("a file that is not there")
		}
	}
	close(done)
	changing.Wait()
	for k := 0; k < 1000; k++ {
		os.Unsetenv(fmt.Sprintf("R2CREDS_TEST_%d", k))
	}
}

// The table of errors that the other languages have.
func TestEveryReplyHasItsError(t *testing.T) {
	server := newAPI(t)
	usual := newClient(t, server.URL)
	impatient := newClient(t, server.URL, r2creds.WithAttemptTimeout(150*time.Millisecond))
	for _, each := range []struct {
		account    string
		status     r2creds.Status
		httpStatus int
		temporary  bool
		attempts   int
	}{
		{"http-400", r2creds.ErrBadRequest, 400, false, 1},
		{"http-401", r2creds.ErrAuthentication, 401, false, 1},
		{"http-403", r2creds.ErrPermissionDenied, 403, false, 1},
		{"http-404", r2creds.ErrNotFound, 404, false, 1},
		{"http-409", r2creds.ErrConflict, 409, true, 1},
		{"http-422", r2creds.ErrUnprocessable, 422, false, 1},
		{"http-429", r2creds.ErrRateLimited, 429, true, 1},
		{"http-500", r2creds.ErrServerError, 500, true, 1},
		{"http-599", r2creds.ErrServerError, 599, true, 1},
		{"http-302", r2creds.ErrAPIError, 302, false, 1},
		{"http-408", r2creds.ErrAPIError, 408, true, 1},
		{"http-418", r2creds.ErrAPIError, 418, false, 1},
		{"unsuccessful", r2creds.ErrAPIError, 200, false, 1},
		{"garbage", r2creds.ErrInvalidResponse, 200, false, 1},
		{"incomplete", r2creds.ErrInvalidResponse, 200, false, 1},
		{"reset", r2creds.ErrConnection, 0, true, 1},
		{"hangs", r2creds.ErrTimeout, 0, true, 1},
		{"a/b", r2creds.ErrInvalidArgument, 0, false, 0},
	} {
		client := usual
		if each.status == r2creds.ErrTimeout {
			client = impatient
		}
		made, err := client.Create(background, forAccount(each.account))
		failure := failed(t, err, each.status)
		equal(t, each.account, made, nil)
		equal(t, each.account, failure.HTTPStatus, each.httpStatus)
		equal(t, each.account, failure.Temporary(), each.temporary)
		equal(t, each.account, failure.Attempts, each.attempts)
		equal(t, each.account, failure.RetryAfter, 0)
		equal(t, each.account, failure.Field != "", each.status == r2creds.ErrInvalidArgument)
		equal(t, each.account, failure.RequestID, "")
		// It is this error and no other.
		for status := r2creds.Status(100); status < 1000; status++ {
			equal(t, each.account, errors.Is(err, status), status == each.status)
		}
		isTimeout := each.status == r2creds.ErrTimeout
		equal(t, each.account, failure.Timeout(), isTimeout)
		equal(t, each.account, errors.Is(err, context.DeadlineExceeded), isTimeout)
		equal(t, each.account, errors.Is(err, context.Canceled), false)
		if _, err := usual.Create(background, validParams()); err != nil {
			t.Fatalf("after %s: %v", each.account, err)
		}
	}
}

func TestAnErrorCarriesAllThatIsKnown(t *testing.T) {
	client := newClient(t, newAPI(t).URL)
	_, err := client.Create(background, forAccount("rich"))
	var network net.Error
	if !errors.As(fmt.Errorf("wrapped: %w", err), &network) || network.Timeout() {
		t.Fatalf("%v is no net.Error", err)
	}
	failure := failed(t, err, r2creds.ErrRateLimited)
	equal(t, "HTTP status", failure.HTTPStatus, 429)
	equal(t, "attempts", failure.Attempts, 1)
	equal(t, "wait", failure.RetryAfter, 61*time.Second)
	equal(t, "request id", failure.RequestID, "0123456789abcdef-LHR")
	equal(t, "hint", failure.Hint != "", true)
	equal(t, "text", err.Error(), "r2creds: "+failure.Message)
	expected := []r2creds.APIError{{Code: 10000, Message: "Slow down", DocumentationURL: "https://example.com/",
		Pointer: "/bucket"}, {Code: 7}}
	if !reflect.DeepEqual(failure.Errors, expected) || !reflect.DeepEqual(failure.Messages, []string{"first", "second"}) {
		t.Errorf("%+v", *failure)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	server := unstarted()
	authority := startTLS(t, server)
	_, err := newClient(t, server.URL).Create(background, validParams())
	failure := failed(t, err, r2creds.ErrTLS)
	equal(t, "attempts", failure.Attempts, 1)
	equal(t, "temporary", failure.Temporary(), false)
	if _, err := newClient(t, server.URL, r2creds.WithCAFile(authority)).Create(background, validParams()); err != nil {
		t.Fatal(err)
	}
}

// startTLS starts a server with a certificate of its own; the file has what to trust.
func startTLS(t *testing.T, server *api) string {
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
		Subject: pkix.Name{CommonName: "authority"}}
	authority, authorityKey := certificate(t, &template, &template, nil)
	leaf, leafKey := certificate(t, &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: template.NotBefore,
		NotAfter: template.NotAfter, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, &template, authorityKey)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf}, PrivateKey: leafKey}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority})
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// certificate is signed with the signer's key, or with its own where there is none.
func certificate(t *testing.T, template, signer *x509.Certificate,
	signerKey *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if signerKey == nil {
		signerKey = key
	}
	made, err := x509.CreateCertificate(rand.Reader, template, signer, &key.PublicKey, signerKey)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}

func TestAPortThatRefusesIsNoConnection(t *testing.T) {
	// A client's port is taken and not listened to: nobody else can begin to.
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp4", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = newClient(t, "http://"+client.LocalAddr().String()).Create(background, validParams())
	failure := failed(t, err, r2creds.ErrConnection)
	equal(t, "temporary", failure.Temporary(), true)
	equal(t, "HTTP status", failure.HTTPStatus, 0)
}

// 0 is "none", for the client and for one call; absent is the default, and one call has precedence.
func TestRetriesAreAsManyAsWereSaid(t *testing.T) {
	server := newAPI(t)
	for _, each := range []struct {
		client  []r2creds.Option
		request []r2creds.RequestOption
		times   int
	}{
		{nil, nil, 1}, // newClient's own option is 0
		{[]r2creds.Option{r2creds.WithMaxRetries(1)}, nil, 2},
		{[]r2creds.Option{r2creds.WithMaxRetries(1)}, []r2creds.RequestOption{r2creds.WithRequestMaxRetries(0)}, 1},
		{nil, []r2creds.RequestOption{r2creds.WithRequestMaxRetries(1)}, 2},
	} {
		before := server.count()
		_, err := newClient(t, server.URL, each.client...).Create(background, forAccount("http-500"), each.request...)
		equal(t, "attempts", failed(t, err, r2creds.ErrServerError).Attempts, each.times)
		equal(t, "requests", server.count()-before, each.times)
	}
}

func TestBadOptionsAreErrors(t *testing.T) {
	const huge, odd = time.Duration(math.MaxInt64), 1 << 32 * time.Millisecond
	for _, each := range []struct {
		name, field string
		status      r2creds.Status
		option      r2creds.Option
	}{
		{"nil", "options", r2creds.ErrInvalidArgument, nil},
		{"zero timeout", "timeout_ms", r2creds.ErrInvalidArgument, r2creds.WithTimeout(0)},
		{"negative timeout", "timeout_ms", r2creds.ErrInvalidArgument, r2creds.WithTimeout(-1)},
		{"huge timeout", "timeout_ms", r2creds.ErrInvalidArgument, r2creds.WithTimeout(huge)},
		{"zero attempt", "attempt_timeout_ms", r2creds.ErrInvalidArgument, r2creds.WithAttemptTimeout(0)},
		{"huge attempt", "attempt_timeout_ms", r2creds.ErrInvalidArgument, r2creds.WithAttemptTimeout(huge)},
		{"negative connect", "connect_timeout_ms", r2creds.ErrInvalidArgument, r2creds.WithConnectTimeout(-time.Second)},
		{"huge connect", "connect_timeout_ms", r2creds.ErrInvalidArgument, r2creds.WithConnectTimeout(odd)},
		{"negative retries", "max_retries", r2creds.ErrInvalidArgument, r2creds.WithMaxRetries(-1)},
		{"huge retries", "max_retries", r2creds.ErrInvalidArgument, r2creds.WithMaxRetries(math.MaxInt)},
		{"NUL in the token", "api_token", r2creds.ErrInvalidArgument, r2creds.WithAPIToken("a\x00b")},
		{"token that is not ASCII", "api_token", r2creds.ErrInvalidArgument, r2creds.WithAPIToken("\xff")},
		{"NUL in the URL", "base_url", r2creds.ErrInvalidArgument, r2creds.WithBaseURL("https://a\x00b")},
		{"no e-mail", "api_email", r2creds.ErrInvalidArgument, r2creds.WithAPIKey("key")},
		{"no key", "api_key", r2creds.ErrInvalidArgument, r2creds.WithAPIEmail("user@example.test")},
		{"NUL in the e-mail", "api_email", r2creds.ErrInvalidArgument, r2creds.WithAPIEmail("\x00")},
		{"NUL in the key", "api_key", r2creds.ErrInvalidArgument, r2creds.WithAPIKey("\x00")},
		{"http to elsewhere", "base_url", r2creds.ErrInvalidArgument, r2creds.WithBaseURL("http://example.test")},
		{"no such file", "ca_file", r2creds.ErrInvalidArgument, r2creds.WithCAFile("/no/such/file")},
		{"line break in the agent", "user_agent", r2creds.ErrInvalidArgument, r2creds.WithUserAgent("a\r\nb")},
		{"another kind of proxy", "proxy_url", r2creds.ErrUnsupported, r2creds.WithProxyURL("socks5://127.0.0.1:1080")},
	} {
		options := []r2creds.Option{r2creds.WithAPIToken(apiToken), each.option}
		if each.field == "api_email" || each.field == "api_key" {
			options = options[1:]
		}
		client, err := r2creds.NewClient(options...)
		failure := failed(t, err, each.status)
		if client != nil || failure.Field != each.field || !strings.Contains(failure.Message, ": ") {
			t.Errorf("%s: %v in %q, expected %q", each.name, failure, failure.Field, each.field)
		}
	}
	_, err := r2creds.NewClient()
	equal(t, "attempts", failed(t, err, r2creds.ErrNoAuthentication).Attempts, 0)
	if _, err := r2creds.NewClient(r2creds.WithAPIToken(apiToken), r2creds.WithProxyURL("")); err != nil {
		t.Error(err) // an empty proxy is "none"
	}
}

func TestBadCallsAreErrors(t *testing.T) {
	server := newAPI(t)
	open, closed := newClient(t, server.URL), newClient(t, server.URL)
	closed.Close()
	closed.Close()
	var none *r2creds.Client
	none.Close()
	new(r2creds.Client).Close()
	withParams := func(change func(*r2creds.Params)) r2creds.Params {
		params := validParams()
		change(&params)
		return params
	}
	for _, each := range []struct {
		name, field string
		client      *r2creds.Client
		ctx         context.Context
		params      r2creds.Params
		option      r2creds.RequestOption
	}{
		{"nil client", "client", none, background, validParams(), nil},
		{"zero client", "client", new(r2creds.Client), background, validParams(), nil},
		{"closed client", "client", closed, background, validParams(), nil},
		{"nil context", "ctx", open, nil, validParams(), nil},
		{"zero params", "account_id", open, background, r2creds.Params{}, nil},
		{"a path", "account_id", open, background, forAccount(".."), nil},
		{"no permission", "permission", open, background, withParams(func(p *r2creds.Params) { p.Permission = 0 }), nil},
		{"actions", "actions", open, background,
			withParams(func(p *r2creds.Params) { p.Actions = []string{"GetObject"} }), nil},
		{"NUL", "bucket", open, background, withParams(func(p *r2creds.Params) { p.Bucket = "a\x00b" }), nil},
		{"negative ttl", "ttl_seconds", open, background, withParams(func(p *r2creds.Params) { p.TTL = -1 }), nil},
		{"begins", "issued_at", open, background, withParams(func(p *r2creds.Params) { p.IssuedAt = time.Now() }), nil},
		{"authorization", "headers", open, background, validParams(), r2creds.WithHeader("Authorization", "Bearer x")},
		{"header of two lines", "headers", open, background, validParams(), r2creds.WithHeader("A", "b\r\nC: d")},
		{"colon in a name", "headers", open, background, validParams(), r2creds.WithHeader("A: b", "c")},
		{"no name", "headers", open, background, validParams(), r2creds.WithHeader("", "c")},
		{"NUL in a header", "headers", open, background, validParams(), r2creds.WithHeader("A", "\x00")},
		{"no object", "extra_body", open, background, validParams(), r2creds.WithExtraBody("[]")},
		{"nothing", "extra_body", open, background, validParams(), r2creds.WithExtraBody("")},
		{"its own parameter", "extra_body", open, background, validParams(), r2creds.WithExtraBody(`{"Bucket":1}`)},
		{"negative retries", "max_retries", open, background, validParams(), r2creds.WithRequestMaxRetries(-1)},
	} {
		var options []r2creds.RequestOption
		if each.option != nil {
			options = append(options, each.option)
		}
		made, err := each.client.Create(each.ctx, each.params, options...)
		failure := failed(t, err, r2creds.ErrInvalidArgument)
		if made != nil || failure.Field != each.field || failure.Attempts != 0 {
			t.Errorf("%s: %v in %q, expected %q", each.name, failure, failure.Field, each.field)
		}
	}
	_, err := open.Create(background, validParams(), nil)
	equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "options")
	equal(t, "requests", server.count(), 0)
}

// Sixteen goroutines share a client, and some of their calls are refused or cancelled.
func TestManyUseOneClient(t *testing.T) {
	server := newAPI(t)
	client := newClient(t, server.URL)
	var all sync.WaitGroup
	for worker := range 16 {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range 40 {
				switch (worker + i) % 4 {
				case 0:
					if _, err := client.Create(background, forAccount("http-403")); !errors.Is(err, r2creds.ErrPermissionDenied) {
						t.Error(err)
					}
				case 1:
					ctx, cancel := context.WithTimeout(background, 10*time.Millisecond)
					if _, err := client.Create(ctx, forAccount("hangs")); !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
					cancel()
				default:
					made, err := client.Create(background, validParams())
					if err != nil || made.SessionToken != "minted-token" {
						t.Error(made, err)
					}
				}
			}
		}()
	}
	all.Wait()
}

func TestWithNoEnvironmentReadsNoVariable(t *testing.T) {
	t.Setenv("CLOUDFLARE_API_TOKEN", "from-the-environment")
	t.Setenv("CLOUDFLARE_BASE_URL", "no URL")
	client, err := r2creds.NewClient(r2creds.WithNoEnvironment())
	if client != nil {
		t.Fatal("there is a client without authentication")
	}
	failure := failed(t, err, r2creds.ErrNoAuthentication)
	if !strings.Contains(failure.Message, "the environment is not read") {
		t.Error(failure)
	}
	client, err = r2creds.NewClient(r2creds.WithNoEnvironment(), r2creds.WithAPIToken(apiToken))
	if err != nil {
		t.Fatal(err) // the base URL of the environment would be refused
	}
	client.Close()
}
