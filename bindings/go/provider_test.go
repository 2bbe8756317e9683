package r2creds_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	r2creds "r2creds.dev/go"
)

func get(t *testing.T, provider *r2creds.Provider) *r2creds.Credentials {
	t.Helper()
	credentials, err := provider.Get(background)
	if err != nil {
		t.Fatal(err)
	}
	return credentials
}

func TestAProviderGivesTheSameCredentialWhileItIsFresh(t *testing.T) {
	provider, err := r2creds.NewProvider(signParams())
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	first, second := get(t, provider), get(t, provider)
	equal(t, "credential", *first, *second)
	if first == second {
		t.Error("a credential is shared, so that who changes it changes it for others")
	}
	equal(t, "renew at", first.ExpiresAt.Sub(first.RenewAt), 225*time.Second)
	equal(t, "renew by", first.ExpiresAt.Sub(first.RenewBy), 112*time.Second)
	equal(t, "last error", provider.LastError(), nil)
	done, cancel := context.WithCancel(background)
	cancel()
	if _, err := provider.Get(done); err != nil {
		t.Error("a context that is over, though no wait is needed:", err)
	}
}

func TestAProviderRenewsAndNeverGivesWhatIsOver(t *testing.T) {
	p := signParams()
	p.TTL = 2 * time.Second
	provider, err := r2creds.NewProvider(p)
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	seen := map[string]bool{}
	for len(seen) < 3 {
		credentials := get(t, provider)
		if !time.Now().Before(credentials.ExpiresAt) {
			t.Fatal("over:", credentials)
		}
		seen[credentials.SessionToken] = true
		time.Sleep(10 * time.Millisecond)
	}
}

func TestOneCallServesAllGoroutines(t *testing.T) {
	server := newAPI(t)
	client := newClient(t, server.URL)
	provider, err := client.NewProvider(validParams(), r2creds.WithHeader("X-Own", "1"))
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	client.Close() // the provider has what it needs
	var all sync.WaitGroup
	for i := 0; i < 32; i++ {
		all.Add(1)
		go func() {
			defer all.Done()
			for k := 0; k < 100; k++ {
				get(t, provider)
			}
		}()
	}
	all.Wait()
	equal(t, "requests", server.count(), 1)
	equal(t, "header", server.last(t).header.Get("X-Own"), "1")
}

func TestAWaitEndsWithItsContextAndTheRenewalGoesOn(t *testing.T) {
	server := newAPI(t)
	provider, err := newClient(t, server.URL).NewProvider(forAccount("late"))
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	short, cancel := context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	_, err = provider.Get(short)
	failed(t, err, r2creds.ErrTimeout)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	ended, end := context.WithCancel(background)
	go func() {
		await(t, "the renewal", server.reached)
		end()
	}()
	_, err = provider.Get(ended)
	failed(t, err, r2creds.ErrCancelled)
	close(server.release)
	get(t, provider)
	equal(t, "requests", server.count(), 1)
}

func TestAFailureIsToldAgainWithoutAnotherCall(t *testing.T) {
	server := newAPI(t)
	provider, err := newClient(t, server.URL).NewProvider(forAccount("rich"))
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	for i := 0; i < 100; i++ {
		_, err := provider.Get(background)
		within(t, failed(t, err, r2creds.ErrRateLimited).RetryAfter, 30*time.Second, 61*time.Second)
	}
	failed(t, provider.LastError(), r2creds.ErrRateLimited)
	equal(t, "requests", server.count(), 1)
}

func TestARejectedCredentialIsReplaced(t *testing.T) {
	server := newAPI(t)
	provider, err := newClient(t, server.URL).NewProvider(validParams())
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	first := get(t, provider)
	other := *first
	other.SessionToken = "other"
	provider.Reject(&other)
	provider.Reject(nil)
	get(t, provider)
	equal(t, "requests", server.count(), 1)
	provider.Reject(first)
	second := get(t, provider)
	equal(t, "requests", server.count(), 2)
	provider.Reject(second) // too soon
	get(t, provider)
	equal(t, "requests", server.count(), 2)
}

func TestWhatIsNoProvider(t *testing.T) {
	provider, err := r2creds.NewProvider(signParams())
	if err != nil {
		t.Fatal(err)
	}
	credentials := get(t, provider)
	provider.Close()
	provider.Close()
	for _, none := range []*r2creds.Provider{nil, {}, provider} {
		_, err := none.Get(background)
		equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "provider")
		none.Reject(credentials)
		equal(t, "last error", none.LastError(), nil)
		none.Close()
	}
	wrong := signParams()
	wrong.Prefixes = []string{}
	_, err = r2creds.NewProvider(wrong)
	equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "prefixes")
	client := newClient(t, "http://127.0.0.1:1")
	_, err = client.NewProvider(validParams(), r2creds.WithHeader("Host", "x"))
	equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "headers")
	client.Close()
	_, err = client.NewProvider(validParams())
	equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "client")
	_, err = (*r2creds.Client)(nil).NewProvider(validParams())
	equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "client")
}

func TestClosingEndsTheWaitsOfOthers(t *testing.T) {
	server := newAPI(t)
	provider, err := newClient(t, server.URL).NewProvider(forAccount("hangs"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		await(t, "the renewal", server.reached)
		provider.Close()
	}()
	_, err = provider.Get(background)
	failed(t, err, r2creds.ErrCancelled)
}

func TestGetMakesFewAllocations(t *testing.T) {
	provider, err := r2creds.NewProvider(signParams())
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	get(t, provider)
	if count := testing.AllocsPerRun(1000, func() { get(t, provider) }); count > 3 {
		t.Errorf("%v allocations", count)
	}
}
