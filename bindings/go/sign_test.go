package r2creds_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	r2creds "r2creds.dev/go"
)

func TestEveryVectorComesOutByteForByte(t *testing.T) {
	file, err := os.ReadFile("../../tests/sign-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name   string
		Params struct {
			AccountID             string `json:"account_id"`
			Bucket                string
			ParentAccessKeyID     string `json:"parent_access_key_id"`
			ParentSecretAccessKey string `json:"parent_secret_access_key"`
			Permission            string
			Actions               []string
			Prefixes              []string
			Objects               []string
			TTLSeconds            int64 `json:"ttl_seconds"`
			Jurisdiction          string
			Endpoint              string
			IssuedAt              int64 `json:"issued_at"`
		}
		Expected struct {
			AccessKeyID     string `json:"access_key_id"`
			SecretAccessKey string `json:"secret_access_key"`
			SessionToken    string `json:"session_token"`
			ExpiresAt       int64  `json:"expires_at"`
			Endpoint        string
		}
	}
	if err := json.Unmarshal(file, &vectors); err != nil || len(vectors) == 0 {
		t.Fatal(len(vectors), err)
	}
	permissions := map[string]r2creds.Permission{"": 0, "object-read-only": r2creds.ObjectReadOnly,
		"object-read-write": r2creds.ObjectReadWrite, "admin-read-only": r2creds.AdminReadOnly,
		"admin-read-write": r2creds.AdminReadWrite}
	jurisdictions := map[string]r2creds.Jurisdiction{"default": r2creds.DefaultJurisdiction, "eu": r2creds.EU,
		"fedramp": r2creds.FedRAMP, "us": r2creds.US}
	// An empty list of a vector is none.
	list := func(entries []string) []string { return append([]string(nil), entries...) }
	for _, vector := range vectors {
		given, expected := vector.Params, vector.Expected
		permission, known := permissions[given.Permission]
		jurisdiction, alsoKnown := jurisdictions[given.Jurisdiction]
		if !known || !alsoKnown {
			t.Fatalf("%s: %q %q", vector.Name, given.Permission, given.Jurisdiction)
		}
		made, err := r2creds.Sign(r2creds.Params{
			AccountID: given.AccountID, Bucket: given.Bucket, ParentAccessKeyID: given.ParentAccessKeyID,
			ParentSecretAccessKey: given.ParentSecretAccessKey, Permission: permission, Actions: list(given.Actions),
			Prefixes: list(given.Prefixes), Objects: list(given.Objects), TTL: time.Duration(given.TTLSeconds) * time.Second,
			Jurisdiction: jurisdiction, Endpoint: given.Endpoint, IssuedAt: time.Unix(given.IssuedAt, 999_999_999),
		})
		if err != nil {
			t.Fatalf("%s: %v", vector.Name, err)
		}
		made.RenewAt, made.RenewBy = time.Time{}, time.Time{} // the vectors are older
		want := r2creds.Credentials{AccessKeyID: expected.AccessKeyID, SecretAccessKey: expected.SecretAccessKey,
			SessionToken: expected.SessionToken, Endpoint: expected.Endpoint,
			IssuedAt: time.Unix(given.IssuedAt, 0).UTC(), ExpiresAt: time.Unix(expected.ExpiresAt, 0).UTC()}
		if *made != want {
			t.Errorf("%s: not what the vector says", vector.Name)
		}
	}
}

func TestTheZeroOfAnOptionalParameterIsItsDefault(t *testing.T) {
	before := time.Now().Truncate(time.Second)
	made, err := r2creds.Sign(signParams())
	if err != nil {
		t.Fatal(err)
	}
	if made.IssuedAt.Before(before) || made.IssuedAt.After(time.Now()) {
		t.Errorf("begins %v, and it was %v", made.IssuedAt, before)
	}
	equal(t, "lifetime", made.ExpiresAt.Sub(made.IssuedAt), 15*time.Minute)
	equal(t, "endpoint", made.Endpoint, "https://"+account+".r2.cloudflarestorage.com")
	equal(t, "request id", made.RequestID, "")
}

