/*
 * put: uploads one file to R2 with a credential that can do nothing else.
 *
 *   cc put.c -o put $(pkg-config --cflags --libs r2creds libcurl)
 *   ./put FILE KEY
 *
 * Needs CLOUDFLARE_ACCOUNT_ID, R2_BUCKET, R2_PARENT_ACCESS_KEY_ID and R2_PARENT_SECRET_ACCESS_KEY; R2_ENDPOINT, if set,
 * replaces the account's own. The secret comes from the environment: a command line can be seen by others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <curl/curl.h>
#include "r2creds.h"

/* S3 signs a key with everything escaped but letters, digits, "-._~" and the slash; curl escapes the slash, too. */
static void restore_slashes(char *escaped) {
    char *to = escaped;
    for (char *from = escaped; (*to = *from) != '\0'; to++, from++)
        if (strncmp(from, "%2F", 3) == 0) *to = '/', from += 2;
}

static CURLcode upload(const r2creds_credentials *credentials, const char *bucket, const char *key, FILE *file,
                       curl_off_t size, char *why) {
    CURLcode code = CURLE_OUT_OF_MEMORY;
    CURL *curl = curl_easy_init();
    char *path = curl == NULL ? NULL : curl_easy_escape(curl, key, 0);
    size_t room = strlen(credentials->endpoint) + strlen(credentials->session_token) + 3 * strlen(key) + 128;
    char *url = malloc(room), *token = malloc(room);
    if (path != NULL && url != NULL && token != NULL) {
        restore_slashes(path);
        snprintf(url, room, "%s/%s/%s", credentials->endpoint, bucket, path);
        snprintf(token, room, "x-amz-security-token: %s", credentials->session_token);
        /* The file is not read twice for its hash; TLS guards it on the way. curl before 8.0 does not say so by itself,
         * and signs the hash of nothing, which S3 refuses. */
        struct curl_slist hash = {"x-amz-content-sha256: UNSIGNED-PAYLOAD", NULL};
        struct curl_slist headers = {token, &hash};
#define SET(option, value) ((code = curl_easy_setopt(curl, option, value)) == CURLE_OK)
        if (SET(CURLOPT_ERRORBUFFER, why) && SET(CURLOPT_URL, url) && SET(CURLOPT_AWS_SIGV4, "aws:amz:auto:s3") &&
            SET(CURLOPT_USERNAME, credentials->access_key_id) &&
            SET(CURLOPT_PASSWORD, credentials->secret_access_key) && SET(CURLOPT_HTTPHEADER, &headers) &&
            SET(CURLOPT_PATH_AS_IS, 1L) /* a key may contain "/../" */ && SET(CURLOPT_UPLOAD, 1L) &&
            SET(CURLOPT_READDATA, file) && SET(CURLOPT_INFILESIZE_LARGE, size) &&
            SET(CURLOPT_EXPECT_100_TIMEOUT_MS, 50L) /* not every server says 100, and curl would wait for a second */ &&
            SET(CURLOPT_FAILONERROR, 1L) && SET(CURLOPT_LOW_SPEED_LIMIT, 1L) && SET(CURLOPT_LOW_SPEED_TIME, 30L))
            code = curl_easy_perform(curl);
    }
    curl_easy_cleanup(curl);
    curl_free(path);
    free(url);
    free(token);
    return code;
}

int main(int argc, char **argv) {
    if (argc != 3) return fputs("usage: put FILE KEY\n", stderr), 2;
    const char *key = argv[2];
    const char *actions[] = {"PutObject"};
    char why[CURL_ERROR_SIZE] = "";
    struct stat about;
    FILE *file = fopen(argv[1], "rb");
    if (file == NULL || fstat(fileno(file), &about) != 0) return perror(argv[1]), EXIT_FAILURE;
    r2creds_credentials *credentials;
    r2creds_error *error;
    r2creds_params params = R2CREDS_PARAMS_INIT;
    params.account_id = getenv("CLOUDFLARE_ACCOUNT_ID");
    params.bucket = getenv("R2_BUCKET");
    params.parent_access_key_id = getenv("R2_PARENT_ACCESS_KEY_ID");
    params.parent_secret_access_key = getenv("R2_PARENT_SECRET_ACCESS_KEY");
    params.endpoint = getenv("R2_ENDPOINT");
    params.actions = actions;
    params.actions_len = 1;
    params.objects = &key;
    params.objects_len = 1;
    if (r2creds_sign(&params, &credentials, &error) != R2CREDS_STATUS_OK) {
        fprintf(stderr, "put: %s\n%s%s", error->message, error->hint ? error->hint : "", error->hint ? "\n" : "");
        return r2creds_error_free(error), fclose(file), EXIT_FAILURE;
    }
    CURLcode code = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (code == CURLE_OK) code = upload(credentials, params.bucket, key, file, about.st_size, why);
    r2creds_credentials_free(credentials);
    curl_global_cleanup();
    fclose(file);
    if (code != CURLE_OK) fprintf(stderr, "put: %s\n", *why != '\0' ? why : curl_easy_strerror(code));
    return code == CURLE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
