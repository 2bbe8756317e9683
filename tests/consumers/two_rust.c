/* Two Rust libraries in one program, each with its own copy of Rust's runtime; a panic in each is caught in it. */
#include "check.h"

#include <sys/syscall.h>

long syscall(long number, ...);
int other_catches(int value);

/* Rust panics when the clock fails. */
static int is_broken;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (is_broken) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}

int main(void)
{
    begin();
    for (int i = 0; i < 3; i++) {
        r2creds_params params = params_of("plain");
        r2creds_credentials *out = NULL;
        r2creds_error *error = NULL;
        trying = "r2creds";
        is_broken = 1;
        r2creds_status status = r2creds_sign(&params, &out, &error);
        is_broken = 0;
        r2creds_error_free(failed(status, R2CREDS_STATUS_PANIC, out, error));
        trying = "the other one";
        CHECK(other_catches(i) == 0);
        trying = "r2creds again";
        CHECK(r2creds_sign(&params, &out, NULL) == R2CREDS_STATUS_OK);
        r2creds_credentials_free(out);
    }
    return 0;
}
