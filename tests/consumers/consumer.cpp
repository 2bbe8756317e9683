// The first of two translation units that include the headers.
#if __has_include(<r2creds.hpp>)
#include <r2creds.hpp>
#endif
#include <r2creds.h>

#include <string>

int in_the_second_unit(r2creds_params params);

int main()
{
    r2creds_params params = R2CREDS_PARAMS_INIT;
    params.account_id = "023e105f4ecef8ad9ca31a8372d0c353";
    params.bucket = "x";
    params.parent_access_key_id = "0123456789abcdef0123456789abcdef";
    params.parent_secret_access_key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
    r2creds_credentials *credentials = nullptr;
    r2creds_error *error = nullptr;
    if (r2creds_sign(&params, &credentials, &error) != R2CREDS_STATUS_INVALID_ARGUMENT)
        return 1;
    const bool is_right = error->field == std::string{"bucket"};
    r2creds_error_free(error);
    return is_right ? in_the_second_unit(params) : 2;
}
