/**
 * @mainpage r2creds: temporary, scoped credentials for Cloudflare R2
 *
 * Two functions make the same kind of credential from the same parameters:
 *
 * - r2creds_create() asks Cloudflare's API, with an API token;
 * - r2creds_sign() makes it locally from the parent key pair, without any network.
 *
 * @code{.c}
 * r2creds_params params = R2CREDS_PARAMS_INIT;
 * params.account_id = "023e105f4ecef8ad9ca31a8372d0c353";
 * params.bucket = "recordings";
 * params.parent_access_key_id = "0123456789abcdef0123456789abcdef";
 * params.parent_secret_access_key = getenv("R2_PARENT_SECRET_ACCESS_KEY");
 * params.permission = R2CREDS_PERMISSION_OBJECT_READ_ONLY;
 *
 * r2creds_credentials *credentials;
 * r2creds_error *error;
 * if (r2creds_sign(&params, &credentials, &error) == R2CREDS_STATUS_OK) {
 *     ... credentials->access_key_id, ->secret_access_key, ->session_token, ->endpoint, ->expires_at ...
 *     r2creds_credentials_free(credentials);
 * } else {
 *     fprintf(stderr, "%s\n", error->message);
 *     r2creds_error_free(error);
 * }
 * @endcode
 *
 * For programs that live longer than a credential there is r2creds_provider: r2creds_provider_get() before each request
 * gives one that is good, and renews it in time.
 *
 * Strings
 * -------
 * Strings are NUL-terminated UTF-8, in and out. In: NULL means the default, or "missing" where there is none; an empty
 * string is refused everywhere but in proxy_url. Times are Unix seconds in int64_t, or milliseconds where the name
 * ends in _ms.
 *
 * Ownership
 * ---------
 * 1. What you pass is borrowed for the call and never kept, by r2creds_client_new neither.
 * 2. `*out` and `*err` are NULL after entry, and at most one of them is set on return. The status alone is enough to
 *    decide: OK means `*out`, anything else means `*err` (unless err was NULL).
 * 3. What the library returned is freed by its own _free function, once, on any thread; never by free().
 *    Freeing a client, a provider or a cancel object that a call still uses is the caller's error.
 *
 * Errors
 * ------
 * A status is a number; read one you do not know by its hundred: 1xx your arguments, 2xx the way to Cloudflare, 3xx
 * Cloudflare's answer, 9xx this library. The error object adds a message, the field at fault, a hint, and what
 * Cloudflare said. There is no last error and no errno. A panic, which is our bug, never crosses the boundary: it
 * becomes R2CREDS_STATUS_PANIC.
 *
 * Threads
 * -------
 * Any function may run on any thread, and a client may be used by many at once. r2creds_client_new reads the
 * environment, so no other thread may change it (setenv, putenv) meanwhile; with R2CREDS_CLIENT_NO_ENVIRONMENT it does
 * not, and neither does r2creds_client_new_with_environment. Returned objects are immutable.
 * Each call blocks its own thread. A call may start one thread for a name lookup, which cannot be interrupted: at
 * most one such thread for each client may outlive a call, and later calls join it. For that reason the shared
 * library stays mapped after dlclose. A provider that asks the API renews on a thread of its own, which ends with the
 * renewal. Signals are delivered to none of these threads.
 *
 * Fork
 * ----
 * A client or a provider may be used after fork() in parent and child, even if other threads were inside it at the
 * fork. Connections are not shared across it, and of a provider the child has the credential, not the renewal in
 * flight. A process is known by its pid, so a child that has its parent's, as the first of a new pid namespace may, is
 * not told apart. After vfork, or in a signal handler, only r2creds_cancel_trigger may be called.
 *
 * The process
 * -----------
 * No thread-local or global state, no signal handler, no SIGPIPE, no output, but for the line that Rust prints when
 * it panics. The environment is read in r2creds_client_new alone (CLOUDFLARE_API_TOKEN, CLOUDFLARE_EMAIL,
 * CLOUDFLARE_API_KEY, CLOUDFLARE_BASE_URL, HTTPS_PROXY, ALL_PROXY, NO_PROXY and their lower-case forms,
 * SSL_CERT_FILE, and except on macOS and Windows SSL_CERT_DIR), only where a field is NULL, and not in a set-uid
 * process, whose errors say so. What the library stands on looks for a few of its own: AWS-LC, when it is loaded, for
 * OPENSSL_ia32cap or OPENSSL_armcap, and the C library, when it looks up a name, for those of its resolver (glibc:
 * LOCALDOMAIN, RES_OPTIONS, HOSTALIASES).
 *
 * A call of r2creds_create needs at most 64 KiB of stack, and one of r2creds_sign 16 KiB. Where there is no memory left,
 * the process is aborted. Between calls a client keeps connections open, as many as calls were in flight at once, and
 * not more than 64; what has been idle for a minute is closed by the next call. Nothing else stays open. Do not close
 * descriptors that you have not opened: a client's would then be somebody else's, and get its requests.
 *
 * Versions
 * --------
 * Structs you fill begin with struct_size, which their _INIT macro sets. An older program may run with a newer
 * library: what it does not know reads as zero. A newer program may run with an older library: the part which that
 * library does not know must be zero, or the call fails with UNSUPPORTED; an option is never silently ignored.
 * (struct_size below that of 0.1.0 or above 4096 is INVALID_ARGUMENT.) Structs the library returns only grow at
 * their end: R2CREDS_HAS(object, member) tells whether this one reaches that far. Arrays of structs are arrays of
 * pointers. Numbers are only appended. The SONAME, libr2creds.so.0, changes only when programs must be compiled anew.
 *
 * Secrets
 * -------
 * API token, API key, proxy password, parent secret, secret access key and session token are never in an error or
 * an output, and the library wipes its copies. Your own copies are yours to wipe.
 *
 * Licence: MIT or Apache-2.0.
 */

