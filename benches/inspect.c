/* inspect: how long r2creds_inspect takes for a credential's own three strings and endpoint, the free of its result
   included, without the check of a signature. Prints the length of the session token, and nanoseconds. */
#include "median.h"

#include <r2creds.h>
#include <stdio.h>
#include <string.h>

#include "client.h"

static r2creds_inspect_params held = R2CREDS_INSPECT_PARAMS_INIT;

static void inspect(void)
{
    r2creds_inspection *inspection;
    if (r2creds_inspect(&held, &inspection, NULL) != R2CREDS_STATUS_OK || inspection->findings_len != 0)
        exit(1);
    r2creds_inspection_free(inspection);
}

int main(void)
{
    static const char *const prefixes[] = {"customers/00042/uploads/"};
    r2creds_params params = R2CREDS_PARAMS_INIT;
    r2creds_credentials *credentials;
    params.account_id = ACCOUNT;
    params.bucket = BUCKET;
    params.parent_access_key_id = PARENT;
    params.parent_secret_access_key = PARENT PARENT;
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
    params.prefixes = prefixes;
    params.prefixes_len = 1;
    if (r2creds_sign(&params, &credentials, NULL) != R2CREDS_STATUS_OK)
        return 1;
    held.session_token = credentials->session_token;
    held.access_key_id = credentials->access_key_id;
    held.secret_access_key = credentials->secret_access_key;
    held.endpoint = credentials->endpoint;
    printf("%zu %.1f\n", strlen(held.session_token), median_of(200, inspect));
    r2creds_credentials_free(credentials);
    return 0;
}