// Each is an error that names its field, and no value is in it.
func TestBadParamsAreErrors(t *testing.T) {
	const secret = "a value that no error may repeat"
	for _, each := range []struct {
		name, field string
		change      func(*r2creds.Params)
	}{
		{"nothing at all", "account_id", func(p *r2creds.Params) { *p = r2creds.Params{} }},
		{"no bucket", "bucket", func(p *r2creds.Params) { p.Bucket = "" }},
		{"no parent id", "parent_access_key_id", func(p *r2creds.Params) { p.ParentAccessKeyID = "" }},
		{"no parent secret", "parent_secret_access_key", func(p *r2creds.Params) { p.ParentSecretAccessKey = "" }},
		{"no permission", "permission", func(p *r2creds.Params) { p.Permission = 0 }},
		{"unknown permission", "permission", func(p *r2creds.Params) { p.Permission = 99 }},
		{"negative permission", "permission", func(p *r2creds.Params) { p.Permission = -1 }},
		{"unknown jurisdiction", "jurisdiction", func(p *r2creds.Params) { p.Jurisdiction = 99 }},
		{"permission and actions", "actions", func(p *r2creds.Params) { p.Actions = []string{"GetObject"} }},
		{"bad endpoint", "endpoint", func(p *r2creds.Params) { p.Endpoint = secret }},
		{"bad secret", "parent_secret_access_key", func(p *r2creds.Params) { p.ParentSecretAccessKey = secret }},
		{"secret in another field", "bucket", func(p *r2creds.Params) { p.Bucket = secret }},
		{"empty prefix", "prefixes", func(p *r2creds.Params) { p.Prefixes = []string{"a", ""} }},
		// What a program computed must not open the whole bucket when it comes out empty.
		{"no prefixes in a slice of them", "prefixes", func(p *r2creds.Params) { p.Prefixes = []string{} }},
		{"no objects in a slice of them", "objects", func(p *r2creds.Params) { p.Objects = make([]string, 0, 4) }},
		{"no actions in a slice of them", "actions", func(p *r2creds.Params) { p.Permission, p.Actions = 0, []string{} }},
		{"long object", "objects", func(p *r2creds.Params) { p.Objects = []string{strings.Repeat("x", 1025)} }},
		{"NUL in a string", "account_id", func(p *r2creds.Params) { p.AccountID += "\x00" + secret }},
		{"NUL in the bucket", "bucket", func(p *r2creds.Params) { p.Bucket += "\x00" }},
		{"NUL in the parent id", "parent_access_key_id", func(p *r2creds.Params) { p.ParentAccessKeyID += "\x00" }},
		{"NUL in the secret", "parent_secret_access_key", func(p *r2creds.Params) { p.ParentSecretAccessKey += "\x00" }},
		{"NUL in the endpoint", "endpoint", func(p *r2creds.Params) { p.Endpoint = "\x00" }},
		{"NUL in a prefix", "prefixes", func(p *r2creds.Params) { p.Prefixes = []string{"a", "b\x00c"} }},
		{"NUL in an object", "objects", func(p *r2creds.Params) { p.Objects = []string{"\x00"} }},
		{"NUL in an action", "actions", func(p *r2creds.Params) { p.Actions = []string{"GetObject\x00"} }},
		{"not UTF-8", "account_id", func(p *r2creds.Params) { p.AccountID = "\xff\xfe" }},
		{"prefix that is not UTF-8", "prefixes", func(p *r2creds.Params) { p.Prefixes = []string{"\xc3\x28"} }},
		{"half a surrogate", "objects", func(p *r2creds.Params) { p.Objects = []string{"\xed\xa0\x80"} }},
		{"negative ttl", "ttl_seconds", func(p *r2creds.Params) { p.TTL = -time.Second }},
		{"a fraction of a second", "ttl_seconds", func(p *r2creds.Params) { p.TTL = 1500 * time.Millisecond }},
		{"a nanosecond", "ttl_seconds", func(p *r2creds.Params) { p.TTL = 1 }},
		{"more than seven days", "ttl_seconds", func(p *r2creds.Params) { p.TTL = 604801 * time.Second }},
		{"more than 32 bits", "ttl_seconds", func(p *r2creds.Params) { p.TTL = (1<<32 + 900) * time.Second }},
		{"the Unix epoch", "issued_at", func(p *r2creds.Params) { p.IssuedAt = time.Unix(0, 1) }},
		{"before the Unix epoch", "issued_at", func(p *r2creds.Params) { p.IssuedAt = time.Unix(-1, 0) }},
	} {
		params := signParams()
		each.change(&params)
		made, err := r2creds.Sign(params)
		failure := failed(t, err, r2creds.ErrInvalidArgument)
		if made != nil || failure.Field != each.field || !strings.HasPrefix(failure.Message, each.field+":") {
			t.Errorf("%s: %v in %q, expected %q", each.name, failure, failure.Field, each.field)
		}
		equal(t, each.name, failure.Attempts, 0)
		equal(t, each.name, failure.RetryAfter, 0)
		if strings.Contains(fmt.Sprintf("%+v", *failure), secret) {
			t.Errorf("%s: the error repeats a value", each.name)
		}
	}
}

