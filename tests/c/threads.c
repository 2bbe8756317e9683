/* Sixteen threads on one client: replies are not mixed up, and what one thread got, another frees. */
#include "check.h"

#include <pthread.h>

enum { THREADS = 16, CALLS = 25 };

typedef struct {
    const r2creds_client *client;
    char account[32];
    r2creds_credentials *credentials[CALLS];
    r2creds_error *error;
} work;

static void *run(void *context)
{
    work *own = context;
    r2creds_params params = params_of(own->account);
    r2creds_credentials *signed_locally = NULL, *none = NULL;
    for (int i = 0; i < CALLS; i++) {
        own->credentials[i] = created(own->client, own->account);
        CHECK(r2creds_sign(&params, &signed_locally, NULL) == R2CREDS_STATUS_OK);
        r2creds_credentials_free(signed_locally);
    }
    params.bucket = "-";
    CHECK(r2creds_create(own->client, &params, NULL, &none, &own->error) == R2CREDS_STATUS_INVALID_ARGUMENT);
    return NULL;
}

int main(int count, char **arguments)
{
    static work works[THREADS];
    pthread_t threads[THREADS];
    begin();
    CHECK(count >= 2);
    r2creds_client *client = client_to(arguments[1], count > 2 ? arguments[2] : NULL);
    for (int i = 0; i < THREADS; i++) {
        works[i].client = client;
        snprintf(works[i].account, sizeof works[i].account, "thread-%d", i);
        CHECK(pthread_create(&threads[i], NULL, run, &works[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        for (int call = 0; call < CALLS; call++)
            r2creds_credentials_free(works[i].credentials[call]);
        r2creds_error_free(works[i].error);
    }
    r2creds_client_free(client);
    return 0;
}
