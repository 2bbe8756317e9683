/* What inspect and parent_of_token hand to a C program, and NULL and nonsense in every place of theirs. */
#include "check.h"

static r2creds_inspection *inspected(const r2creds_inspect_params *params)
{
    r2creds_inspection *out = UNTOUCHED(r2creds_inspection);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_inspect(params, &out, &error);
    if (status != R2CREDS_STATUS_OK)
        fprintf(stderr, "%s\n", error->message);
    CHECK(status == R2CREDS_STATUS_OK && error == NULL && out->struct_size == sizeof *out);
    CHECK((out->findings == NULL) == (out->findings_len == 0));
    for (size_t i = 0; i < out->findings_len; i++) {
        const r2creds_finding *finding = out->findings[i];
        CHECK(finding->struct_size == sizeof *finding && finding->code[0] != '\0');
        CHECK(finding->message[0] != '\0' && strchr(finding->message, '\n') == NULL);
        CHECK(strstr(finding->message, PARENT_SECRET) == NULL);
    }
    return out;
}

static void inspect_fails(const r2creds_inspect_params *params, r2creds_status expected, const char *field)
{
    r2creds_inspection *out = UNTOUCHED(r2creds_inspection);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_inspect(params, &out, &error);
    failed(status, expected, out, error);
    CHECK(strcmp(error->field, field) == 0);
    r2creds_error_free(error);
    out = UNTOUCHED(r2creds_inspection);
    CHECK(r2creds_inspect(params, &out, NULL) == expected && out == NULL);
    CHECK(r2creds_inspect(params, NULL, NULL) == R2CREDS_STATUS_INVALID_ARGUMENT);
}

static int has(const r2creds_inspection *inspection, const char *code)
{
    for (size_t i = 0; i < inspection->findings_len; i++)
        if (strcmp(inspection->findings[i]->code, code) == 0)
            return 1;
    return 0;
}

static r2creds_credentials *granted(void)
{
    static const char *const prefixes[] = {"camera-7/"}, *const objects[] = {"list.json"}, *const folders[] = {"tbl"};
    r2creds_params params = params_of("account");
    r2creds_credentials *credentials = NULL;
    params.prefixes = prefixes, params.prefixes_len = 1;
    params.objects = objects, params.objects_len = 1;
    params.directories = folders, params.directories_len = 1;
    CHECK(r2creds_sign(&params, &credentials, NULL) == R2CREDS_STATUS_OK);
    return credentials;
}

static void what_it_grants(void)
{
    trying = "grant";
    r2creds_credentials *credentials = granted();
    r2creds_inspect_params params = R2CREDS_INSPECT_PARAMS_INIT;
    params.session_token = credentials->session_token;
    params.access_key_id = credentials->access_key_id;
    params.secret_access_key = credentials->secret_access_key;
    params.parent_secret_access_key = PARENT_SECRET;
    params.endpoint = credentials->endpoint;
    r2creds_inspection *all = inspected(&params);
    CHECK(all->is_refused == 0 && all->findings_len == 0);
    CHECK(strcmp(all->account_id, "account") == 0 && strcmp(all->bucket, "example-bucket") == 0);
    CHECK(strcmp(all->parent_access_key_id, PARENT_ID) == 0);
    CHECK(strcmp(all->host, "account.r2.cloudflarestorage.com") == 0);
    CHECK(all->permission == R2CREDS_PERMISSION_OBJECT_READ_ONLY && all->actions_len == 0 && all->actions == NULL);
    CHECK(all->issued_at == credentials->issued_at && all->expires_at == credentials->expires_at);
    CHECK(all->prefixes_len == 2 && strcmp(all->prefixes[0], "camera-7/") == 0 && strcmp(all->prefixes[1], "tbl/") == 0);
    CHECK(all->objects_len == 2 && strcmp(all->objects[0], "list.json") == 0 && strcmp(all->objects[1], "tbl") == 0);

    trying = "allows";
    CHECK(r2creds_inspection_allows(all, "GetObject", "tbl/x") == 1);
    CHECK(r2creds_inspection_allows(all, "GetObject", "tbl2") == 0);
    CHECK(r2creds_inspection_allows(all, "PutObject", "tbl/x") == 0);
    CHECK(r2creds_inspection_allows(all, "ListObjectsV2", NULL) == 0);
    CHECK(r2creds_inspection_allows(all, "GetObject", NULL) == -1);
    CHECK(r2creds_inspection_allows(all, "GetObject", "\xff") == -1);
    CHECK(r2creds_inspection_allows(all, "getobject", "tbl/x") == -1);
    CHECK(r2creds_inspection_allows(all, "\xff", "tbl/x") == -1);
    CHECK(r2creds_inspection_allows(all, NULL, "tbl/x") == -1);
    CHECK(r2creds_inspection_allows(NULL, "GetObject", "tbl/x") == -1);
    r2creds_inspection_free(all);

    trying = "at";
    params.at = credentials->expires_at;
    all = inspected(&params);
    CHECK(all->is_refused == 1 && has(all, "expired") && strcmp(all->findings[0]->code, "expired") == 0);
    r2creds_inspection_free(all);

    trying = "another parent's secret";
    params.at = 0;
    static const char *const others[] = {"11112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", API_TOKEN};
    for (size_t i = 0; i < 2; i++) {
        params.parent_secret_access_key = others[i];
        all = inspected(&params);
        CHECK(all->is_refused == 1 && has(all, "signature") && strstr(all->findings[0]->message, API_TOKEN) == NULL);
        r2creds_inspection_free(all);
    }
    r2creds_credentials_free(credentials);
}

static void no_token(void)
{
    static const char *const broken[] = {"", "x", "\xff\xfe", "bnVsbA==", "and/0="};
    r2creds_inspect_params params = R2CREDS_INSPECT_PARAMS_INIT;
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        trying = broken[i];
        params.session_token = broken[i];
        r2creds_inspection *all = inspected(&params);
        CHECK(all->is_refused == 1 && all->findings_len == 1 && has(all, "not-a-token"));
        CHECK(all->account_id == NULL && all->bucket == NULL && all->host == NULL && all->prefixes == NULL);
        CHECK(r2creds_inspection_allows(all, "GetObject", "x") == 0);
        r2creds_inspection_free(all);
    }
}

static void misused(void)
{
    r2creds_inspect_params params = R2CREDS_INSPECT_PARAMS_INIT, changed;
    trying = "misused";
    inspect_fails(NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "params");
    inspect_fails(&params, R2CREDS_STATUS_INVALID_ARGUMENT, "session_token");
    params.session_token = "x";
#define BROKEN(name, assignment)                                                                                       \
    trying = #assignment, changed = params, changed.assignment;                                                        \
    inspect_fails(&changed, R2CREDS_STATUS_INVALID_ARGUMENT, name)
    BROKEN("struct_size", struct_size = 8);
    BROKEN("struct_size", struct_size = 0);
    BROKEN("struct_size", struct_size = 5000);
    BROKEN("access_key_id", access_key_id = "\xff");
    BROKEN("secret_access_key", secret_access_key = "\xff");
    BROKEN("parent_secret_access_key", parent_secret_access_key = "\xff");
    BROKEN("endpoint", endpoint = "no URL");
    BROKEN("at", at = -1);
    r2creds_inspection_free(NULL);
    r2creds_parent_free(NULL);
}

static void larger_params(void)
{
    struct {
        r2creds_inspect_params known;
        long later;
    } params = {R2CREDS_INSPECT_PARAMS_INIT, 0};
    trying = "larger";
    params.known.struct_size = sizeof params;
    params.known.session_token = "x";
    r2creds_inspection_free(inspected(&params.known));
    params.later = 1;
    inspect_fails(&params.known, R2CREDS_STATUS_UNSUPPORTED, "struct_size");
}

