// The second. Nothing in the headers may be defined twice when both are linked.
#if __has_include(<r2creds.hpp>)
#include <r2creds.hpp>
#endif
#include <r2creds.h>

int in_the_second_unit(r2creds_params params);

int in_the_second_unit(r2creds_params params)
{
    params.bucket = "recordings";
    r2creds_credentials *credentials = nullptr;
    const r2creds_status status = r2creds_sign(&params, &credentials, nullptr);
    r2creds_credentials_free(credentials);
    return status;
}
