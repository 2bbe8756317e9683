/* The client of the benchmark that uses libcurl, as one would write it by hand: the handle and everything that does
   not change is set up once, the reply goes into a buffer that is kept, and the session token is looked for. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

const int client_is_shared = 0;

struct client {
    CURL *curl;
    struct curl_slist *headers;
    char *reply;
    size_t length, room;
    char body[1024], token[4096];
};

static size_t on_data(char *data, size_t one, size_t length, void *context)
{
    struct client *client = context;

    (void)one;
    if (client->length + length + 1 > client->room) {
        size_t room = 2 * (client->length + length + 1);
        char *grown = realloc(client->reply, room);
        if (grown == NULL)
            return 0;
        client->reply = grown;
        client->room = room;
    }
    memcpy(client->reply + client->length, data, length);
    client->length += length;
    client->reply[client->length] = '\0';
    return length;
}

void *client_open(const char *base_url, const char *ca_file)
{
    static const char *const lines[] = {
        "Accept: application/json",
        "Accept-Encoding: identity",
        "Content-Type: application/json",
        "User-Agent: r2creds/0.1.0",
        ("Authorization: Bearer " TOKEN),
    };
    struct client *client = calloc(1, sizeof *client);
    char url[512];
    size_t at;

    if (client == NULL || (client->curl = curl_easy_init()) == NULL)
        return NULL;
    snprintf(url, sizeof url, "%s/accounts/%s/r2/temp-access-credentials", base_url, ACCOUNT);
    for (at = 0; at < sizeof lines / sizeof *lines; at++)
        client->headers = curl_slist_append(client->headers, lines[at]);
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, client->headers);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
    curl_easy_setopt(client->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, 60000L);
    curl_easy_setopt(client->curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
    curl_easy_setopt(client->curl, CURLOPT_PROXY, "");
    if (ca_file != NULL)
        curl_easy_setopt(client->curl, CURLOPT_CAINFO, ca_file);
    return client;
}

int client_call(void *context)
{
    static const char key[] = "\"sessionToken\":\"";
    struct client *client = context;
    const char *start, *end;
    long status = 0;

    snprintf(client->body, sizeof client->body,
             "{\"bucket\":\"%s\",\"parentAccessKeyId\":\"%s\",\"permission\":\"%s\",\"ttlSeconds\":%d,\"prefixes\":[\"%s\"]}",
             BUCKET, PARENT, "object-read-write", 900, PREFIX);
    client->length = 0;
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, client->body);
    if (curl_easy_perform(client->curl) != CURLE_OK)
        return -1;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200 || client->length == 0)
        return -1;
    start = strstr(client->reply, key);
    end = start == NULL ? NULL : strchr(start + sizeof key - 1, '"');
    if (end == NULL || (size_t)(end - start) >= sizeof client->token)
        return -1;
    start += sizeof key - 1;
    memcpy(client->token, start, (size_t)(end - start));
    client->token[end - start] = '\0';
    return strlen(client->token) > 100 ? 0 : -1;
}

void client_close(void *context)
{
    struct client *client = context;

    curl_slist_free_all(client->headers);
    curl_easy_cleanup(client->curl);
    free(client->reply);
    free(client);
}
