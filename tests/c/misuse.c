/* NULL and nonsense in every place where a C program can put it. */
#include "check.h"

static void is_about(r2creds_error *error, const char *field)
{
    CHECK(error->field != NULL && strcmp(error->field, field) == 0);
    CHECK(error->attempts == 0 && error->http_status == 0 && error->retryable == 0 && error->retry_after_ms == -1);
    CHECK(error->request_id == NULL && error->errors_len == 0 && error->messages_len == 0);
    r2creds_error_free(error);
}

static void sign_fails(const r2creds_params *params, r2creds_status expected, const char *field)
{
    r2creds_credentials *out = UNTOUCHED(r2creds_credentials);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_sign(params, &out, &error);
    is_about(failed(status, expected, out, error), field);
    out = UNTOUCHED(r2creds_credentials);
    CHECK(r2creds_sign(params, &out, NULL) == expected && out == NULL);
    CHECK(r2creds_sign(params, NULL, NULL) == R2CREDS_STATUS_INVALID_ARGUMENT);
}

static void create_fails(const r2creds_client *client, const r2creds_params *params,
                         const r2creds_request_options *options, r2creds_status expected, const char *field)
{
    r2creds_credentials *out = UNTOUCHED(r2creds_credentials);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_create(client, params, options, &out, &error);
    is_about(failed(status, expected, out, error), field);
    out = UNTOUCHED(r2creds_credentials);
    CHECK(r2creds_create(client, params, options, &out, NULL) == expected && out == NULL);
    CHECK(r2creds_create(client, params, options, NULL, NULL) == R2CREDS_STATUS_INVALID_ARGUMENT);
}

static void client_new_fails(const r2creds_client_options *options, r2creds_status expected, const char *field)
{
    r2creds_client *out = UNTOUCHED(r2creds_client);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_client_new(options, &out, &error);
    is_about(failed(status, expected, out, error), field);
    out = UNTOUCHED(r2creds_client);
    CHECK(r2creds_client_new(options, &out, NULL) == expected && out == NULL);
    CHECK(r2creds_client_new(options, NULL, NULL) == R2CREDS_STATUS_INVALID_ARGUMENT);
}

static void nowhere_for_the_result(const r2creds_client *client, const r2creds_params *params)
{
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status;
    trying = "out NULL";
    status = r2creds_sign(params, NULL, &error);
    is_about(failed(status, R2CREDS_STATUS_INVALID_ARGUMENT, NULL, error), "out");
    error = UNTOUCHED(r2creds_error);
    status = r2creds_create(client, params, NULL, NULL, &error);
    is_about(failed(status, R2CREDS_STATUS_INVALID_ARGUMENT, NULL, error), "out");
    error = UNTOUCHED(r2creds_error);
    status = r2creds_client_new(NULL, NULL, &error);
    is_about(failed(status, R2CREDS_STATUS_INVALID_ARGUMENT, NULL, error), "out");
    CHECK(r2creds_cancel_new(NULL) == R2CREDS_STATUS_INVALID_ARGUMENT);
}

/* A copy in a block of exactly this size, for valgrind to notice who reads beyond it. Zero behind what is known. */
static void *sized(const void *from, size_t known, size_t size)
{
    unsigned char *copy = calloc(1, size < sizeof size ? sizeof size : size);
    CHECK(copy != NULL);
    memcpy(copy, from, size < known ? (size < sizeof size ? sizeof size : size) : known);
    memcpy(copy, &size, sizeof size);
    return copy;
}

/* 0: params of sign, 1: params of create, 2: options of create, 3: options of client_new */
static void size_is(int place, const r2creds_client *client, size_t size, int tail, r2creds_status expected)
{
    static char name[64];
    r2creds_params params = params_of("plain");
    r2creds_request_options request = R2CREDS_REQUEST_OPTIONS_INIT;
    r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
    options.api_token = API_TOKEN;
    size_t known = place < 2 ? sizeof params : place == 2 ? sizeof request : sizeof options;
    void *copy = sized(place < 2 ? (void *)&params : place == 2 ? (void *)&request : (void *)&options, known, size);
    snprintf(name, sizeof name, "struct_size %lu in place %d", (unsigned long)size, place);
    trying = name;
    if (tail)
        ((unsigned char *)copy)[size - 1] = 1;
    if (expected == R2CREDS_STATUS_OK) {
        r2creds_credentials *out = NULL;
        r2creds_client *made = NULL;
        /* Where a create gets past its arguments, nobody answers at the port of this client. */
        r2creds_status status = place == 0   ? r2creds_sign(copy, &out, NULL)
                                : place == 1 ? r2creds_create(client, copy, NULL, &out, NULL)
                                : place == 2 ? r2creds_create(client, &params, copy, &out, NULL)
                                             : r2creds_client_new(copy, &made, NULL);
        CHECK(status == (place == 1 || place == 2 ? R2CREDS_STATUS_CONNECTION : R2CREDS_STATUS_OK));
        r2creds_credentials_free(out);
        r2creds_client_free(made);
    } else if (place == 0) {
        sign_fails(copy, expected, "struct_size");
    } else if (place == 3) {
        client_new_fails(copy, expected, "struct_size");
    } else {
        create_fails(client, place == 1 ? copy : &params, place == 1 ? NULL : copy, expected, "struct_size");
    }
    free(copy);
}