#ifndef R2CREDS_H
#define R2CREDS_H

/** @file r2creds.h
 * The whole interface. Its rules are on the first page of the manual, and at the top of the file.
 */

#include <stddef.h>
#include <stdint.h>

/** @def R2CREDS_API
 * How the functions are imported. Define R2CREDS_STATIC where the static library is linked on Windows.
 */
#if defined(R2CREDS_STATIC)
#define R2CREDS_API
#elif defined(__GNUC__)
#define R2CREDS_API __attribute__((visibility("default")))
#else
#define R2CREDS_API
#endif

/** The header's version, first part; `r2creds_version()` is the library's. */
#define R2CREDS_VERSION_MAJOR 0
/** The second part. */
#define R2CREDS_VERSION_MINOR 1
/** The third part. */
#define R2CREDS_VERSION_PATCH 0
/** All three in one number that can be compared: 100 is 0.1.0. */
#define R2CREDS_VERSION_NUMBER \
    (R2CREDS_VERSION_MAJOR * 10000 + R2CREDS_VERSION_MINOR * 100 + R2CREDS_VERSION_PATCH)

/**
 * Success: `*out` is set.
 */
#define R2CREDS_STATUS_OK 0

/**
 * An argument is missing, malformed or contradicts another; `field` names it. Nothing was sent.
 */
#define R2CREDS_STATUS_INVALID_ARGUMENT 100

/**
 * The request is understood but this version cannot do it (a newer struct, a kind of proxy). Nothing was sent.
 */
#define R2CREDS_STATUS_UNSUPPORTED 101

/**
 * No API token, nor e-mail and key, in the options or the environment. Nothing was sent.
 */
#define R2CREDS_STATUS_NO_AUTHENTICATION 102

/**
 * Name lookup, connection, reset, truncated reply, or a proxy that refused.
 */
#define R2CREDS_STATUS_CONNECTION 200

/**
 * The certificate or the TLS handshake failed. Never retried.
 */
#define R2CREDS_STATUS_TLS 201

/**
 * A clock ran out: `timeout_ms`, `attempt_timeout_ms` or `connect_timeout_ms`.
 */
#define R2CREDS_STATUS_TIMEOUT 202

/**
 * The cancel object was triggered, or `poll` returned non-zero.
 */
#define R2CREDS_STATUS_CANCELLED 203

/**
 * HTTP 400.
 */
#define R2CREDS_STATUS_BAD_REQUEST 300

/**
 * HTTP 401.
 */
#define R2CREDS_STATUS_AUTHENTICATION 301

/**
 * HTTP 403.
 */
#define R2CREDS_STATUS_PERMISSION_DENIED 302

/**
 * HTTP 404.
 */
#define R2CREDS_STATUS_NOT_FOUND 303

/**
 * HTTP 409.
 */
#define R2CREDS_STATUS_CONFLICT 304

/**
 * HTTP 422.
 */
#define R2CREDS_STATUS_UNPROCESSABLE 305

/**
 * HTTP 429; `retry_after_ms` says how long the server wants quiet.
 */
#define R2CREDS_STATUS_RATE_LIMITED 306

/**
 * HTTP 5xx.
 */
#define R2CREDS_STATUS_SERVER_ERROR 307

/**
 * Any other reply that is not 2xx, or a 2xx whose `success` is false.
 */
#define R2CREDS_STATUS_API_ERROR 308

/**
 * A 2xx reply that cannot be used: not JSON, a credential missing or empty, compressed, or larger than 1 MiB.
 */
#define R2CREDS_STATUS_INVALID_RESPONSE 309

/**
 * The system refused something this library needs (memory for a thread, randomness). Please report it.
 */
#define R2CREDS_STATUS_INTERNAL 900

/**
 * A bug in this library was caught at the boundary. Please report it.
 */
#define R2CREDS_STATUS_PANIC 901

/**
 * Not chosen. Refused by `r2creds_create`: the widest right is never given by omission.
 */
#define R2CREDS_PERMISSION_UNSET 0

/**
 * Read and list objects.
 */
#define R2CREDS_PERMISSION_OBJECT_READ_ONLY 1

/**
 * Read, list, write and delete objects.
 */
#define R2CREDS_PERMISSION_OBJECT_READ_WRITE 2

/**
 * Read and list objects, and read the bucket's configuration.
 */
#define R2CREDS_PERMISSION_ADMIN_READ_ONLY 3

/**
 * Everything, the bucket's configuration included.
 */
#define R2CREDS_PERMISSION_ADMIN_READ_WRITE 4

/**
 * No jurisdiction: `<account>.r2.cloudflarestorage.com`.
 */
#define R2CREDS_JURISDICTION_DEFAULT 0

/**
 * European Union: `<account>.eu.r2.cloudflarestorage.com`.
 */
#define R2CREDS_JURISDICTION_EU 1

/**
 * FedRAMP: `<account>.fedramp.r2.cloudflarestorage.com`. FedRAMP High has hosts of its own, which are given as
 * `base_url` and `endpoint`.
 */
#define R2CREDS_JURISDICTION_FEDRAMP 2

/**
 * United States: `<account>.us.r2.cloudflarestorage.com`. Since 0.2.0.
 */
#define R2CREDS_JURISDICTION_US 3

