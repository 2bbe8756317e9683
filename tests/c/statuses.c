/* Every status through the C functions, and what its error object says. (PANIC: panic.c) */
#include "check.h"

#ifndef _WIN32 /* where a library keeps to the functions that it was linked to */
#include <pthread.h>
#include <sys/syscall.h>

/* How INTERNAL comes about. (POSIX has no syscall.) */
long syscall(long number, ...);
static int is_before_1970;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (is_before_1970 && clock == CLOCK_REALTIME) {
        now->tv_sec = -1, now->tv_nsec = 0;
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}

/* This program starts no thread, and neither can the library. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    (void)thread, (void)attributes, (void)run, (void)context;
    return EAGAIN;
}
#endif

typedef struct {
    const char *account;
    r2creds_status status;
    int32_t http_status, retryable, attempts;
} reply;

static const reply replies[] = {
    {"http-400", R2CREDS_STATUS_BAD_REQUEST, 400, 0, 1},
    {"http-401", R2CREDS_STATUS_AUTHENTICATION, 401, 0, 1},
    {"http-403", R2CREDS_STATUS_PERMISSION_DENIED, 403, 0, 1},
    {"http-404", R2CREDS_STATUS_NOT_FOUND, 404, 0, 1},
    {"http-409", R2CREDS_STATUS_CONFLICT, 409, 1, 1},
    {"http-422", R2CREDS_STATUS_UNPROCESSABLE, 422, 0, 1},
    {"http-429", R2CREDS_STATUS_RATE_LIMITED, 429, 1, 1},
    {"http-500", R2CREDS_STATUS_SERVER_ERROR, 500, 1, 1},
    {"http-599", R2CREDS_STATUS_SERVER_ERROR, 599, 1, 1},
    {"http-302", R2CREDS_STATUS_API_ERROR, 302, 0, 1},
    {"http-408", R2CREDS_STATUS_API_ERROR, 408, 1, 1},
    {"http-418", R2CREDS_STATUS_API_ERROR, 418, 0, 1},
    {"no-success", R2CREDS_STATUS_API_ERROR, 200, 0, 1},
    {"no-json", R2CREDS_STATUS_INVALID_RESPONSE, 200, 0, 1},
    {"no-token", R2CREDS_STATUS_INVALID_RESPONSE, 200, 0, 1},
    {"reset", R2CREDS_STATUS_CONNECTION, 0, 1, 1},
    {"hangs", R2CREDS_STATUS_TIMEOUT, 0, 1, 1},
    {"a/b", R2CREDS_STATUS_INVALID_ARGUMENT, 0, 0, 0},
};

/* Fails twice, with an error object and with nowhere to put one. The caller frees the first. */
static r2creds_error *fails(const r2creds_client *client, const char *account, const r2creds_request_options *options,
                            r2creds_status expected)
{
    r2creds_params params = params_of(account);
    r2creds_credentials *out = UNTOUCHED(r2creds_credentials);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_create(client, &params, options, &out, &error);
    failed(status, expected, out, error);
    out = UNTOUCHED(r2creds_credentials);
    CHECK(r2creds_create(client, &params, options, &out, NULL) == expected);
    CHECK(out == NULL);
    return error;
}

static void client_fails(const r2creds_client_options *options, r2creds_status expected, const char *field)
{
    r2creds_client *client = UNTOUCHED(r2creds_client);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_client_new(options, &client, &error);
    failed(status, expected, client, error);
    CHECK(field == NULL ? error->field == NULL : error->field != NULL && strcmp(error->field, field) == 0);
    CHECK(error->attempts == 0 && error->http_status == 0 && error->retryable == 0 && error->retry_after_ms == -1);
    r2creds_error_free(error);
    CHECK(r2creds_client_new(options, &client, NULL) == expected && client == NULL);
}

static void everything_an_error_can_carry(const r2creds_client *client)
{
    r2creds_error *error = fails(client, "rich", NULL, R2CREDS_STATUS_RATE_LIMITED);
    CHECK(error->http_status == 429 && error->retryable == 1 && error->attempts == 1);
    CHECK(error->retry_after_ms == 61000);
    CHECK(strcmp(error->request_id, "0123456789abcdef-LHR") == 0);
    CHECK(error->field == NULL);
    CHECK(error->hint != NULL);
    CHECK(error->errors_len == 2);
    const r2creds_api_error *first = error->errors[0], *second = error->errors[1];
    CHECK(first->struct_size == sizeof(r2creds_api_error) && second->struct_size == sizeof(r2creds_api_error));
    CHECK(first->code == 10000 && strcmp(first->message, "Slow down") == 0);
    CHECK(strcmp(first->documentation_url, "https://example.com/") == 0 && strcmp(first->pointer, "/bucket") == 0);
    CHECK(second->code == 7 && !second->message && !second->documentation_url && !second->pointer);
    CHECK(error->messages_len == 2);
    CHECK(strcmp(error->messages[0], "first") == 0 && strcmp(error->messages[1], "second") == 0);
    CHECK(R2CREDS_HAS(error, attempts));
    r2creds_error_free(error);
}

