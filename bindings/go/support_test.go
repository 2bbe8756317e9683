package r2creds_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	r2creds "r2creds.dev/go"
)

const (
	account      = "023e105f4ecef8ad9ca31a8372d0c353"
	parentID     = "0123456789abcdef0123456789abcdef"
	parentSecret = "0000000000000000000000000000000000000000000000000000000000000001"
	apiToken     = "api-token-that-nobody-may-see"

	granted = `{"success":true,"errors":[],"messages":[],"result":{"accessKeyId":"minted-id",` +
		`"secretAccessKey":"minted-secret","sessionToken":"minted-token"}}`
	refused = `{"success":false,"errors":[{"code":7003,"message":"no"}],"messages":[],"result":null}`

	// Nothing in these tests takes this long unless it is broken.
	patience = 30 * time.Second
	// A call is back within 100 ms. The rest is for a machine that is busy with other work.
	promptly = 400 * time.Millisecond
)

func TestMain(m *testing.M) {
	for _, name := range []string{"CLOUDFLARE_API_TOKEN", "CLOUDFLARE_EMAIL", "CLOUDFLARE_API_KEY", "CLOUDFLARE_BASE_URL",
		"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"} {
		os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

func validParams() r2creds.Params {
	return r2creds.Params{AccountID: account, Bucket: "example-bucket", ParentAccessKeyID: parentID,
		Permission: r2creds.ObjectReadWrite}
}

func signParams() r2creds.Params {
	params := validParams()
	params.ParentSecretAccessKey = parentSecret
	return params
}

func forAccount(account string) r2creds.Params {
	params := validParams()
	params.AccountID = account
	return params
}

func newClient(t testing.TB, url string, options ...r2creds.Option) *r2creds.Client {
	t.Helper()
	client, err := r2creds.NewClient(append([]r2creds.Option{r2creds.WithAPIToken(apiToken), r2creds.WithBaseURL(url),
		r2creds.WithMaxRetries(0)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// failed is the error as this package's own, with the status that it has to have.
func failed(t testing.TB, err error, status r2creds.Status) *r2creds.Error {
	t.Helper()
	var failure *r2creds.Error
	if !errors.As(err, &failure) || !errors.Is(err, status) || failure.Status != status {
		t.Fatalf("%v, expected %v", err, status)
	}
	return failure
}

// A request as the API saw it.
type request struct {
	header http.Header
	body   string
}

// api stands in for Cloudflare's API. The account says how it answers.
type api struct {
	*httptest.Server
	reached chan struct{} // one for each request that is held up
	closed  chan struct{} // one for each connection that was closed
	release chan struct{} // closed when what is late may come
	onHang  func(account string)
	isUser  bool // the API token is a user's, not an account's

	mu       sync.Mutex
	requests []request
}

func newAPI(t testing.TB) *api { return newAPIThat(t, nil) }

// newAPIThat calls onHang while it holds up the request of an account that hangs.
func newAPIThat(t testing.TB, onHang func(account string)) *api {
	a := unstarted()
	a.onHang = onHang
	a.Start()
	t.Cleanup(a.Close)
	return a
}

func unstarted() *api {
	a := &api{reached: make(chan struct{}, 10_000), closed: make(chan struct{}, 10_000),
		release: make(chan struct{})}
	a.Server = httptest.NewUnstartedServer(a)
	a.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that go away are no news
	a.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			a.closed <- struct{}{}
		}
	}
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/tokens/verify") {
		a.verify(w, r)
		return
	}
	path, ok := strings.CutSuffix(r.URL.Path, "/r2/temp-access-credentials")
	account, found := strings.CutPrefix(path, "/accounts/")
	body, err := io.ReadAll(r.Body)
	if !ok || !found || r.Method != http.MethodPost || err != nil || !json.Valid(body) {
		http.Error(w, "not a request that the API documents", http.StatusTeapot)
		return
	}
	a.mu.Lock()
	a.requests = append(a.requests, request{r.Header.Clone(), string(body)})
	a.mu.Unlock()

	kind, rest, _ := strings.Cut(account, "-")
	switch kind {
	case "http":
		status, _ := strconv.Atoi(rest)
		w.WriteHeader(status)
		io.WriteString(w, refused)
	case "unsuccessful":
		io.WriteString(w, refused)
	case "garbage":
		io.WriteString(w, "<html>")
	case "incomplete":
		io.WriteString(w, strings.Replace(granted, "minted-token", "", 1))
	case "rich":
		w.Header().Set("Retry-After", "61")
		w.Header().Set("CF-Ray", "0123456789abcdef-LHR")
		w.WriteHeader(http.StatusTooManyRequests)
		io.WriteString(w, `{"success":false,"errors":[{"code":10000,"message":"Slow down",`+
			`"documentation_url":"https://example.com/","source":{"pointer":"/bucket"}},{"code":7}],`+
			`"messages":["first","second"]}`)
	case "reset":
		connection, _, _ := w.(http.Hijacker).Hijack()
		connection.(*net.TCPConn).SetLinger(0)
		connection.Close()
	case "hangs":
		a.reached <- struct{}{}
		if a.onHang != nil {
			a.onHang(account)
		}
		<-r.Context().Done()
	case "late":
		a.reached <- struct{}{}
		select {
		case <-a.release:
			io.WriteString(w, granted)
		case <-r.Context().Done():
		}
	case "drips":
		w.Header().Set("Content-Length", "1000")
		io.WriteString(w, "{")
		w.(http.Flusher).Flush()
		a.reached <- struct{}{}
		<-r.Context().Done()
	case "waits":
		w.Header().Set("Retry-After", "59")
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		w.(http.Flusher).Flush()
		a.reached <- struct{}{}
	default:
		w.Header().Set("CF-Ray", "0123456789abcdef-LHR")
		io.WriteString(w, granted)
	}
}

// verify knows the token of an account, unless the account says how it answers, and the user's where that is "user".
func (a *api) verify(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.requests = append(a.requests, request{r.Header.Clone(), r.URL.Path})
	a.mu.Unlock()
	kind, rest, _ := strings.Cut(strings.Split(r.URL.Path, "/")[2], "-")
	isUser := strings.HasPrefix(r.URL.Path, "/user/")
	status := http.StatusUnauthorized
	switch {
	case kind == "hangs":
		a.reached <- struct{}{}
		<-r.Context().Done()
		return
	case kind == "http":
		status, _ = strconv.Atoi(rest)
	case isUser == a.isUser:
		io.WriteString(w, `{"success":true,"result":{"id":"`+parentID+`","status":"active",`+
			`"not_before":"2020-01-01T00:00:00Z","expires_on":"2030-01-01T00:00:00Z"}}`)
		return
	}
	w.WriteHeader(status)
	io.WriteString(w, refused)
}

// last is the latest request.
func (a *api) last(t testing.TB) request {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.requests) == 0 {
		t.Fatal("no request came")
	}
	return a.requests[len(a.requests)-1]
}

func (a *api) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.requests)
}

func await(t testing.TB, what string, event <-chan struct{}) {
	t.Helper()
	select {
	case <-event:
	case <-time.After(patience):
		t.Fatalf("%s: not after %v", what, patience)
	}
}

// until polls for what gives no event.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

// median is the middle of three times, so that one moment in which the machine does something else does not count.
func median(measure func() time.Duration) time.Duration {
	times := []time.Duration{measure(), measure(), measure()}
	slices.Sort(times)
	return times[1]
}

// within checks that something took at least and at most so long.
func within(t testing.TB, took, least, most time.Duration) {
	t.Helper()
	if took < least || took > most {
		t.Fatalf("took %v, expected %v to %v", took, least, most)
	}
}

func equal[T comparable](t testing.TB, what string, got, expected T) {
	t.Helper()
	if got != expected {
		t.Fatalf("%s: %s, expected %s", what, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", expected))
	}
}
