/* The part of include/r2creds.h that is written by hand. `make header` (tests/header.rs) fills in
 *
 *   @DECLARATIONS@             what cbindgen makes of types.rs and mod.rs, with their comments;
 *   @ZERO struct@              what initialises the struct: its size, then NULL or 0 for each of its fields;
 *   @MAJOR@ @MINOR@ @PATCH@    the version of Cargo.toml;
 *
 * and leaves this comment out.
 */

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
#define R2CREDS_VERSION_MAJOR @MAJOR@
/** The second part. */
#define R2CREDS_VERSION_MINOR @MINOR@
/** The third part. */
#define R2CREDS_VERSION_PATCH @PATCH@
/** All three in one number that can be compared: 100 is 0.1.0. */
#define R2CREDS_VERSION_NUMBER \
    (R2CREDS_VERSION_MAJOR * 10000 + R2CREDS_VERSION_MINOR * 100 + R2CREDS_VERSION_PATCH)

@DECLARATIONS@

/** Initialises an `r2creds_params`: struct_size set, everything else zero. */
#define R2CREDS_PARAMS_INIT \
    {@ZERO r2creds_params@}
/** Initialises an `r2creds_client_options`: struct_size set, everything else zero. */
#define R2CREDS_CLIENT_OPTIONS_INIT \
    {@ZERO r2creds_client_options@}
/** Initialises an `r2creds_request_options`: struct_size set, everything else zero. */
#define R2CREDS_REQUEST_OPTIONS_INIT \
    {@ZERO r2creds_request_options@}
/** Initialises an `r2creds_inspect_params`: struct_size set, everything else zero. Since 0.2.0. */
#define R2CREDS_INSPECT_PARAMS_INIT \
    {@ZERO r2creds_inspect_params@}

/** Whether a struct that the library returned (by pointer) reaches as far as this member. */
#define R2CREDS_HAS(object, member) \
    ((size_t)((const char *)(&(object)->member + 1) - (const char *)(object)) <= (object)->struct_size)

#endif /* R2CREDS_H */