/* base URL, its TLS twin with a certificate that nobody trusts, a port that refuses */
int main(int count, char **arguments)
{
    begin();
    CHECK(count == 4);
    r2creds_client *client = client_to(arguments[1], NULL);
    r2creds_error *error;

    r2creds_credentials *credentials = created(client, "plain");
    CHECK(strcmp(credentials->endpoint, "https://plain.r2.cloudflarestorage.com") == 0);
    CHECK(strcmp(credentials->request_id, "0123456789abcdef-LHR") == 0);
    CHECK(credentials->expires_at == credentials->issued_at + 900);
    CHECK(R2CREDS_HAS(credentials, expires_at));
    r2creds_credentials_free(credentials);

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        const reply *wanted = &replies[i];
        r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
        trying = wanted->account;
        if (wanted->status == R2CREDS_STATUS_TIMEOUT)
            options.timeout_ms = 150;
        error = fails(client, wanted->account, &options, wanted->status);
        CHECK(error->http_status == wanted->http_status);
        CHECK(error->retryable == wanted->retryable);
        /* Where the time was up before anything was sent, there was none. */
        CHECK(error->attempts == wanted->attempts || (error->attempts == 0 && options.timeout_ms != 0));
        CHECK(error->retry_after_ms == -1);
        CHECK((error->field != NULL) == (wanted->status == R2CREDS_STATUS_INVALID_ARGUMENT));
        CHECK(error->request_id == NULL);
        r2creds_error_free(error);
        create(client, "in-between");
    }
    trying = "rich";
    everything_an_error_can_carry(client);

    trying = "cancelled before it began";
    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    CHECK(r2creds_cancel_new(&options.cancel) == R2CREDS_STATUS_OK && options.cancel != NULL);
    r2creds_cancel_trigger(options.cancel);
    r2creds_cancel_trigger(options.cancel);
    error = fails(client, "plain", &options, R2CREDS_STATUS_CANCELLED);
    CHECK(error->attempts == 0 && error->retryable == 0 && error->http_status == 0);
    r2creds_error_free(error);
    r2creds_cancel_free(options.cancel);
    r2creds_client_free(client);

    trying = "TLS";
    client = client_to(arguments[2], NULL);
    error = fails(client, "plain", NULL, R2CREDS_STATUS_TLS);
    CHECK(error->attempts == 1 && error->retryable == 0 && error->http_status == 0);
    r2creds_error_free(error);
    r2creds_client_free(client);

    trying = "refused";
    client = client_to(arguments[3], NULL);
    error = fails(client, "plain", NULL, R2CREDS_STATUS_CONNECTION);
    CHECK(error->attempts == 1 && error->retryable == 1 && error->http_status == 0);
    r2creds_error_free(error);
    r2creds_client_free(client);

#ifndef _WIN32
    trying = "no thread for the name lookup";
    client = client_to("https://something.invalid", NULL);
    error = fails(client, "plain", NULL, R2CREDS_STATUS_CONNECTION);
    CHECK(error->retryable == 1 && error->http_status == 0);
    CHECK(strstr(error->message, "thread") != NULL && strstr(error->hint, "limit of processes") != NULL);
    r2creds_error_free(error);

    trying = "a clock before 1970";
    is_before_1970 = 1;
    error = fails(client, "plain", NULL, R2CREDS_STATUS_INTERNAL);
    CHECK(error->retryable == 0 && error->http_status == 0);
    is_before_1970 = 0;
    r2creds_error_free(error);
    r2creds_client_free(client);
#endif

    r2creds_client_options bad = R2CREDS_CLIENT_OPTIONS_INIT;
    trying = "nothing to authenticate with";
    client_fails(NULL, R2CREDS_STATUS_NO_AUTHENTICATION, NULL);
    client_fails(&bad, R2CREDS_STATUS_NO_AUTHENTICATION, NULL);
    trying = "another kind of proxy";
    bad.api_token = API_TOKEN;
    bad.proxy_url = "socks5://127.0.0.1:1080";
    client_fails(&bad, R2CREDS_STATUS_UNSUPPORTED, "proxy_url");
    trying = "no e-mail";
    bad.proxy_url = NULL;
    bad.api_key = "key";
    client_fails(&bad, R2CREDS_STATUS_INVALID_ARGUMENT, "api_email");
    return 0;
}
