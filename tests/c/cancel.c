/* Ends a call in each of its phases: from another thread, from a signal handler, by poll, and by its clock. */
#include "check.h"

#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

typedef enum { LOOKUP, CONNECT, HANDSHAKE, SENDING, WAITING, READING, BETWEEN_ATTEMPTS, PHASES } phase;
static const char *const names[PHASES] = {"lookup",  "connect", "handshake",       "sending",
                                          "waiting", "reading", "between attempts"};
/* The account that makes the server halt in this phase. */
static const char *const accounts[PHASES] = {"plain", "plain", "plain", "deaf", "hangs", "drips", "waits"};

typedef enum { THREAD, SIGNAL, POLL, CLOCK, WAYS } way;

/* What is allowed beyond the 100 ms of the contract, for a machine that is busy. */
static long slack = 400;

/* A name lookup hangs until it is released, as getaddrinfo does when no name server answers. */
static pthread_mutex_t lookup_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t lookup_changed = PTHREAD_COND_INITIALIZER;
static int lookups, most_lookups, all_lookups, is_released;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    (void)service, (void)hints, (void)result;
    CHECK(strcmp(name, "something.invalid") == 0);
    pthread_mutex_lock(&lookup_lock);
    all_lookups++;
    if (++lookups > most_lookups)
        most_lookups = lookups;
    pthread_cond_broadcast(&lookup_changed);
    while (!is_released)
        pthread_cond_wait(&lookup_changed, &lookup_lock);
    lookups--;
    pthread_mutex_unlock(&lookup_lock);
    return EAI_NONAME;
}

static void release_lookups(int released)
{
    pthread_mutex_lock(&lookup_lock);
    is_released = released;
    pthread_cond_broadcast(&lookup_changed);
    pthread_mutex_unlock(&lookup_lock);
}

static r2creds_cancel *cancel;
static phase in_phase;
static way by;
static pthread_t caller;
static long triggered_at;
static int wants_end, descriptors;

static void on_signal(int number)
{
    (void)number;
    r2creds_cancel_trigger(cancel);
}

static int32_t on_poll(void *context)
{
    CHECK(context == &wants_end);
    CHECK(pthread_equal(pthread_self(), caller));
    return __atomic_load_n(&wants_end, __ATOMIC_ACQUIRE);
}

static void await_phase(void)
{
    char byte;
    if (in_phase == LOOKUP) {
        pthread_mutex_lock(&lookup_lock);
        while (lookups == 0)
            pthread_cond_wait(&lookup_changed, &lookup_lock);
        pthread_mutex_unlock(&lookup_lock);
    } else if (in_phase == CONNECT) {
        while (count_of("/proc/self/fd") == descriptors)
            sleep_ms(5);
    } else {
        /* The server says so. */
        CHECK(read(STDIN_FILENO, &byte, 1) == 1);
    }
    /* For the call to settle in it; if it has not, the promise holds all the same. */
    sleep_ms(30);
}

/* Forgets what the server said about earlier calls. */
static void drain(void)
{
    char byte;
    struct pollfd input = {STDIN_FILENO, POLLIN, 0};
    while (poll(&input, 1, 0) == 1 && read(STDIN_FILENO, &byte, 1) == 1) {
    }
}

static void *trigger(void *context)
{
    (void)context;
    await_phase();
    __atomic_store_n(&triggered_at, now_ms(), __ATOMIC_RELEASE);
    switch (by) {
    case THREAD: r2creds_cancel_trigger(cancel); break;
    case SIGNAL: CHECK(pthread_kill(caller, SIGUSR1) == 0); break;
    case POLL: __atomic_store_n(&wants_end, 1, __ATOMIC_RELEASE); break;
    default: break;
    }
    return NULL;
}

