/* A static program's thread-local data lies in the stack of every thread, the library's name lookup included. Ends with
 * 0, or the step that failed. */
#include <r2creds.h>

#include <string.h>

static _Thread_local volatile char data[1024 * 1024];

int main(void)
{
    r2creds_params params = R2CREDS_PARAMS_INIT;
    r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
    r2creds_credentials *credentials;
    r2creds_client *client;
    r2creds_error *error;

    data[sizeof data - 1] = 1;
    params.account_id = "023e105f4ecef8ad9ca31a8372d0c353";
    params.bucket = "recordings";
    params.parent_access_key_id = "0123456789abcdef0123456789abcdef";
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;

    /* A name, so that there is a thread that looks it up. Nothing listens at port 1. */
    options.api_token = "a-token";
    options.base_url = "http://localhost:1";
    options.max_retries = -1;
    if (r2creds_client_new(&options, &client, &error) != R2CREDS_STATUS_OK)
        return 1;
    if (r2creds_create(client, &params, NULL, &credentials, &error) != R2CREDS_STATUS_CONNECTION)
        return 2;
    if (strstr(error->message, "no connection to localhost") == NULL)
        return 3;
    r2creds_error_free(error);
    r2creds_client_free(client);
    return 0;
}