/**
 * A bit of `flags`: what is NULL is not looked for in the environment. Its variables may then be changed by other
 * threads meanwhile. `SSL_CERT_FILE` and `SSL_CERT_DIR` are not read either: pass `ca_file` if you want theirs.
 */
#define R2CREDS_CLIENT_NO_ENVIRONMENT 1

/**
 * The number in the SONAME. It changes only when a program must be compiled again.
 */
#define R2CREDS_ABI_VERSION 0

/**
 * A user's token, which ends when the user leaves the account.
 */
#define R2CREDS_TOKEN_USER 1

/**
 * An account's own token.
 */
#define R2CREDS_TOKEN_ACCOUNT 2

/**
 * Ends calls from another thread or a signal handler. One shot: once triggered, it stays so. May serve many calls.
 * Opaque.
 */
typedef struct r2creds_cancel r2creds_cancel;

/**
 * Makes calls to Cloudflare's API: authentication, proxy, certificates, limits and kept-alive connections. Opaque.
 * Any number of threads may use one at once; it survives `fork` in parent and child.
 */
typedef struct r2creds_client r2creds_client;

/**
 * Gives one credential to many callers, and renews it in time: ask it before every request. Opaque. Any number of
 * threads may use one at once, and parent and child after `fork`; the child keeps the credential. Since 0.2.0.
 */
typedef struct r2creds_provider r2creds_provider;

/**
 * How a call ended. 0 is success; append-only, so a program that meets a number it does not know reads it by its
 * hundred: 1xx the caller's arguments, 2xx the way to Cloudflare, 3xx Cloudflare's answer, 9xx this library.
 */
typedef int32_t r2creds_status;

/**
 * What is granted: one bucket, one permission or list of actions, optional paths, and a lifetime.
 * The same for `r2creds_create` and `r2creds_sign`. Start from `R2CREDS_PARAMS_INIT`. Everything is checked before
 * anything is sent, and nothing is kept after the call.
 */
typedef struct r2creds_params {
    /**
     * `sizeof(r2creds_params)`, set by `R2CREDS_PARAMS_INIT`.
     */
    size_t struct_size;
    /**
     * Cloudflare account id: 1 to 32 of `A-Z a-z 0-9 _ -`. Required.
     */
    const char *account_id;
    /**
     * Bucket name: 3 to 63 of `a-z 0-9 -`, alphanumeric at both ends. Required.
     */
    const char *bucket;
    /**
     * Access key id of the parent key pair, which is the `id` of its API token. Required. `r2creds_sign` wants exactly
     * 32 lower-case hexadecimal digits.
     */
    const char *parent_access_key_id;
    /**
     * Secret access key of the parent pair, which is the SHA-256 of its API token's value: 64 lower-case hexadecimal
     * digits. Required by `r2creds_sign`. `r2creds_create` has no use for it; if it is there, it is kept out of
     * errors. Never leaves the machine.
     */
    const char *parent_secret_access_key;
    /**
     * Key prefixes the credential may touch, 1 to 1024 bytes each; plain string prefixes, so `data/a` also opens
     * `data/ab`: `directories` do not. With no prefixes, objects and directories (all NULL): the whole bucket.
     */
    const char *const *prefixes;
    /**
     * How many. NULL `prefixes` needs 0, any other at least 1: an empty list must not open the whole bucket.
     */
    size_t prefixes_len;
    /**
     * Exact object keys the credential may touch, 1 to 1024 bytes each.
     */
    const char *const *objects;
    /**
     * How many. NULL `objects` needs 0, any other at least 1.
     */
    size_t objects_len;
    /**
     * `r2creds_sign` only, instead of `permission`: S3 operations such as `GetObject`, each at most once.
     * Read: HeadObject GetObject GetBucketLocation ListObjectsV1 ListObjectsV2 ListMultipartUploads ListParts;
     * write: PutObject DeleteObject DeleteObjects CopyObject; multipart: CreateMultipartUpload UploadPart
     * UploadPartCopy AbortMultipartUpload CompleteMultipartUpload.
     */
    const char *const *actions;
    /**
     * How many. NULL `actions` needs 0, any other at least 1.
     */
    size_t actions_len;
    /**
     * Scheme and host of the S3 endpoint, with an optional port: https, or http to loopback.
     * NULL: `https://<account>[.eu|.fedramp|.us].r2.cloudflarestorage.com`.
     */
    const char *endpoint;
    /**
     * `r2creds_sign` only: when the credential begins, in Unix seconds. 0: now. For reproducible tests.
     */
    int64_t issued_at;
    /**
     * Lifetime in seconds, 1 to 604800 (seven days). 0: 900.
     */
    uint32_t ttl_seconds;
    /**
     * An `R2CREDS_PERMISSION_*`. Required by `r2creds_create`; `r2creds_sign` takes either this or `actions`.
     */
    int32_t permission;
    /**
     * An `R2CREDS_JURISDICTION_*`; not together with `endpoint`.
     */
    int32_t jurisdiction;
    /**
     * Must be 0.
     */
    int32_t reserved;
    /**
     * Directories the credential may touch, 1 to 1023 bytes each, without a slash at the end: `data/tbl` is everything
     * below it and the bare name, and nothing beside it such as `data/tbl2`. They are granted as the prefix `data/tbl/`
     * and the object `data/tbl`, behind the caller's own. Since 0.2.0.
     */
    const char *const *directories;
    /**
     * How many. NULL `directories` needs 0, any other at least 1. Since 0.2.0.
     */
    size_t directories_len;
} r2creds_params;

/**
 * What differs for one call. Start from `R2CREDS_REQUEST_OPTIONS_INIT`, or pass NULL.
 */
