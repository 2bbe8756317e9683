package r2creds

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
)

// An Option says how a client reaches Cloudflare. What no option says comes from the environment, or is the default.
// A narrower timeout is capped by a wider one. A fraction of a millisecond is rounded up; zero or less is an error.
type Option func(*clientOptions)

type clientOptions struct {
	apiToken, apiEmail, apiKey, baseURL, proxyURL, caFile, userAgent *string
	timeout, attemptTimeout, connectTimeout                          *time.Duration
	maxRetries                                                       *int
	noEnvironment                                                    bool
}

// WithAPIToken sets the API token. Default: CLOUDFLARE_API_TOKEN. An explicit token wins over everything.
func WithAPIToken(token string) Option { return func(o *clientOptions) { o.apiToken = &token } }

// WithAPIEmail sets the e-mail of the older pair. Default: CLOUDFLARE_EMAIL. Needs WithAPIKey.
func WithAPIEmail(email string) Option { return func(o *clientOptions) { o.apiEmail = &email } }

// WithAPIKey sets the API key of the older pair. Default: CLOUDFLARE_API_KEY. Needs WithAPIEmail.
func WithAPIKey(key string) Option { return func(o *clientOptions) { o.apiKey = &key } }

// WithBaseURL sets where the API is: https, or http to loopback; no userinfo, query or fragment.
// Default: CLOUDFLARE_BASE_URL, else https://api.cloudflare.com/client/v4.
func WithBaseURL(url string) Option { return func(o *clientOptions) { o.baseURL = &url } }

// WithProxyURL sets a proxy, http://[user:password@]host:port, used by CONNECT; no other kind is supported. "": none.
// Default: HTTPS_PROXY, https_proxy, ALL_PROXY, all_proxy, less what NO_PROXY or no_proxy names. Loopback is never
// proxied.
func WithProxyURL(url string) Option { return func(o *clientOptions) { o.proxyURL = &url } }

// WithCAFile sets a PEM file whose certificates are trusted instead of all others. Default: SSL_CERT_FILE, else
// the system's.
func WithCAFile(path string) Option { return func(o *clientOptions) { o.caFile = &path } }

// WithUserAgent sets printable ASCII to be put in front of r2creds/<version> in the User-Agent header.
func WithUserAgent(name string) Option { return func(o *clientOptions) { o.userAgent = &name } }

// WithTimeout limits a whole call: every attempt, wait and body. Default: 60 s, or the context's deadline where it has
// one. With both, the sooner one counts.
func WithTimeout(limit time.Duration) Option { return func(o *clientOptions) { o.timeout = &limit } }

// WithAttemptTimeout limits one attempt. Default: 20 s.
func WithAttemptTimeout(limit time.Duration) Option {
	return func(o *clientOptions) { o.attemptTimeout = &limit }
}

// WithConnectTimeout limits connection and TLS of one attempt. Default: 5 s. The name lookup before it has the attempt's
// time.
func WithConnectTimeout(limit time.Duration) Option {
	return func(o *clientOptions) { o.connectTimeout = &limit }
}

// WithMaxRetries sets how often a failed attempt is repeated; 0: never. Default: 2.
func WithMaxRetries(count int) Option { return func(o *clientOptions) { o.maxRetries = &count } }

// WithNoEnvironment looks for nothing in the environment that no option says: no variable is read, SSL_CERT_FILE
// neither.
func WithNoEnvironment() Option { return func(o *clientOptions) { o.noEnvironment = true } }

// A RequestOption says what differs for one call. For its timeout there is the context.
type RequestOption func(*requestOptions)

type requestOptions struct {
	headers    []string
	extraBody  *string
	maxRetries *int
	wrong      *Error
}

// WithHeader adds a header: visible ASCII, space and tab. Refused are those the library sets itself or that change how
// the request is framed or authenticated: Host, Content-*, Transfer-Encoding, Connection, Keep-Alive, TE, Trailer,
// Upgrade, Expect, Accept-Encoding, Authorization, Proxy-*, X-Auth-*. Accept and User-Agent replace the library's own.
func WithHeader(name, value string) RequestOption {
	return func(o *requestOptions) {
		if strings.Contains(name, ":") { // C, which takes whole lines, would see a shorter name
			o.wrong = refuse("headers", "a colon inside the name; give name and value apart")
		}
		o.headers = append(o.headers, name+": "+value)
	}
}

// WithExtraBody sets a JSON object whose keys are appended to the request body, in this order, for parameters newer
// than the library. It may not repeat a parameter that the library sends.
func WithExtraBody(object string) RequestOption {
	return func(o *requestOptions) { o.extraBody = &object }
}

// WithRequestMaxRetries is WithMaxRetries for one call.
func WithRequestMaxRetries(count int) RequestOption {
	return func(o *requestOptions) { o.maxRetries = &count }
}

// A Client makes calls to Cloudflare's API. Any number of goroutines may use one at once. Keep it: it keeps the
// connection. Close it; one that has become unreachable is closed by the garbage collector, some time.
type Client struct {
	using   sync.RWMutex // held for reading by every call
	handle  *handle      // nil once closed
	timeout time.Duration
	closing context.Context
	end     context.CancelFunc
}

