/*
 * mint: makes a temporary R2 credential and prints it for a shell.
 *
 *   mint create [--print]   asks Cloudflare, with CLOUDFLARE_API_TOKEN
 *   mint sign   [--print]   makes it here, with R2_PARENT_SECRET_ACCESS_KEY
 *
 * Both need CLOUDFLARE_ACCOUNT_ID, R2_BUCKET and R2_PARENT_ACCESS_KEY_ID. R2_PREFIX, if set, is the only prefix that is
 * granted; R2_PERMISSION may be object-read-write instead of object-read-only; R2_ENDPOINT is where the bucket is, if not
 * at Cloudflare. Secrets go to standard output only with --print:  eval "$(mint sign --print)"
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "r2creds.h"

/* Inside single quotes a shell knows only the quote itself. */
static void print_export(const char *name, const char *value) {
    printf("export %s='", name);
    for (; *value != '\0'; value++) fputs(*value == '\'' ? "'\\''" : (char[2]){*value, '\0'}, stdout);
    puts("'");
}

static int complain(r2creds_status status, r2creds_error *error) {
    fprintf(stderr, "mint: %s: %s\n", r2creds_status_name(status), error->message);
    if (error->hint != NULL) fprintf(stderr, "mint: %s\n", error->hint);
    if (error->request_id != NULL) fprintf(stderr, "mint: CF-Ray %s\n", error->request_id);
    r2creds_error_free(error);
    return EXIT_FAILURE;
}

/* A program that makes many calls keeps its client: it keeps the connection. */
static r2creds_status create(const r2creds_params *params, r2creds_credentials **credentials, r2creds_error **error) {
    r2creds_client *client;
    r2creds_status status = r2creds_client_new(NULL, &client, error);
    if (status == R2CREDS_STATUS_OK) status = r2creds_create(client, params, NULL, credentials, error);
    r2creds_client_free(client);
    return status;
}

int main(int argc, char **argv) {
    int print = argc == 3 && strcmp(argv[2], "--print") == 0;
    int is_create = argc > 1 && strcmp(argv[1], "create") == 0;
    if ((argc != 2 && !print) || (!is_create && strcmp(argv[1], "sign") != 0))
        return fputs("usage: mint create|sign [--print]\n", stderr), 2;
    const char *prefix = getenv("R2_PREFIX"), *permission = getenv("R2_PERMISSION");
    if (permission == NULL) permission = "object-read-only";
    r2creds_params params = R2CREDS_PARAMS_INIT;
    params.account_id = getenv("CLOUDFLARE_ACCOUNT_ID");
    params.bucket = getenv("R2_BUCKET");
    params.parent_access_key_id = getenv("R2_PARENT_ACCESS_KEY_ID");
    params.parent_secret_access_key = is_create ? NULL : getenv("R2_PARENT_SECRET_ACCESS_KEY");
    params.permission = strcmp(permission, "object-read-only") == 0    ? R2CREDS_PERMISSION_OBJECT_READ_ONLY
                        : strcmp(permission, "object-read-write") == 0 ? R2CREDS_PERMISSION_OBJECT_READ_WRITE
                                                                       : R2CREDS_PERMISSION_UNSET; /* is refused */
    params.endpoint = getenv("R2_ENDPOINT");
    params.ttl_seconds = 15 * 60;
    if (prefix != NULL) { /* without a list: the whole bucket; a list of nothing is refused */
        params.prefixes = &prefix;
        params.prefixes_len = 1;
    }

    r2creds_credentials *credentials;
    r2creds_error *error;
    r2creds_status status =
        is_create ? create(&params, &credentials, &error) : r2creds_sign(&params, &credentials, &error);
    if (status != R2CREDS_STATUS_OK) return complain(status, error);
    char until[32];
    struct tm *utc = gmtime(&(time_t){(time_t)credentials->expires_at});
    if (utc == NULL || strftime(until, sizeof until, "%Y-%m-%d %H:%M:%S UTC", utc) == 0) strcpy(until, "?");
    fprintf(stderr, "granted: %s on bucket %s, %s%s\n", permission, params.bucket,
            prefix ? "keys that begin with " : "every key", prefix ? prefix : "");
    fprintf(stderr, "until:   %s, at %s\n", until, credentials->endpoint);
    if (print) {
        print_export("AWS_ACCESS_KEY_ID", credentials->access_key_id);
        print_export("AWS_SECRET_ACCESS_KEY", credentials->secret_access_key);
        print_export("AWS_SESSION_TOKEN", credentials->session_token);
        print_export("AWS_ENDPOINT_URL_S3", credentials->endpoint);
        print_export("AWS_REGION", "auto");
    } else {
        fprintf(stderr, "The credential itself is printed with --print.\n");
    }
    r2creds_credentials_free(credentials);
    return EXIT_SUCCESS;
}
