// minio lists a bucket of R2 through minio-go, with credentials that renew themselves.
//
// It needs CLOUDFLARE_ACCOUNT_ID, R2_BUCKET, R2_PARENT_ACCESS_KEY_ID and R2_PARENT_SECRET_ACCESS_KEY; R2_ENDPOINT, if
// set, replaces the account's own.
package main

import (
	"context"
	"fmt"
	"log"
	"net/url"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	r2creds "r2creds.dev/go"
)

// provided is what minio-go calls a provider: copy it.
type provided struct{ *r2creds.Provider }

// IsExpired makes minio-go ask before every request, which takes a fraction of a microsecond; its own idea of when to
// renew has no part in it.
func (p provided) IsExpired() bool { return true }

func (p provided) RetrieveWithCredContext(*credentials.CredContext) (credentials.Value, error) {
	made, err := p.Get(context.Background())
	if err != nil {
		return credentials.Value{}, err
	}
	return credentials.Value{AccessKeyID: made.AccessKeyID, SecretAccessKey: made.SecretAccessKey,
		SessionToken: made.SessionToken, Expiration: made.ExpiresAt, SignerType: credentials.SignatureV4}, nil
}

func (p provided) Retrieve() (credentials.Value, error) { return p.RetrieveWithCredContext(nil) }

// connect makes a client for where the provider's credentials are valid.
func connect(provider *r2creds.Provider) (*minio.Client, error) {
	first, err := provider.Get(context.Background())
	if err != nil {
		return nil, err
	}
	endpoint, err := url.Parse(first.Endpoint)
	if err != nil {
		return nil, err
	}
	return minio.New(endpoint.Host, &minio.Options{
		Creds:        credentials.New(provided{provider}),
		Secure:       endpoint.Scheme == "https",
		Region:       "auto",
		BucketLookup: minio.BucketLookupPath,
	})
}

func main() {
	bucket := os.Getenv("R2_BUCKET")
	provider, err := r2creds.NewProvider(r2creds.Params{
		AccountID:             os.Getenv("CLOUDFLARE_ACCOUNT_ID"),
		Bucket:                bucket,
		ParentAccessKeyID:     os.Getenv("R2_PARENT_ACCESS_KEY_ID"),
		ParentSecretAccessKey: os.Getenv("R2_PARENT_SECRET_ACCESS_KEY"),
		Endpoint:              os.Getenv("R2_ENDPOINT"),
		Permission:            r2creds.ObjectReadOnly,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer provider.Close()
	client, err := connect(provider)
	if err != nil {
		log.Fatal(err)
	}
	for object := range client.ListObjects(context.Background(), bucket, minio.ListObjectsOptions{Recursive: true}) {
		if object.Err != nil {
			log.Fatal(object.Err)
		}
		fmt.Println(object.Key, object.Size)
	}
}
