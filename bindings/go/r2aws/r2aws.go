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
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	r2creds "r2creds.dev/go"
)

// Source is what aws.Credentials.Source says.
const Source = "r2creds"

// Provider is an aws.CredentialsProvider. Every Retrieve gives a credential that is good now, in less than a
// microsecond while it is fresh: an S3 client may ask it for each request, and needs no cache. In an
// aws.NewCredentialsCache it works too: the cache is told a credential's RenewAt as its end, and from there on asks for
// each request. What signs with it has to be a [Signer]: the SDK's own signer is refused by R2 after the first renewal.
//
// New, Sign and Create make one; the zero Provider only returns an error.
type Provider struct {
	provider *r2creds.Provider
	wrong    error // why there is none
}

var (
	_ s3.HTTPSignerV4         = Signer{}
	_ s3.HTTPPresignerV4      = Signer{}
	_ aws.CredentialsProvider = (*Provider)(nil)
)

// New returns a provider for the SDK that stands on one of r2creds, which renews: one renewal for all callers, and with
// a good credential nobody waits for longer than two seconds, whatever the API does. For its credentials there is
// [Signer].
func New(provider *r2creds.Provider) *Provider { return &Provider{provider: provider} }

// Sign returns a provider that signs locally: New(r2creds.NewProvider(params)), whose error every Retrieve returns. For
// its credentials there is [Signer].
func Sign(params r2creds.Params) *Provider {
	provider, err := r2creds.NewProvider(params)
	return &Provider{provider, err}
}

// Create returns a provider that asks Cloudflare's API: New(client.NewProvider(params, options...)), whose error every
// Retrieve returns. For its credentials there is [Signer].
func Create(client *r2creds.Client, params r2creds.Params, options ...r2creds.RequestOption) *Provider {
	provider, err := client.NewProvider(params, options...)
	return &Provider{provider, err}
}

// Retrieve gives a credential that is good now. An error is an *r2creds.Error.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	made, err := p.get(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return aws.Credentials{
		AccessKeyID:     made.AccessKeyID,
		SecretAccessKey: made.SecretAccessKey,
		SessionToken:    made.SessionToken,
		Source:          Source,
		CanExpire:       true,
		Expires:         made.RenewAt,
	}, nil
}

func (p *Provider) get(ctx context.Context) (*r2creds.Credentials, error) {
	switch {
	case p == nil:
		return nil, errors.New("r2aws: a nil Provider, expected one from New, Sign or Create")
	case p.wrong != nil:
		return nil, p.wrong
	}
	return p.provider.Get(ctx)
}

// S3Options sets what an S3 client needs for R2: the endpoint of the provider's credentials, region "auto", checksums
// only when they are required, the provider, and a [Signer]. A presign client makes a signer of its own: give it
// [PresignOptions]. It gets the first credential, which says where the endpoint is; so a mistake shows here and not at
// the first request.
func S3Options(ctx context.Context, provider *Provider) (func(*s3.Options), error) {
	first, err := provider.get(ctx)
	if err != nil {
		return nil, err
	}
	return func(o *s3.Options) {
		o.BaseEndpoint = &first.Endpoint
		o.Region = "auto"
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.Credentials = provider
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
