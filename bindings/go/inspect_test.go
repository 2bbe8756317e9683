package r2creds_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	r2creds "r2creds.dev/go"
)

// held is what an S3 client holds, and the parent's secret.
func held(credentials *r2creds.Credentials) r2creds.InspectParams {
	return r2creds.InspectParams{SessionToken: credentials.SessionToken, AccessKeyID: credentials.AccessKeyID,
		SecretAccessKey: credentials.SecretAccessKey, ParentSecretAccessKey: parentSecret,
		Endpoint: credentials.Endpoint}
}

func signed(t *testing.T, change func(*r2creds.Params)) *r2creds.Credentials {
	t.Helper()
	params := signParams()
	change(&params)
	credentials, err := r2creds.Sign(params)
	if err != nil {
		t.Fatal(err)
	}
	return credentials
}

func inspected(t *testing.T, params r2creds.InspectParams) *r2creds.Inspection {
	t.Helper()
	inspection, err := r2creds.Inspect(params)
	if err != nil {
		t.Fatal(err)
	}
	return inspection
}

func codes(inspection *r2creds.Inspection) string {
	var all []string
	for _, finding := range inspection.Findings {
		all = append(all, finding.Code)
	}
	return strings.Join(all, " ")
}

func TestWhatACredentialGrants(t *testing.T) {
	credentials := signed(t, func(params *r2creds.Params) {
		params.Prefixes, params.Objects = []string{"camera-7/"}, []string{"list.json"}
		params.Directories = []string{"tbl"}
	})
	all := inspected(t, held(credentials))
	equal(t, "findings", codes(all), "")
	equal(t, "refused", all.IsRefused, false)
	equal(t, "account", all.AccountID, account)
	equal(t, "bucket", all.Bucket, "example-bucket")
	equal(t, "parent", all.ParentAccessKeyID, parentID)
	equal(t, "host", all.Host, account+".r2.cloudflarestorage.com")
	equal(t, "permission", all.Permission, r2creds.ObjectReadWrite)
	equal(t, "prefixes", strings.Join(all.Prefixes, " "), "camera-7/ tbl/")
	equal(t, "objects", strings.Join(all.Objects, " "), "list.json tbl")
	equal(t, "actions", len(all.Actions), 0)
	equal(t, "begin", all.IssuedAt, credentials.IssuedAt)
	equal(t, "end", all.ExpiresAt, credentials.ExpiresAt)
}

func TestWhatAGrantAllows(t *testing.T) {
	all := inspected(t, held(signed(t, func(params *r2creds.Params) { params.Directories = []string{"tbl"} })))
	for _, each := range []struct {
		action, key string
		allowed     bool
	}{
		{"GetObject", "tbl/x", true}, {"PutObject", "tbl", true}, {"GetObject", "tbl2", false},
		{"ListObjectsV2", "tbl/", true}, {"ListObjectsV2", "", false},
	} {
		allowed, err := all.Allows(each.action, each.key)
		if err != nil || allowed != each.allowed {
			t.Errorf("%s %q: %v, %v", each.action, each.key, allowed, err)
		}
	}
	for _, wrong := range [][3]string{{"GetObject", "", "action"}, {"getobject", "x", "action"}, {"", "x", "action"},
		{"Get\x00Object", "x", "action"}, {"GetObject", "\x00", "key"}, {"GetObject", "\xff", "action"}} {
		allowed, err := all.Allows(wrong[0], wrong[1])
		equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, wrong[2])
		equal(t, "allowed", allowed, false)
	}
	for _, none := range []*r2creds.Inspection{nil, {}} {
		_, err := none.Allows("GetObject", "x")
		equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "inspection")
	}
	actions := inspected(t, held(signed(t, func(params *r2creds.Params) {
		params.Permission, params.Actions = 0, []string{"PutObject"}
	})))
	equal(t, "permission", actions.Permission, 0)
	equal(t, "actions", strings.Join(actions.Actions, " "), "PutObject")
}