typedef struct r2creds_request_options {
    /**
     * `sizeof(r2creds_request_options)`, set by `R2CREDS_REQUEST_OPTIONS_INIT`.
     */
    size_t struct_size;
    /**
     * Ends the call when triggered. NULL: the call cannot be cancelled from another thread.
     */
    struct r2creds_cancel *cancel;
    /**
     * Extra header lines, `"Name: value"`, visible ASCII, space and tab. Refused are the headers this library sets
     * itself or that change how the request is framed or authenticated: Host, Content-*, Transfer-Encoding,
     * Connection, Keep-Alive, TE, Trailer, Upgrade, Expect, Accept-Encoding, Authorization, Proxy-*, X-Auth-*. Accept
     * and User-Agent replace the library's own.
     */
    const char *const *headers;
    /**
     * How many. NULL `headers` needs 0.
     */
    size_t headers_len;
    /**
     * A JSON object whose keys are appended to the request body, in this order, for parameters newer than this
     * library. It may not repeat a parameter this library sends. NULL: nothing.
     */
    const char *extra_body;
    /**
     * Called with `poll_context` on the calling thread about every 50 ms while the call waits; a result other than 0
     * ends the call with `R2CREDS_STATUS_CANCELLED`. For signals and event loops. It may call this library, on the
     * same client too. It must return, not `longjmp` or throw, and not free what the call uses; nor may it fork and
     * return in the child. NULL: none.
     */
    int32_t (*poll)(void *poll_context);
    /**
     * Passed to `poll` as it is.
     */
    void *poll_context;
    /**
     * Milliseconds for the whole call. 0: the client's.
     */
    uint32_t timeout_ms;
    /**
     * How often a failed attempt is repeated. 0: the client's; -1: never.
     */
    int32_t max_retries;
} r2creds_request_options;

/**
 * A temporary credential. Owned by the library, read-only; free it with `r2creds_credentials_free`, which wipes it.
 * New fields are only appended: ask `R2CREDS_HAS` before reading one that 0.1.0 did not have.
 */
typedef struct r2creds_credentials {
    /**
     * The size of this struct in the library that made it.
     */
    size_t struct_size;
    /**
     * S3 access key id. Not a secret.
     */
    const char *access_key_id;
    /**
     * S3 secret access key. A secret.
     */
    const char *secret_access_key;
    /**
     * S3 session token (`X-Amz-Security-Token`). A secret. All three are needed on every request.
     */
    const char *session_token;
    /**
     * Where these credentials are valid: scheme and host of the S3 endpoint. The S3 region is `auto`.
     */
    const char *endpoint;
    /**
     * Cloudflare's CF-Ray of the reply; NULL when signed locally or absent.
     */
    const char *request_id;
    /**
     * When the credential begins, in Unix seconds.
     */
    int64_t issued_at;
    /**
     * When it ends, in Unix seconds; never later than the truth.
     */
    int64_t expires_at;
    /**
     * Unix seconds: from here on get the next one, while this one is used. A quarter of its life before its end, at
     * most an hour, and never after `renew_by`. A provider does that; for caches of others. Since 0.2.0.
     */
    int64_t renew_at;
    /**
     * Unix seconds: from here on begin nothing with this one if another can be had. An eighth of its life before its
     * end, at least 10 s and at most ten minutes, but never more than half of its life. Since 0.2.0.
     */
    int64_t renew_by;
} r2creds_credentials;

/**
 * One entry of the `errors` array in Cloudflare's reply. Part of an `r2creds_error`, and freed with it.
 */
typedef struct r2creds_api_error {
    /**
     * The size of this struct in the library that made it.
     */
    size_t struct_size;
    /**
     * Cloudflare's text, or NULL.
     */
    const char *message;
    /**
     * Where Cloudflare explains it, or NULL.
     */
    const char *documentation_url;
    /**
     * JSON pointer to the part of the request at fault, or NULL.
     */
    const char *pointer;
    /**
     * Cloudflare's number, such as 10000; 0 where absent.
     */
    int64_t code;
} r2creds_api_error;

/**
 * Why a call failed. Owned by the library, read-only; free it with `r2creds_error_free`. Holds no secret: text from
 * the server is cleaned of control characters and of every secret this call knew, and cut at 1 KiB a string.
 * New fields are only appended: ask `R2CREDS_HAS` before reading one that 0.1.0 did not have.
 */
typedef struct r2creds_error {
    /**
     * The size of this struct in the library that made it.
     */
    size_t struct_size;
    /**
     * One line for a person. Never NULL.
     */
    const char *message;
    /**
     * The likely cause and the next step, or NULL where neither is known.
     */
    const char *hint;
    /**
     * Cloudflare's CF-Ray, to quote to its support, or NULL.
     */
    const char *request_id;
    /**
     * The argument at fault as it is spelled here (`"bucket"`, `"prefixes"`), or NULL.
     */
    const char *field;
    /**
     * Cloudflare's own errors; at most 64 are kept.
     */
    const struct r2creds_api_error *const *errors;
    /**
     * How many.
     */
    size_t errors_len;
    /**
     * Cloudflare's own messages; at most 64 are kept.
     */
    const char *const *messages;
    /**
     * How many.
     */
    size_t messages_len;
    /**
     * How long the server asked to wait, in milliseconds, whenever it can be read; -1: it asked nothing.
     */
    int64_t retry_after_ms;
    /**
     * An `R2CREDS_STATUS_*`, the same that the call returned.
     */
    int32_t status;
    /**
     * The reply's HTTP status; 0: there was no reply.
     */
    int32_t http_status;
    /**
     * 1: the same call may succeed later.
     */
    int32_t retryable;
    /**
     * How many attempts were made; 0: nothing was sent.
     */
    int32_t attempts;
} r2creds_error;

