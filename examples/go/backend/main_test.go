package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	r2creds "r2creds.dev/go"
)

var example = backend{r2creds.Params{
	AccountID:             "023e105f4ecef8ad9ca31a8372d0c353",
	Bucket:                "recordings",
	ParentAccessKeyID:     "0123456789abcdef0123456789abcdef",
	ParentSecretAccessKey: strings.Repeat("0", 63) + "1",
}}

func ask(method, path, user string) *http.Response {
	request := httptest.NewRequest(method, path, nil)
	if user != "" {
		request.Header.Set("X-User", user)
	}
	recorder := httptest.NewRecorder()
	example.handler().ServeHTTP(recorder, request)
	return recorder.Result()
}

func TestADownloadIsAURLOfOneObjectAndItsFullLife(t *testing.T) {
	reply := ask("GET", "/download/a%20b.mp4", "ann")
	if reply.StatusCode != http.StatusSeeOther {
		t.Fatal(reply.Status)
	}
	to, err := url.Parse(reply.Header.Get("Location"))
	if err != nil || to.Path != "/users/ann/a b.mp4" || to.Query().Get("X-Amz-Expires") != "900" {
		t.Errorf("%v %v", to, err)
	}
	other, err := url.Parse(ask("GET", "/download/a%20b.mp4", "ben").Header.Get("Location"))
	if err != nil || other.Query().Get("X-Amz-Security-Token") == to.Query().Get("X-Amz-Security-Token") {
		t.Error("two users have one credential")
	}
}

func TestAnUploadIsACredentialForOneObject(t *testing.T) {
	reply := ask("POST", "/upload/new.mp4", "ann")
	var given struct {
		Key         string
		Credentials r2creds.Credentials
	}
	if err := json.NewDecoder(reply.Body).Decode(&given); err != nil || given.Key != "users/ann/new.mp4" {
		t.Fatal(given, err)
	}
	if life := given.Credentials.ExpiresAt.Sub(given.Credentials.IssuedAt); given.Credentials.SessionToken == "" ||
		life.Minutes() != 15 {
		t.Error(given.Credentials)
	}
}

func TestWhoIsNobodyOrAsksTooMuchGetsNothing(t *testing.T) {
	for _, path := range []string{"/download/a", "/upload/a"} {
		method := map[bool]string{true: "GET", false: "POST"}[path == "/download/a"]
		if reply := ask(method, path, ""); reply.StatusCode != http.StatusUnauthorized {
			t.Error(path, reply.Status)
		}
		for _, more := range []string{strings.Repeat("a", 2000), "%2F..%2Fben%2Fa"} {
			if reply := ask(method, path+more, "ann"); reply.StatusCode != http.StatusBadRequest {
				t.Error(path, reply.Status)
			}
		}
	}
}