func TestWhatSpeaksAgainstACredential(t *testing.T) {
	credentials := signed(t, func(*r2creds.Params) {})
	other := signed(t, func(params *r2creds.Params) { params.TTL = time.Minute })
	for code, change := range map[string]func(*r2creds.InspectParams){
		"expired":         func(params *r2creds.InspectParams) { params.At = credentials.ExpiresAt },
		"not-yet-valid":   func(params *r2creds.InspectParams) { params.At = credentials.IssuedAt.Add(-time.Hour) },
		"secret-mismatch": func(params *r2creds.InspectParams) { params.SecretAccessKey = other.SecretAccessKey },
		"key-mismatch":    func(params *r2creds.InspectParams) { params.AccessKeyID = strings.Repeat("f", 32) },
		"signature":       func(params *r2creds.InspectParams) { params.ParentSecretAccessKey = strings.Repeat("f", 64) },
		"host-mismatch":   func(params *r2creds.InspectParams) { params.Endpoint = "https://elsewhere.example" },
		"not-a-token":     func(params *r2creds.InspectParams) { params.SessionToken = "" },
	} {
		params := held(credentials)
		change(&params)
		all := inspected(t, params)
		equal(t, "codes", codes(all), code)
		equal(t, code, all.IsRefused, code != "host-mismatch")
		equal(t, "message and hint", all.Findings[0].Message != "" && all.Findings[0].Hint != "", true)
	}
	for _, token := range []string{"x", "\xff\xfe", strings.Repeat("A", 1<<20)} {
		equal(t, "code", codes(inspected(t, r2creds.InspectParams{SessionToken: token})), "not-a-token")
	}
}

func TestWhatInspectRefuses(t *testing.T) {
	for field, change := range map[string]func(*r2creds.InspectParams){
		"session_token":            func(params *r2creds.InspectParams) { params.SessionToken = "a\x00b" },
		"access_key_id":            func(params *r2creds.InspectParams) { params.AccessKeyID = "\xff" },
		"secret_access_key":        func(params *r2creds.InspectParams) { params.SecretAccessKey = "a\x00b" },
		"parent_secret_access_key": func(params *r2creds.InspectParams) { params.ParentSecretAccessKey = "\xff" },
		"endpoint":                 func(params *r2creds.InspectParams) { params.Endpoint = "no URL" },
		"at":                       func(params *r2creds.InspectParams) { params.At = time.Unix(-1, 0) },
	} {
		params := r2creds.InspectParams{SessionToken: "x"}
		change(&params)
		_, err := r2creds.Inspect(params)
		equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, field)
	}
}

func TestAnInspectionServesManyGoroutines(t *testing.T) {
	all := inspected(t, held(signed(t, func(params *r2creds.Params) { params.Prefixes = []string{"a/"} })))
	var group sync.WaitGroup
	for range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			for range 100 {
				if allowed, err := all.Allows("GetObject", "a/x"); !allowed || err != nil {
					t.Error(allowed, err)
				}
			}
		}()
	}
	for range 10 {
		runtime.GC() // which frees none that is in use
	}
	group.Wait()
}

func TestWhatIsInspectedPrintsNoSecret(t *testing.T) {
	params := held(signed(t, func(*r2creds.Params) {}))
	asJSON, err := json.Marshal(params)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("held", "params", params)
	texts := []string{fmt.Sprint(params), fmt.Sprintf("%+v", &params), fmt.Sprintf("%#v %x", params, params),
		log.String(), string(asJSON)}
	for _, text := range texts {
		for _, secret := range []string{params.SessionToken, params.SecretAccessKey, parentSecret} {
			if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Error(text)
			}
		}
	}
}

