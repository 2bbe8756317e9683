/* What every program here uses: it is silent and ends with 0, or says in one line what was wrong and ends with 1. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#ifndef _WIN32
#include <sys/wait.h>
#endif

#include "r2creds.h"

/* What is being tried, for the message. */
static const char *trying = "";

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, trying, #condition);                                \
            _Exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

/* Ends a program that hangs. Windows has no alarm. */
static inline void begin(void)
{
#ifndef _WIN32
    alarm(600);
#endif
}

static inline long now_ms(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static inline void sleep_ms(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0 && errno == EINTR) {
    }
}

/* How many descriptors ("/proc/self/fd") or threads ("/proc/self/task") there are; the one used to count is not. */
static inline int count_of(const char *folder)
{
    int count = 0;
    DIR *listing = opendir(folder);
    CHECK(listing != NULL);
    for (struct dirent *entry = readdir(listing); entry != NULL; entry = readdir(listing))
        if (entry->d_name[0] != '.')
            count++;
    closedir(listing);
    return strcmp(folder, "/proc/self/fd") == 0 ? count - 1 : count;
}

/* The system takes a moment to forget a thread that has ended. */
static inline int settles_at(const char *folder, int expected)
{
    for (int i = 0; i < 500 && count_of(folder) != expected; i++)
        sleep_ms(10);
    return count_of(folder) == expected;
}

#ifndef _WIN32
/* A child has to end well. */
static inline void await(pid_t child)
{
    int status;
    CHECK(child > 0);
    while (waitpid(child, &status, 0) != child)
        CHECK(errno == EINTR);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
#endif

#define PARENT_ID "0123456789abcdef0123456789abcdef"
#define PARENT_SECRET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define API_TOKEN "api-token-that-nobody-may-see-0123456789"

/* Valid for create and for sign. */
static inline r2creds_params params_of(const char *account)
{
    r2creds_params params = R2CREDS_PARAMS_INIT;
    params.account_id = account;
    params.bucket = "example-bucket";
    params.parent_access_key_id = PARENT_ID;
    params.parent_secret_access_key = PARENT_SECRET;
    params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
    return params;
}

/* ca_file may be NULL. */
static inline r2creds_client *client_to(const char *base_url, const char *ca_file)
{
    r2creds_client_options options = R2CREDS_CLIENT_OPTIONS_INIT;
    r2creds_client *client = NULL;
    r2creds_error *error = NULL;
    options.api_token = API_TOKEN;
    options.base_url = base_url;
    options.proxy_url = "";
    options.ca_file = ca_file;
    options.max_retries = -1;
    r2creds_status status = r2creds_client_new(&options, &client, &error);
    if (status != R2CREDS_STATUS_OK)
        fprintf(stderr, "%s\n", error->message);
    CHECK(status == R2CREDS_STATUS_OK && client != NULL && error == NULL);
    return client;
}

/* Places for outputs that are not NULL before the call, so that a function that leaves them alone is found out. */
#define UNTOUCHED(type) ((type *)(void *)&trying)

/* Holds the outputs of a call that has to fail to the rules, and gives the error back. (C evaluates arguments in any
   order, so the call itself is not one of them.) */
static inline r2creds_error *failed(r2creds_status status, r2creds_status expected, const void *out,
                                    r2creds_error *error)
{
    if (status != expected && status != R2CREDS_STATUS_OK && error != NULL)
        fprintf(stderr, "%s, expected %s: %s\n", r2creds_status_name(status), r2creds_status_name(expected),
                error->message);
    CHECK(status == expected);
    CHECK(out == NULL);
    CHECK(error != NULL && error != UNTOUCHED(r2creds_error));
    CHECK(error->struct_size == sizeof(r2creds_error));
    CHECK(error->status == status);
    CHECK(error->message != NULL && error->message[0] != '\0' && strchr(error->message, '\n') == NULL);
    CHECK(error->hint == NULL || error->hint[0] != '\0');
    CHECK((error->errors == NULL) == (error->errors_len == 0));
    CHECK((error->messages == NULL) == (error->messages_len == 0));
    CHECK(error->retryable == 0 || error->retryable == 1);
    CHECK(error->attempts >= 0);
    return error;
}

/* A create that has to succeed and belong to this account. The caller frees it. */
static inline r2creds_credentials *created(const r2creds_client *client, const char *account)
{
    r2creds_params params = params_of(account);
    r2creds_credentials *credentials = UNTOUCHED(r2creds_credentials);
    r2creds_error *error = UNTOUCHED(r2creds_error);
    r2creds_status status = r2creds_create(client, &params, NULL, &credentials, &error);
    if (status != R2CREDS_STATUS_OK)
        fprintf(stderr, "%s\n", error->message);
    CHECK(status == R2CREDS_STATUS_OK && error == NULL && credentials != NULL);
    CHECK(credentials->struct_size == sizeof(r2creds_credentials));
    CHECK(strncmp(credentials->access_key_id, "id-", 3) == 0);
    CHECK(strcmp(credentials->access_key_id + 3, account) == 0);
    CHECK(strcmp(credentials->secret_access_key + 7, account) == 0);
    CHECK(strcmp(credentials->session_token + 6, account) == 0);
    return credentials;
}

static inline void create(const r2creds_client *client, const char *account)
{
    r2creds_credentials_free(created(client, account));
}

#endif
