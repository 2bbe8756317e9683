package r2creds

import (
	"context"
	"sync"
	"sync/atomic"
)

// A Provider gives one credential to many callers, and renews it in time: ask it before every request. Any number of
// goroutines may use one at once. Close it; one that has become unreachable is closed by the garbage collector, some
// time.
//
// While the credential is fresh, Get takes a fraction of a microsecond. From its RenewAt on the next one is made beside
// it; from its RenewBy on Get waits for that, but with a good credential in hand never longer than two seconds, whatever
// the API does. Only without one, as at the first call, does it wait for the renewal itself; after a failure it returns
// that again, at once, until the pause that follows is over (Error.RetryAfter).
type Provider struct {
	using   sync.RWMutex // held for reading by every call
	handle  *providerHandle
	last    atomic.Pointer[given]
	closing context.Context
	end     context.CancelFunc
}

// given is the newest credential that C gave, and by what C knows it.
type given struct {
	credentials Credentials
	lent        *lent
}

// NewProvider returns a provider that signs locally. It checks everything that can be checked. With IssuedAt every
// credential begins at that time, and none can be had once it is over: for tests.
//
// The error matches [ErrInvalidArgument], [ErrUnsupported], [ErrInternal] or [ErrPanic].
func NewProvider(params Params) (*Provider, error) {
	return newProvider(nil, &params, &requestOptions{})
}

// NewProvider returns a provider that asks Cloudflare's API through this client, which may be closed first. It checks
// everything that can be checked, and sends nothing. The options are those of every renewal, whose time is the client's.
//
// The error matches [ErrInvalidArgument], [ErrUnsupported], [ErrInternal] or [ErrPanic].
func (c *Client) NewProvider(params Params, options ...RequestOption) (*Provider, error) {
	if c == nil {
		return nil, refuse("client", "nil, expected one from NewClient")
	}
	all, failure := collect(options)
	if failure != nil {
		return nil, failure
	}
	c.using.RLock()
	defer c.using.RUnlock()
	if c.handle == nil {
		return nil, refuse("client", "closed, expected an open one from NewClient")
	}
	return newProvider(c.handle, &params, all)
}

func newProvider(client *handle, params *Params, options *requestOptions) (*Provider, error) {
	handle, err := newProviderHandle(client, params, options)
	if err != nil {
		return nil, err
	}
	p := &Provider{handle: handle}
	p.closing, p.end = context.WithCancel(context.Background())
	freeWhenUnreachable(p, handle)
	return p, nil
}

// Get returns a credential that is good now, for one request. ctx ends the wait, within 100 ms, and no renewal; where
// no wait is needed, it is not looked at. The credential is a copy, which stays as it is.
//
// The error matches any Status but [ErrNoAuthentication].
func (p *Provider) Get(ctx context.Context) (*Credentials, error) {
	if p == nil || p.end == nil {
		return nil, refuse("provider", "nil or zero, expected one from NewProvider")
	}
	if ctx == nil {
		return nil, refuse("ctx", "nil, expected a context, such as context.Background()")
	}
	p.using.RLock()
	defer p.using.RUnlock()
	if p.handle == nil {
		return nil, refuse("provider", "closed, expected an open one from NewProvider")
	}
	last := p.last.Load()
	next, failure := p.handle.get(last, p.handle.now, 0)
	if failure != nil && failure.Status == ErrCancelled { // it would have to wait
		next, failure = p.wait(ctx, last)
	}
	if failure != nil {
		return nil, failure
	}
	if next != last {
		p.last.Store(next)
	}
	made := next.credentials
	return &made, nil
}

func (p *Provider) wait(ctx context.Context, last *given) (*given, *Error) {
	timeout, failure := timeoutOf(ctx, 0)
	if failure != nil {
		return nil, failure
	}
	cancel, failure := newCancel()
	if failure != nil {
		return nil, failure
	}
	defer cancel.free()
	defer after(p.closing, cancel.trigger)()
	defer after(ctx, func() { // as for Create
		if _, has := ctx.Deadline(); !has || !passed(ctx) {
			cancel.trigger()
		}
	})()
	next, failure := p.handle.get(last, cancel, timeout)
	return next, asOf(ctx, failure)
}

// Reject tells that R2 refused this credential: with 403 SignatureDoesNotMatch, with 400 InvalidArgument about
// X-Amz-Security-Token, or with 401; never on AccessDenied, which is about the grant. The next Get makes another one.
// It does nothing where the credential is not the current one any more, nor within 10 s of another rejection.
func (p *Provider) Reject(credentials *Credentials) {
	if p == nil || credentials == nil {
		return
	}
	p.using.RLock()
	defer p.using.RUnlock()
	if last := p.last.Load(); p.handle != nil && last != nil && *credentials == last.credentials {
		p.handle.reject(last.lent)
	}
}

// LastError is why the last renewal failed, an *Error; nil when it succeeded, or none was tried. For alarms before the
// end comes.
func (p *Provider) LastError() error {
	if p == nil {
		return nil
	}
	p.using.RLock()
	defer p.using.RUnlock()
	if p.handle == nil {
		return nil
	}
	if failure := p.handle.lastError(); failure != nil {
		return failure
	}
	return nil
}

// Close ends the renewal that runs, and the waits of other goroutines with [ErrCancelled]. Later calls are errors;
// closing again, or closing nil, does nothing. Credentials that it gave stay.
func (p *Provider) Close() {
	if p == nil || p.end == nil {
		return
	}
	p.end()
	p.using.Lock()
	defer p.using.Unlock()
	if p.handle != nil {
		p.handle.free()
		p.handle = nil
	}
}
