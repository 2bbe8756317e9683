/* What driver.c asks of a client library, once for r2creds and once for libcurl. */
#ifndef CLIENT_H
#define CLIENT_H

#define ACCOUNT "023e105f4ecef8ad9ca31a8372d0c353"
#define BUCKET "example-bucket"
#define PARENT "0123456789abcdef0123456789abcdef"
#define TOKEN "api-token-0123456789abcdef0123456789abcdef"
#define PREFIX "customers/00001/uploads/"

/* Nonzero: there is one client for all threads; zero: each thread has its own. */
extern const int client_is_shared;

/* NULL where it fails. `ca_file` is NULL for plain HTTP. */
void *client_open(const char *base_url, const char *ca_file);

/* One credential asked for and found. 0: success. */
int client_call(void *client);

void client_close(void *client);

#endif
