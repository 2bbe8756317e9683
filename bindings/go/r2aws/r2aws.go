// Package r2aws gives temporary R2 credentials to aws-sdk-go-v2.
//
//	apply, err := r2aws.S3Options(ctx, r2aws.Create(client, params))
//	if err != nil {
//		return err
//	}
//	bucket := s3.New(s3.Options{}, apply) // or s3.NewFromConfig(config, apply)
//	urls := s3.NewPresignClient(bucket, r2aws.PresignOptions)
//
// It is a module of its own, so that r2creds has no dependencies.
package r2aws

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	r2creds "r2creds.dev/go"
)

const (
	// Source is what aws.Credentials.Source says.
	Source = "r2creds"

	// How long before their end S3Options renews credentials, since clocks differ and requests take time.
	window = time.Minute
	// How long credentials that are still good are used before another attempt, when renewing them failed.
	pause = 10 * time.Second
)

// Provider is an aws.CredentialsProvider. Every Retrieve makes a new credential: put it into an
// aws.NewCredentialsCache, as S3Options does, which keeps one until it expires and makes one for many callers. What signs
// with it has to be a [Signer]: the SDK's own signer is refused by R2 after the first renewal.
//
// It adds two things to the cache. When a renewal fails, and the credentials are still good, they are used on, and the
// next attempt is made some seconds later, or when the server said; the error shows only once they have expired. And an
// ExpiryWindow takes at most half of a lifetime, so that short-lived credentials are not made anew for every request.
//
// Sign and Create make one; the zero Provider only returns an error.
type Provider struct {
	mint func(context.Context) (*r2creds.Credentials, error)

	mu     sync.Mutex
	latest *r2creds.Credentials
	failed bool // whether the last attempt to renew them did
}

var (
	_ s3.HTTPSignerV4                               = Signer{}
	_ s3.HTTPPresignerV4                            = Signer{}
	_ aws.CredentialsProvider                       = (*Provider)(nil)
	_ aws.HandleFailRefreshCredentialsCacheStrategy = (*Provider)(nil)
	_ aws.AdjustExpiresByCredentialsCacheStrategy   = (*Provider)(nil)
)

// Sign returns a provider that signs locally. For its credentials there is [Signer].
func Sign(params r2creds.Params) *Provider {
	return &Provider{mint: func(context.Context) (*r2creds.Credentials, error) { return r2creds.Sign(params) }}
}

// Create returns a provider that asks Cloudflare's API. For its credentials there is [Signer]. The client has to stay open for as long as it is used. The
// SDK's cache makes one call for many callers and so passes no deadline on: the client's timeout ends it.
func Create(client *r2creds.Client, params r2creds.Params, options ...r2creds.RequestOption) *Provider {
	return &Provider{mint: func(ctx context.Context) (*r2creds.Credentials, error) {
		return client.Create(ctx, params, options...)
	}}
}

// Retrieve makes a new credential. An error is an *r2creds.Error.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if p == nil || p.mint == nil {
		return aws.Credentials{}, errors.New("r2aws: a nil or zero Provider, expected one from Sign or Create")
	}
	made, err := p.mint(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.latest, p.failed = made, false
	return forSDK(made), nil
}

func forSDK(made *r2creds.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID:     made.AccessKeyID,
		SecretAccessKey: made.SecretAccessKey,
		SessionToken:    made.SessionToken,
		Source:          Source,
		CanExpire:       true,
		Expires:         made.ExpiresAt,
	}
}

// HandleFailToRefresh is for the SDK's cache: it keeps what is still good.
func (p *Provider) HandleFailToRefresh(_ context.Context, previous aws.Credentials,
	failure error) (aws.Credentials, error) {
	if !previous.HasKeys() { // nothing was cached yet, or somebody has invalidated it
		return aws.Credentials{}, failure
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.latest == nil || !time.Now().Before(p.latest.ExpiresAt) {
		return aws.Credentials{}, failure
	}
	wait := pause
	var known *r2creds.Error
	if errors.As(failure, &known) {
		wait = max(wait, known.RetryAfter)
	}
	p.failed = true
	kept := forSDK(p.latest) // previous says an earlier end, because of the window
	if again := time.Now().Add(wait); again.Before(kept.Expires) {
		kept.Expires = again
	}
	return kept, nil
}

// AdjustExpiresBy is for the SDK's cache: it lets its ExpiryWindow take at most half of the time that is left, and
// nothing where HandleFailToRefresh has said when the next attempt is.
func (p *Provider) AdjustExpiresBy(credentials aws.Credentials, by time.Duration) (aws.Credentials, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed {
		return credentials, nil
	}
	if half := -time.Until(credentials.Expires) / 2; by < half {
		by = half
	}
	credentials.Expires = credentials.Expires.Add(by)
	return credentials, nil
}

// S3Options sets what an S3 client needs for R2: the endpoint of the provider's credentials, region "auto", checksums
// only when they are required, the provider in a cache that renews a minute before the end, and a [Signer]. A presign
// client makes a signer of its own: give it [PresignOptions]. It makes the first credential, which says where the endpoint is; so a mistake shows here and not at the
// first request.
func S3Options(ctx context.Context, provider *Provider) (func(*s3.Options), error) {
	cache := aws.NewCredentialsCache(provider, func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = window })
	if _, err := cache.Retrieve(ctx); err != nil {
		return nil, err
	}
	provider.mu.Lock()
	endpoint := provider.latest.Endpoint
	provider.mu.Unlock()
	return func(o *s3.Options) {
		o.BaseEndpoint = &endpoint
		o.Region = "auto"
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.Credentials = cache
		o.HTTPSignerV4 = Signer{}
	}, nil
}

// PresignOptions gives a presign client a [Signer] instead of its own: s3.NewPresignClient(bucket, PresignOptions).
//
// A presigned URL ends with the credential that signed it, however long its own X-Amz-Expires is: of a credential that
// is renewed shortly before its end, little may be left. Where each URL has to live its full time, sign it with a
// credential of its own; the example shows how.
func PresignOptions(o *s3.PresignOptions) { o.Presigner = Signer{} }

// Signer is the SDK's signer for S3 without its memory, an s3.HTTPSignerV4 and an s3.HTTPPresignerV4. The SDK's own keeps
// the signing key that it derived for an access key ID and a day. R2's temporary credentials have their parent's access
// key ID and differ in their secrets alone, so after a renewal it signs for the new session token with the old secret,
// and R2 answers 403 until the next day (https://github.com/aws/aws-sdk-go-v2/issues/3350).
//
// S3Options and PresignOptions set it. Set it yourself where you put a [Provider] into an SDK's client in another way.
type Signer struct{}

// SignHTTP signs a request.
func (Signer) SignHTTP(ctx context.Context, credentials aws.Credentials, r *http.Request, payloadHash, service,
	region string, at time.Time, options ...func(*v4.SignerOptions)) error {
	return v4.NewSigner(escapedOnce).SignHTTP(ctx, credentials, r, payloadHash, service, region, at, options...)
}

// PresignHTTP makes a presigned URL.
func (Signer) PresignHTTP(ctx context.Context, credentials aws.Credentials, r *http.Request, payloadHash, service,
	region string, at time.Time, options ...func(*v4.SignerOptions)) (string, http.Header, error) {
	return v4.NewSigner(escapedOnce).PresignHTTP(ctx, credentials, r, payloadHash, service, region, at, options...)
}

// escapedOnce is how S3 wants the path that is signed; other services want it escaped twice.
func escapedOnce(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }
