/* The client of benches/driver.c that signs: what bench.py compares Python's sign with. */
#include <r2creds.h>
#include <string.h>

#include "client.h"

#define SECRET "0000000000000000000000000000000000000000000000000000000000000001"

const int client_is_shared = 1;

void *client_open(const char *base_url, const char *ca_file)
{
    (void)ca_file;
    return (void *)base_url;
}

int client_call(void *client)
{
    const char *const prefixes[] = {PREFIX};
    r2creds_params params = R2CREDS_PARAMS_INIT;
    r2creds_credentials *credentials;
    int found;

    (void)client;
    params.account_id = ACCOUNT;
    params.bucket = BUCKET;
    params.parent_access_key_id = PARENT;
    params.parent_secret_access_key = SECRET;
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_WRITE;
    params.prefixes = prefixes;
    params.prefixes_len = 1;
    if (r2creds_sign(&params, &credentials, NULL) != R2CREDS_STATUS_OK)
        return -1;
    found = strlen(credentials->session_token) > 100;
    r2creds_credentials_free(credentials);
    return found ? 0 : -1;
}

void client_close(void *client)
{
    (void)client;
}
