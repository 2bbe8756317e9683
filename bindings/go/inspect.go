package r2creds

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// InspectParams is what is inspected: what an S3 client holds. It prints its secrets as [redacted].
type InspectParams struct {
	// The session token, however broken. Required.
	SessionToken string `json:"-"`
	// Empty: not compared.
	AccessKeyID string
	// Empty: not compared.
	SecretAccessKey string `json:"-"`
	// The parent's, with which the token should be signed. Empty: the signature is not checked.
	ParentSecretAccessKey string `json:"-"`
	// Where the client sends its requests, a URL. Empty: not compared.
	Endpoint string
	// At which time. Zero: now.
	At time.Time
}

// String shows everything but the secrets.
func (p InspectParams) String() string {
	p.SessionToken, p.SecretAccessKey = redact(p.SessionToken), redact(p.SecretAccessKey)
	p.ParentSecretAccessKey = redact(p.ParentSecretAccessKey)
	type plain InspectParams
	return fmt.Sprintf("r2creds.InspectParams%+v", plain(p))
}

// GoString is String.
func (p InspectParams) GoString() string { return p.String() }

// Format is String for every verb, since some verbs would go past it.
func (p InspectParams) Format(to fmt.State, _ rune) { _, _ = io.WriteString(to, p.String()) }

// LogValue is String for log/slog.
func (p InspectParams) LogValue() slog.Value { return slog.StringValue(p.String()) }

// Inspection is what a session token grants, as it claims itself, and what speaks against it. It holds no secret.
type Inspection struct {
	AccountID         string   // Whose the bucket is (sub); empty where absent, as what follows.
	Bucket            string   // The one bucket.
	ParentAccessKeyID string   // The parent's access key id (iss).
	Host              string   // Host of the S3 endpoint, with its port (aud).
	Prefixes          []string // The prefixes, with those that directories became.
	Objects           []string // The exact keys, with those that directories became. Neither: the whole bucket.
	Actions           []string // The S3 operations, known or not, where the token has them instead of a permission.

	Permission Permission // Zero where the token has actions, or neither.
	IssuedAt   time.Time  // When the credential begins (iat), in UTC; zero where absent.
	ExpiresAt  time.Time  // When it ends (exp), in UTC; zero where absent.

	Findings  []Finding // What speaks against the credential, worst first, and each code at most once.
	IsRefused bool      // A finding says that R2 refuses it.

	handle *inspectionHandle
}

// Finding is something that speaks against a credential.
type Finding struct {
	// A word that stays. R2 refuses a credential for not-a-token, header, claim-missing, claim-type,
	// scope-and-actions, no-scope, unknown-scope, unknown-action, signature, secret-mismatch, key-mismatch, expired and
	// not-yet-valid. Nobody has shown that it does for host-mismatch, too-long, empty-paths, leading-slash, open-prefix,
	// expires-soon and unknown-claim. There may be others.
	Code    string
	Message string // One line for a person, without any secret.
	Hint    string // The next step, where one is known.
}

// Inspect reads a session token: what it grants, and what speaks against it. No network; microseconds.
//
// However broken the token is, there is an Inspection: what is wrong is a finding. What nobody has shown R2 to refuse
// does not make it IsRefused. An error is about another parameter.
//
// The error matches [ErrInvalidArgument], [ErrUnsupported], [ErrInternal] or [ErrPanic].
func Inspect(params InspectParams) (*Inspection, error) { return inspect(&params) }

// Allows reports whether the grant covers an S3 operation, one of those that Params.Actions may name. It looks at the
// grant alone, not at the findings and the clock. key is relative to the bucket; for listings it is the prefix that is
// asked for, and empty for none.
//
// The error matches [ErrInvalidArgument]: an action that does not exist, or a key that is needed and empty.
func (i *Inspection) Allows(action, key string) (bool, error) {
	if i == nil || i.handle == nil {
		return false, refuse("inspection", "nil or zero, expected one from Inspect")
	}
	return i.handle.allows(action, key)
}
