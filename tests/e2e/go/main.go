// Makes credentials through the Go package, and gives them to aws-sdk-go-v2, for the end-to-end tests:
//
//	e2e create|sign NAME=VALUE ...                     prints the credential as NAME=VALUE lines
//	e2e create|sign NAME=VALUE ... -- OPERATION KEY    put (from standard input), get, list, head, delete, presign, renew
//
// The names are those of the C library's parameters; a list repeats its name. Secrets come from the environment:
// CLOUDFLARE_API_TOKEN, R2_PARENT_SECRET_ACCESS_KEY.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	r2creds "r2creds.dev/go"
	"r2creds.dev/go/r2aws"
)

// R2 wants all parts of an upload but the last to be of one size, 5 MiB or more.
const partSize = 5 << 20

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, words []string) error {
	if len(words) == 0 {
		return errors.New("create or sign?")
	}
	method, words := words[0], words[1:]
	var operation []string
	for i, word := range words {
		if word == "--" {
			words, operation = words[:i], words[i+1:]
			break
		}
	}
	params, err := parse(words)
	if err != nil {
		return err
	}
	var client *r2creds.Client
	if method == "create" {
		if client, err = r2creds.NewClient(); err != nil {
			return err
		}
		defer client.Close()
	} else {
		params.ParentSecretAccessKey = os.Getenv("R2_PARENT_SECRET_ACCESS_KEY")
	}
	if len(operation) == 2 {
		return perform(ctx, client, params, operation[0], operation[1])
	}

	var made *r2creds.Credentials
	if client != nil {
		made, err = client.Create(ctx, params)
	} else {
		made, err = r2creds.Sign(params)
	}
	if err != nil {
		return err
	}
	fmt.Printf("access_key_id=%s\nsecret_access_key=%s\nsession_token=%s\nendpoint=%s\nexpires_at=%d\n",
		made.AccessKeyID, made.SecretAccessKey, made.SessionToken, made.Endpoint, made.ExpiresAt.Unix())
	return nil
}

func parse(words []string) (r2creds.Params, error) {
	var params r2creds.Params
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "account_id":
			params.AccountID = value
		case "bucket":
			params.Bucket = value
		case "parent_access_key_id":
			params.ParentAccessKeyID = value
		case "endpoint":
			params.Endpoint = value
		case "prefixes":
			params.Prefixes = append(params.Prefixes, value)
		case "objects":
			params.Objects = append(params.Objects, value)
		case "directories":
			params.Directories = append(params.Directories, value)
		case "actions":
			params.Actions = append(params.Actions, value)
		case "permission":
			params.Permission = map[string]r2creds.Permission{
				"object-read-only":  r2creds.ObjectReadOnly,
				"object-read-write": r2creds.ObjectReadWrite,
				"admin-read-only":   r2creds.AdminReadOnly,
				"admin-read-write":  r2creds.AdminReadWrite,
			}[value]
		case "jurisdiction":
			params.Jurisdiction = map[string]r2creds.Jurisdiction{
				"default": r2creds.DefaultJurisdiction,
				"eu":      r2creds.EU,
				"fedramp": r2creds.FedRAMP,
			}[value]
		case "ttl_seconds", "issued_at":
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return params, err
			}
			if name == "ttl_seconds" {
				params.TTL = time.Duration(seconds) * time.Second
			} else {
				params.IssuedAt = time.Unix(seconds, 0)
			}
		default:
			return params, fmt.Errorf("not understood: %s", name)
		}
	}
	return params, nil
}

