package r2aws_test

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	r2creds "r2creds.dev/go"
	"r2creds.dev/go/r2aws"
)

// Every URL has a credential of its own, for one object and one action, which lives as long as the URL does. Signing takes
// microseconds, and a client that presigns makes no connection.
func ExamplePresignOptions() {
	presign := func(ctx context.Context, key string, life time.Duration) (string, error) {
		params := r2creds.Params{
			AccountID:             "023e105f4ecef8ad9ca31a8372d0c353",
			Bucket:                "recordings",
			ParentAccessKeyID:     "0123456789abcdef0123456789abcdef",
			ParentSecretAccessKey: "0000000000000000000000000000000000000000000000000000000000000001", // from your secret store
			Actions:               []string{"GetObject"},
			Objects:               []string{key},
			TTL:                   life,
		}
		apply, err := r2aws.S3Options(ctx, r2aws.Sign(params))
		if err != nil {
			return "", err
		}
		urls := s3.NewPresignClient(s3.New(s3.Options{}, apply), r2aws.PresignOptions)
		signed, err := urls.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &params.Bucket, Key: &key},
			s3.WithPresignExpires(life))
		if err != nil {
			return "", err
		}
		return signed.URL, nil
	}

	signed, err := presign(context.Background(), "2026/first.mp4", 6*time.Hour)
	if err != nil {
		fmt.Println(err)
		return
	}
	parts, _ := url.Parse(signed)
	fmt.Println(parts.Host+parts.Path, "for", parts.Query().Get("X-Amz-Expires"), "seconds")
	// Output: recordings.023e105f4ecef8ad9ca31a8372d0c353.r2.cloudflarestorage.com/2026/first.mp4 for 21600 seconds
}
