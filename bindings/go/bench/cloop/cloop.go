// Package cloop makes the same calls as the benchmarks in a loop in C, so that Go's share of a call can be told.
package cloop

/*
#cgo pkg-config: r2creds
#include <stdlib.h>
#include <r2creds.h>

static r2creds_params params(void) {
	static const char *const prefixes[] = {"2026/"};
	r2creds_params params = R2CREDS_PARAMS_INIT;
	params.account_id = "023e105f4ecef8ad9ca31a8372d0c353";
	params.bucket = "recordings";
	params.parent_access_key_id = "0123456789abcdef0123456789abcdef";
	params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
	params.prefixes = prefixes;
	params.prefixes_len = 1;
	return params;
}

static r2creds_status sign(int64_t count) {
	r2creds_params of = params();
	of.parent_secret_access_key = "0000000000000000000000000000000000000000000000000000000000000001";
	r2creds_status status = R2CREDS_STATUS_OK;
	while (status == R2CREDS_STATUS_OK && count-- > 0) {
		r2creds_credentials *credentials;
		status = r2creds_sign(&of, &credentials, NULL);
		r2creds_credentials_free(credentials);
	}
	return status;
}

static r2creds_status create(const char *url, int64_t count) {
	r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
	options.api_token = "token";
	options.base_url = url;
	r2creds_client *client;
	r2creds_status status = r2creds_client_new(&options, &client, NULL);
	const r2creds_params of = params();
	while (status == R2CREDS_STATUS_OK && count-- > 0) {
		r2creds_credentials *credentials;
		status = r2creds_create(client, &of, NULL, &credentials, NULL);
		r2creds_credentials_free(credentials);
	}
	r2creds_client_free(client);
	return status;
}
*/
import "C"

import (
	"unsafe"

	r2creds "r2creds.dev/go"
)

// Sign signs so many times.
func Sign(count int) error { return failed(C.sign(C.int64_t(count))) }

// Create asks the API at this URL so many times.
func Create(url string, count int) error {
	text := C.CString(url)
	defer C.free(unsafe.Pointer(text))
	return failed(C.create(text, C.int64_t(count)))
}

func failed(status C.r2creds_status) error {
	if status == C.R2CREDS_STATUS_OK {
		return nil
	}
	return r2creds.Status(status)
}
