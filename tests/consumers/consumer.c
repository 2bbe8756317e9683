/* Uses both halves of the library, signing and the network, and the error. Ends with 0, or the step that failed. */
#include <r2creds.h>

#include <string.h>

int main(void)
{
    r2creds_params params = R2CREDS_PARAMS_INIT;
    r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
    r2creds_credentials *credentials;
    r2creds_client *client;
    r2creds_error *error;

    if (r2creds_abi_version() != R2CREDS_ABI_VERSION || strcmp(r2creds_version(), "0.1.0") != 0)
        return 1;
    params.account_id = "023e105f4ecef8ad9ca31a8372d0c353";
    params.bucket = "recordings";
    params.parent_access_key_id = "0123456789abcdef0123456789abcdef";
    params.parent_secret_access_key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
    params.issued_at = 1700000000;
    if (r2creds_sign(&params, &credentials, &error) != R2CREDS_STATUS_OK)
        return 2;
    if (credentials->expires_at != 1700000900 || !R2CREDS_HAS(credentials, expires_at))
        return 3;
    r2creds_credentials_free(credentials);

    /* Nothing listens at port 1. */
    options.api_token = "a-token";
    options.base_url = "http://127.0.0.1:1";
    options.proxy_url = "";
    options.max_retries = -1;
    if (r2creds_client_new(&options, &client, &error) != R2CREDS_STATUS_OK)
        return 4;
    params.issued_at = 0;
    if (r2creds_create(client, &params, NULL, &credentials, &error) != R2CREDS_STATUS_CONNECTION)
        return 5;
    if (error->attempts != 1 || strcmp(r2creds_status_name(error->status), "CONNECTION") != 0)
        return 6;
    r2creds_error_free(error);
    r2creds_client_free(client);
    return 0;
}