static void parent_fails(const r2creds_client *client, const char *account_id, const r2creds_request_options *options,
                         r2creds_status expected, const char *field)
{
    r2creds_parent *out = UNTOUCHED(r2creds_parent);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_parent_of_token(client, account_id, options, &out, &error);
    failed(status, expected, out, error);
    CHECK(field == NULL ? error->field == NULL : error->field != NULL && strcmp(error->field, field) == 0);
    r2creds_error_free(error);
    out = UNTOUCHED(r2creds_parent);
    CHECK(r2creds_parent_of_token(client, account_id, options, &out, NULL) == expected && out == NULL);
    CHECK(r2creds_parent_of_token(client, account_id, options, NULL, NULL) == R2CREDS_STATUS_INVALID_ARGUMENT);
}

static void parent_of_token(const r2creds_client *client)
{
    r2creds_parent *parent = UNTOUCHED(r2creds_parent);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    trying = "parent";
    CHECK(r2creds_parent_of_token(client, "plain", NULL, &parent, &error) == R2CREDS_STATUS_OK && error == NULL);
    CHECK(parent->struct_size == sizeof *parent && parent->kind == R2CREDS_TOKEN_ACCOUNT && parent->reserved == 0);
    CHECK(strcmp(parent->access_key_id, PARENT_ID) == 0 && strlen(parent->secret_access_key) == 64);
    CHECK(strcmp(parent->token_status, "active") == 0);
    CHECK(parent->not_before == 0 && parent->expires_at == 1893456000);

    trying = "sign with it";
    r2creds_params params = params_of("plain");
    r2creds_credentials *credentials = NULL;
    params.parent_access_key_id = parent->access_key_id;
    params.parent_secret_access_key = parent->secret_access_key;
    CHECK(r2creds_sign(&params, &credentials, NULL) == R2CREDS_STATUS_OK);
    r2creds_credentials_free(credentials);
    r2creds_parent_free(parent);

    trying = "parent refused";
    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    parent_fails(client, "http-401", NULL, R2CREDS_STATUS_AUTHENTICATION, NULL);
    parent_fails(client, "http-404", NULL, R2CREDS_STATUS_NOT_FOUND, NULL);
    parent_fails(NULL, "plain", NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "client");
    parent_fails(client, NULL, NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "account_id");
    parent_fails(client, "a/b", NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "account_id");
    parent_fails(client, "\xff", NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "account_id");
    options.extra_body = "{}";
    parent_fails(client, "plain", &options, R2CREDS_STATUS_INVALID_ARGUMENT, "extra_body");
    options.extra_body = NULL;
    options.struct_size = 1;
    parent_fails(client, "plain", &options, R2CREDS_STATUS_INVALID_ARGUMENT, "struct_size");

    trying = "parent cancelled";
    r2creds_cancel *cancel = NULL;
    options.struct_size = sizeof options;
    CHECK(r2creds_cancel_new(&cancel) == R2CREDS_STATUS_OK);
    r2creds_cancel_trigger(cancel);
    options.cancel = cancel;
    parent_fails(client, "plain", &options, R2CREDS_STATUS_CANCELLED, NULL);
    r2creds_cancel_free(cancel);
}

static void email_and_key(const char *base_url)
{
    r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
    r2creds_client *client = NULL;
    trying = "e-mail and key";
    options.api_email = "someone@example.com";
    options.api_key = API_TOKEN;
    options.base_url = base_url;
    options.proxy_url = "";
    CHECK(r2creds_client_new(&options, &client, NULL) == R2CREDS_STATUS_OK);
    parent_fails(client, "plain", NULL, R2CREDS_STATUS_INVALID_ARGUMENT, "client");
    r2creds_client_free(client);
}

/* the base URL of the scripted API */
int main(int count, char **arguments)
{
    begin();
    CHECK(count == 2);
    what_it_grants();
    no_token();
    misused();
    larger_params();
    r2creds_client *client = client_to(arguments[1], NULL);
    parent_of_token(client);
    r2creds_client_free(client);
    email_and_key(arguments[1]);
    return 0;
}