/**
 * How a client reaches Cloudflare. Start from `R2CREDS_CLIENT_OPTIONS_INIT`; every field may stay zero.
 * A narrower clock is capped by a wider one; no combination is an error.
 */
typedef struct r2creds_client_options {
    /**
     * `sizeof(r2creds_client_options)`, set by `R2CREDS_CLIENT_OPTIONS_INIT`.
     */
    size_t struct_size;
    /**
     * API token, sent as `Authorization: Bearer`. NULL: `CLOUDFLARE_API_TOKEN`. An explicit token wins over
     * everything.
     */
    const char *api_token;
    /**
     * E-mail of the older pair, sent as `X-Auth-Email`. NULL: `CLOUDFLARE_EMAIL`. Needs `api_key`.
     */
    const char *api_email;
    /**
     * API key of the older pair, sent as `X-Auth-Key`. NULL: `CLOUDFLARE_API_KEY`. Needs `api_email`.
     */
    const char *api_key;
    /**
     * Where the API is: https, or http to loopback; no userinfo, query or fragment.
     * NULL: `CLOUDFLARE_BASE_URL`, else `https://api.cloudflare.com/client/v4`.
     */
    const char *base_url;
    /**
     * `http://[user:password@]host:port`, used by CONNECT; no other kind is supported. NULL: `HTTPS_PROXY`,
     * `https_proxy`, `ALL_PROXY`, `all_proxy`, less what `NO_PROXY` or `no_proxy` names: a list, with commas or spaces
     * between, of `*`, IP addresses, networks such as `10.0.0.0/8`, and hosts, which stand for their subdomains too.
     * `""`: none. Loopback is never proxied.
     */
    const char *proxy_url;
    /**
     * A PEM file whose certificates are trusted instead of all others; not more than 16 MiB. NULL: `SSL_CERT_FILE`
     * and, except on macOS and Windows, `SSL_CERT_DIR`; else the system's roots, or Mozilla's bundled ones where the
     * system has none. A system store that is there and cannot be read is an error.
     */
    const char *ca_file;
    /**
     * Printable ASCII, put in front of `r2creds/<version>` in the User-Agent header. NULL: nothing.
     */
    const char *user_agent;
    /**
     * Milliseconds for a whole call: every attempt, wait and body. 0: 60000.
     */
    uint32_t timeout_ms;
    /**
     * Milliseconds for one attempt. 0: 20000.
     */
    uint32_t attempt_timeout_ms;
    /**
     * Milliseconds for connection and TLS of one attempt. 0: 5000. They begin with the first SYN; the name lookup before
     * it has the attempt's time.
     */
    uint32_t connect_timeout_ms;
    /**
     * How often a failed attempt is repeated. 0: 2; -1: never. Other negative numbers are refused.
     */
    int32_t max_retries;
    /**
     * `R2CREDS_CLIENT_NO_ENVIRONMENT` or 0; other bits are `UNSUPPORTED`. Since 0.2.0.
     */
    uint32_t flags;
    /**
     * Must be 0.
     */
    int32_t reserved;
} r2creds_client_options;

/**
 * What is inspected: what an S3 client holds. Start from `R2CREDS_INSPECT_PARAMS_INIT`. Since 0.2.0.
 */
typedef struct r2creds_inspect_params {
    /**
     * `sizeof(r2creds_inspect_params)`, set by `R2CREDS_INSPECT_PARAMS_INIT`.
     */
    size_t struct_size;
    /**
     * The session token, however broken. Required.
     */
    const char *session_token;
    /**
     * NULL: not compared.
     */
    const char *access_key_id;
    /**
     * NULL: not compared.
     */
    const char *secret_access_key;
    /**
     * The parent's, with which the token should be signed. NULL: the signature is not checked.
     */
    const char *parent_secret_access_key;
    /**
     * Where the client sends its requests, a URL. NULL: not compared.
     */
    const char *endpoint;
    /**
     * At which time, in Unix seconds. 0: now.
     */
    int64_t at;
} r2creds_inspect_params;

/**
 * Something that speaks against a credential. Part of an `r2creds_inspection`, and freed with it. Since 0.2.0.
 */
typedef struct r2creds_finding {
    /**
     * The size of this struct in the library that made it.
     */
    size_t struct_size;
    /**
     * A word that stays. R2 refuses a credential for: `not-a-token`, `header`, `claim-missing`, `claim-type`,
     * `scope-and-actions`, `no-scope`, `unknown-scope`, `unknown-action`, `signature`, `secret-mismatch`,
     * `key-mismatch`, `expired`, `not-yet-valid`. Nobody has shown that it does for: `host-mismatch`, `too-long`,
     * `empty-paths`, `leading-slash`, `open-prefix`, `expires-soon`, `unknown-claim`. There may be others.
     */
    const char *code;
    /**
     * One line for a person, without any secret.
     */
    const char *message;
    /**
     * The next step, or NULL.
     */
    const char *hint;
} r2creds_finding;

/**
 * What a session token grants, as it claims itself, and what speaks against it. Owned by the library, read-only; free
 * it with `r2creds_inspection_free`. Since 0.2.0.
 */
