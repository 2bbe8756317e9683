// backend gives each user of a program 15 minutes on one object of R2, and keeps the keys to the bucket to itself.
//
//	GET /download/NAME   redirects to a presigned URL, for browsers
//	POST /upload/NAME    gives a credential that can put this one object, for programs with an S3 client
//
// It needs CLOUDFLARE_ACCOUNT_ID, R2_BUCKET, R2_PARENT_ACCESS_KEY_ID and R2_PARENT_SECRET_ACCESS_KEY; R2_ENDPOINT, if
// set, replaces the account's own. Each request has a credential of its own: signing takes microseconds, and a URL lives
// only as long as the credential that signed it.
package main

import (
	"encoding/json"
	"errors"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	r2creds "r2creds.dev/go"
	"r2creds.dev/go/r2aws"
)

const life = 15 * time.Minute

// A backend grants parts of what its parent key may do.
type backend struct{ parent r2creds.Params }

func (b backend) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /download/{name}", b.download)
	mux.HandleFunc("POST /upload/{name}", b.upload)
	return mux
}

// asked is who asks, and for which object. The user is a header here that a gateway has set; your sessions or tokens
// belong there.
func asked(w http.ResponseWriter, r *http.Request) (user, name string, ok bool) {
	user, name = r.Header.Get("X-User"), r.PathValue("name")
	switch {
	case user == "" || strings.Contains(user, "/"):
		http.Error(w, "who are you?", http.StatusUnauthorized)
	case strings.Contains(name, "/"): // it may have come as %2F
		http.Error(w, "the name has a slash", http.StatusBadRequest)
	default:
		return user, name, true
	}
	return "", "", false
}

// grant is for one action on one object of one user.
func (b backend) grant(user, name, action string) r2creds.Params {
	params := b.parent
	params.Actions = []string{action}
	params.Objects = []string{"users/" + user + "/" + name}
	params.TTL = life
	return params
}

func (b backend) download(w http.ResponseWriter, r *http.Request) {
	user, name, ok := asked(w, r)
	if !ok {
		return
	}
	params := b.grant(user, name, "GetObject")
	apply, err := r2aws.S3Options(r.Context(), r2aws.Sign(params))
	if err != nil {
		fail(w, err)
		return
	}
	urls := s3.NewPresignClient(s3.New(s3.Options{}, apply), r2aws.PresignOptions)
	object := s3.GetObjectInput{Bucket: &params.Bucket, Key: &params.Objects[0]}
	signed, err := urls.PresignGetObject(r.Context(), &object, s3.WithPresignExpires(life))
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, signed.URL, http.StatusSeeOther)
}

func (b backend) upload(w http.ResponseWriter, r *http.Request) {
	user, name, ok := asked(w, r)
	if !ok {
		return
	}
	params := b.grant(user, name, "PutObject")
	credentials, err := r2creds.Sign(params)
	if err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{"bucket": params.Bucket, "key": params.Objects[0], "region": "auto",
		"credentials": credentials})
}

// fail tells the user what is wrong with the request, and the log everything. No error holds a secret.
func fail(w http.ResponseWriter, err error) {
	log.Print(err)
	var failure *r2creds.Error
	if errors.As(err, &failure) && failure.Field == "objects" {
		http.Error(w, "the name is empty or too long", http.StatusBadRequest)
		return
	}
	http.Error(w, "no credential can be made", http.StatusInternalServerError)
}

func main() {
	b := backend{r2creds.Params{
		AccountID:             os.Getenv("CLOUDFLARE_ACCOUNT_ID"),
		Bucket:                os.Getenv("R2_BUCKET"),
		ParentAccessKeyID:     os.Getenv("R2_PARENT_ACCESS_KEY_ID"),
		ParentSecretAccessKey: os.Getenv("R2_PARENT_SECRET_ACCESS_KEY"),
		Endpoint:              os.Getenv("R2_ENDPOINT"),
	}}
	// A mistake in the environment shows now, and not at the first user.
	if _, err := r2creds.Sign(b.grant("nobody", "nothing", "GetObject")); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", b.handler()))
}
