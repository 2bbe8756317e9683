/* A program built with a newer header and library, run with this one. That header has a new option at the end of each
   struct, and the function r2creds_later. */
#include "check.h"

static void refused(r2creds_status status, const void *out, r2creds_error *error)
{
    failed(status, R2CREDS_STATUS_UNSUPPORTED, out, error);
    CHECK(strcmp(error->field, "struct_size") == 0 && error->attempts == 0);
    r2creds_error_free(error);
}

int main(int count, char **arguments)
{
    begin();
    (void)arguments;
    if (count > 1)
        r2creds_later();

    r2creds_params params;
    memset(&params, 0, sizeof params);
    params.struct_size = sizeof params;
    params.account_id = "plain";
    params.bucket = "example-bucket";
    params.parent_access_key_id = PARENT_ID;
    params.parent_secret_access_key = PARENT_SECRET;
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
    r2creds_client_options options;
    memset(&options, 0, sizeof options);
    options.struct_size = sizeof options;
    options.api_token = API_TOKEN;
    options.base_url = "http://127.0.0.1:1";
    options.max_retries = -1;
    r2creds_request_options request;
    memset(&request, 0, sizeof request);
    request.struct_size = sizeof request;
    CHECK(sizeof params > 120 && sizeof options > 80 && sizeof request > 64);

    r2creds_credentials *out = NULL;
    r2creds_client *client = NULL, *none = NULL;
    r2creds_error *error = NULL;
    r2creds_status status;

    trying = "new options that are not used";
    CHECK(r2creds_sign(&params, &out, &error) == R2CREDS_STATUS_OK);
    r2creds_credentials_free(out);
    CHECK(r2creds_client_new(&options, &client, &error) == R2CREDS_STATUS_OK);
    status = r2creds_create(client, &params, &request, &out, &error);
    r2creds_error_free(failed(status, R2CREDS_STATUS_CONNECTION, out, error));

    trying = "new options that are used";
    request.new_option = 1;
    status = r2creds_create(client, &params, &request, &out, &error);
    refused(status, out, error);
    params.new_option = 1;
    status = r2creds_sign(&params, &out, &error);
    refused(status, out, error);
    status = r2creds_create(client, &params, NULL, &out, &error);
    refused(status, out, error);
    options.new_option = 1;
    status = r2creds_client_new(&options, &none, &error);
    refused(status, none, error);
    r2creds_client_free(client);
    return 0;
}