typedef struct r2creds_inspection {
    /**
     * The size of this struct in the library that made it.
     */
    size_t struct_size;
    /**
     * Whose the bucket is (`sub`), or NULL where absent.
     */
    const char *account_id;
    /**
     * The one bucket, or NULL where absent.
     */
    const char *bucket;
    /**
     * The parent's access key id (`iss`), or NULL where absent.
     */
    const char *parent_access_key_id;
    /**
     * Host of the S3 endpoint, with its port (`aud`), or NULL where absent.
     */
    const char *host;
    /**
     * The prefixes, with those that directories became.
     */
    const char *const *prefixes;
    /**
     * How many.
     */
    size_t prefixes_len;
    /**
     * The exact keys, with those that directories became.
     */
    const char *const *objects;
    /**
     * How many.
     */
    size_t objects_len;
    /**
     * The S3 operations, known or not, where the token has them instead of a permission.
     */
    const char *const *actions;
    /**
     * How many.
     */
    size_t actions_len;
    /**
     * What speaks against the credential, worst first, and each code at most once.
     */
    const struct r2creds_finding *const *findings;
    /**
     * How many.
     */
    size_t findings_len;
    /**
     * When the credential begins (`iat`), in Unix seconds; 0 where absent.
     */
    int64_t issued_at;
    /**
     * When it ends (`exp`), in Unix seconds; 0 where absent.
     */
    int64_t expires_at;
    /**
     * An `R2CREDS_PERMISSION_*`; `UNSET` where the token has actions, or neither.
     */
    int32_t permission;
    /**
     * 1: a finding says that R2 refuses it.
     */
    int32_t is_refused;
} r2creds_inspection;

/**
 * The key pair that belongs to an API token: as S3 credentials, and as the parent of temporary ones. Owned by the
 * library, read-only; free it with `r2creds_parent_free`, which wipes it. Since 0.2.0.
 */
typedef struct r2creds_parent {
    /**
     * The size of this struct in the library that made it.
     */
    size_t struct_size;
    /**
     * The id of the token, visible ASCII: what `parent_access_key_id` of `r2creds_params` wants. Not a secret. Cloudflare's
     * are 32 lower-case hexadecimal digits, which `r2creds_sign` insists on.
     */
    const char *access_key_id;
    /**
     * The SHA-256 of the token's value, hexadecimal: what `parent_secret_access_key` wants. A secret.
     */
    const char *secret_access_key;
    /**
     * Cloudflare's word: `active`, `disabled` or `expired`. Only the first makes credentials that work.
     */
    const char *token_status;
    /**
     * When the token begins, in Unix seconds; 0: it has begun.
     */
    int64_t not_before;
    /**
     * When the token ends, in Unix seconds; 0: never.
     */
    int64_t expires_at;
    /**
     * `R2CREDS_TOKEN_USER` or `R2CREDS_TOKEN_ACCOUNT`.
     */
    int32_t kind;
    /**
     * 0.
     */
    int32_t reserved;
} r2creds_parent;

/**
 * What a credential may do; one for all its paths. A credential never exceeds its parent key.
 */
typedef int32_t r2creds_permission;

/**
 * Where a bucket's data must stay. A jurisdictional bucket answers only at its own host.
 */
typedef int32_t r2creds_jurisdiction;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Asks Cloudflare's API for a credential. Blocks until there is a result, at most `timeout_ms`.
 *
 * `params` needs `permission`; `actions` and `issued_at` are refused, because the API has neither. `jurisdiction` and
 * `endpoint` decide nothing but the `endpoint` of the result. Failed attempts are repeated where that can help: no
 * connection, a reset, an attempt's timeout, HTTP 408, 409, 429 and 5xx, and R2's own "internal error"; never a bad
 * argument, a TLS failure or a cancelled call. Redirects are never followed.
 *
 * @param client   from `r2creds_client_new`; any number of threads may use it at once.
 * @param params   what is granted.
 * @param options  NULL for none.
 * @param out      set to a credential on success, to be freed with `r2creds_credentials_free`; else to NULL.
 * @param err      NULL, or set to an error on failure, to be freed with `r2creds_error_free`; else to NULL.
 * @return any status but `NO_AUTHENTICATION`.
 */
R2CREDS_API
r2creds_status r2creds_create(const struct r2creds_client *client,
                              const struct r2creds_params *params,
                              const struct r2creds_request_options *options,
                              struct r2creds_credentials **out,
                              struct r2creds_error **err);

/**
 * Makes a credential locally from the parent key pair. No network; microseconds.
 *
 * `params` needs `parent_secret_access_key`, and exactly one of `permission` and `actions`: R2 refuses a token that
 * carries both. A wrong parent secret of the right shape cannot be noticed here; R2 answers such a credential with an
 * opaque HTTP 400.
 *
 * @param params  what is granted.
 * @param out     as for `r2creds_create`.
 * @param err     as for `r2creds_create`.
 * @return `OK`, `INVALID_ARGUMENT`, `UNSUPPORTED`, `INTERNAL` or `PANIC`.
 */
R2CREDS_API
r2creds_status r2creds_sign(const struct r2creds_params *params,
                            struct r2creds_credentials **out,
                            struct r2creds_error **err);

/**
 * Makes a client: settles authentication, proxy and certificates. Sends nothing. The only function that reads the
 * environment, and only where a field is NULL, and not in a set-uid process.
 *
 * Authentication is the explicit token, else the explicit e-mail and key, else the token of the environment, else its
 * e-mail and key. One scheme is sent, never two.
 *
 * @param options  NULL: everything from the environment and the defaults.
 * @param out      set to a client on success, to be freed with `r2creds_client_free`; else to NULL.
 * @param err      as for `r2creds_create`.
 * @return `OK`, `INVALID_ARGUMENT`, `UNSUPPORTED`, `NO_AUTHENTICATION`, `INTERNAL` or `PANIC`.
 */
