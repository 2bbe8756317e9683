/* The library as a plug-in has it: loaded at run time, more than once, and unloaded. */
#include "check.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>

typedef struct {
    void *handle;
    const char *(*version)(void);
    r2creds_status (*sign)(const r2creds_params *, r2creds_credentials **, r2creds_error **);
    r2creds_status (*create)(const r2creds_client *, const r2creds_params *, const r2creds_request_options *,
                             r2creds_credentials **, r2creds_error **);
    r2creds_status (*client_new)(const r2creds_client_options *, r2creds_client **, r2creds_error **);
    void (*client_free)(r2creds_client *);
    void (*credentials_free)(r2creds_credentials *);
    void (*error_free)(r2creds_error *);
} library;

/* ISO C has no conversion from an object's address to a function's. */
static void find(library *in, const char *name, void *function)
{
    void *found = dlsym(in->handle, name);
    CHECK(found != NULL);
    memcpy(function, &found, sizeof found);
}

static library load(const char *path)
{
    library it;
    it.handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(it.handle != NULL);
    find(&it, "r2creds_version", &it.version);
    find(&it, "r2creds_sign", &it.sign);
    find(&it, "r2creds_create", &it.create);
    find(&it, "r2creds_client_new", &it.client_new);
    find(&it, "r2creds_client_free", &it.client_free);
    find(&it, "r2creds_credentials_free", &it.credentials_free);
    find(&it, "r2creds_error_free", &it.error_free);
    return it;
}

static int mappings(void)
{
    char line[4096];
    int count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL)
        count += strstr(line, "libr2creds") != NULL;
    fclose(maps);
    return count;
}

/* As `failed` in check.h, which wants a library that is linked. */
static r2creds_error *expect(r2creds_status status, r2creds_status expected, const void *out, r2creds_error *error)
{
    CHECK(status == expected && out == NULL && error != NULL && error->status == status);
    return error;
}

static r2creds_credentials *sign_with(const library *it)
{
    r2creds_params params = params_of("plain");
    r2creds_credentials *credentials = NULL;
    CHECK(it->sign(&params, &credentials, NULL) == R2CREDS_STATUS_OK);
    return credentials;
}

static r2creds_error *fail_with(const library *it)
{
    r2creds_params params = params_of("plain");
    r2creds_credentials *credentials = NULL;
    r2creds_error *error = NULL;
    params.bucket = "x";
    r2creds_status status = it->sign(&params, &credentials, &error);
    return expect(status, R2CREDS_STATUS_INVALID_ARGUMENT, credentials, error);
}

static r2creds_client *client_with(const library *it, const char *base_url)
{
    r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
    r2creds_client *client = NULL;
    options.api_token = API_TOKEN;
    options.base_url = base_url;
    options.proxy_url = "";
    options.max_retries = -1;
    /* No call here ends by the clock, however long the machine stalls. */
    options.timeout_ms = options.attempt_timeout_ms = options.connect_timeout_ms = 600000;
    CHECK(it->client_new(&options, &client, NULL) == R2CREDS_STATUS_OK);
    return client;
}

/* poll may be NULL. */
static r2creds_error *create_fails_with(const library *it, const r2creds_client *client, int32_t (*poll)(void *),
                                        void *poll_context)
{
    r2creds_params params = params_of("plain");
    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    r2creds_credentials *credentials = NULL;
    r2creds_error *error = NULL;
    r2creds_status expected = poll == NULL ? R2CREDS_STATUS_CONNECTION : R2CREDS_STATUS_CANCELLED;
    options.poll = poll;
    options.poll_context = poll_context;
    r2creds_status status = it->create(client, &params, &options, &credentials, &error);
    return expect(status, expected, credentials, error);
}

static void loop(const char *path)
{
    int mapped = 0, descriptors = 0;
    for (int i = 0; i < 200; i++) {
        library it = load(path);
        it.credentials_free(sign_with(&it));
        r2creds_client *client = client_with(&it, "http://127.0.0.1:1");
        it.error_free(create_fails_with(&it, client, NULL, NULL));
        it.client_free(client);
        CHECK(dlclose(it.handle) == 0);
        if (i == 0)
            mapped = mappings(), descriptors = count_of("/proc/self/fd");
        CHECK(mapped > 0 && mappings() == mapped && count_of("/proc/self/fd") == descriptors);
    }
    void *still = dlopen(path, RTLD_NOW | RTLD_NOLOAD);
    CHECK(still != NULL);
    CHECK(dlsym(still, "r2creds_later") == NULL && strstr(dlerror(), "undefined symbol: r2creds_later") != NULL);
    CHECK(dlclose(still) == 0);
    CHECK(count_of("/proc/self/task") == 1);
}

/* A name lookup hangs until it is released. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int lookups, is_released;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    (void)name, (void)service, (void)hints, (void)result;
    pthread_mutex_lock(&lock);
    lookups++;
    while (!is_released)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    return EAI_NONAME;
}

/* Ends the call when the lookup is under way. */
static int32_t has_looked_up(void *times)
{
    pthread_mutex_lock(&lock);
    int32_t has = lookups >= *(int *)times;
    pthread_mutex_unlock(&lock);
    return has;
}

/* Unloads the library while its lookup threads are inside it. They end only when it is gone, or never. */
static void lookup(const char *path, int leave)
{
    const int times = 10;
    for (int i = 1; i <= times; i++) {
        library it = load(path);
        r2creds_client *client = client_with(&it, "https://something.invalid");
        it.error_free(create_fails_with(&it, client, has_looked_up, &i));
        it.client_free(client);
        CHECK(dlclose(it.handle) == 0);
        CHECK(count_of("/proc/self/task") == 1 + i);
    }
    if (leave)
        return;
    pthread_mutex_lock(&lock);
    is_released = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    CHECK(settles_at("/proc/self/task", 1));
}

/* Two libraries in one process know nothing of each other. */
static void two(const char *path, const char *other_path)
{
    library one = load(path), other = load(other_path);
    CHECK(one.sign != other.sign && strcmp(one.version(), other.version()) != 0);
    CHECK(dlsym(RTLD_DEFAULT, "r2creds_sign") == NULL);
    r2creds_client *client = client_with(&one, "http://127.0.0.1:1");
    r2creds_client *other_client = client_with(&other, "http://127.0.0.1:1");
    for (int i = 0; i < 10; i++) {
        r2creds_credentials *credentials = sign_with(&one), *other_credentials = sign_with(&other);
        r2creds_error *error = fail_with(&one), *other_error = fail_with(&other);
        one.error_free(create_fails_with(&one, client, NULL, NULL));
        other.error_free(create_fails_with(&other, other_client, NULL, NULL));
        one.credentials_free(credentials), other.credentials_free(other_credentials);
        one.error_free(error), other.error_free(other_error);
    }
    /* One may leave before the other. */
    one.client_free(client);
    CHECK(dlclose(one.handle) == 0);
    other.error_free(create_fails_with(&other, other_client, NULL, NULL));
    other.client_free(other_client);
    CHECK(dlclose(other.handle) == 0);
}

/* loop, lookup, leave or two; the library; another */
int main(int count, char **arguments)
{
    begin();
    CHECK(count == 4);
    trying = arguments[1];
    if (strcmp(trying, "loop") == 0)
        loop(arguments[2]);
    else if (strcmp(trying, "two") == 0)
        two(arguments[2], arguments[3]);
    else
        lookup(arguments[2], strcmp(trying, "leave") == 0);
    return 0;
}