func perform(ctx context.Context, client *r2creds.Client, params r2creds.Params, operation, key string) error {
	provider := r2aws.Sign(params)
	if client != nil {
		provider = r2aws.Create(client, params)
	}
	apply, err := r2aws.S3Options(ctx, provider)
	if err != nil {
		return err
	}
	bucket, name := s3.New(s3.Options{UsePathStyle: true, RetryMaxAttempts: 1}, apply), &params.Bucket
	switch operation {
	case "put":
		return put(ctx, bucket, name, key)
	case "get":
		got, err := bucket.GetObject(ctx, &s3.GetObjectInput{Bucket: name, Key: &key})
		if err != nil {
			return err
		}
		defer got.Body.Close()
		_, err = io.Copy(os.Stdout, got.Body)
		return err
	case "list":
		pages := s3.NewListObjectsV2Paginator(bucket, &s3.ListObjectsV2Input{Bucket: name, Prefix: &key})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return err
			}
			for _, object := range page.Contents {
				fmt.Println(*object.Key)
			}
		}
		return nil
	case "head":
		head, err := bucket.HeadObject(ctx, &s3.HeadObjectInput{Bucket: name, Key: &key})
		if err == nil {
			fmt.Println(*head.ContentLength)
		}
		return err
	case "delete":
		_, err := bucket.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: name, Key: &key})
		return err
	case "renew":
		return renew(ctx, bucket, name, key)
	case "presign":
		urls := s3.NewPresignClient(bucket, r2aws.PresignOptions)
		request, err := urls.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: name, Key: &key})
		if err == nil {
			fmt.Println(request.URL)
		}
		return err
	}
	return fmt.Errorf("not understood: %s", operation)
}

// renew works on through three renewals, with the same clients: single requests, presigned URLs, and a multipart upload
// of which each credential sends a part.
func renew(ctx context.Context, bucket *s3.Client, name *string, key string) error {
	urls := s3.NewPresignClient(bucket, r2aws.PresignOptions)
	upload, err := bucket.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: name, Key: &key})
	if err != nil {
		return err
	}
	var parts []types.CompletedPart
	secrets := map[string]bool{}
	for len(secrets) < 4 {
		credentials, err := bucket.Options().Credentials.Retrieve(ctx)
		if err != nil {
			return err
		}
		if !secrets[credentials.SecretAccessKey] {
			secrets[credentials.SecretAccessKey] = true
			number := int32(len(secrets))
			part, err := bucket.UploadPart(ctx, &s3.UploadPartInput{Bucket: name, Key: &key, UploadId: upload.UploadId,
				PartNumber: &number, Body: bytes.NewReader(bytes.Repeat([]byte{byte('0' + number)}, partSize))})
			if err != nil {
				return err
			}
			parts = append(parts, types.CompletedPart{ETag: part.ETag, PartNumber: &number})
		}
		if _, err := bucket.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: name, Prefix: &key}); err != nil {
			return err
		}
		request, err := urls.PresignHeadObject(ctx, &s3.HeadObjectInput{Bucket: name, Key: &key})
		if err != nil {
			return err
		}
		reply, err := http.Head(request.URL)
		if err != nil {
			return err
		}
		reply.Body.Close()
		if reply.StatusCode != http.StatusOK && reply.StatusCode != http.StatusNotFound {
			return fmt.Errorf("presigned: %s", reply.Status)
		}
		time.Sleep(20 * time.Millisecond)
	}
	_, err = bucket.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: name, Key: &key,
		UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	return err
}

// put makes a multipart upload of what is longer than one part.
func put(ctx context.Context, bucket *s3.Client, name *string, key string) error {
	data, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if len(data) <= partSize {
		_, err = bucket.PutObject(ctx, &s3.PutObjectInput{Bucket: name, Key: &key, Body: bytes.NewReader(data)})
		return err
	}
	upload, err := bucket.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: name, Key: &key})
	if err != nil {
		return err
	}
	var parts []types.CompletedPart
	for len(data) > 0 {
		part, number := data[:min(partSize, len(data))], aws.Int32(int32(len(parts)+1))
		data = data[len(part):]
		sent, err := bucket.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: name, Key: &key, UploadId: upload.UploadId, PartNumber: number, Body: bytes.NewReader(part),
		})
		if err != nil {
			return err
		}
		parts = append(parts, types.CompletedPart{ETag: sent.ETag, PartNumber: number})
	}
	_, err = bucket.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: name, Key: &key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}