R2CREDS_API
r2creds_status r2creds_client_new(const struct r2creds_client_options *options,
                                  struct r2creds_client **out,
                                  struct r2creds_error **err);

/**
 * `r2creds_client_new` with an environment that the caller passes, which is looked at instead of the process's. For
 * languages that keep the environment themselves, and for programs whose other threads change it. Since 0.2.0.
 *
 * @param options          as for `r2creds_client_new`.
 * @param environment      `NAME=value` each, as in `environ`; of two with one name the first counts. NULL: none. Not
 *                         looked at in a set-uid process, nor with `R2CREDS_CLIENT_NO_ENVIRONMENT`.
 * @param environment_len  how many there are.
 * @param out              as for `r2creds_client_new`.
 * @param err              as for `r2creds_create`.
 * @return as for `r2creds_client_new`.
 */
R2CREDS_API
r2creds_status r2creds_client_new_with_environment(const struct r2creds_client_options *options,
                                                   const char *const *environment,
                                                   size_t environment_len,
                                                   struct r2creds_client **out,
                                                   struct r2creds_error **err);

/**
 * Makes a provider. Checks everything that can be checked, copies what it needs, and sends nothing; the first
 * `r2creds_provider_get` makes the first credential. Since 0.2.0.
 *
 * @param client   NULL: it signs locally, with `parent_secret_access_key`. Else it asks Cloudflare's API; the client may
 *                 be freed before the provider.
 * @param params   what is granted, as for `r2creds_create` or `r2creds_sign`. With `issued_at` every credential begins
 *                 at that time, and none can be had once it is over: for tests.
 * @param options  NULL, or those of every renewal; `cancel` and `poll` must be NULL. NULL or all zero for one that signs.
 * @param out      set to a provider on success, to be freed with `r2creds_provider_free`; else to NULL.
 * @param err      as for `r2creds_create`.
 * @return `OK`, `INVALID_ARGUMENT`, `UNSUPPORTED`, `INTERNAL` or `PANIC`.
 */
R2CREDS_API
r2creds_status r2creds_provider_new(const struct r2creds_client *client,
                                    const struct r2creds_params *params,
                                    const struct r2creds_request_options *options,
                                    struct r2creds_provider **out,
                                    struct r2creds_error **err);

/**
 * Gives a credential that is good now. Use it for one request, free it, and ask again before the next.
 *
 * While it is fresh that takes some nanoseconds, and waits for nobody. From `renew_at` on the next one is made beside
 * it. From `renew_by` on this waits for that, but no longer than until the renewal has run for 2 s; then the credential
 * in hand serves, up to its end. Only without a good one, as at the first call, does it wait for the renewal itself;
 * after a failure it says so again, at once, until the pause that follows is over (`retry_after_ms`). Since 0.2.0.
 *
 * @param provider  from `r2creds_provider_new`.
 * @param options   NULL, or `cancel`, `poll` and `timeout_ms` of this wait, which end no renewal; the others must be
 *                  unset. `timeout_ms` 0: as long as the renewal takes.
 * @param out       as for `r2creds_create`. It outlives the provider.
 * @param err       as for `r2creds_create`.
 * @return any status but `NO_AUTHENTICATION`.
 */
R2CREDS_API
r2creds_status r2creds_provider_get(struct r2creds_provider *provider,
                                    const struct r2creds_request_options *options,
                                    struct r2creds_credentials **out,
                                    struct r2creds_error **err);

/**
 * Tells that R2 refused this credential: with 403 `SignatureDoesNotMatch`, with 400 `InvalidArgument` about
 * `X-Amz-Security-Token`, or with 401; never on `AccessDenied`, which is about the grant. The next
 * `r2creds_provider_get` makes another one. Does nothing where it is not the current one any more, nor within 10 s of
 * another rejection. NULL is fine. Since 0.2.0.
 *
 * @param provider     from `r2creds_provider_new`.
 * @param credentials  from `r2creds_provider_get`, and not freed yet.
 */
R2CREDS_API
void r2creds_provider_reject(struct r2creds_provider *provider,
                             const struct r2creds_credentials *credentials);

/**
 * Why the last renewal failed, to be freed with `r2creds_error_free`; NULL when it succeeded, or none was tried. For
 * alarms before the end comes. Since 0.2.0.
 *
 * @param provider  from `r2creds_provider_new`. NULL: the result is NULL.
 */
R2CREDS_API struct r2creds_error *r2creds_provider_last_error(const struct r2creds_provider *provider);

/**
 * Frees a provider. Cancels its renewal, if one runs, and waits for it, at most 100 ms. No other call may be using it;
 * credentials that it gave stay. NULL is fine. Since 0.2.0.
 */
R2CREDS_API void r2creds_provider_free(struct r2creds_provider *provider);

/**
 * Reads a session token: what it grants, and what speaks against it. No network, microseconds; nothing is sent.
 *
 * `OK` with an inspection for any session token that is a string, however broken: what is wrong with it is a finding.
 * An error is about another argument. What nobody has shown R2 to refuse does not set `is_refused`. Since 0.2.0.
 *
 * @param params  what an S3 client holds.
 * @param out     set to an inspection on success, to be freed with `r2creds_inspection_free`; else to NULL.
 * @param err     as for `r2creds_create`.
 * @return `OK`, `INVALID_ARGUMENT`, `UNSUPPORTED`, `INTERNAL` or `PANIC`.
 */
