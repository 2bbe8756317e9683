package r2creds

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
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
		"JURISDICTION_FEDRAMP": int32(FedRAMP),
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
	lines := regexp.MustCompile(`(?m)^#define R2CREDS_((?:STATUS|PERMISSION|JURISDICTION)_\w+) (\d+)$`)
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
