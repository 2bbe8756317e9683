// Objects that live as long as the process: made before main, freed and even used after it.
#include <r2creds.h>

#include <cstdio>
#include <cstdlib>

namespace {

struct Everything {
    r2creds_client *client = nullptr;
    r2creds_cancel *cancel = nullptr;
    r2creds_credentials *credentials = nullptr;
    r2creds_error *error = nullptr;

    Everything()
    {
        r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
        options.api_token = "a-token";
        options.base_url = "http://127.0.0.1:1";
        options.proxy_url = "";
        options.max_retries = -1;
        expect(r2creds_client_new(&options, &client, nullptr), R2CREDS_STATUS_OK);
        expect(r2creds_cancel_new(&cancel), R2CREDS_STATUS_OK);
        use();
    }

    ~Everything()
    {
        use();
        r2creds_cancel_trigger(cancel);
        r2creds_client_free(client);
        r2creds_cancel_free(cancel);
        r2creds_credentials_free(credentials);
        r2creds_error_free(error);
    }

    void use()
    {
        r2creds_credentials_free(credentials);
        r2creds_error_free(error);
        r2creds_params params = R2CREDS_PARAMS_INIT;
        params.account_id = "023e105f4ecef8ad9ca31a8372d0c353";
        params.bucket = "recordings";
        params.parent_access_key_id = "0123456789abcdef0123456789abcdef";
        params.parent_secret_access_key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
        r2creds_credentials *none = nullptr;
        expect(r2creds_sign(&params, &credentials, nullptr), R2CREDS_STATUS_OK);
        expect(r2creds_create(client, &params, nullptr, &none, &error), R2CREDS_STATUS_CONNECTION);
    }

    static void expect(r2creds_status status, r2creds_status expected)
    {
        if (status != expected) {
            std::fprintf(stderr, "%s\n", r2creds_status_name(status));
            std::_Exit(1);
        }
    }
};

Everything before_main;
Everything *left_to_the_end;

__attribute__((destructor)) void at_the_very_end() { delete left_to_the_end; }

} // namespace

int main()
{
    static Everything in_main;
    thread_local Everything in_the_thread;
    in_the_thread.use();
    left_to_the_end = new Everything;
    std::atexit([] { before_main.use(); });
    return 0;
}