/* How late the call came back, in milliseconds. */
static long lateness(const r2creds_client *client, phase in, way how, const char *extra_body)
{
    static char name[64];
    snprintf(name, sizeof name, "%s, way %d", names[in], (int)how);
    trying = name;
    const r2creds_params params = params_of(accounts[in]);
    in_phase = in, by = how, caller = pthread_self(), wants_end = 0;
    descriptors = count_of("/proc/self/fd");

    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    r2creds_credentials *out = UNTOUCHED(r2creds_credentials);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    CHECK(r2creds_cancel_new(&cancel) == R2CREDS_STATUS_OK);
    if (how == POLL) {
        options.poll = on_poll;
        options.poll_context = &wants_end;
    } else if (how != CLOCK) {
        options.cancel = cancel;
    }
    options.timeout_ms = how == CLOCK ? 200 : 60000;
    options.max_retries = 3;
    options.extra_body = extra_body;

    pthread_t helper;
    drain();
    if (how != CLOCK)
        CHECK(pthread_create(&helper, NULL, trigger, NULL) == 0);
    long began = now_ms();
    r2creds_status status = r2creds_create(client, &params, &options, &out, &error);
    long ended = now_ms();
    if (how != CLOCK)
        CHECK(pthread_join(helper, NULL) == 0);
    failed(status, how == CLOCK ? R2CREDS_STATUS_TIMEOUT : R2CREDS_STATUS_CANCELLED, out, error);
    /* None where the end came before anything was sent, as it may on a slow machine. */
    CHECK(error->attempts <= 1);
    r2creds_error_free(error);
    r2creds_cancel_free(cancel);

    /* Nothing is left but the one lookup. */
    CHECK(settles_at("/proc/self/task", in == LOOKUP ? 2 : 1));
    CHECK(count_of("/proc/self/fd") == descriptors);
    if (how == CLOCK) {
        CHECK(ended - began >= 199);
        return ended - began - 200;
    }
    CHECK(ended >= triggered_at);
    return ended - triggered_at;
}

/* A machine that is busy may be late by chance, but not three times. */
static void ends_in_time(const r2creds_client *client, phase in, way how, const char *extra_body)
{
    /* A long body takes its time to build and to wipe, above all in a debug build. */
    long late = 0, allowed = 100 + slack + (in == SENDING ? 1000 : 0);
    for (int tries = 0; tries < 3; tries++) {
        late = lateness(client, in, how, extra_body);
        if (late <= allowed)
            return;
    }
    fprintf(stderr, "%s: %ld ms\n", trying, late);
    CHECK(late <= allowed);
}

static void *time_out(void *client)
{
    r2creds_params params = params_of("plain");
    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    r2creds_credentials *out;
    options.timeout_ms = 100;
    CHECK(r2creds_create(client, &params, &options, &out, NULL) == R2CREDS_STATUS_TIMEOUT && out == NULL);
    return NULL;
}