/* a base URL that refuses connections */
int main(int count, char **arguments)
{
    begin();
    CHECK(count == 2);
    r2creds_client *client = client_to(arguments[1], NULL);
    r2creds_params params = params_of("plain"), changed;
    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    static const char *const hole[] = {"a", NULL};

    trying = "free";
    r2creds_client_free(NULL);
    r2creds_credentials_free(NULL);
    r2creds_error_free(NULL);
    r2creds_cancel_free(NULL);
    r2creds_cancel_trigger(NULL);

    nowhere_for_the_result(client, &params);

    trying = "NULL arguments";
    sign_fails(NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "params");
    create_fails(client, NULL, NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "params");
    create_fails(NULL, &params, NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "client");
    create_fails(NULL, NULL, NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "client");

#define BROKEN(name, assignment)                                                                                       \
    trying = #assignment, changed = params, changed.assignment;                                                        \
    sign_fails(&changed, R2CREDS_STATUS_INVALID_ARGUMENT, name);                                                       \
    create_fails(client, &changed, NULL, R2CREDS_STATUS_INVALID_ARGUMENT, name)
    BROKEN("account_id", account_id = NULL);
    BROKEN("bucket", bucket = NULL);
    BROKEN("parent_access_key_id", parent_access_key_id = NULL);
    BROKEN("prefixes", prefixes_len = 1);
    BROKEN("objects", objects_len = 1);
    BROKEN("actions", actions_len = 1);
    BROKEN("prefixes", prefixes = hole; changed.prefixes_len = 2);
    BROKEN("objects", objects = hole; changed.objects_len = 2);
    BROKEN("actions", actions = hole; changed.actions_len = 2);
    BROKEN("permission", permission = R2CREDS_PERMISSION_UNSET);
    BROKEN("permission", permission = 5);
    BROKEN("permission", permission = -1);
    BROKEN("jurisdiction", jurisdiction = 4);
    BROKEN("ttl_seconds", ttl_seconds = 604801);
    BROKEN("bucket", bucket = "\xff\xfe\xfd");

    trying = "no parent secret";
    changed = params;
    changed.parent_secret_access_key = NULL;
    sign_fails(&changed, R2CREDS_STATUS_INVALID_ARGUMENT, "parent_secret_access_key");

    trying = "reserved";
    changed = params;
    changed.reserved = 1;
    sign_fails(&changed, R2CREDS_STATUS_UNSUPPORTED, "reserved");
    create_fails(client, &changed, NULL, R2CREDS_STATUS_UNSUPPORTED, "reserved");

    trying = "headers";
    options.headers_len = 1;
    create_fails(client, &params, &options, R2CREDS_STATUS_INVALID_ARGUMENT, "headers");
    options.headers = hole + 1;
    create_fails(client, &params, &options, R2CREDS_STATUS_INVALID_ARGUMENT, "headers");
    trying = "max_retries";
    options.headers_len = 0;
    options.max_retries = -2;
    create_fails(client, &params, &options, R2CREDS_STATUS_INVALID_ARGUMENT, "max_retries");

    for (int place = 0; place < 4; place++) {
        size_t known = place < 2 ? sizeof params : place == 2 ? sizeof options : sizeof(r2creds_client_options);
        /* Up to the last field of 0.1.0: no program has a shorter struct. */
        size_t first = place < 2    ? offsetof(r2creds_params, reserved) + sizeof(int32_t)
                       : place == 2 ? offsetof(r2creds_request_options, max_retries) + sizeof(int32_t)
                                    : offsetof(r2creds_client_options, max_retries) + sizeof(int32_t);
        const size_t refused[] = {0, 1, 4, sizeof(size_t), first - 1, 4097, 5000};
        const size_t larger[] = {known + 1, known + 8, 4096};
        for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
            size_is(place, client, refused[i], 0, R2CREDS_STATUS_INVALID_ARGUMENT);
        size_is(place, client, first, 0, R2CREDS_STATUS_OK);
        size_is(place, client, known, 0, R2CREDS_STATUS_OK);
        for (size_t i = 0; i < sizeof larger / sizeof larger[0]; i++) {
            size_is(place, client, larger[i], 0, R2CREDS_STATUS_OK);
            size_is(place, client, larger[i], 1, R2CREDS_STATUS_UNSUPPORTED);
        }
    }
    r2creds_client_free(client);
    return 0;
}
