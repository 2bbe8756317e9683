package r2creds

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// TokenKind is whose an API token is.
type TokenKind int32

const (
	UserToken    TokenKind = 1 // A user's, which ends when the user leaves the account.
	AccountToken TokenKind = 2 // An account's own.
)

// Parent is the key pair that belongs to an API token: as S3 credentials, and as the parent of temporary ones. It
// prints its secret as [redacted], and encoding/json leaves it out.
type Parent struct {
	AccessKeyID     string    // The id of the token: Params.ParentAccessKeyID. Not a secret.
	SecretAccessKey string    `json:"-"` // The SHA-256 of the token's value: Params.ParentSecretAccessKey. A secret.
	TokenStatus     string    // Cloudflare's word: active, disabled or expired. Only the first makes credentials that work.
	Kind            TokenKind // Whose the token is.
	NotBefore       time.Time // When the token begins, in UTC; zero: it has begun.
	ExpiresAt       time.Time // When the token ends, in UTC; zero: never.
}

// String shows everything but the secret.
func (p Parent) String() string {
	p.SecretAccessKey = redact(p.SecretAccessKey)
	type plain Parent
	return fmt.Sprintf("r2creds.Parent%+v", plain(p))
}

// GoString is String.
func (p Parent) GoString() string { return p.String() }

// Format is String for every verb, since some verbs would go past it.
func (p Parent) Format(to fmt.State, _ rune) { _, _ = io.WriteString(to, p.String()) }

// LogValue is String for log/slog.
func (p Parent) LogValue() slog.Value { return slog.StringValue(p.String()) }

// ParentOfToken asks Cloudflare what the client's API token is called, and makes of that the parent key pair which
// [Sign] and a signing [Provider] need: the token's id, and the SHA-256 of its value.
//
// A user's token is looked for first, then, if that is refused with 401 or 403, the account's; a client remembers which
// it was. Both are attempts of one call, which ctx ends as it ends Create. A token that is disabled or has expired is no
// error: look at TokenStatus. The client needs an API token, and WithExtraBody is refused: there is no body.
//
// The error matches any Status but [ErrNoAuthentication].
func (c *Client) ParentOfToken(ctx context.Context, accountID string, options ...RequestOption) (*Parent, error) {
	var made *Parent
	failure := c.call(ctx, options, func(all *requestOptions, cancel *cancel, timeout uint32) (failure *Error) {
		made, failure = c.handle.parentOfToken(accountID, all, cancel, timeout)
		return failure
	})
	if failure != nil {
		return nil, failure
	}
	return made, nil
}