// NewClient settles authentication, proxy and certificates; it sends nothing. The only reader of the environment, and
// only where no option says otherwise. It is Go's environment that is read, so other goroutines may call os.Setenv. Not
// during a Create that looks up a name: the C library's resolver reads a few variables of its own (RES_OPTIONS and
// others), as it does for package net where that uses cgo.
//
// Authentication is the explicit token, else the explicit e-mail and key, else the token of the environment, else its
// e-mail and key. One scheme is sent, never two.
//
// The error matches [ErrInvalidArgument], [ErrUnsupported], [ErrNoAuthentication], [ErrInternal] or [ErrPanic].
func NewClient(options ...Option) (*Client, error) {
	var all clientOptions
	for i, option := range options {
		if option == nil {
			return nil, refuse("options", fmt.Sprintf("entry %d is nil; leave it out", i))
		}
		option(&all)
	}
	handle, err := newHandle(&all)
	if err != nil {
		return nil, err
	}
	c := &Client{handle: handle}
	if all.timeout != nil {
		c.timeout = *all.timeout
	}
	c.closing, c.end = context.WithCancel(context.Background())
	freeWhenUnreachable(c, handle)
	return c, nil
}

// Close ends the calls in flight with [ErrCancelled], waits until they are out, which takes less than 100 ms, and frees
// the client. Later calls are errors; closing again, or closing nil, does nothing.
func (c *Client) Close() {
	if c == nil || c.end == nil {
		return
	}
	c.end()
	c.using.Lock()
	defer c.using.Unlock()
	if c.handle != nil {
		c.handle.free()
		c.handle = nil
	}
}

// Create asks Cloudflare's API for a credential. It blocks until there is a result.
//
// params needs Permission; Actions and IssuedAt are refused, because the API has neither. Jurisdiction and Endpoint
// decide nothing but the Endpoint of the result. Failed attempts are repeated where that can help: no connection, a
// reset, an attempt's timeout, HTTP 408, 409, 429 and 5xx, and R2's own "internal error"; never a bad argument, a TLS
// failure or a cancelled call. Redirects are never followed.
//
// ctx ends the call in every phase, within 100 ms. Its deadline is the call's timeout; where WithTimeout is sooner,
// that is. A name lookup cannot be interrupted: one thread for each client and host may be left to end it.
//
// The error matches any Status but [ErrNoAuthentication].
func (c *Client) Create(ctx context.Context, params Params, options ...RequestOption) (*Credentials, error) {
	var made *Credentials
	failure := c.call(ctx, options, func(all *requestOptions, cancel *cancel, timeout uint32) (failure *Error) {
		made, failure = c.handle.create(&params, all, cancel, timeout)
		return failure
	})
	if failure != nil {
		return nil, failure
	}
	return made, nil
}

// collect applies the options of a call.
func collect(options []RequestOption) (*requestOptions, *Error) {
	var all requestOptions
	for i, option := range options {
		if option == nil {
			return nil, refuse("options", fmt.Sprintf("entry %d is nil; leave it out", i))
		}
		option(&all)
	}
	return &all, all.wrong
}

// call runs one that ctx and Close end. run is not called on a client that is closed.
func (c *Client) call(ctx context.Context, options []RequestOption,
	run func(all *requestOptions, cancel *cancel, timeout uint32) *Error) *Error {
	if c == nil {
		return refuse("client", "nil, expected one from NewClient")
	}
	if ctx == nil {
		return refuse("ctx", "nil, expected a context, such as context.Background()")
	}
	all, failure := collect(options)
	if failure != nil {
		return failure
	}
	c.using.RLock()
	defer c.using.RUnlock()
	if c.handle == nil {
		return refuse("client", "closed, expected an open one from NewClient")
	}
	timeout, failure := timeoutOf(ctx, c.timeout)
	if failure != nil {
		return failure
	}
	cancel, failure := newCancel()
	if failure != nil {
		return failure
	}
	defer cancel.free()
	defer after(c.closing, cancel.trigger)()
	defer after(ctx, func() {
		// The library has the deadline as its timeout, and ends the call itself when that has passed. Its error then
		// says what it was waiting for, which that of a cancelled call does not.
		if _, has := ctx.Deadline(); !has || !passed(ctx) {
			cancel.trigger()
		}
	})()
	return asOf(ctx, run(all, cancel, timeout))
}

// asOf says of a call that was cancelled what the context says: a deadline may pass that its Deadline does not tell.
func asOf(ctx context.Context, failure *Error) *Error {
	if failure != nil && failure.Status == ErrCancelled && passed(ctx) {
		failure.Status, failure.Message, failure.retryable = ErrTimeout, "the context's deadline passed", true
	}
	return failure
}

func passed(ctx context.Context) bool { return errors.Is(ctx.Err(), context.DeadlineExceeded) }

// timeoutOf is what a call has left in milliseconds, rounded up; 0: the default, which is sooner. A context that is over
// already is an error, and nothing is sent.
func timeoutOf(ctx context.Context, usual time.Duration) (uint32, *Error) {
	deadline, has := ctx.Deadline()
	left := time.Until(deadline)
	switch {
	case has && left <= 0 || passed(ctx):
		return 0, &Error{Status: ErrTimeout, Message: "the context's deadline had passed before the call",
			retryable: true}
	case ctx.Err() != nil:
		return 0, &Error{Status: ErrCancelled, Message: "the context was cancelled before the call"}
	case !has || usual > 0 && usual <= left:
		return 0, nil
	}
	return uint32(min(roundUp(left), math.MaxUint32)), nil
}

// after runs act once ctx is done. The function that it returns calls this off, or waits for act where that has begun.
func after(ctx context.Context, act func()) func() {
	if ctx.Done() == nil {
		return func() {}
	}
	acted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(acted)
		act()
	})
	return func() {
		if !stop() {
			<-acted
		}
	}
}
