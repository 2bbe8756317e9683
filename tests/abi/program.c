/*
 * A program of 0.1.0: every function, macro, field and number that release had, and nothing newer. It is compiled with
 * the header of each release and run with today's library, so it stays as it is. Argument: a server on loopback.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "r2creds.h"

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                            \
            exit(EXIT_FAILURE);                                                                                        \
        }                                                                                                              \
    } while (0)

static const char *const PATHS[] = {"camera-7/", "camera-8/"};
static const char *const OBJECTS[] = {"index.json"};
static const char *const ACTIONS[] = {"GetObject", "HeadObject"};
static const char *const HEADERS[] = {"X-Trace: 1"};

/* What create and sign have in common. */
static r2creds_params valid(const char *account)
{
    r2creds_params params = R2CREDS_PARAMS_INIT;
    params.account_id = account;
    params.bucket = "example-bucket";
    params.parent_access_key_id = "0123456789abcdef0123456789abcdef";
    params.prefixes = PATHS;
    params.prefixes_len = 2;
    params.objects = OBJECTS;
    params.objects_len = 1;
    params.ttl_seconds = 600;
    CHECK(params.struct_size == sizeof params && params.reserved == 0);
    return params;
}

static int32_t go_on(void *asked)
{
    ++*(int *)asked;
    return 0;
}

static void sign(void)
{
    r2creds_params params = valid("account");
    r2creds_credentials *credentials = NULL;
    r2creds_error *error = NULL;
    params.parent_secret_access_key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    params.actions = ACTIONS;
    params.actions_len = 2;
    params.jurisdiction = R2CREDS_JURISDICTION_EU;
    params.issued_at = 1700000000;
    CHECK(r2creds_sign(&params, &credentials, &error) == R2CREDS_STATUS_OK);
    CHECK(error == NULL && R2CREDS_HAS(credentials, expires_at));
    CHECK(strcmp(credentials->access_key_id, params.parent_access_key_id) == 0);
    CHECK(strlen(credentials->secret_access_key) == 64);
    CHECK(strlen(credentials->session_token) > 100);
    CHECK(strcmp(credentials->endpoint, "https://account.eu.r2.cloudflarestorage.com") == 0);
    CHECK(credentials->request_id == NULL);
    CHECK(credentials->issued_at == 1700000000 && credentials->expires_at == 1700000600);
    r2creds_credentials_free(credentials);

    params.jurisdiction = R2CREDS_JURISDICTION_DEFAULT;
    params.endpoint = "http://localhost:9000";
    params.permission = R2CREDS_PERMISSION_ADMIN_READ_WRITE;
    CHECK(r2creds_sign(&params, &credentials, &error) == R2CREDS_STATUS_INVALID_ARGUMENT);
    CHECK(credentials == NULL && error->status == R2CREDS_STATUS_INVALID_ARGUMENT && error->message[0] != '\0');
    CHECK(error->attempts == 0 && error->http_status == 0 && error->retryable == 0 && error->retry_after_ms == -1);
    r2creds_error_free(error);

    params.permission = R2CREDS_PERMISSION_UNSET;
    params.bucket = "no";
    CHECK(r2creds_sign(&params, &credentials, &error) == R2CREDS_STATUS_INVALID_ARGUMENT);
    CHECK(strcmp(error->field, "bucket") == 0);
    r2creds_error_free(error);
}

static void create(const char *base_url)
{
    r2creds_client_options client_options = R2CREDS_CLIENT_OPTIONS_INIT;
    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    r2creds_params params = valid("anyone");
    r2creds_credentials *credentials = NULL;
    r2creds_error *error = NULL;
    r2creds_client *client = NULL;
    r2creds_cancel *cancel = NULL;
    int asked = 0;

    CHECK(client_options.ca_file == NULL && client_options.proxy_url == NULL);
    client_options.api_email = "someone@example.com";
    client_options.api_key = "api-key";
    client_options.base_url = base_url;
    client_options.proxy_url = "";
    client_options.user_agent = "program/0.1.0";
    client_options.timeout_ms = 60000;
    client_options.attempt_timeout_ms = 50000;
    client_options.connect_timeout_ms = 40000;
    client_options.max_retries = -1;
    CHECK(r2creds_client_new(&client_options, &client, &error) == R2CREDS_STATUS_OK && error == NULL);
    r2creds_client_free(client);
    client_options.api_email = client_options.api_key = NULL;
    client_options.api_token = "api-token";
    CHECK(r2creds_client_new(&client_options, &client, NULL) == R2CREDS_STATUS_OK);

    CHECK(r2creds_cancel_new(&cancel) == R2CREDS_STATUS_OK);
    options.cancel = cancel;
    options.headers = HEADERS;
    options.headers_len = 1;
    options.extra_body = "{\"newer\": true}";
    options.poll = go_on;
    options.poll_context = &asked;
    options.timeout_ms = 50000;
    options.max_retries = -1;
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_WRITE;
    CHECK(r2creds_create(client, &params, &options, &credentials, &error) == R2CREDS_STATUS_OK && error == NULL);
    CHECK(strcmp(credentials->access_key_id, "id-anyone") == 0);
    CHECK(strcmp(credentials->secret_access_key, "secret-anyone") == 0);
    CHECK(strcmp(credentials->session_token, "token-anyone") == 0);
    CHECK(strcmp(credentials->request_id, "0123456789abcdef-LHR") == 0);
    CHECK(credentials->expires_at > credentials->issued_at);
    r2creds_credentials_free(credentials);

    params.account_id = "rich";
    CHECK(r2creds_create(client, &params, NULL, &credentials, &error) == R2CREDS_STATUS_RATE_LIMITED);
    CHECK(credentials == NULL && R2CREDS_HAS(error, attempts));
    CHECK(error->http_status == 429 && error->attempts == 1 && error->retryable == 1);
    CHECK(error->retry_after_ms == 61000 && error->field == NULL && error->request_id != NULL);
    CHECK(error->errors_len == 2 && R2CREDS_HAS(error->errors[0], code) && error->errors[0]->code == 10000);
    CHECK(error->errors[0]->message != NULL && error->errors[0]->documentation_url != NULL);
    CHECK(strcmp(error->errors[0]->pointer, "/bucket") == 0 && error->errors[1]->message == NULL);
    CHECK(error->messages_len == 2 && strcmp(error->messages[1], "second") == 0);
    CHECK(error->hint == NULL || error->hint[0] != '\0');
    r2creds_error_free(error);

    r2creds_cancel_trigger(cancel);
    CHECK(r2creds_create(client, &params, &options, &credentials, NULL) == R2CREDS_STATUS_CANCELLED);
    r2creds_cancel_free(cancel);
    r2creds_client_free(client);
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    CHECK(r2creds_abi_version() == R2CREDS_ABI_VERSION);
    CHECK(strlen(r2creds_version()) >= 5 && R2CREDS_VERSION_NUMBER >= 100);
    CHECK(strcmp(r2creds_status_name(R2CREDS_STATUS_PANIC), "PANIC") == 0);
    sign();
    create(argv[1]);
    r2creds_client_free(NULL);
    r2creds_credentials_free(NULL);
    r2creds_error_free(NULL);
    r2creds_cancel_trigger(NULL);
    r2creds_cancel_free(NULL);
    return EXIT_SUCCESS;
}
