package r2creds

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// The structs that this package was compiled with are those of the library's record.
func TestStructsHaveTheLayoutOfTheRecord(t *testing.T) {
	record, err := os.ReadFile("../../tests/abi/layout.txt")
	if err != nil {
		t.Fatal(err)
	}
	expected, _, _ := strings.Cut(string(record), "constant ")
	var got strings.Builder
	for _, each := range []struct {
		name string
		of   any
	}{
		{"r2creds_params", cParams{}}, {"r2creds_client_options", cClientOptions{}},
		{"r2creds_request_options", cRequestOptions{}}, {"r2creds_credentials", cCredentials{}},
		{"r2creds_api_error", cAPIError{}}, {"r2creds_error", cError{}},
		{"r2creds_inspect_params", cInspectParams{}}, {"r2creds_finding", cFinding{}},
		{"r2creds_inspection", cInspection{}}, {"r2creds_parent", cParent{}},
	} {
		kind := reflect.TypeOf(each.of)
		fmt.Fprintf(&got, "struct %s %d\n", each.name, kind.Size())
		for i := range kind.NumField() {
			field := kind.Field(i)
			fmt.Fprintf(&got, "field %s %d %d\n", field.Name, field.Offset, field.Type.Size())
		}
	}
	if got.String() != expected {
		t.Fatalf("the structs are\n%s\nthe record says\n%s", got.String(), expected)
	}
}

// A field that this package does not know would be zero in C, and nobody would notice.
func TestEveryFieldOfAStructForCIsFilled(t *testing.T) {
	params := filled(reflect.TypeOf(Params{})).Interface().(Params)
	checkFilled(t, func(a *arguments) cParams { return a.params(&params, true) })

	inspected := filled(reflect.TypeOf(InspectParams{})).Interface().(InspectParams)
	checkFilled(t, func(a *arguments) cInspectParams { return a.inspectParams(&inspected) })

	var client clientOptions
	for _, option := range []Option{
		WithAPIToken("x"), WithAPIEmail("x"), WithAPIKey("x"), WithBaseURL("x"), WithProxyURL("x"), WithCAFile("x"),
		WithUserAgent("x"), WithTimeout(1), WithAttemptTimeout(1), WithConnectTimeout(1), WithMaxRetries(1),
		WithNoEnvironment(),
	} {
		option(&client)
	}
	checkFilled(t, func(a *arguments) cClientOptions { return a.clientOptions(&client) })

	var request requestOptions
	for _, option := range []RequestOption{
		WithHeader("x", "x"), WithExtraBody("x"), WithRequestMaxRetries(1),
	} {
		option(&request)
	}
	cancel, err := newCancel()
	if err != nil {
		t.Fatal(err)
	}
	defer cancel.free()
	// A context serves for what poll is for in C.
	checkFilled(t, func(a *arguments) cRequestOptions { return a.requestOptions(&request, cancel, 1) },
		"poll", "poll_context")
}

func checkFilled[T any](t *testing.T, convert func(*arguments) T, unused ...string) {
	t.Helper()
	var a arguments
	convert(&a)
	if a.wrong != nil {
		t.Fatal(a.wrong)
	}
	block := make([]uintptr, a.used) // aligned for pointers, as C's is
	a.memory, a.used = unsafe.Slice((*byte)(unsafe.Pointer(&block[0])), a.used), 0
	made := reflect.ValueOf(convert(&a))
	for i := range made.NumField() {
		name := made.Type().Field(i).Name
		if made.Field(i).IsZero() && name != "reserved" && !slices.Contains(unused, name) {
			t.Errorf("%s.%s stays zero: nothing in cgo.go fills it", structName(made.Type()), name)
		}
	}
}

func TestEveryFieldOfAResultIsRead(t *testing.T) {
	checkRead(t, func(from *cCredentials) any { return credentials(from) })
	checkRead(t, func(from *cError) any { return failure(from) })
	checkRead(t, func(from *cInspection) any { return inspection(from) })
	checkRead(t, func(from *cFinding) any {
		around := filled(reflect.TypeOf(cInspection{})).Interface().(cInspection)
		*around.findings = from
		return inspection(&around)
	})
	checkRead(t, func(from *cParent) any { return parent(from) }, "reserved")
	checkRead(t, func(from *cAPIError) any {
		around := filled(reflect.TypeOf(cError{})).Interface().(cError)
		*around.errors = from
		return failure(&around)
	})
}

// checkRead empties one field after the other, which has to change what becomes of the struct.
func checkRead[T any](t *testing.T, convert func(*T) any, unused ...string) {
	t.Helper()
	of := reflect.TypeFor[T]()
	whole := filled(of).Interface().(T)
	expected := convert(&whole)
	for i := range of.NumField() {
		name := of.Field(i).Name
		// Of a list the length is emptied.
		_, isList := of.FieldByName(name + "_len")
		if isList || name == "struct_size" || slices.Contains(unused, name) {
			continue
		}
		changed := filled(of)
		settable(changed.Field(i)).SetZero()
		emptied := changed.Interface().(T)
		if reflect.DeepEqual(convert(&emptied), expected) {
			t.Errorf("%s.%s is not read: nothing in cgo.go copies it", structName(of), name)
		}
	}
}

