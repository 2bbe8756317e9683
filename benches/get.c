/* get: how long r2creds_provider_get and the free of its credential take while that is fresh, two readings of clocks, a
   block of memory and its counter of owners included. Prints nanoseconds: of one thread, and of the slower half of as
   many threads as there are processors. */
#include "median.h"

#include <pthread.h>
#include <r2creds.h>
#include <stdio.h>
#include <unistd.h>

#include "client.h"

enum { MOST_THREADS = 64 };

static r2creds_provider *provider;

static void get(void)
{
    r2creds_credentials *credentials;
    if (r2creds_provider_get(provider, NULL, &credentials, NULL) != R2CREDS_STATUS_OK)
        exit(1);
    r2creds_credentials_free(credentials);
}

static void *measure(void *median)
{
    *(double *)median = median_of(2000, get);
    return NULL;
}

int main(void)
{
    pthread_t threads[MOST_THREADS];
    double alone, together[MOST_THREADS];
    long count = sysconf(_SC_NPROCESSORS_ONLN), at;
    r2creds_params params = R2CREDS_PARAMS_INIT;
    params.account_id = ACCOUNT;
    params.bucket = BUCKET;
    params.parent_access_key_id = PARENT;
    params.parent_secret_access_key = PARENT PARENT;
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
    if (r2creds_provider_new(NULL, &params, NULL, &provider, NULL) != R2CREDS_STATUS_OK)
        return 1;
    measure(&alone);
    if (count > MOST_THREADS)
        count = MOST_THREADS;
    for (at = 0; at < count; at++)
        if (pthread_create(&threads[at], NULL, measure, &together[at]) != 0)
            return 1;
    for (at = 0; at < count; at++)
        pthread_join(threads[at], NULL);
    qsort(together, (size_t)count, sizeof *together, compare);
    printf("%f %f\n", alone, together[count / 2]);
    r2creds_provider_free(provider);
    return 0;
}
