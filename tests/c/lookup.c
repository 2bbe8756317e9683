/* A name lookup has the attempt's time, not the connection's, and what it finds too late is for the next attempt. */
#include "check.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>

/* A resolver whose first server is silent: it answers, but only when it is told to. The answer is the last byte of an
 * address on loopback. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int lookups, running, may_answer;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    (void)service;
    CHECK(strcmp(name, "slow.invalid") == 0);
    pthread_mutex_lock(&lock);
    lookups++, running++;
    while (!may_answer)
        pthread_cond_wait(&changed, &lock);
    struct {
        struct addrinfo info;
        struct sockaddr_in address;
    } *answer = calloc(1, sizeof *answer);
    CHECK(answer != NULL);
    answer->address.sin_family = AF_INET;
    answer->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    answer->info.ai_family = AF_INET;
    answer->info.ai_socktype = hints == NULL ? SOCK_STREAM : hints->ai_socktype;
    answer->info.ai_addrlen = sizeof answer->address;
    answer->info.ai_addr = (struct sockaddr *)&answer->address;
    *result = &answer->info;
    running--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return 0;
}

void freeaddrinfo(struct addrinfo *result) { free(result); }

static void answer(void)
{
    pthread_mutex_lock(&lock);
    may_answer = 1;
    pthread_cond_broadcast(&changed);
    while (running > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static r2creds_error *failure_of(r2creds_client *client, r2creds_status expected)
{
    const r2creds_params params = params_of("plain");
    r2creds_credentials *out = UNTOUCHED(r2creds_credentials);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_create(client, &params, NULL, &out, &error);
    return failed(status, expected, out, error);
}

/* the port of nobody */
int main(int count, char **arguments)
{
    begin();
    CHECK(count == 2);
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://slow.invalid:%s", arguments[1]);
    r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
    options.api_token = "token";
    options.base_url = "https://api.invalid";
    options.proxy_url = proxy; /* because http may leave the machine to nothing but a proxy */
    options.connect_timeout_ms = 50;
    options.attempt_timeout_ms = 400;
    options.max_retries = -1;
    r2creds_client *client;
    CHECK(r2creds_client_new(&options, &client, NULL) == R2CREDS_STATUS_OK);

    trying = "a lookup that takes longer than the attempt";
    long began = now_ms();
    r2creds_error *error = failure_of(client, R2CREDS_STATUS_TIMEOUT);
    CHECK(now_ms() - began >= 400);
    CHECK(strstr(error->message, "looking up the host name") != NULL);
    CHECK(strstr(error->message, "attempt_timeout_ms") != NULL);
    r2creds_error_free(error);

    trying = "its answer, which came when nobody waited";
    answer();
    error = failure_of(client, R2CREDS_STATUS_CONNECTION);
    CHECK(strstr(error->message, "no connection to slow.invalid") != NULL);
    CHECK(lookups == 1);
    r2creds_error_free(error);

    trying = "an answer that was used";
    r2creds_error_free(failure_of(client, R2CREDS_STATUS_CONNECTION));
    CHECK(lookups == 2);
    r2creds_client_free(client);
    /* Or valgrind may see what a thread that is about to end has not given back. */
    CHECK(settles_at("/proc/self/task", 1));
    return 0;
}
