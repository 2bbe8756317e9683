package r2creds

/*
#include <stdlib.h>
#include <r2creds.h>

// How a call ended, by value: C is never given a pointer into Go's memory.
typedef struct {
	r2creds_credentials *credentials;
	r2creds_client *client;
	r2creds_error *error;
	r2creds_status status;
} outcome;

static outcome call_sign(r2creds_params params) {
	outcome end = {0};
	end.status = r2creds_sign(&params, &end.credentials, &end.error);
	return end;
}

static outcome call_create(const r2creds_client *client, r2creds_params params, r2creds_request_options options) {
	outcome end = {0};
	end.status = r2creds_create(client, &params, &options, &end.credentials, &end.error);
	return end;
}

static outcome call_client_new(r2creds_client_options options) {
	outcome end = {0};
	end.status = r2creds_client_new(&options, &end.client, &end.error);
	return end;
}

// One call into C instead of three, since each costs something.
static void release(void *memory, outcome end) {
	free(memory);
	r2creds_credentials_free(end.credentials);
	r2creds_error_free(end.error);
}

static r2creds_cancel *call_cancel_new(void) {
	r2creds_cancel *cancel;
	r2creds_cancel_new(&cancel);
	return cancel;
}
*/
import "C"

import (
	"fmt"
	"math"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// The structs of the C library; a test compares them with its record of their layout.
type (
	cParams         = C.r2creds_params
	cClientOptions  = C.r2creds_client_options
	cRequestOptions = C.r2creds_request_options
	cCredentials    = C.r2creds_credentials
	cAPIError       = C.r2creds_api_error
	cError          = C.r2creds_error
)

// arguments is the C memory that one call borrows: strings and lists of strings in a single block. A struct is made
// from it twice, first to learn the size and what C cannot be told, then, after allocate, to be used.
type arguments struct {
	memory []byte
	used   int
	wrong  *Error
}

func (a *arguments) allocate() {
	size := a.used + 1 // never 0, for which there need not be a block
	a.memory = unsafe.Slice((*byte)(C.calloc(1, C.size_t(size))), size)
	a.used = 0
}

// release frees what a call was given and what came back. The block is wiped, for there may be secrets in it.
func (a *arguments) release(end C.outcome) {
	clear(a.memory)
	C.release(unsafe.Pointer(unsafe.SliceData(a.memory)), end)
}

func (a *arguments) refuse(field, problem string) {
	if a.wrong == nil {
		a.wrong = refuse(field, problem)
	}
}

// take is the place of the next size bytes; nil while the size is not yet known.
func (a *arguments) take(size int) []byte {
	from := a.used
	a.used += size
	if a.memory == nil {
		return nil
	}
	return a.memory[from:a.used]
}

// text passes a string on as it is.
func (a *arguments) text(field, value string) *C.char {
	to := a.take(len(value) + 1)
	if to == nil {
		if strings.IndexByte(value, 0) >= 0 {
			a.refuse(field, "a NUL inside the string, which would end it; remove it")
		}
		return nil
	}
	copy(to, value)
	return (*C.char)(unsafe.Pointer(&to[0]))
}

// given passes on a string that is absent only when it is nil.
func (a *arguments) given(field string, value *string) *C.char {
	if value == nil {
		return nil
	}
	return a.text(field, *value)
}

func (a *arguments) list(field string, values []string) (**C.char, C.size_t) {
	if len(values) == 0 {
		return nil, 0
	}
	const pointer = int(unsafe.Sizeof(uintptr(0)))
	a.take(-a.used & (pointer - 1)) // pointers are aligned
	var entries []*C.char
	if to := a.take(len(values) * pointer); to != nil {
		entries = unsafe.Slice((**C.char)(unsafe.Pointer(&to[0])), len(values))
	}
	for i, value := range values {
		if strings.IndexByte(value, 0) >= 0 {
			a.refuse(field, fmt.Sprintf("entry %d: a NUL inside the string; remove it", i))
		}
		entry := a.text(field, value)
		if entries != nil {
			entries[i] = entry
		}
	}
	return unsafe.SliceData(entries), C.size_t(len(values))
}

// ttl is whole seconds, since a lifetime must be granted as it was asked for. Zero is the default.
func (a *arguments) ttl(value time.Duration) C.uint32_t {
	switch {
	case value < 0:
		a.refuse("ttl_seconds", "negative, expected 1 to 604800 seconds, or 0 for the default")
	case value%time.Second != 0:
		a.refuse("ttl_seconds", "a fraction of a second, expected whole seconds; round it")
	case value/time.Second > math.MaxUint32:
		a.refuse("ttl_seconds", "does not fit in 32 bits, expected 1 to 604800 seconds")
	}
	return C.uint32_t(value / time.Second)
}

// unix is a time in seconds, for which C reads 0 as "now".
func (a *arguments) unix(field string, value time.Time) C.int64_t {
	if value.IsZero() {
		return 0
	}
	seconds := value.Unix()
	if seconds == 0 {
		a.refuse(field, "the Unix epoch, expected a later time, or the zero time.Time for now")
	}
	return C.int64_t(seconds)
}

// milliseconds rounds up, so that a little time is not none, which C reads as its default.
func (a *arguments) milliseconds(field string, value *time.Duration) C.uint32_t {
	if value == nil {
		return 0
	}
	rounded := roundUp(*value)
	switch {
	case *value <= 0:
		a.refuse(field, "0 or less, expected more; leave the option out for the default")
	case rounded > math.MaxUint32:
		a.refuse(field, "does not fit in 32 bits, expected less than 49 days")
	}
	return C.uint32_t(rounded)
}

func roundUp(value time.Duration) int64 {
	rounded := value / time.Millisecond
	if value%time.Millisecond > 0 {
		rounded++
	}
	return int64(rounded)
}

// retries turns 0, which C reads as its default, into C's "none".
func (a *arguments) retries(value *int) C.int32_t {
	switch {
	case value == nil:
		return 0
	case *value == 0:
		return -1
	case *value < 0:
		a.refuse("max_retries", "negative, expected 0 or more")
	case *value > math.MaxInt32:
		a.refuse("max_retries", "does not fit in 32 bits")
	}
	return C.int32_t(*value)
}

// params passes what is required on even where it is empty, since C says "NULL" of what is not there.
func (a *arguments) params(from *Params, signs bool) (to cParams) {
	to.struct_size = C.sizeof_r2creds_params
	to.account_id = a.text("account_id", from.AccountID)
	to.bucket = a.text("bucket", from.Bucket)
	to.parent_access_key_id = a.text("parent_access_key_id", from.ParentAccessKeyID)
	if secret := from.ParentSecretAccessKey; secret != "" || signs {
		to.parent_secret_access_key = a.text("parent_secret_access_key", secret)
	}
	to.prefixes, to.prefixes_len = a.list("prefixes", from.Prefixes)
	to.objects, to.objects_len = a.list("objects", from.Objects)
	to.actions, to.actions_len = a.list("actions", from.Actions)
	if from.Endpoint != "" {
		to.endpoint = a.text("endpoint", from.Endpoint)
	}
	to.issued_at = a.unix("issued_at", from.IssuedAt)
	to.ttl_seconds = a.ttl(from.TTL)
	to.permission = C.int32_t(from.Permission)
	to.jurisdiction = C.int32_t(from.Jurisdiction)
	return to
}

func (a *arguments) clientOptions(from *clientOptions) (to cClientOptions) {
	to.struct_size = C.sizeof_r2creds_client_options
	to.api_token = a.given("api_token", from.apiToken)
	to.api_email = a.given("api_email", from.apiEmail)
	to.api_key = a.given("api_key", from.apiKey)
	to.base_url = a.given("base_url", from.baseURL)
	to.proxy_url = a.given("proxy_url", from.proxyURL)
	to.ca_file = a.given("ca_file", from.caFile)
	to.user_agent = a.given("user_agent", from.userAgent)
	to.timeout_ms = a.milliseconds("timeout_ms", from.timeout)
	to.attempt_timeout_ms = a.milliseconds("attempt_timeout_ms", from.attemptTimeout)
	to.connect_timeout_ms = a.milliseconds("connect_timeout_ms", from.connectTimeout)
	to.max_retries = a.retries(from.maxRetries)
	return to
}

func (a *arguments) requestOptions(from *requestOptions) (to cRequestOptions) {
	to.struct_size = C.sizeof_r2creds_request_options
	to.headers, to.headers_len = a.list("headers", from.headers)
	to.extra_body = a.given("extra_body", from.extraBody)
	to.max_retries = a.retries(from.maxRetries)
	return to
}

func sign(params *Params) (*Credentials, error) {
	var a arguments
	a.params(params, true)
	if a.wrong != nil {
		return nil, a.wrong
	}
	a.allocate()
	end := C.call_sign(a.params(params, true))
	defer a.release(end)
	if end.status != C.R2CREDS_STATUS_OK {
		return nil, failure(end)
	}
	return credentials(end.credentials), nil
}

// A handle is the library's client. It is freed once, by Close or when its Client is forgotten.
type handle struct {
	raw  *C.r2creds_client
	once sync.Once
}

func newHandle(options *clientOptions) (*handle, error) {
	var a arguments
	a.clientOptions(options)
	if a.wrong != nil {
		return nil, a.wrong
	}
	a.allocate()
	end := C.call_client_new(a.clientOptions(options))
	defer a.release(end)
	if end.status != C.R2CREDS_STATUS_OK {
		return nil, failure(end)
	}
	return &handle{raw: end.client}, nil
}

func (h *handle) free() { h.once.Do(func() { C.r2creds_client_free(h.raw) }) }

// create lasts at most timeout milliseconds; 0: the client's.
func (h *handle) create(params *Params, options *requestOptions, cancel *cancel,
	timeout uint32) (*Credentials, *Error) {
	var a arguments
	a.params(params, false)
	a.requestOptions(options)
	if a.wrong != nil {
		return nil, a.wrong
	}
	a.allocate()
	rawParams, rawOptions := a.params(params, false), a.requestOptions(options)
	rawOptions.cancel = cancel.raw
	rawOptions.timeout_ms = C.uint32_t(timeout)
	beforeSockets()
	end := C.call_create(h.raw, rawParams, rawOptions)
	afterSockets()
	defer a.release(end)
	if end.status != C.R2CREDS_STATUS_OK {
		return nil, failure(end)
	}
	return credentials(end.credentials), nil
}

// A cancel ends the call that it is given to.
type cancel struct{ raw *C.r2creds_cancel }

func newCancel() (*cancel, error) {
	raw := C.call_cancel_new()
	if raw == nil {
		return nil, &Error{Status: ErrInternal, Message: "no cancel object could be made"}
	}
	return &cancel{raw}, nil
}

func (c *cancel) trigger() { C.r2creds_cancel_trigger(c.raw) }
func (c *cancel) free()    { C.r2creds_cancel_free(c.raw) }

// credentials copies what the library returned.
func credentials(from *cCredentials) *Credentials {
	return &Credentials{
		AccessKeyID:     C.GoString(from.access_key_id),
		SecretAccessKey: C.GoString(from.secret_access_key),
		SessionToken:    C.GoString(from.session_token),
		Endpoint:        C.GoString(from.endpoint),
		RequestID:       C.GoString(from.request_id),
		IssuedAt:        time.Unix(int64(from.issued_at), 0).UTC(),
		ExpiresAt:       time.Unix(int64(from.expires_at), 0).UTC(),
	}
}

// failure copies the library's error.
func failure(end C.outcome) *Error {
	from := end.error
	if from == nil {
		return &Error{Status: Status(end.status)}
	}
	to := &Error{
		Status:     Status(from.status),
		HTTPStatus: int(from.http_status),
		Message:    C.GoString(from.message),
		Hint:       C.GoString(from.hint),
		Field:      C.GoString(from.field),
		RequestID:  C.GoString(from.request_id),
		Attempts:   int(from.attempts),
		retryable:  from.retryable != 0,
	}
	if from.retry_after_ms > 0 {
		const most = math.MaxInt64 / int64(time.Millisecond)
		to.RetryAfter = time.Duration(min(int64(from.retry_after_ms), most)) * time.Millisecond
	}
	for _, entry := range unsafe.Slice(from.errors, from.errors_len) {
		to.Errors = append(to.Errors, APIError{
			Code:             int64(entry.code),
			Message:          C.GoString(entry.message),
			DocumentationURL: C.GoString(entry.documentation_url),
			Pointer:          C.GoString(entry.pointer),
		})
	}
	for _, message := range unsafe.Slice(from.messages, from.messages_len) {
		to.Messages = append(to.Messages, C.GoString(message))
	}
	return to
}

func statusName(status Status) string {
	return C.GoString(C.r2creds_status_name(C.r2creds_status(status)))
}
