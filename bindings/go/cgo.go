package r2creds

/*
#include <stdlib.h>
#include <r2creds.h>

// What a call returned. Arguments and results are passed by value, so that C never gets a pointer into Go's memory.
typedef struct {
	r2creds_credentials *credentials;
	r2creds_client *client;
	r2creds_provider *provider;
	r2creds_inspection *inspection;
	r2creds_parent *parent;
	r2creds_error *error;
	r2creds_status status;
} outcome;

static outcome call_sign(r2creds_params params) {
	outcome made = {0};
	made.status = r2creds_sign(&params, &made.credentials, &made.error);
	return made;
}

static outcome call_create(const r2creds_client *client, r2creds_params params, r2creds_request_options options) {
	outcome made = {0};
	made.status = r2creds_create(client, &params, &options, &made.credentials, &made.error);
	return made;
}

static outcome call_client_new(r2creds_client_options options, char **environment, size_t environment_len) {
	outcome made = {0};
	const char *const *variables = (const char *const *)environment;
	made.status = r2creds_client_new_with_environment(&options, variables, environment_len, &made.client, &made.error);
	return made;
}

static outcome call_provider_new(const r2creds_client *client, r2creds_params params, r2creds_request_options options) {
	outcome made = {0};
	made.status = r2creds_provider_new(client, &params, &options, &made.provider, &made.error);
	return made;
}

// Returns no credential where it is the one that is known: the strings of all credentials of one renewal are the same.
static outcome call_provider_get(r2creds_provider *provider, r2creds_cancel *cancel, uint32_t timeout_ms,
		const r2creds_credentials *known) {
	outcome made = {0};
	r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
	options.cancel = cancel;
	options.timeout_ms = timeout_ms;
	made.status = r2creds_provider_get(provider, &options, &made.credentials, &made.error);
	if (known != NULL && made.credentials != NULL && made.credentials->session_token == known->session_token) {
		r2creds_credentials_free(made.credentials);
		made.credentials = NULL;
	}
	return made;
}

static outcome call_inspect(r2creds_inspect_params params) {
	outcome made = {0};
	made.status = r2creds_inspect(&params, &made.inspection, &made.error);
	return made;
}

static outcome call_parent_of_token(const r2creds_client *client, const char *account_id,
		r2creds_request_options options) {
	outcome made = {0};
	made.status = r2creds_parent_of_token(client, account_id, &options, &made.parent, &made.error);
	return made;
}

// Frees all in one call, because each call from Go into C costs some 50 ns.
static void release(void *memory, outcome made) {
	free(memory);
	r2creds_credentials_free(made.credentials);
	r2creds_parent_free(made.parent);
	r2creds_error_free(made.error);
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
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
	"unsafe"
)

// The structs of the C library, named for layout_test.go, where cgo cannot be used.
type (
	cParams         = C.r2creds_params
	cClientOptions  = C.r2creds_client_options
	cRequestOptions = C.r2creds_request_options
	cCredentials    = C.r2creds_credentials
	cAPIError       = C.r2creds_api_error
	cError          = C.r2creds_error
	cInspectParams  = C.r2creds_inspect_params
	cFinding        = C.r2creds_finding
	cInspection     = C.r2creds_inspection
	cParent         = C.r2creds_parent
)

// arguments is the memory that C borrows for one call: all strings and lists of strings, in one block of C's heap.
//
// How large it must be is known only when all are counted. So every conversion runs twice, with the same code: first
// without a block, to add up the sizes and to find what C could not be told, such as a NUL inside a string; then, after
// allocate, to copy into the block and to make the pointers.
type arguments struct {
	memory []byte // nil while the sizes are added up
	used   int
	wrong  *Error // the first problem
}

func (a *arguments) allocate() {
	size := a.used + 1 // because calloc may answer NULL to 0
	a.memory = unsafe.Slice((*byte)(C.calloc(1, C.size_t(size))), size)
	a.used = 0
}

// release frees what a call was given and what it returned. The block is wiped first, for there may be secrets in it.
func (a *arguments) release(made C.outcome) {
	clear(a.memory)
	C.release(unsafe.Pointer(unsafe.SliceData(a.memory)), made)
}

func (a *arguments) refuse(field, problem string) {
	if a.wrong == nil {
		a.wrong = refuse(field, problem)
	}
}

// take returns the next size bytes of the block, or nil while the sizes are added up.
func (a *arguments) take(size int) []byte {
	from := a.used
	a.used += size
	if a.memory == nil {
		return nil
	}
	return a.memory[from:a.used]
}

// text passes a string on, an empty one too.
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

// optional passes a string on, and nil as NULL.
func (a *arguments) optional(field string, value *string) *C.char {
	if value == nil {
		return nil
	}
	return a.text(field, *value)
}

// unlessEmpty passes a string on, and an empty one as NULL.
func (a *arguments) unlessEmpty(field, value string) *C.char {
	if value == "" {
		return nil
	}
	return a.text(field, value)
}

// list passes nil on as NULL, and a slice without entries as a list without entries, which C tells apart.
func (a *arguments) list(field string, values []string) (**C.char, C.size_t) {
	if values == nil {
		return nil, 0
	}
	const pointer = int(unsafe.Sizeof(uintptr(0)))
	a.take(-a.used & (pointer - 1)) // up to where a pointer may stand
	var first **C.char
	var entries []*C.char
	if to := a.take(max(len(values), 1) * pointer); to != nil {
		first = (**C.char)(unsafe.Pointer(&to[0]))
		entries = unsafe.Slice(first, len(values))
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
	return first, C.size_t(len(values))
}

// ttl refuses what is not whole seconds instead of rounding it: a lifetime is granted as it was asked for, or not at
// all. Zero is the default, in C too.
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

// unix converts to Unix seconds. C reads 0 as "now", as Go's zero time is meant, so that the epoch itself is refused.
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

// milliseconds rounds up: less than one millisecond would become 0, which C reads as the default.
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

// fromUnix keeps to the years that JSON and RFC 3339 have four digits for: json.Marshal fails for others.
func fromUnix(seconds C.int64_t) time.Time {
	first := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	return time.Unix(min(max(int64(seconds), first.Unix()), last.Unix()), 0).UTC()
}

// optionalTime is zero where C has 0, for absent.
func optionalTime(seconds C.int64_t) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return fromUnix(seconds)
}

func roundUp(value time.Duration) int64 {
	rounded := value / time.Millisecond
	if value%time.Millisecond > 0 {
		rounded++
	}
	return int64(rounded)
}

// retries passes 0, no retries, as -1, because C reads 0 as the default.
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

// params passes required strings on even where they are empty, so that the library says what an empty one should have
// been, and not that it is NULL.
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
	to.endpoint = a.unlessEmpty("endpoint", from.Endpoint)
	to.issued_at = a.unix("issued_at", from.IssuedAt)
	to.ttl_seconds = a.ttl(from.TTL)
	to.permission = C.int32_t(from.Permission)
	to.jurisdiction = C.int32_t(from.Jurisdiction)
	to.directories, to.directories_len = a.list("directories", from.Directories)
	return to
}

func (a *arguments) clientOptions(from *clientOptions) (to cClientOptions) {
	to.struct_size = C.sizeof_r2creds_client_options
	to.api_token = a.optional("api_token", from.apiToken)
	to.api_email = a.optional("api_email", from.apiEmail)
	to.api_key = a.optional("api_key", from.apiKey)
	to.base_url = a.optional("base_url", from.baseURL)
	to.proxy_url = a.optional("proxy_url", from.proxyURL)
	to.ca_file = a.optional("ca_file", from.caFile)
	to.user_agent = a.optional("user_agent", from.userAgent)
	to.timeout_ms = a.milliseconds("timeout_ms", from.timeout)
	to.attempt_timeout_ms = a.milliseconds("attempt_timeout_ms", from.attemptTimeout)
	to.connect_timeout_ms = a.milliseconds("connect_timeout_ms", from.connectTimeout)
	to.max_retries = a.retries(from.maxRetries)
	if from.noEnvironment {
		to.flags = C.R2CREDS_CLIENT_NO_ENVIRONMENT
	}
	return to
}

func (a *arguments) inspectParams(from *InspectParams) (to cInspectParams) {
	to.struct_size = C.sizeof_r2creds_inspect_params
	to.session_token = a.text("session_token", from.SessionToken)
	to.access_key_id = a.unlessEmpty("access_key_id", from.AccessKeyID)
	to.secret_access_key = a.unlessEmpty("secret_access_key", from.SecretAccessKey)
	to.parent_secret_access_key = a.unlessEmpty("parent_secret_access_key", from.ParentSecretAccessKey)
	to.endpoint = a.unlessEmpty("endpoint", from.Endpoint)
	to.at = a.unix("at", from.At)
	return to
}

// requestOptions also takes what a call gets from its context: what cancels it, and its timeout in milliseconds, or 0
// for the client's.
func (a *arguments) requestOptions(from *requestOptions, cancel *cancel, timeout uint32) (to cRequestOptions) {
	to.struct_size = C.sizeof_r2creds_request_options
	if cancel != nil {
		to.cancel = cancel.raw
	}
	to.headers, to.headers_len = a.list("headers", from.headers)
	to.extra_body = a.optional("extra_body", from.extraBody)
	to.timeout_ms = C.uint32_t(timeout)
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
	made := C.call_sign(a.params(params, true))
	defer a.release(made)
	if made.status != C.R2CREDS_STATUS_OK {
		return nil, failure(made.error)
	}
	return credentials(made.credentials), nil
}

// A handle is the library's client. It is freed once, by Close or when its Client has become unreachable.
type handle struct {
	raw  *C.r2creds_client
	once sync.Once
}

func newHandle(options *clientOptions) (*handle, error) {
	// C would read the process's environment while other goroutines may be in os.Setenv.
	environment := os.Environ()
	var a arguments
	a.clientOptions(options)
	a.list("environment", environment)
	if a.wrong != nil {
		return nil, a.wrong
	}
	a.allocate()
	rawOptions := a.clientOptions(options)
	variables, count := a.list("environment", environment)
	made := C.call_client_new(rawOptions, variables, count)
	defer a.release(made)
	if made.status != C.R2CREDS_STATUS_OK {
		return nil, failure(made.error)
	}
	return &handle{raw: made.client}, nil
}

func (h *handle) free() { h.once.Do(func() { C.r2creds_client_free(h.raw) }) }

// create lasts at most timeout milliseconds; 0: the client's.
func (h *handle) create(params *Params, options *requestOptions, cancel *cancel,
	timeout uint32) (*Credentials, *Error) {
	var a arguments
	a.params(params, false)
	a.requestOptions(options, cancel, timeout)
	if a.wrong != nil {
		return nil, a.wrong
	}
	a.allocate()
	rawParams, rawOptions := a.params(params, false), a.requestOptions(options, cancel, timeout)
	raceRelease()
	made := C.call_create(h.raw, rawParams, rawOptions)
	raceAcquire()
	defer a.release(made)
	if made.status != C.R2CREDS_STATUS_OK {
		return nil, failure(made.error)
	}
	return credentials(made.credentials), nil
}

func (h *handle) parentOfToken(accountID string, options *requestOptions, cancel *cancel,
	timeout uint32) (*Parent, *Error) {
	var a arguments
	a.text("account_id", accountID)
	a.requestOptions(options, cancel, timeout)
	if a.wrong != nil {
		return nil, a.wrong
	}
	a.allocate()
	account, rawOptions := a.text("account_id", accountID), a.requestOptions(options, cancel, timeout)
	raceRelease()
	made := C.call_parent_of_token(h.raw, account, rawOptions)
	raceAcquire()
	defer a.release(made)
	if made.status != C.R2CREDS_STATUS_OK {
		return nil, failure(made.error)
	}
	return parent(made.parent), nil
}

// A providerHandle is the library's provider. It is freed once, by Close or when its Provider has become unreachable.
type providerHandle struct {
	raw *C.r2creds_provider
	// Triggered already: what is got with it waits for nothing, and says so.
	now  *cancel
	once sync.Once
}

func newProviderHandle(client *handle, params *Params, options *requestOptions) (*providerHandle, *Error) {
	signs := client == nil
	var raw *C.r2creds_client
	if !signs {
		raw = client.raw
	}
	now, wrong := newCancel()
	if wrong != nil {
		return nil, wrong
	}
	now.trigger()
	var a arguments
	a.params(params, signs)
	a.requestOptions(options, nil, 0)
	if a.wrong != nil {
		now.free()
		return nil, a.wrong
	}
	a.allocate()
	rawParams, rawOptions := a.params(params, signs), a.requestOptions(options, nil, 0)
	made := C.call_provider_new(raw, rawParams, rawOptions)
	defer a.release(made)
	if made.status != C.R2CREDS_STATUS_OK {
		now.free()
		return nil, failure(made.error)
	}
	return &providerHandle{raw: made.provider, now: now}, nil
}

func (h *providerHandle) free() {
	h.once.Do(func() {
		C.r2creds_provider_free(h.raw)
		h.now.free()
	})
}

// get returns the credential that is good now, which may be the last one. 0: for as long as the renewal takes.
func (h *providerHandle) get(last *given, cancel *cancel, timeout uint32) (*given, *Error) {
	var known *C.r2creds_credentials
	if last != nil {
		known = last.lent.raw
	}
	raceRelease()
	made := C.call_provider_get(h.raw, cancel.raw, C.uint32_t(timeout), known)
	raceAcquire()
	runtime.KeepAlive(last) // until here the address of its strings is nobody else's
	switch {
	case made.status != C.R2CREDS_STATUS_OK:
		defer C.r2creds_error_free(made.error)
		return nil, failure(made.error)
	case made.credentials == nil:
		return last, nil
	}
	next := &given{credentials: *credentials(made.credentials), lent: &lent{made.credentials}}
	runtime.SetFinalizer(next.lent, (*lent).free)
	return next, nil
}

func (h *providerHandle) reject(credentials *lent) {
	C.r2creds_provider_reject(h.raw, credentials.raw)
	runtime.KeepAlive(credentials)
}

func (h *providerHandle) lastError() *Error {
	last := C.r2creds_provider_last_error(h.raw)
	if last == nil {
		return nil
	}
	defer C.r2creds_error_free(last)
	return failure(last)
}

// A lent is a provider's credential in C, by which the provider knows it. The garbage collector frees it.
type lent struct{ raw *C.r2creds_credentials }

func (l *lent) free() { C.r2creds_credentials_free(l.raw) }

// A cancel ends the call that it is given to.
type cancel struct{ raw *C.r2creds_cancel }

func newCancel() (*cancel, *Error) {
	raw := C.call_cancel_new()
	if raw == nil {
		return nil, &Error{Status: ErrInternal, Message: "no cancel object could be made"}
	}
	return &cancel{raw}, nil
}

func (c *cancel) trigger() { C.r2creds_cancel_trigger(c.raw) }
func (c *cancel) free()    { C.r2creds_cancel_free(c.raw) }

func inspect(params *InspectParams) (*Inspection, error) {
	var a arguments
	a.inspectParams(params)
	if a.wrong != nil {
		return nil, a.wrong
	}
	a.allocate()
	made := C.call_inspect(a.inspectParams(params))
	defer a.release(made)
	if made.status != C.R2CREDS_STATUS_OK {
		return nil, failure(made.error)
	}
	all := inspection(made.inspection)
	all.handle = &inspectionHandle{made.inspection}
	runtime.SetFinalizer(all.handle, (*inspectionHandle).free)
	return all, nil
}

// An inspectionHandle is the library's inspection, which answers Allows. The garbage collector frees it.
type inspectionHandle struct{ raw *C.r2creds_inspection }

func (h *inspectionHandle) free() { C.r2creds_inspection_free(h.raw) }

func (h *inspectionHandle) allows(action, key string) (bool, error) {
	var a arguments
	a.text("action", action)
	a.unlessEmpty("key", key)
	if a.wrong != nil {
		return false, a.wrong
	}
	a.allocate()
	defer a.release(C.outcome{})
	what, where := a.text("action", action), a.unlessEmpty("key", key)
	allowed := C.r2creds_inspection_allows(h.raw, what, where)
	runtime.KeepAlive(h)
	if allowed < 0 {
		return false, refuse("action", "not an S3 operation that R2 has, or one that needs a key, and there is none")
	}
	return allowed == 1, nil
}

// inspection copies what the library returned.
func inspection(from *cInspection) *Inspection {
	to := &Inspection{
		AccountID:         C.GoString(from.account_id),
		Bucket:            C.GoString(from.bucket),
		ParentAccessKeyID: C.GoString(from.parent_access_key_id),
		Host:              C.GoString(from.host),
		Prefixes:          goStrings(from.prefixes, from.prefixes_len),
		Objects:           goStrings(from.objects, from.objects_len),
		Actions:           goStrings(from.actions, from.actions_len),
		Permission:        Permission(from.permission),
		IssuedAt:          optionalTime(from.issued_at),
		ExpiresAt:         optionalTime(from.expires_at),
		IsRefused:         from.is_refused != 0,
	}
	for _, finding := range unsafe.Slice(from.findings, from.findings_len) {
		to.Findings = append(to.Findings, Finding{
			Code:    C.GoString(finding.code),
			Message: C.GoString(finding.message),
			Hint:    C.GoString(finding.hint),
		})
	}
	return to
}

func goStrings(from **C.char, size C.size_t) (to []string) {
	for _, text := range unsafe.Slice(from, size) {
		to = append(to, C.GoString(text))
	}
	return to
}

// parent copies what the library returned.
func parent(from *cParent) *Parent {
	return &Parent{
		AccessKeyID:     C.GoString(from.access_key_id),
		SecretAccessKey: C.GoString(from.secret_access_key),
		TokenStatus:     C.GoString(from.token_status),
		Kind:            TokenKind(from.kind),
		NotBefore:       optionalTime(from.not_before),
		ExpiresAt:       optionalTime(from.expires_at),
	}
}

// credentials copies what the library returned.
func credentials(from *cCredentials) *Credentials {
	return &Credentials{
		AccessKeyID:     C.GoString(from.access_key_id),
		SecretAccessKey: C.GoString(from.secret_access_key),
		SessionToken:    C.GoString(from.session_token),
		Endpoint:        C.GoString(from.endpoint),
		RequestID:       C.GoString(from.request_id),
		IssuedAt:        fromUnix(from.issued_at),
		ExpiresAt:       fromUnix(from.expires_at),
		RenewAt:         fromUnix(from.renew_at),
		RenewBy:         fromUnix(from.renew_by),
	}
}

// failure copies the library's error, which is never nil where a call failed.
func failure(from *cError) *Error {
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
	to.Messages = goStrings(from.messages, from.messages_len)
	return to
}

func statusName(status Status) string {
	return C.GoString(C.r2creds_status_name(C.r2creds_status(status)))
}
