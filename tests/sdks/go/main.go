// aws-sdk-go-v2 on the endpoint of r2creds exec --renew: prints how many credentials it has used, four if it can. Its
// signer keeps the old secret (aws-sdk-go-v2#3350), so that it ends after one; then bindings/go/r2aws is the way.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// looks counts the session tokens that requests carry.
type looks map[string]bool

func (tokens looks) RoundTrip(r *http.Request) (*http.Response, error) {
	if token := r.Header.Get("X-Amz-Security-Token"); token != "" {
		tokens[token] = true
	}
	return http.DefaultTransport.RoundTrip(r)
}

func main() {
	ctx, tokens := context.Background(), looks{}
	settings, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		panic(err)
	}
	client := s3.NewFromConfig(settings, func(o *s3.Options) {
		o.UsePathStyle, o.HTTPClient, o.RetryMaxAttempts = true, &http.Client{Transport: tokens}, 1
	})
	bucket, key := os.Getenv("R2_BUCKET"), "sdks/go"
	for end := time.Now().Add(time.Minute); len(tokens) < 4 && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		object := s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader("x")}
		if _, err := client.PutObject(ctx, &object); err != nil {
			fmt.Println(len(tokens)-1, err)
			os.Exit(1)
		}
	}
	fmt.Println(len(tokens))
}