/* Runs time_out in as many threads at once. */
static void time_outs(r2creds_client *client, int count)
{
    pthread_t threads[16];
    for (int i = 0; i < count; i++)
        CHECK(pthread_create(&threads[i], NULL, time_out, client) == 0);
    for (int i = 0; i < count; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
}

static void lookups_leave_one_thread(void)
{
    trying = "many calls in lookup";
    CHECK(settles_at("/proc/self/task", 1));
    most_lookups = all_lookups = 0;
    r2creds_client *client = client_to("https://something.invalid", NULL);
    time_outs(client, 16);
    for (int i = 0; i < 3; i++)
        time_outs(client, 1);
    CHECK(settles_at("/proc/self/task", 2));
    CHECK(most_lookups == 1 && all_lookups == 1);

    /* The thread outlives even its client, without touching it. */
    r2creds_client_free(client);
    CHECK(count_of("/proc/self/task") == 2);
    release_lookups(1);
    CHECK(settles_at("/proc/self/task", 1));
    release_lookups(0);
}

/* A cancel object serves many calls, on many threads, and stays triggered. */
static void *cancelled_call(void *client)
{
    r2creds_params params = params_of("hangs");
    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    r2creds_credentials *out;
    options.cancel = cancel;
    options.timeout_ms = 60000;
    CHECK(r2creds_create(client, &params, &options, &out, NULL) == R2CREDS_STATUS_CANCELLED && out == NULL);
    return NULL;
}

static void one_object_many_calls(r2creds_client *client)
{
    pthread_t threads[8];
    char byte;
    trying = "one object, many calls";
    drain();
    CHECK(r2creds_cancel_new(&cancel) == R2CREDS_STATUS_OK);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_create(&threads[i], NULL, cancelled_call, client) == 0);
    for (int i = 0; i < 8; i++)
        CHECK(read(STDIN_FILENO, &byte, 1) == 1);
    long began = now_ms();
    r2creds_cancel_trigger(cancel);
    for (int i = 0; i < 8; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(now_ms() - began < 30000);
    cancelled_call(client);
    r2creds_cancel_free(cancel);
}

typedef struct {
    pthread_t thread;
    int calls;
    long last, shortest;
} polling;

static int32_t count_polls(void *context)
{
    polling *seen = context;
    long now = now_ms();
    CHECK(pthread_equal(pthread_self(), seen->thread));
    if (now - seen->last < seen->shortest)
        seen->shortest = now - seen->last;
    seen->last = now;
    seen->calls++;
    return 0;
}

/* About every 50 ms: not more often, and on a machine that is not busy not much less. */
static void poll_is_called_at_its_pace(const r2creds_client *client)
{
    trying = "poll";
    int is_at_its_pace = 0;
    for (int tries = 0; tries < 3 && !is_at_its_pace; tries++) {
        long began = now_ms();
        polling seen = {pthread_self(), 0, began, 1000};
        r2creds_params params = params_of("hangs");
        r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
        r2creds_credentials *out;
        options.poll = count_polls;
        options.poll_context = &seen;
        options.timeout_ms = 1000;
        CHECK(r2creds_create(client, &params, &options, &out, NULL) == R2CREDS_STATUS_TIMEOUT);
        CHECK(seen.calls <= (now_ms() - began) / 50 + 1);
        is_at_its_pace = seen.calls >= 10 && seen.shortest >= 40;
    }
    CHECK(is_at_its_pace);
}

static void *keep_interrupting(void *context)
{
    (void)context;
    while (!__atomic_load_n(&wants_end, __ATOMIC_ACQUIRE)) {
        CHECK(pthread_kill(caller, SIGUSR1) == 0);
        sleep_ms(1);
    }
    return NULL;
}

/* A signal whose handler has nothing to do with the call neither ends nor prolongs it. */
static void other_signals_mean_nothing(const r2creds_client *client)
{
    trying = "other signals";
    cancel = NULL, wants_end = 0, caller = pthread_self();
    pthread_t helper;
    r2creds_params params = params_of("hangs");
    r2creds_request_options options = R2CREDS_REQUEST_OPTIONS_INIT;
    r2creds_credentials *out;
    CHECK(pthread_create(&helper, NULL, keep_interrupting, NULL) == 0);
    for (int i = 0; i < 20; i++)
        create(client, "plain");
    options.timeout_ms = 300;
    long began = now_ms();
    CHECK(r2creds_create(client, &params, &options, &out, NULL) == R2CREDS_STATUS_TIMEOUT);
    long took = now_ms() - began;
    __atomic_store_n(&wants_end, 1, __ATOMIC_RELEASE);
    CHECK(pthread_join(helper, NULL) == 0);
    CHECK(took >= 299 && took < 30000);
}

/* base URL, a place that does not answer, a place where TLS gets no answer; more slack, kilobytes to send */
int main(int count, char **arguments)
{
    begin();
    CHECK(count == 6);
    /* {"k": "kkk..."} */
    size_t length = (size_t)atol(arguments[5]) * 1000;
    char *long_body = malloc(length + 9);
    CHECK(long_body != NULL);
    memcpy(long_body, "{\"k\":\"", 6);
    memset(long_body + 6, 'k', length);
    memcpy(long_body + 6 + length, "\"}", 3);
    slack += atol(arguments[4]);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);

    r2creds_client *clients[PHASES];
    for (int in = 0; in < PHASES; in++)
        clients[in] = client_to(in == LOOKUP      ? "https://something.invalid"
                                : in == CONNECT   ? arguments[2]
                                : in == HANDSHAKE ? arguments[3]
                                                  : arguments[1],
                                NULL);
    /* Between attempts a connection is kept, so have it before descriptors are counted. */
    create(clients[BETWEEN_ATTEMPTS], "plain");
    for (int in = 0; in < PHASES; in++) {
        for (int how = 0; how < WAYS; how++)
            /* Where the next wait would be too long, the call does not wait at all. */
            if (!(in == BETWEEN_ATTEMPTS && how == CLOCK))
                ends_in_time(clients[in], (phase)in, (way)how, in == SENDING ? long_body : NULL);
        if (in == LOOKUP) {
            CHECK(all_lookups == 1);
            release_lookups(1);
            CHECK(settles_at("/proc/self/task", 1));
            release_lookups(0);
        }
    }
    lookups_leave_one_thread();
    one_object_many_calls(clients[WAITING]);
    poll_is_called_at_its_pace(clients[WAITING]);
    other_signals_mean_nothing(clients[WAITING]);
    for (int in = 0; in < PHASES; in++)
        r2creds_client_free(clients[in]);
    free(long_body);
    return 0;
}