// structName is the name in the header.
func structName(of reflect.Type) string { return strings.TrimPrefix(of.Name(), "_Ctype_struct_") }

// filled is a value of this type in which nothing is zero. A list has one entry, and a string of C one byte.
func filled(of reflect.Type) reflect.Value {
	to := reflect.New(of).Elem()
	switch of.Kind() {
	case reflect.String:
		to.SetString("x")
	case reflect.Int8, reflect.Int32, reflect.Int64:
		to.SetInt(1)
		if of == reflect.TypeFor[time.Duration]() {
			to.SetInt(int64(time.Second))
		}
	case reflect.Uint8, reflect.Uint32, reflect.Uint64: // a char of C is one of 8 on arm64
		to.SetUint(1)
	case reflect.Slice:
		to.Set(reflect.Append(to, filled(of.Elem())))
	case reflect.Pointer:
		pointed := reflect.New(reflect.ArrayOf(2, of.Elem())) // with the NUL that ends a string
		settable(pointed.Elem().Index(0)).Set(filled(of.Elem()))
		to.Set(pointed.Elem().Index(0).Addr())
	case reflect.Struct:
		if of == reflect.TypeFor[time.Time]() {
			return reflect.ValueOf(time.Unix(1, 0))
		}
		for i := range of.NumField() {
			settable(to.Field(i)).Set(filled(of.Field(i).Type))
		}
	default:
		panic(of.String() + ": layout_test.go knows no value that is not zero")
	}
	return to
}

// settable is the field, although other packages cannot see it.
func settable(field reflect.Value) reflect.Value {
	return reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
}

// Every number of the header has its constant here, and no other.
func TestNumbersAreThoseOfTheHeader(t *testing.T) {
	header, err := os.ReadFile("../../include/r2creds.h")
	if err != nil {
		t.Fatal(err)
	}
	here := map[string]int32{
		"PERMISSION_UNSET":            0,
		"PERMISSION_OBJECT_READ_ONLY": int32(ObjectReadOnly), "PERMISSION_OBJECT_READ_WRITE": int32(ObjectReadWrite),
		"PERMISSION_ADMIN_READ_ONLY": int32(AdminReadOnly), "PERMISSION_ADMIN_READ_WRITE": int32(AdminReadWrite),
		"JURISDICTION_DEFAULT": int32(DefaultJurisdiction), "JURISDICTION_EU": int32(EU),
		"JURISDICTION_FEDRAMP": int32(FedRAMP), "JURISDICTION_US": int32(US),
		"TOKEN_USER": int32(UserToken), "TOKEN_ACCOUNT": int32(AccountToken),
	}
	statuses := map[string]Status{
		"OK": 0, "INVALID_ARGUMENT": ErrInvalidArgument, "UNSUPPORTED": ErrUnsupported,
		"NO_AUTHENTICATION": ErrNoAuthentication, "CONNECTION": ErrConnection, "TLS": ErrTLS, "TIMEOUT": ErrTimeout,
		"CANCELLED": ErrCancelled, "BAD_REQUEST": ErrBadRequest, "AUTHENTICATION": ErrAuthentication,
		"PERMISSION_DENIED": ErrPermissionDenied, "NOT_FOUND": ErrNotFound, "CONFLICT": ErrConflict,
		"UNPROCESSABLE": ErrUnprocessable, "RATE_LIMITED": ErrRateLimited, "SERVER_ERROR": ErrServerError,
		"API_ERROR": ErrAPIError, "INVALID_RESPONSE": ErrInvalidResponse, "INTERNAL": ErrInternal, "PANIC": ErrPanic,
	}
	for name, status := range statuses {
		here["STATUS_"+name] = int32(status)
		if text := fmt.Sprintf("r2creds: %s (%d)", name, status); status.Error() != text {
			t.Errorf("%q, expected %q", status.Error(), text)
		}
	}
	there := map[string]int32{}
	lines := regexp.MustCompile(`(?m)^#define R2CREDS_((?:STATUS|PERMISSION|JURISDICTION|TOKEN)_\w+) (\d+)$`)
	for _, line := range lines.FindAllStringSubmatch(string(header), -1) {
		var number int32
		fmt.Sscan(line[2], &number)
		there[line[1]] = number
	}
	if !reflect.DeepEqual(here, there) {
		t.Fatalf("here %v, in the header %v", here, there)
	}
	if text := Status(350).Error(); text != "r2creds: UNKNOWN (350)" {
		t.Error(text)
	}
	if text := (&Error{Status: ErrRateLimited}).Error(); text != ErrRateLimited.Error() {
		t.Errorf("%q without a message", text)
	}
}