R2CREDS_API
r2creds_status r2creds_inspect(const struct r2creds_inspect_params *params,
                               struct r2creds_inspection **out,
                               struct r2creds_error **err);

/**
 * Whether a grant covers an S3 operation. Looks at the grant alone, not at the findings and the clock. Since 0.2.0.
 *
 * @param inspection  from `r2creds_inspect`.
 * @param action      one of those that `actions` of `r2creds_params` may name.
 * @param key         relative to the bucket; for listings the prefix that is asked for, NULL for none. Not looked at for
 *                    `GetBucketLocation`, which is about the whole bucket.
 * @return 1 or 0; -1: an action that does not exist, a key that is needed and NULL, or not UTF-8; `inspection` or
 *         `action` NULL.
 */
R2CREDS_API
int32_t r2creds_inspection_allows(const struct r2creds_inspection *inspection,
                                  const char *action,
                                  const char *key);

/**
 * Frees an inspection with everything it points to. NULL is fine. Since 0.2.0.
 */
R2CREDS_API void r2creds_inspection_free(struct r2creds_inspection *inspection);

/**
 * Asks Cloudflare what the client's API token is called, and makes of that the parent key pair which `r2creds_sign` and a
 * signing provider need: the token's id, and the SHA-256 of its value. For programs that have only a token.
 *
 * A user's token is looked for first, then, if that is refused with 401 or 403, the account's; a client remembers
 * which it was. Both are attempts of one call, with one deadline. A token that is disabled or has expired is no error:
 * look at `token_status`. Since 0.2.0.
 *
 * @param client      from `r2creds_client_new`, with an API token: not e-mail and key.
 * @param account_id  as in `r2creds_params`.
 * @param options     NULL for none; `extra_body` must be NULL.
 * @param out         set to a pair on success, to be freed with `r2creds_parent_free`; else to NULL.
 * @param err         as for `r2creds_create`.
 * @return any status but `NO_AUTHENTICATION`. A dead token: `AUTHENTICATION` or `PERMISSION_DENIED`.
 */
R2CREDS_API
r2creds_status r2creds_parent_of_token(const struct r2creds_client *client,
                                       const char *account_id,
                                       const struct r2creds_request_options *options,
                                       struct r2creds_parent **out,
                                       struct r2creds_error **err);

/**
 * Wipes and frees a key pair. NULL is fine. Since 0.2.0.
 */
R2CREDS_API void r2creds_parent_free(struct r2creds_parent *parent);

/**
 * Makes a cancel object, to be passed to calls in `r2creds_request_options`.
 *
 * @param out  set to the object on success, to be freed with `r2creds_cancel_free`; else to NULL.
 * @return `OK`, `INVALID_ARGUMENT` if `out` is NULL, or `PANIC`.
 */
R2CREDS_API r2creds_status r2creds_cancel_new(struct r2creds_cancel **out);

/**
 * Ends every call that uses this object, now and later, with `R2CREDS_STATUS_CANCELLED` within 100 ms. From any
 * thread, any number of times, also from a signal handler. NULL is fine.
 */
R2CREDS_API void r2creds_cancel_trigger(struct r2creds_cancel *cancel);

/**
 * Frees a client and closes its connections. No call may be using it. NULL is fine.
 */
R2CREDS_API void r2creds_client_free(struct r2creds_client *client);

/**
 * Wipes and frees a credential. NULL is fine.
 */
R2CREDS_API void r2creds_credentials_free(struct r2creds_credentials *credentials);

/**
 * Frees an error with everything it points to. NULL is fine.
 */
R2CREDS_API void r2creds_error_free(struct r2creds_error *error);

/**
 * Frees a cancel object. No call may be using it. NULL is fine.
 */
R2CREDS_API void r2creds_cancel_free(struct r2creds_cancel *cancel);

/**
 * The name of a status as it is spelled after `R2CREDS_STATUS_`, such as `"RATE_LIMITED"`; `"UNKNOWN"` for a number
 * this library does not know. Static; not to be freed.
 */
R2CREDS_API const char *r2creds_status_name(r2creds_status status);

/**
 * The library's version, `"0.1.0"`; compare with `R2CREDS_VERSION_*`, which are the header's. Static; not to be freed.
 */
R2CREDS_API const char *r2creds_version(void);

/**
 * The library's ABI version; a program that loads the library at run time compares it with `R2CREDS_ABI_VERSION`.
 */
R2CREDS_API uint32_t r2creds_abi_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

/** Initialises an `r2creds_params`: struct_size set, everything else zero. */
#define R2CREDS_PARAMS_INIT \
    {sizeof(r2creds_params), NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0, 0, 0, 0, NULL, 0}
/** Initialises an `r2creds_client_options`: struct_size set, everything else zero. */
#define R2CREDS_CLIENT_OPTIONS_INIT \
    {sizeof(r2creds_client_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0}
/** Initialises an `r2creds_request_options`: struct_size set, everything else zero. */
#define R2CREDS_REQUEST_OPTIONS_INIT \
    {sizeof(r2creds_request_options), NULL, NULL, 0, NULL, NULL, NULL, 0, 0}
/** Initialises an `r2creds_inspect_params`: struct_size set, everything else zero. Since 0.2.0. */
#define R2CREDS_INSPECT_PARAMS_INIT \
    {sizeof(r2creds_inspect_params), NULL, NULL, NULL, NULL, NULL, 0}

/** Whether a struct that the library returned (by pointer) reaches as far as this member. */
#define R2CREDS_HAS(object, member) \
    ((size_t)((const char *)(&(object)->member + 1) - (const char *)(object)) <= (object)->struct_size)

#endif /* R2CREDS_H */