// What is printed by accident shows no secret, however it is printed.
func TestNothingPrintsASecret(t *testing.T) {
	params := signParams()
	params.Prefixes = []string{"visible/"}
	made, err := r2creds.Sign(params)
	if err != nil {
		t.Fatal(err)
	}
	type Holder struct {
		Params      r2creds.Params
		Credentials *r2creds.Credentials
		Copy        r2creds.Credentials
	}
	type embedding struct{ r2creds.Credentials }
	secrets := []string{parentSecret, made.SecretAccessKey, made.SessionToken}
	check := func(how, text string) {
		t.Helper()
		for _, secret := range secrets {
			if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s shows a secret", how)
			}
		}
		if !strings.Contains(text, "[redacted]") {
			t.Errorf("%s: %s", how, text)
		}
	}
	for _, value := range []any{params, &params, made, *made, Holder{params, made, *made}, embedding{*made},
		[]any{params, made}, map[string]any{"made": *made}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t"} {
			check(verb, fmt.Sprintf(verb, value))
		}
		var text bytes.Buffer
		slog.New(slog.NewTextHandler(&text, nil)).Info("", "value", value)
		slog.New(slog.NewTextHandler(&text, nil)).Info("", slog.Any("value", value))
		check("slog", text.String())
	}
	for _, text := range []string{params.String(), params.GoString(), made.String(), made.GoString()} {
		check("String", text)
	}
	if text := params.String(); !strings.Contains(text, "visible/") || !strings.Contains(text, account) {
		t.Errorf("shows too little: %s", text)
	}
	if text := fmt.Sprint(r2creds.Credentials{}, r2creds.Params{}); strings.Contains(text, "[redacted]") {
		t.Errorf("shows a secret that is not there: %s", text)
	}
	var none *r2creds.Credentials
	if text := fmt.Sprintf("%v %+v", none, none); text != "<nil> <nil>" {
		t.Error(text)
	}
}

// JSON hands a credential on, to a client for example, and leaves out what is the parent's.
func TestJSONHasTheCredentialAndNotTheParentsSecret(t *testing.T) {
	params := signParams()
	params.IssuedAt = time.Unix(1767225600, 0)
	made, err := r2creds.Sign(params)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if err != nil {
		t.Fatal(err)
	}
	var again r2creds.Credentials
	if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(again, *made) {
		t.Errorf("%s: %v", text, err)
	}
	for _, name := range []string{"accessKeyId", "secretAccessKey", "sessionToken", "endpoint", "issuedAt", "expiresAt"} {
		if !strings.Contains(string(text), `"`+name+`":"`) {
			t.Errorf("%s is not in %s", name, text)
		}
	}
	if text, err := json.Marshal(params); err != nil || strings.Contains(string(text), parentSecret) {
		t.Errorf("%s: %v", text, err)
	}
}

func TestSignAllocatesLittle(t *testing.T) {
	params := signParams()
	params.Prefixes = []string{"a/", "b/"}
	if count := testing.AllocsPerRun(200, func() {
		if _, err := r2creds.Sign(params); err != nil {
			t.Fatal(err)
		}
	}); count > 12 {
		t.Errorf("%v allocations, expected at most 12", count)
	}
}

// Many at once, with lists of every length, so that the block of C memory has many sizes.
func TestManySignAtOnce(t *testing.T) {
	var all sync.WaitGroup
	for worker := range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			params := signParams()
			for i := range 100 {
				params.Prefixes = append(params.Prefixes, strings.Repeat("p", worker+i%7+1))
				params.Objects = append(params.Objects, fmt.Sprint("é/", worker, i))
				if _, err := r2creds.Sign(params); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	all.Wait()
}

func TestATimeAfter9999CanBeMarshalled(t *testing.T) {
	params := validParams()
	params.ParentSecretAccessKey = parentSecret
	params.IssuedAt = time.Unix(math.MaxInt64/2, 0)
	made, err := r2creds.Sign(params)
	if err != nil {
		t.Fatal(err)
	}
	if made.ExpiresAt.Year() != 9999 {
		t.Error(made.ExpiresAt)
	}
	if _, err := json.Marshal(made); err != nil {
		t.Error(err)
	}
}
