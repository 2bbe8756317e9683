/* soak HTTP_URL HTTPS_URL CA_FILE: 100,000 signs and 20,000 creates, some of them refused, after a warm-up; memory,
   descriptors and threads must not have grown. */
#include <r2creds.h>
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "used.h"

/* The allocator settles within a quarter of the calls; what leaks a byte a call is far above what is tolerated. */
enum { SIGNS = 100000, CREATES = 20000, WARM_UP = 4, TOLERATED_KIB = 128 };

/* Every tenth is refused, and its error freed. */
static int sign(long at)
{
    static char long_prefix[1026];
    const char *prefixes[40];
    r2creds_params params = R2CREDS_PARAMS_INIT;
    r2creds_credentials *credentials;
    r2creds_error *error;
    int is_bad = at % 10 == 0, refused;
    size_t count;

    memset(long_prefix, 'p', sizeof long_prefix - 1);
    for (count = 0; count < sizeof prefixes / sizeof *prefixes; count++)
        prefixes[count] = PREFIX;
    if (is_bad)
        prefixes[0] = long_prefix;
    params.account_id = ACCOUNT;
    params.bucket = BUCKET;
    params.parent_access_key_id = PARENT;
    params.parent_secret_access_key = PARENT PARENT;
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
    params.prefixes = prefixes;
    params.prefixes_len = 1 + (size_t)at % count;
    refused = r2creds_sign(&params, &credentials, &error) == R2CREDS_STATUS_INVALID_ARGUMENT;
    r2creds_credentials_free(credentials);
    r2creds_error_free(error);
    return refused == is_bad ? 0 : -1;
}

static int create(const char *url, const char *ca_file, void *kept, long at)
{
    void *fresh;
    int failed;

    /* A client of its own now and then: opened, used, closed. */
    if (at % 50 != 0)
        return client_call(kept);
    fresh = client_open(url, ca_file);
    failed = fresh == NULL || client_call(fresh) != 0;
    client_close(fresh);
    return failed ? -1 : 0;
}

static int run(long signs, long creates, char **argv, void **clients)
{
    long at;

    for (at = 0; at < signs; at++) {
        if (sign(at) != 0) {
            fprintf(stderr, "sign %ld: not what was expected\n", at);
            return -1;
        }
    }
    for (at = 0; at < creates; at++) {
        int tls = (int)(at % 2);
        if (create(argv[1 + tls], tls ? argv[3] : NULL, clients[tls], at / 2) != 0) {
            fprintf(stderr, "create %ld failed\n", at);
            return -1;
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct use before, after;
    void *clients[2];
    int grew;

    if (argc != 4)
        return 2;
    clients[0] = client_open(argv[1], NULL);
    clients[1] = client_open(argv[2], argv[3]);
    if (clients[0] == NULL || clients[1] == NULL || run(SIGNS / WARM_UP, CREATES / WARM_UP, argv, clients) != 0)
        return 1;
    /* Asking takes memory as well, the first time. */
    used();
    before = used();
    if (run(SIGNS, CREATES, argv, clients) != 0)
        return 1;
    after = used();
    printf("%d signs, %d creates: memory %ld -> %ld KiB, descriptors %ld -> %ld, threads %ld -> %ld\n", SIGNS, CREATES,
           before.memory_kib, after.memory_kib, before.descriptors, after.descriptors, before.threads, after.threads);
    client_close(clients[0]);
    client_close(clients[1]);
    grew = after.memory_kib > before.memory_kib + TOLERATED_KIB || after.descriptors > before.descriptors ||
           after.threads > before.threads || before.memory_kib < 0 || before.descriptors < 0 || before.threads < 0;
    if (grew)
        fprintf(stderr, "it grew\n");
    return grew;
}
