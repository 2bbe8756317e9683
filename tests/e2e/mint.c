/*
 * Makes a credential through the C library for the end-to-end tests:  mint create|sign NAME=VALUE ...
 *
 * The names are those of r2creds_params; a list repeats its name. Secrets come from the environment:
 * CLOUDFLARE_API_TOKEN, R2_PARENT_SECRET_ACCESS_KEY. The credential is printed as NAME=VALUE lines.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "r2creds.h"

#define ENTRIES 32

static const char *const PERMISSIONS[] = {
    [R2CREDS_PERMISSION_OBJECT_READ_ONLY] = "object-read-only",
    [R2CREDS_PERMISSION_OBJECT_READ_WRITE] = "object-read-write",
    [R2CREDS_PERMISSION_ADMIN_READ_ONLY] = "admin-read-only",
    [R2CREDS_PERMISSION_ADMIN_READ_WRITE] = "admin-read-write",
};
static const char *const JURISDICTIONS[] = {
    [R2CREDS_JURISDICTION_DEFAULT] = "default",
    [R2CREDS_JURISDICTION_EU] = "eu",
    [R2CREDS_JURISDICTION_FEDRAMP] = "fedramp",
};

static int wrong(const char *name) {
    fprintf(stderr, "mint: not understood: %s\n", name);
    exit(2);
}

static int32_t number_of(const char *const *words, size_t count, const char *word) {
    for (size_t i = 0; i < count; i++)
        if (words[i] != NULL && strcmp(words[i], word) == 0) return (int32_t)i;
    return wrong(word);
}
#define NUMBER_OF(words, word) number_of(words, sizeof words / sizeof *words, word)

/* A list is none, and not an empty one, until it has an entry. */
static void append(const char **entries, const char *const **list, size_t *len, const char *value) {
    if (*len == ENTRIES) wrong("a list that is too long");
    entries[(*len)++] = value;
    *list = entries;
}

int main(int argc, char **argv) {
    const char *prefixes[ENTRIES], *objects[ENTRIES], *directories[ENTRIES], *actions[ENTRIES];
    r2creds_params params = R2CREDS_PARAMS_INIT;
    for (int i = 2; i < argc; i++) {
        char *name = argv[i], *value = strchr(name, '=');
        if (value == NULL) wrong(name);
        *value++ = '\0';
        if (strcmp(name, "account_id") == 0) params.account_id = value;
        else if (strcmp(name, "bucket") == 0) params.bucket = value;
        else if (strcmp(name, "parent_access_key_id") == 0) params.parent_access_key_id = value;
        else if (strcmp(name, "endpoint") == 0) params.endpoint = value;
        else if (strcmp(name, "prefixes") == 0) append(prefixes, &params.prefixes, &params.prefixes_len, value);
        else if (strcmp(name, "objects") == 0) append(objects, &params.objects, &params.objects_len, value);
        else if (strcmp(name, "directories") == 0)
            append(directories, &params.directories, &params.directories_len, value);
        else if (strcmp(name, "actions") == 0) append(actions, &params.actions, &params.actions_len, value);
        else if (strcmp(name, "permission") == 0) params.permission = NUMBER_OF(PERMISSIONS, value);
        else if (strcmp(name, "jurisdiction") == 0) params.jurisdiction = NUMBER_OF(JURISDICTIONS, value);
        else if (strcmp(name, "ttl_seconds") == 0) params.ttl_seconds = (uint32_t)strtoul(value, NULL, 10);
        else wrong(name);
    }

    r2creds_client *client = NULL;
    r2creds_credentials *credentials = NULL;
    r2creds_error *error = NULL;
    r2creds_status status;
    if (argc > 1 && strcmp(argv[1], "create") == 0) {
        status = r2creds_client_new(NULL, &client, &error);
        if (status == R2CREDS_STATUS_OK) status = r2creds_create(client, &params, NULL, &credentials, &error);
    } else {
        params.parent_secret_access_key = getenv("R2_PARENT_SECRET_ACCESS_KEY");
        status = r2creds_sign(&params, &credentials, &error);
    }
    if (status == R2CREDS_STATUS_OK)
        printf("access_key_id=%s\nsecret_access_key=%s\nsession_token=%s\nendpoint=%s\nexpires_at=%lld\n",
               credentials->access_key_id, credentials->secret_access_key, credentials->session_token,
               credentials->endpoint, (long long)credentials->expires_at);
    else
        fprintf(stderr, "mint: %s: %s\n", r2creds_status_name(status), error->message);
    r2creds_credentials_free(credentials);
    r2creds_error_free(error);
    r2creds_client_free(client);
    return status == R2CREDS_STATUS_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
