/* A panic never crosses the boundary. Rust panics when the clock fails, so a clock of our own makes it panic at each
   place where a call looks at it: in the shipped library, with no code in it for the test. */
#include "check.h"

#include <sys/syscall.h>

long syscall(long number, ...);

/* How many more readings succeed; negative: all. */
static int readings = -1;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (readings == 0) {
        errno = EINVAL;
        return -1;
    }
    if (readings > 0)
        readings--;
    return (int)syscall(SYS_clock_gettime, clock, now);
}

static void caught(r2creds_status status, const void *out, r2creds_error *error)
{
    readings = -1;
    failed(status, R2CREDS_STATUS_PANIC, out, error);
    CHECK(error->hint != NULL && error->retryable == 0 && error->http_status == 0);
    r2creds_error_free(error);
}

static void sign(void)
{
    r2creds_params params = params_of("plain");
    r2creds_credentials *out = NULL;
    CHECK(r2creds_sign(&params, &out, NULL) == R2CREDS_STATUS_OK);
    r2creds_credentials_free(out);
}

/* base URL */
int main(int count, char **arguments)
{
    begin();
    CHECK(count == 2);
    r2creds_client *client = client_to(arguments[1], NULL);
    r2creds_params params = params_of("plain");
    r2creds_credentials *out = UNTOUCHED(r2creds_credentials);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status;

    trying = "sign";
    readings = 0;
    status = r2creds_sign(&params, &out, &error);
    caught(status, out, error);
    readings = 0;
    out = UNTOUCHED(r2creds_credentials);
    status = r2creds_sign(&params, &out, NULL);
    readings = -1;
    CHECK(status == R2CREDS_STATUS_PANIC && out == NULL);
    sign();

    trying = "create";
    int panics = 0;
    for (;; panics++) {
        CHECK(panics < 1000);
        out = UNTOUCHED(r2creds_credentials);
        error = UNTOUCHED(r2creds_error);
        readings = panics;
        status = r2creds_create(client, &params, NULL, &out, &error);
        if (status == R2CREDS_STATUS_OK)
            break;
        caught(status, out, error);
        create(client, "plain");
    }
    readings = -1;
    CHECK(panics > 3);
    r2creds_credentials_free(out);
    create(client, "plain");
    r2creds_client_free(client);
    sign();
    return 0;
}
