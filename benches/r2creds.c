/* The client of the benchmark that uses r2creds. */
#include <r2creds.h>
#include <string.h>

#include "client.h"

const int client_is_shared = 1;

void *client_open(const char *base_url, const char *ca_file)
{
    r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
    r2creds_client *client;

    options.api_token = TOKEN;
    options.base_url = base_url;
    options.ca_file = ca_file;
    options.proxy_url = "";
    return r2creds_client_new(&options, &client, NULL) == R2CREDS_STATUS_OK ? client : NULL;
}

int client_call(void *client)
{
    const char *const prefixes[] = {PREFIX};
    r2creds_params params = R2CREDS_PARAMS_INIT;
    r2creds_credentials *credentials;
    int found;

    params.account_id = ACCOUNT;
    params.bucket = BUCKET;
    params.parent_access_key_id = PARENT;
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_WRITE;
    params.prefixes = prefixes;
    params.prefixes_len = 1;
    if (r2creds_create(client, &params, NULL, &credentials, NULL) != R2CREDS_STATUS_OK)
        return -1;
    found = strlen(credentials->session_token) > 100;
    r2creds_credentials_free(credentials);
    return found ? 0 : -1;
}

void client_close(void *client)
{
    r2creds_client_free(client);
}
