// Package r2creds gives programs temporary, scoped credentials for Cloudflare R2: one bucket, one permission, chosen
// keys, fifteen minutes. [Client.Create] asks Cloudflare's API; [Sign] makes the same kind of credential locally from
// the parent key pair, without any network.
//
//	client, err := r2creds.NewClient() // CLOUDFLARE_API_TOKEN from the environment
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	credentials, err := client.Create(ctx, r2creds.Params{
//		AccountID:         "023e105f4ecef8ad9ca31a8372d0c353",
//		Bucket:            "recordings",
//		ParentAccessKeyID: "0123456789abcdef0123456789abcdef",
//		Permission:        r2creds.ObjectReadOnly,
//	})
//
// It is a thin layer over the C library r2creds, which makes all decisions: what is valid, what is sent, what is tried
// again, what an error says. This package refuses only what would be lost on the way to C: a NUL inside a string, a
// number that does not fit, a zero that is "default" in C, a nil.
//
// # Defaults
//
// In [Params] the zero value of an optional field is its default, as everywhere in Go. What is given to an option
// function is meant: WithAPIToken("") is an error, and WithMaxRetries(0) means no retries.
//
// # Errors
//
// Every error of this package is an [*Error], and matches one of the constants of type [Status]:
//
//	if errors.Is(err, r2creds.ErrRateLimited) { ... }
//
// # Threads
//
// Everything may be used by many goroutines at once. A call blocks one operating system thread until it returns.
//
// # Secrets
//
// No error holds a secret. [Params], [Credentials], [InspectParams] and [Parent] print theirs as [redacted], through fmt
// and log/slog. fmt cannot know that where one is the unexported field of another struct, and does not ask where the
// verb is %p or %w. encoding/json shows a credential in full, for handing it to a client is what it is for, and leaves
// all other secrets out; so does slog's JSONHandler where one is inside another value. Other encoders show everything. The library wipes its own
// copies, and this package those that it makes for C; Go cannot wipe the strings that you pass and get.
package r2creds

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Permission is what a credential may do; one for all its paths. A credential never exceeds its parent key.
// There is no default: the widest right is never given by omission.
type Permission int32

const (
	ObjectReadOnly  Permission = 1 // Read and list objects.
	ObjectReadWrite Permission = 2 // Read, list, write and delete objects.
	AdminReadOnly   Permission = 3 // Read and list objects, and read the bucket's configuration.
	AdminReadWrite  Permission = 4 // Everything, the bucket's configuration included.
)

// Jurisdiction is where a bucket's data must stay. A jurisdictional bucket answers only at its own host.
type Jurisdiction int32

const (
	DefaultJurisdiction Jurisdiction = 0 // None.
	EU                  Jurisdiction = 1 // European Union.
	FedRAMP             Jurisdiction = 2 // FedRAMP.
	US                  Jurisdiction = 3 // United States.
)

// Params is what is granted: one bucket, one permission or list of actions, optional paths, and a lifetime. The same
// for [Client.Create] and [Sign]. Everything is checked before anything is sent, and nothing is kept after the call.
type Params struct {
	// Cloudflare account id: 1 to 32 of A-Z a-z 0-9 _ -. Required.
	AccountID string
	// Bucket name: 3 to 63 of a-z 0-9 -, alphanumeric at both ends. Required.
	Bucket string
	// Access key id of the parent key pair, which is the id of its API token. Required. Sign wants exactly 32
	// lower-case hexadecimal digits.
	ParentAccessKeyID string
	// Secret access key of the parent pair, which is the SHA-256 of its API token's value: 64 lower-case hexadecimal
	// digits. Required by Sign; Create has no use for it. Never leaves the machine.
	ParentSecretAccessKey string `json:"-"`
	// Required by Create; Sign takes either this or Actions.
	Permission Permission
	// Sign only, instead of Permission: S3 operations such as "GetObject", each at most once.
	// Read: HeadObject GetObject GetBucketLocation ListObjectsV1 ListObjectsV2 ListMultipartUploads ListParts;
	// write: PutObject DeleteObject DeleteObjects CopyObject; multipart: CreateMultipartUpload UploadPart
	// UploadPartCopy AbortMultipartUpload CompleteMultipartUpload.
	Actions []string
	// Key prefixes the credential may touch, 1 to 1024 bytes each; plain string prefixes, so "data/a" also opens
	// "data/ab": Directories do not. With no Prefixes, Objects and Directories (all nil): the whole bucket. A slice that is
	// not nil and has no entries is an error: a list that a program computed must not open the whole bucket when it comes
	// out empty.
	Prefixes []string
	// Exact object keys the credential may touch, 1 to 1024 bytes each. As Prefixes, not empty.
	Objects []string
	// Directories the credential may touch, 1 to 1023 bytes each, without a slash at the end: "data/tbl" is everything
	// below it and the bare name, and nothing beside it such as "data/tbl2". As Prefixes, not empty.
	Directories []string
	// Lifetime in whole seconds, one second to seven days. Zero: 15 minutes.
	TTL time.Duration
	// Not together with Endpoint.
	Jurisdiction Jurisdiction
	// Scheme and host of the S3 endpoint, with an optional port: https, or http to loopback.
	// Empty: https://<account>[.eu|.fedramp|.us].r2.cloudflarestorage.com.
	Endpoint string
	// Sign only: when the credential begins; a fraction of a second is dropped. Zero: now. For reproducible tests.
	IssuedAt time.Time
}

// Credentials is a temporary credential. It is plain Go memory: there is nothing to close.
type Credentials struct {
	AccessKeyID     string    `json:"accessKeyId"`         // S3 access key id. Not a secret.
	SecretAccessKey string    `json:"secretAccessKey"`     // S3 secret access key. A secret.
	SessionToken    string    `json:"sessionToken"`        // S3 session token (X-Amz-Security-Token). A secret.
	Endpoint        string    `json:"endpoint"`            // Where it is valid: scheme and host. The S3 region is "auto".
	RequestID       string    `json:"requestId,omitempty"` // CF-Ray of the reply; empty when signed locally or absent.
	IssuedAt        time.Time `json:"issuedAt"`            // When it begins, in UTC.
	ExpiresAt       time.Time `json:"expiresAt"`           // When it ends, in UTC; never later than the truth.

	// From here on get the next one, while this one is used: a quarter of its life before its end, at most an hour. A
	// Provider does that; for caches of others.
	RenewAt time.Time `json:"renewAt"`
	// From here on begin nothing with this one if another can be had: an eighth of its life before its end, at most ten
	// minutes.
	RenewBy time.Time `json:"renewBy"`
}

const redacted = "[redacted]"

// redact keeps apart a secret that is there from one that is not.
func redact(secret string) string {
	if secret == "" {
		return ""
	}
	return redacted
}

// String shows everything but the secret.
func (p Params) String() string {
	p.ParentSecretAccessKey = redact(p.ParentSecretAccessKey)
	type plain Params // has none of these methods
	return fmt.Sprintf("r2creds.Params%+v", plain(p))
}

// GoString is String.
func (p Params) GoString() string { return p.String() }

// Format is String for every verb, since some verbs would go past it.
func (p Params) Format(to fmt.State, _ rune) { _, _ = io.WriteString(to, p.String()) }

// LogValue is String for log/slog.
func (p Params) LogValue() slog.Value { return slog.StringValue(p.String()) }

// String shows everything but the secrets.
func (c Credentials) String() string {
	c.SecretAccessKey, c.SessionToken = redact(c.SecretAccessKey), redact(c.SessionToken)
	type plain Credentials
	return fmt.Sprintf("r2creds.Credentials%+v", plain(c))
}

// GoString is String.
func (c Credentials) GoString() string { return c.String() }

// Format is String for every verb, since some verbs would go past it.
func (c Credentials) Format(to fmt.State, _ rune) { _, _ = io.WriteString(to, c.String()) }

// LogValue shows everything but the secrets to log/slog.
func (c Credentials) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("access_key_id", c.AccessKeyID),
		slog.String("secret_access_key", redact(c.SecretAccessKey)),
		slog.String("session_token", redact(c.SessionToken)),
		slog.String("endpoint", c.Endpoint),
		slog.String("request_id", c.RequestID),
		slog.Time("issued_at", c.IssuedAt),
		slog.Time("expires_at", c.ExpiresAt),
		slog.Time("renew_at", c.RenewAt),
		slog.Time("renew_by", c.RenewBy))
}

// Sign makes a credential locally from the parent key pair. No network; microseconds.
//
// It needs ParentSecretAccessKey, and exactly one of Permission and Actions: R2 refuses a token that carries both. A
// wrong parent secret of the right shape cannot be noticed here; R2 answers such a credential with an opaque HTTP 400.
//
// The error matches [ErrInvalidArgument], [ErrUnsupported], [ErrInternal] or [ErrPanic].
func Sign(params Params) (*Credentials, error) { return sign(&params) }
