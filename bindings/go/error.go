package r2creds

import (
	"context"
	"fmt"
	"time"
)

// Status is how a call failed: the numbers of the C library, as errors that errors.Is compares with. Read one that is
// not listed here by its hundred: 1xx your arguments, 2xx the way to Cloudflare, 3xx Cloudflare's answer, 9xx the
// library.
type Status int32

const (
	ErrInvalidArgument Status = 100 // An argument is missing, malformed or contradicts another. Nothing was sent.
	ErrUnsupported     Status = 101 // Understood, but this version cannot do it (a kind of proxy). Nothing was sent.
	// No API token, nor e-mail and key, in the options or the environment. Nothing was sent.
	ErrNoAuthentication Status = 102

	ErrConnection Status = 200 // Name lookup, connection, reset, truncated reply, or a proxy that refused.
	ErrTLS        Status = 201 // The certificate or the TLS handshake failed. Never retried.
	// The context's deadline or one of the client's timeouts passed. Also is context.DeadlineExceeded.
	ErrTimeout Status = 202
	// The context was cancelled, or the client closed. Also is context.Canceled.
	ErrCancelled Status = 203

	ErrBadRequest       Status = 300 // HTTP 400.
	ErrAuthentication   Status = 301 // HTTP 401.
	ErrPermissionDenied Status = 302 // HTTP 403.
	ErrNotFound         Status = 303 // HTTP 404.
	ErrConflict         Status = 304 // HTTP 409.
	ErrUnprocessable    Status = 305 // HTTP 422.
	ErrRateLimited      Status = 306 // HTTP 429; Error.RetryAfter says how long the server wants quiet.
	ErrServerError      Status = 307 // HTTP 5xx.
	ErrAPIError         Status = 308 // Any other reply that is not 2xx, or a 2xx whose success is false.
	// A 2xx reply that cannot be used: not JSON, a credential missing or empty, compressed, or larger than 1 MiB.
	ErrInvalidResponse Status = 309

	ErrInternal Status = 900 // The system refused something the library needs. Please report it.
	ErrPanic    Status = 901 // A bug in the library was caught at its boundary. Please report it.
)

// Error is the status's name and number, such as "r2creds: RATE_LIMITED (306)".
func (s Status) Error() string { return fmt.Sprintf("r2creds: %s (%d)", statusName(s), int32(s)) }

// Error is why a call failed. It holds no secret. It is a net.Error.
type Error struct {
	Status     Status        // What happened; errors.Is compares it.
	HTTPStatus int           // The reply's HTTP status; 0: there was no reply.
	Message    string        // One line for a person.
	Hint       string        // The likely cause and the next step; empty where neither is known.
	Field      string        // The argument at fault as the C library spells it ("bucket", "ttl_seconds"), or empty.
	RequestID  string        // Cloudflare's CF-Ray, to quote to its support, or empty.
	RetryAfter time.Duration // How long the server asked to wait, whenever it can be read; 0: it asked nothing.
	Attempts   int           // How many attempts were made; 0: nothing was sent.
	Errors     []APIError    // Cloudflare's own errors; at most 64 are kept.
	Messages   []string      // Cloudflare's own messages; at most 64 are kept.

	retryable bool
}

// APIError is one entry of the errors in Cloudflare's reply. What is absent there is zero here.
type APIError struct {
	Code             int64  // Cloudflare's number, such as 10000.
	Message          string // Cloudflare's text.
	DocumentationURL string // Where Cloudflare explains it.
	Pointer          string // JSON pointer to the part of the request at fault.
}

// Error is one line for a person. Hint may say more.
func (e *Error) Error() string {
	if e.Message == "" { // the library always has one, but not an error that somebody made for a test
		return e.Status.Error()
	}
	return "r2creds: " + e.Message
}

// Is makes errors.Is match the status, and the context package's error for a timeout or a cancelled call.
func (e *Error) Is(target error) bool {
	switch target {
	case e.Status:
		return true
	case context.DeadlineExceeded:
		return e.Status == ErrTimeout
	case context.Canceled:
		return e.Status == ErrCancelled
	}
	return false
}

// Timeout reports whether a clock ran out.
func (e *Error) Timeout() bool { return e.Status == ErrTimeout }

// Temporary reports whether the same call may succeed later.
func (e *Error) Temporary() bool { return e.retryable }

// refuse is for what would be lost on the way to C.
func refuse(field, problem string) *Error {
	return &Error{Status: ErrInvalidArgument, Field: field, Message: field + ": " + problem}
}