func TestTheParentOfAToken(t *testing.T) {
	server := newAPI(t)
	client := newClient(t, server.URL)
	parent, err := client.ParentOfToken(background, "plain", r2creds.WithHeader("X-One", "1"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "first", server.requests[0].body, "/user/tokens/verify")
	equal(t, "second", server.requests[1].body, "/accounts/plain/tokens/verify")
	equal(t, "header", server.last(t).header.Get("X-One"), "1")
	equal(t, "id", parent.AccessKeyID, parentID)
	equal(t, "kind", parent.Kind, r2creds.AccountToken)
	equal(t, "status", parent.TokenStatus, "active")
	equal(t, "begin", parent.NotBefore, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC))
	equal(t, "end", parent.ExpiresAt, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	params := signParams()
	params.ParentAccessKeyID, params.ParentSecretAccessKey = parent.AccessKeyID, parent.SecretAccessKey
	if _, err := r2creds.Sign(params); err != nil {
		t.Fatal(err)
	}

	again, err := client.ParentOfToken(background, "plain")
	equal(t, "again", err == nil && *again == *parent, true)
	equal(t, "requests, for it is known to be an account's", server.count(), 3)
	server.isUser = true
	users, err := newClient(t, server.URL).ParentOfToken(background, "plain")
	equal(t, "a user's", err == nil && users.Kind == r2creds.UserToken, true)

	asJSON, err := json.Marshal(parent)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(*parent), fmt.Sprintf("%#v %x", parent, parent),
		parent.LogValue().String(), string(asJSON)} {
		equal(t, text, strings.Contains(text, parent.SecretAccessKey), false)
		equal(t, text, strings.Contains(text, fmt.Sprintf("%x", parent.SecretAccessKey)), false)
	}
}

func TestNoParent(t *testing.T) {
	server := newAPI(t)
	client := newClient(t, server.URL)
	_, err := client.ParentOfToken(background, "http-403")
	equal(t, "attempts", failed(t, err, r2creds.ErrPermissionDenied).Attempts, 2)
	_, err = client.ParentOfToken(background, "http-404")
	failed(t, err, r2creds.ErrNotFound)

	sent := server.count()
	var none *r2creds.Client
	closed := newClient(t, server.URL)
	closed.Close()
	pair, err := r2creds.NewClient(r2creds.WithAPIEmail("a@example.com"), r2creds.WithAPIKey("key"),
		r2creds.WithBaseURL(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer pair.Close()
	for _, each := range []struct {
		client  *r2creds.Client
		account string
		option  r2creds.RequestOption
		field   string
	}{
		{none, "plain", nil, "client"}, {closed, "plain", nil, "client"}, {pair, "plain", nil, "client"},
		{client, "", nil, "account_id"}, {client, "a/b", nil, "account_id"}, {client, "a\x00b", nil, "account_id"},
		{client, "\xff", nil, "account_id"}, {client, "plain", r2creds.WithExtraBody("{}"), "extra_body"},
		{client, "plain", r2creds.WithHeader("Host", "x"), "headers"},
		{client, "plain", r2creds.WithRequestMaxRetries(-1), "max_retries"},
	} {
		options := slices.DeleteFunc([]r2creds.RequestOption{each.option}, func(option r2creds.RequestOption) bool {
			return option == nil
		})
		_, err := each.client.ParentOfToken(background, each.account, options...)
		equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, each.field)
	}
	_, err = client.ParentOfToken(nil, "plain") //nolint:staticcheck
	equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "ctx")
	_, err = client.ParentOfToken(background, "plain", nil)
	equal(t, "field", failed(t, err, r2creds.ErrInvalidArgument).Field, "options")
	equal(t, "requests", server.count(), sent)
}

func TestAContextEndsParentOfToken(t *testing.T) {
	server := newAPI(t)
	client := newClient(t, server.URL)
	ctx, cancel := context.WithCancel(background)
	go func() {
		<-server.reached
		cancel()
	}()
	_, err := client.ParentOfToken(ctx, "hangs")
	equal(t, "cancelled", errors.Is(err, context.Canceled), true)
	ctx, cancel = context.WithTimeout(background, 50*time.Millisecond)
	defer cancel()
	_, err = client.ParentOfToken(ctx, "hangs")
	equal(t, "deadline", errors.Is(err, context.DeadlineExceeded), true)
}
