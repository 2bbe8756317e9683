/* A client before and after fork: in parent, child and grandchild, and with threads inside it at the fork. */
#include "check.h"

#include <netdb.h>
#include <pthread.h>
#include <sys/socket.h>

/* A lookup that hangs in the parent and fails at once in the child. */
static int hang[2];
static pid_t parent;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    char byte;
    (void)name, (void)service, (void)hints, (void)result;
    if (getpid() == parent)
        CHECK(read(hang[0], &byte, 1) >= 0);
    return EAI_FAIL;
}

/* Each process has its own account, so that the server sees which connections it used. */
static void create_as_myself(const r2creds_client *client)
{
    char account[32];
    snprintf(account, sizeof account, "process-%ld", (long)getpid());
    create(client, account);
}

static void in_a_family(const char *base_url, const char *ca_file)
{
    r2creds_client *client = client_to(base_url, ca_file);
    create_as_myself(client);
    pid_t child = fork();
    if (child == 0) {
        begin();
        create_as_myself(client);
        pid_t grandchild = fork();
        if (grandchild == 0) {
            begin();
            create_as_myself(client);
            create_as_myself(client);
            r2creds_client_free(client);
            _exit(0);
        }
        create_as_myself(client);
        await(grandchild);
        create_as_myself(client);
        /* Must not say goodbye on the parent's connection. */
        r2creds_client_free(client);
        _exit(0);
    }
    create_as_myself(client);
    await(child);
    create_as_myself(client);
    r2creds_client_free(client);
}

static void during_a_lookup(void)
{
    r2creds_client *client = client_to("https://something.invalid", NULL);
    r2creds_params params = params_of("plain");
    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    r2creds_credentials *out;
    r2creds_error *error;
    trying = "fork during a lookup";
    CHECK(pipe(hang) == 0);
    parent = getpid();
    int threads = count_of("/proc/self/task");
    options.timeout_ms = 100;
    r2creds_status status = r2creds_create(client, &params, &options, &out, &error);
    r2creds_error_free(failed(status, R2CREDS_STATUS_TIMEOUT, out, error));
    pid_t child = fork();
    if (child == 0) {
        begin();
        /* It would wait in vain for the parent's lookup thread. */
        options.timeout_ms = 60000;
        CHECK(r2creds_create(client, &params, &options, &out, NULL) == R2CREDS_STATUS_CONNECTION);
        _exit(0);
    }
    await(child);
    CHECK(write(hang[1], ".", 1) == 1);
    CHECK(settles_at("/proc/self/task", threads));
    r2creds_client_free(client);
    close(hang[0]), close(hang[1]);
}

static int stop;

static void *keep_calling(void *client)
{
    while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
        create_as_myself(client);
    return NULL;
}

static void with_threads_inside(const char *base_url, const char *ca_file, int times)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    r2creds_client *client = client_to(base_url, ca_file);
    trying = "fork with threads inside";
    __atomic_store_n(&stop, 0, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, keep_calling, client) == 0);
    while (times-- > 0) {
        pid_t child = fork();
        if (child == 0) {
            begin();
            create_as_myself(client);
            create_as_myself(client);
            _exit(0);
        }
        await(child);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    create_as_myself(client);
    r2creds_client_free(client);
}

/* base URL, its TLS twin, the certificate to trust; how often to fork with threads inside, 0: only without */
int main(int count, char **arguments)
{
    begin();
    CHECK(count == 5);
    int times = atoi(arguments[4]);
    if (times == 0) {
        in_a_family(arguments[1], NULL);
        in_a_family(arguments[2], arguments[3]);
    } else {
        during_a_lookup();
        with_threads_inside(arguments[1], NULL, times);
        with_threads_inside(arguments[2], arguments[3], times);
    }
    return 0;
}
