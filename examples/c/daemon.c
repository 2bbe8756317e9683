/*
 * daemon: uploads every file that is put into a folder, and removes it, for months. Eight threads, one provider.
 *
 *   cc daemon.c -o daemon $(pkg-config --cflags --libs r2creds libcurl) -pthread
 *   ./daemon FOLDER
 *
 * Ends on SIGTERM and SIGINT, once what is being sent has been sent. A file is put there under a name that begins with
 * a dot and renamed when it is complete. Needs CLOUDFLARE_ACCOUNT_ID, R2_BUCKET and R2_PARENT_ACCESS_KEY_ID, and
 * CLOUDFLARE_API_TOKEN to ask Cloudflare, or R2_PARENT_SECRET_ACCESS_KEY to sign; R2_ENDPOINT, if set, replaces the
 * account's own.
 */
#define _POSIX_C_SOURCE 200809L
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <curl/curl.h>
#include "r2creds.h"

enum { THREADS = 8 };
/* How long each credential lives; 0: 15 minutes. */
#ifndef TTL_SECONDS
#define TTL_SECONDS 0
#endif

static const char *bucket;
static r2creds_provider *provider;
static r2creds_cancel *cancel;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t stopped = PTHREAD_COND_INITIALIZER;
static int is_stopping;

/* What R2 said, as far as it fits. */
struct answer {
    char text[4096];
    size_t length;
};

static size_t keep(char *data, size_t size, size_t count, void *context) {
    struct answer *answer = context;
    size_t room = sizeof answer->text - 1 - answer->length, more = size * count;
    memcpy(answer->text + answer->length, data, more < room ? more : room);
    answer->length += more < room ? more : room;
    return more;
}

static void complain(const r2creds_error *error) {
    fprintf(stderr, "daemon: %s\n%s%s", error->message, error->hint ? error->hint : "", error->hint ? "\n" : "");
}

/* Sends one file with a credential that is good now. */
static int send_file(CURL *curl, FILE *file, curl_off_t size, const char *key) {
    r2creds_request_options wait = R2CREDS_REQUEST_OPTIONS_INIT;
    r2creds_credentials *credentials;
    r2creds_error *error;
    wait.cancel = cancel;
    if (r2creds_provider_get(provider, &wait, &credentials, &error) != R2CREDS_STATUS_OK)
        return complain(error), r2creds_error_free(error), 0;

    struct answer answer = {"", 0};
    char why[CURL_ERROR_SIZE] = "";
    char *name = curl_easy_escape(curl, key, 0); /* a file's name has no slash, which S3 does not want escaped */
    size_t room = strlen(credentials->endpoint) + strlen(credentials->session_token) + 3 * strlen(key) + 128;
    char *url = malloc(room), *token = malloc(room);
    CURLcode code = CURLE_OUT_OF_MEMORY;
    long status = 0;
    if (name != NULL && url != NULL && token != NULL) {
        snprintf(url, room, "%s/%s/%s", credentials->endpoint, bucket, name);
        snprintf(token, room, "x-amz-security-token: %s", credentials->session_token);
        struct curl_slist hash = {"x-amz-content-sha256: UNSIGNED-PAYLOAD", NULL}; /* see put.c */
        struct curl_slist headers = {token, &hash};
        curl_easy_reset(curl); /* keeps the connection */
#define SET(option, value) ((code = curl_easy_setopt(curl, option, value)) == CURLE_OK)
        if (SET(CURLOPT_ERRORBUFFER, why) && SET(CURLOPT_URL, url) && SET(CURLOPT_AWS_SIGV4, "aws:amz:auto:s3") &&
            SET(CURLOPT_USERNAME, credentials->access_key_id) &&
            SET(CURLOPT_PASSWORD, credentials->secret_access_key) && SET(CURLOPT_HTTPHEADER, &headers) &&
            SET(CURLOPT_UPLOAD, 1L) && SET(CURLOPT_READDATA, file) && SET(CURLOPT_INFILESIZE_LARGE, size) &&
            SET(CURLOPT_EXPECT_100_TIMEOUT_MS, 50L) /* not every server says 100, and curl would wait for a second */ &&
            SET(CURLOPT_WRITEFUNCTION, keep) && SET(CURLOPT_WRITEDATA, &answer) && SET(CURLOPT_NOSIGNAL, 1L) &&
            SET(CURLOPT_LOW_SPEED_LIMIT, 1L) && SET(CURLOPT_LOW_SPEED_TIME, 30L)) {
            code = curl_easy_perform(curl);
            curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
            curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
        }
    }
    if (code != CURLE_OK)
        fprintf(stderr, "daemon: %s: %s\n", key, *why != '\0' ? why : curl_easy_strerror(code));
    else if (status != 200)
        fprintf(stderr, "daemon: %s: HTTP %ld %s\n", key, status, answer.text);
    /* The credential itself was refused: its parent key was revoked, for example. Not so with AccessDenied. */
    if (status == 401 || strstr(answer.text, "SignatureDoesNotMatch") || strstr(answer.text, "X-Amz-Security-Token"))
        r2creds_provider_reject(provider, credentials);
    r2creds_credentials_free(credentials);
    curl_free(name);
    free(url);
    free(token);
    return code == CURLE_OK && status == 200;
}

