/* storm URL SECONDS: 32 threads on one provider, whose API does all that an API can do wrong. Nobody may fail or wait for
   longer than two seconds, and nothing may grow. */
#include <pthread.h>
#include <r2creds.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "used.h"

enum { THREADS = 32, TOLERATED_MS = 500, TOLERATED_KIB = 512 };

static r2creds_provider *provider;
static double ends_at;

struct seen {
    long gets, failures, credentials;
    double worst_ms;
};

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void *use(void *context)
{
    struct seen *seen = context;
    struct timespec pause = {0, 1000000};
    int64_t last = 0;
    while (now_ms() < ends_at) {
        r2creds_credentials *credentials;
        r2creds_error *error;
        double began = now_ms(), took;
        if (r2creds_provider_get(provider, NULL, &credentials, &error) != R2CREDS_STATUS_OK) {
            if (seen->failures++ == 0)
                fprintf(stderr, "%s\n", error->message);
            r2creds_error_free(error);
        } else {
            if (credentials->expires_at <= (int64_t)time(NULL))
                fprintf(stderr, "one that is over\n"), exit(1);
            seen->credentials += credentials->issued_at != last;
            last = credentials->issued_at;
            r2creds_credentials_free(credentials);
        }
        took = now_ms() - began;
        if (took > seen->worst_ms)
            seen->worst_ms = took;
        seen->gets++;
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static struct seen run(double seconds)
{
    pthread_t threads[THREADS];
    struct seen seen[THREADS], all = {0, 0, 0, 0};
    memset(seen, 0, sizeof seen);
    ends_at = now_ms() + seconds * 1e3;
    for (int at = 0; at < THREADS; at++)
        if (pthread_create(&threads[at], NULL, use, &seen[at]) != 0)
            exit(1);
    for (int at = 0; at < THREADS; at++) {
        pthread_join(threads[at], NULL);
        all.gets += seen[at].gets;
        all.failures += seen[at].failures;
        if (seen[at].credentials > all.credentials)
            all.credentials = seen[at].credentials;
        if (seen[at].worst_ms > all.worst_ms)
            all.worst_ms = seen[at].worst_ms;
    }
    return all;
}

int main(int argc, char **argv)
{
    struct use before, after;
    struct seen seen;
    r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
    r2creds_params params = R2CREDS_PARAMS_INIT;
    r2creds_client *client;
    r2creds_credentials *first = NULL;
    if (argc != 3)
        return 2;
    options.api_token = TOKEN;
    options.base_url = argv[1];
    options.proxy_url = "";
    options.attempt_timeout_ms = 1000;
    params.account_id = ACCOUNT;
    params.bucket = BUCKET;
    params.parent_access_key_id = PARENT;
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
    params.ttl_seconds = 60; /* due after 45 s, overdue after 50 */
    if (r2creds_client_new(&options, &client, NULL) != R2CREDS_STATUS_OK ||
        r2creds_provider_new(client, &params, NULL, &provider, NULL) != R2CREDS_STATUS_OK)
        return 1;
    r2creds_client_free(client);
    /* Until there is one, waiting and failing is right. */
    while (r2creds_provider_get(provider, NULL, &first, NULL) != R2CREDS_STATUS_OK)
        sleep(1);
    r2creds_credentials_free(first);
    run(1);
    used();
    before = used();
    seen = run(atof(argv[2]));
    after = used();
    printf("%ld gets of %d threads through %ld credentials: %ld failed, the longest took %.0f ms; memory %ld -> %ld KiB, "
           "descriptors %ld -> %ld, threads %ld -> %ld\n",
           seen.gets, THREADS, seen.credentials, seen.failures, seen.worst_ms, before.memory_kib, after.memory_kib,
           before.descriptors, after.descriptors, before.threads, after.threads);
    r2creds_provider_free(provider);
    return seen.failures > 0 || seen.worst_ms > 2000 + TOLERATED_MS ||
           after.memory_kib > before.memory_kib + TOLERATED_KIB || after.descriptors > before.descriptors + 1 ||
           after.threads > before.threads + 1;
}