/* Sends one of the files; 0 if there is none, or it could not be sent. */
static int send_one(CURL *curl) {
    DIR *folder = opendir(".");
    struct dirent *entry;
    int is_sent = 0;
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        char mine[sizeof entry->d_name + sizeof ".sending-"];
        struct stat about;
        snprintf(mine, sizeof mine, ".sending-%s", entry->d_name);
        /* Of several threads that see it, one succeeds in renaming it. */
        if (entry->d_name[0] == '.' || rename(entry->d_name, mine) != 0) continue;
        FILE *file = fopen(mine, "rb");
        if (file != NULL && fstat(fileno(file), &about) == 0)
            is_sent = send_file(curl, file, about.st_size, entry->d_name);
        if (file != NULL) fclose(file);
        if ((is_sent ? remove(mine) : rename(mine, entry->d_name)) != 0) perror(mine);
        break;
    }
    if (folder != NULL) closedir(folder);
    return is_sent;
}

static void *work(void *unused) {
    CURL *curl = curl_easy_init();
    pthread_mutex_lock(&lock);
    while (curl != NULL && !is_stopping) {
        pthread_mutex_unlock(&lock);
        int is_sent = send_one(curl);
        pthread_mutex_lock(&lock);
        struct timespec next;
        clock_gettime(CLOCK_REALTIME, &next);
        next.tv_sec++;
        if (!is_sent && !is_stopping) pthread_cond_timedwait(&stopped, &lock, &next);
    }
    pthread_mutex_unlock(&lock);
    curl_easy_cleanup(curl);
    return unused;
}

/* A provider that asks Cloudflare where there is a token, and signs where there is none. */
static r2creds_status make_provider(r2creds_error **error) {
    const char *actions[] = {"PutObject"};
    r2creds_client *client = NULL;
    r2creds_params params = R2CREDS_PARAMS_INIT;
    params.account_id = getenv("CLOUDFLARE_ACCOUNT_ID");
    params.bucket = bucket = getenv("R2_BUCKET");
    params.parent_access_key_id = getenv("R2_PARENT_ACCESS_KEY_ID");
    params.endpoint = getenv("R2_ENDPOINT");
    params.ttl_seconds = TTL_SECONDS;
    if (getenv("CLOUDFLARE_API_TOKEN") != NULL) {
        params.permission = R2CREDS_PERMISSION_OBJECT_READ_WRITE;
        r2creds_status status = r2creds_client_new(NULL, &client, error);
        if (status != R2CREDS_STATUS_OK) return status;
    } else {
        params.parent_secret_access_key = getenv("R2_PARENT_SECRET_ACCESS_KEY");
        params.actions = actions;
        params.actions_len = 1;
    }
    r2creds_status status = r2creds_provider_new(client, &params, NULL, &provider, error);
    r2creds_client_free(client); /* the provider has what it needs of it */
    return status;
}

int main(int argc, char **argv) {
    pthread_t threads[THREADS];
    r2creds_error *error;
    sigset_t ends;
    int signal, started = 0;
    if (argc != 2) return fputs("usage: daemon FOLDER\n", stderr), 2;
    if (make_provider(&error) != R2CREDS_STATUS_OK)
        return complain(error), r2creds_error_free(error), EXIT_FAILURE;
    if (chdir(argv[1]) != 0) return perror(argv[1]), r2creds_provider_free(provider), EXIT_FAILURE;
    if (r2creds_cancel_new(&cancel) != R2CREDS_STATUS_OK || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return r2creds_provider_free(provider), EXIT_FAILURE;

    /* Blocked in every thread, and taken here. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    while (started < THREADS && pthread_create(&threads[started], NULL, work, NULL) == 0) started++;
    if (started > 0) sigwait(&ends, &signal);

    r2creds_cancel_trigger(cancel); /* who waits for a credential waits no longer */
    pthread_mutex_lock(&lock);
    is_stopping = 1;
    pthread_cond_broadcast(&stopped);
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < started; i++) pthread_join(threads[i], NULL);
    r2creds_provider_free(provider);
    r2creds_cancel_free(cancel);
    curl_global_cleanup();
    return started > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
