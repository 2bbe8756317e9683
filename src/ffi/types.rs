//! The C types: layouts, numbers and their documentation. No behaviour.
//!
//! The comments here become `include/r2creds.h`, so they speak to a C programmer.
#![allow(non_camel_case_types)]

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use crate::api::Client;
use crate::provider::Provider;
use crate::watch::Cancel;

/// How a call ended. 0 is success; append-only, so a program that meets a number it does not know reads it by its
/// hundred: 1xx the caller's arguments, 2xx the way to Cloudflare, 3xx Cloudflare's answer, 9xx this library.
pub type r2creds_status = i32;

/// Success: `*out` is set.
pub const R2CREDS_STATUS_OK: i32 = 0;
/// An argument is missing, malformed or contradicts another; `field` names it. Nothing was sent.
pub const R2CREDS_STATUS_INVALID_ARGUMENT: i32 = 100;
/// The request is understood but this version cannot do it (a newer struct, a kind of proxy). Nothing was sent.
pub const R2CREDS_STATUS_UNSUPPORTED: i32 = 101;
/// No API token, nor e-mail and key, in the options or the environment. Nothing was sent.
pub const R2CREDS_STATUS_NO_AUTHENTICATION: i32 = 102;
/// Name lookup, connection, reset, truncated reply, or a proxy that refused.
pub const R2CREDS_STATUS_CONNECTION: i32 = 200;
/// The certificate or the TLS handshake failed. Never retried.
pub const R2CREDS_STATUS_TLS: i32 = 201;
/// A clock ran out: `timeout_ms`, `attempt_timeout_ms` or `connect_timeout_ms`.
pub const R2CREDS_STATUS_TIMEOUT: i32 = 202;
/// The cancel object was triggered, or `poll` returned non-zero.
pub const R2CREDS_STATUS_CANCELLED: i32 = 203;
/// HTTP 400.
pub const R2CREDS_STATUS_BAD_REQUEST: i32 = 300;
/// HTTP 401.
pub const R2CREDS_STATUS_AUTHENTICATION: i32 = 301;
/// HTTP 403.
pub const R2CREDS_STATUS_PERMISSION_DENIED: i32 = 302;
/// HTTP 404.
pub const R2CREDS_STATUS_NOT_FOUND: i32 = 303;
/// HTTP 409.
pub const R2CREDS_STATUS_CONFLICT: i32 = 304;
/// HTTP 422.
pub const R2CREDS_STATUS_UNPROCESSABLE: i32 = 305;
/// HTTP 429; `retry_after_ms` says how long the server wants quiet.
pub const R2CREDS_STATUS_RATE_LIMITED: i32 = 306;
/// HTTP 5xx.
pub const R2CREDS_STATUS_SERVER_ERROR: i32 = 307;
/// Any other reply that is not 2xx, or a 2xx whose `success` is false.
pub const R2CREDS_STATUS_API_ERROR: i32 = 308;
/// A 2xx reply that cannot be used: not JSON, a credential missing or empty, compressed, or larger than 1 MiB.
pub const R2CREDS_STATUS_INVALID_RESPONSE: i32 = 309;
/// The system refused something this library needs (memory for a thread, randomness). Please report it.
pub const R2CREDS_STATUS_INTERNAL: i32 = 900;
/// A bug in this library was caught at the boundary. Please report it.
pub const R2CREDS_STATUS_PANIC: i32 = 901;

/// What a credential may do; one for all its paths. A credential never exceeds its parent key.
pub type r2creds_permission = i32;

/// Not chosen. Refused by `r2creds_create`: the widest right is never given by omission.
pub const R2CREDS_PERMISSION_UNSET: i32 = 0;
/// Read and list objects.
pub const R2CREDS_PERMISSION_OBJECT_READ_ONLY: i32 = 1;
/// Read, list, write and delete objects.
pub const R2CREDS_PERMISSION_OBJECT_READ_WRITE: i32 = 2;
/// Read and list objects, and read the bucket's configuration.
pub const R2CREDS_PERMISSION_ADMIN_READ_ONLY: i32 = 3;
/// Everything, the bucket's configuration included.
pub const R2CREDS_PERMISSION_ADMIN_READ_WRITE: i32 = 4;

/// Where a bucket's data must stay. A jurisdictional bucket answers only at its own host.
pub type r2creds_jurisdiction = i32;

/// No jurisdiction: `<account>.r2.cloudflarestorage.com`.
pub const R2CREDS_JURISDICTION_DEFAULT: i32 = 0;
/// European Union: `<account>.eu.r2.cloudflarestorage.com`.
pub const R2CREDS_JURISDICTION_EU: i32 = 1;
/// FedRAMP: `<account>.fedramp.r2.cloudflarestorage.com`. FedRAMP High has hosts of its own, which are given as
/// `base_url` and `endpoint`.
pub const R2CREDS_JURISDICTION_FEDRAMP: i32 = 2;
/// United States: `<account>.us.r2.cloudflarestorage.com`. Since 0.2.0.
pub const R2CREDS_JURISDICTION_US: i32 = 3;

/// A bit of `flags`: what is NULL is not looked for in the environment. Its variables may then be changed by other
/// threads meanwhile. `SSL_CERT_FILE` and `SSL_CERT_DIR` are not read either: pass `ca_file` if you want theirs.
pub const R2CREDS_CLIENT_NO_ENVIRONMENT: u32 = 1;

/// The number in the SONAME. It changes only when a program must be compiled again.
pub const R2CREDS_ABI_VERSION: u32 = 0;

/// Makes calls to Cloudflare's API: authentication, proxy, certificates, limits and kept-alive connections. Opaque.
/// Any number of threads may use one at once; it survives `fork` in parent and child.
pub struct r2creds_client(pub(super) Arc<Client>);

/// Gives one credential to many callers, and renews it in time: ask it before every request. Opaque. Any number of
/// threads may use one at once, and parent and child after `fork`; the child keeps the credential. Since 0.2.0.
pub struct r2creds_provider(pub(super) Provider);

/// Ends calls from another thread or a signal handler. One shot: once triggered, it stays so. May serve many calls.
/// Opaque.
pub struct r2creds_cancel(pub(super) Cancel);

/// What is granted: one bucket, one permission or list of actions, optional paths, and a lifetime.
/// The same for `r2creds_create` and `r2creds_sign`. Start from `R2CREDS_PARAMS_INIT`. Everything is checked before
/// anything is sent, and nothing is kept after the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct r2creds_params {
    /// `sizeof(r2creds_params)`, set by `R2CREDS_PARAMS_INIT`.
    pub struct_size: usize,
    /// Cloudflare account id: 1 to 32 of `A-Z a-z 0-9 _ -`. Required.
    pub account_id: *const c_char,
    /// Bucket name: 3 to 63 of `a-z 0-9 -`, alphanumeric at both ends. Required.
    pub bucket: *const c_char,
    /// Access key id of the parent key pair, which is the `id` of its API token. Required. `r2creds_sign` wants exactly
    /// 32 lower-case hexadecimal digits.
    pub parent_access_key_id: *const c_char,
    /// Secret access key of the parent pair, which is the SHA-256 of its API token's value: 64 lower-case hexadecimal
    /// digits. Required by `r2creds_sign`. `r2creds_create` has no use for it; if it is there, it is kept out of
    /// errors. Never leaves the machine.
    pub parent_secret_access_key: *const c_char,
    /// Key prefixes the credential may touch, 1 to 1024 bytes each; plain string prefixes, so `data/a` also opens
    /// `data/ab`: `directories` do not. With no prefixes, objects and directories (all NULL): the whole bucket.
    pub prefixes: *const *const c_char,
    /// How many. NULL `prefixes` needs 0, any other at least 1: an empty list must not open the whole bucket.
    pub prefixes_len: usize,
    /// Exact object keys the credential may touch, 1 to 1024 bytes each.
    pub objects: *const *const c_char,
    /// How many. NULL `objects` needs 0, any other at least 1.
    pub objects_len: usize,
    /// `r2creds_sign` only, instead of `permission`: S3 operations such as `GetObject`, each at most once.
    /// Read: HeadObject GetObject GetBucketLocation ListObjectsV1 ListObjectsV2 ListMultipartUploads ListParts;
    /// write: PutObject DeleteObject DeleteObjects CopyObject; multipart: CreateMultipartUpload UploadPart
    /// UploadPartCopy AbortMultipartUpload CompleteMultipartUpload.
    pub actions: *const *const c_char,
    /// How many. NULL `actions` needs 0, any other at least 1.
    pub actions_len: usize,
    /// Scheme and host of the S3 endpoint, with an optional port: https, or http to loopback.
    /// NULL: `https://<account>[.eu|.fedramp|.us].r2.cloudflarestorage.com`.
    pub endpoint: *const c_char,
    /// `r2creds_sign` only: when the credential begins, in Unix seconds. 0: now. For reproducible tests.
    pub issued_at: i64,
    /// Lifetime in seconds, 1 to 604800 (seven days). 0: 900.
    pub ttl_seconds: u32,
    /// An `R2CREDS_PERMISSION_*`. Required by `r2creds_create`; `r2creds_sign` takes either this or `actions`.
    pub permission: i32,
    /// An `R2CREDS_JURISDICTION_*`; not together with `endpoint`.
    pub jurisdiction: i32,
    /// Must be 0.
    pub reserved: i32,
    /// Directories the credential may touch, 1 to 1023 bytes each, without a slash at the end: `data/tbl` is everything
    /// below it and the bare name, and nothing beside it such as `data/tbl2`. They are granted as the prefix `data/tbl/`
    /// and the object `data/tbl`, behind the caller's own. Since 0.2.0.
    pub directories: *const *const c_char,
    /// How many. NULL `directories` needs 0, any other at least 1. Since 0.2.0.
    pub directories_len: usize,
}

/// How a client reaches Cloudflare. Start from `R2CREDS_CLIENT_OPTIONS_INIT`; every field may stay zero.
/// A narrower clock is capped by a wider one; no combination is an error.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct r2creds_client_options {
    /// `sizeof(r2creds_client_options)`, set by `R2CREDS_CLIENT_OPTIONS_INIT`.
    pub struct_size: usize,
    /// API token, sent as `Authorization: Bearer`. NULL: `CLOUDFLARE_API_TOKEN`. An explicit token wins over
    /// everything.
    pub api_token: *const c_char,
    /// E-mail of the older pair, sent as `X-Auth-Email`. NULL: `CLOUDFLARE_EMAIL`. Needs `api_key`.
    pub api_email: *const c_char,
    /// API key of the older pair, sent as `X-Auth-Key`. NULL: `CLOUDFLARE_API_KEY`. Needs `api_email`.
    pub api_key: *const c_char,
    /// Where the API is: https, or http to loopback; no userinfo, query or fragment.
    /// NULL: `CLOUDFLARE_BASE_URL`, else `https://api.cloudflare.com/client/v4`.
    pub base_url: *const c_char,
    /// `http://[user:password@]host:port`, used by CONNECT; no other kind is supported. NULL: `HTTPS_PROXY`,
    /// `https_proxy`, `ALL_PROXY`, `all_proxy`, less what `NO_PROXY` or `no_proxy` names: a list, with commas or spaces
    /// between, of `*`, IP addresses, networks such as `10.0.0.0/8`, and hosts, which stand for their subdomains too.
    /// `""`: none. Loopback is never proxied.
    pub proxy_url: *const c_char,
    /// A PEM file whose certificates are trusted instead of all others; not more than 16 MiB. NULL: `SSL_CERT_FILE`
    /// and, except on macOS and Windows, `SSL_CERT_DIR`; else the system's roots, or Mozilla's bundled ones where the
    /// system has none. A system store that is there and cannot be read is an error.
    pub ca_file: *const c_char,
    /// Printable ASCII, put in front of `r2creds/<version>` in the User-Agent header. NULL: nothing.
    pub user_agent: *const c_char,
    /// Milliseconds for a whole call: every attempt, wait and body. 0: 60000.
    pub timeout_ms: u32,
    /// Milliseconds for one attempt. 0: 20000.
    pub attempt_timeout_ms: u32,
    /// Milliseconds for connection and TLS of one attempt. 0: 5000. They begin with the first SYN; the name lookup before
    /// it has the attempt's time.
    pub connect_timeout_ms: u32,
    /// How often a failed attempt is repeated. 0: 2; -1: never. Other negative numbers are refused.
    pub max_retries: i32,
    /// `R2CREDS_CLIENT_NO_ENVIRONMENT` or 0; other bits are `UNSUPPORTED`. Since 0.2.0.
    pub flags: u32,
    /// Must be 0.
    pub reserved: i32,
}

/// What differs for one call. Start from `R2CREDS_REQUEST_OPTIONS_INIT`, or pass NULL.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct r2creds_request_options {
    /// `sizeof(r2creds_request_options)`, set by `R2CREDS_REQUEST_OPTIONS_INIT`.
    pub struct_size: usize,
    /// Ends the call when triggered. NULL: the call cannot be cancelled from another thread.
    pub cancel: *mut r2creds_cancel,
    /// Extra header lines, `"Name: value"`, visible ASCII, space and tab. Refused are the headers this library sets
    /// itself or that change how the request is framed or authenticated: Host, Content-*, Transfer-Encoding,
    /// Connection, Keep-Alive, TE, Trailer, Upgrade, Expect, Accept-Encoding, Authorization, Proxy-*, X-Auth-*. Accept
    /// and User-Agent replace the library's own.
    pub headers: *const *const c_char,
    /// How many. NULL `headers` needs 0.
    pub headers_len: usize,
    /// A JSON object whose keys are appended to the request body, in this order, for parameters newer than this
    /// library. It may not repeat a parameter this library sends. NULL: nothing.
    pub extra_body: *const c_char,
    /// Called with `poll_context` on the calling thread about every 50 ms while the call waits; a result other than 0
    /// ends the call with `R2CREDS_STATUS_CANCELLED`. For signals and event loops. It may call this library, on the
    /// same client too. It must return, not `longjmp` or throw, and not free what the call uses; nor may it fork and
    /// return in the child. NULL: none.
    pub poll: Option<unsafe extern "C" fn(poll_context: *mut c_void) -> i32>,
    /// Passed to `poll` as it is.
    pub poll_context: *mut c_void,
    /// Milliseconds for the whole call. 0: the client's.
    pub timeout_ms: u32,
    /// How often a failed attempt is repeated. 0: the client's; -1: never.
    pub max_retries: i32,
}

/// A temporary credential. Owned by the library, read-only; free it with `r2creds_credentials_free`, which wipes it.
/// New fields are only appended: ask `R2CREDS_HAS` before reading one that 0.1.0 did not have.
#[repr(C)]
pub struct r2creds_credentials {
    /// The size of this struct in the library that made it.
    pub struct_size: usize,
    /// S3 access key id. Not a secret.
    pub access_key_id: *const c_char,
    /// S3 secret access key. A secret.
    pub secret_access_key: *const c_char,
    /// S3 session token (`X-Amz-Security-Token`). A secret. All three are needed on every request.
    pub session_token: *const c_char,
    /// Where these credentials are valid: scheme and host of the S3 endpoint. The S3 region is `auto`.
    pub endpoint: *const c_char,
    /// Cloudflare's CF-Ray of the reply; NULL when signed locally or absent.
    pub request_id: *const c_char,
    /// When the credential begins, in Unix seconds.
    pub issued_at: i64,
    /// When it ends, in Unix seconds; never later than the truth.
    pub expires_at: i64,
    /// Unix seconds: from here on get the next one, while this one is used. A quarter of its life before its end, at
    /// most an hour, and never after `renew_by`. A provider does that; for caches of others. Since 0.2.0.
    pub renew_at: i64,
    /// Unix seconds: from here on begin nothing with this one if another can be had. An eighth of its life before its
    /// end, at least 10 s and at most ten minutes, but never more than half of its life. Since 0.2.0.
    pub renew_by: i64,
}

/// What is inspected: what an S3 client holds. Start from `R2CREDS_INSPECT_PARAMS_INIT`. Since 0.2.0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct r2creds_inspect_params {
    /// `sizeof(r2creds_inspect_params)`, set by `R2CREDS_INSPECT_PARAMS_INIT`.
    pub struct_size: usize,
    /// The session token, however broken. Required.
    pub session_token: *const c_char,
    /// NULL: not compared.
    pub access_key_id: *const c_char,
    /// NULL: not compared.
    pub secret_access_key: *const c_char,
    /// The parent's, with which the token should be signed. NULL: the signature is not checked.
    pub parent_secret_access_key: *const c_char,
    /// Where the client sends its requests, a URL. NULL: not compared.
    pub endpoint: *const c_char,
    /// At which time, in Unix seconds. 0: now.
    pub at: i64,
}

/// Something that speaks against a credential. Part of an `r2creds_inspection`, and freed with it. Since 0.2.0.
#[repr(C)]
pub struct r2creds_finding {
    /// The size of this struct in the library that made it.
    pub struct_size: usize,
    /// A word that stays. R2 refuses a credential for: `not-a-token`, `header`, `claim-missing`, `claim-type`,
    /// `scope-and-actions`, `no-scope`, `unknown-scope`, `unknown-action`, `signature`, `secret-mismatch`,
    /// `key-mismatch`, `expired`, `not-yet-valid`. Nobody has shown that it does for: `host-mismatch`, `too-long`,
    /// `empty-paths`, `leading-slash`, `open-prefix`, `expires-soon`, `unknown-claim`. There may be others.
    pub code: *const c_char,
    /// One line for a person, without any secret.
    pub message: *const c_char,
    /// The next step, or NULL.
    pub hint: *const c_char,
}

/// What a session token grants, as it claims itself, and what speaks against it. Owned by the library, read-only; free
/// it with `r2creds_inspection_free`. Since 0.2.0.
#[repr(C)]
pub struct r2creds_inspection {
    /// The size of this struct in the library that made it.
    pub struct_size: usize,
    /// Whose the bucket is (`sub`), or NULL where absent.
    pub account_id: *const c_char,
    /// The one bucket, or NULL where absent.
    pub bucket: *const c_char,
    /// The parent's access key id (`iss`), or NULL where absent.
    pub parent_access_key_id: *const c_char,
    /// Host of the S3 endpoint, with its port (`aud`), or NULL where absent.
    pub host: *const c_char,
    /// The prefixes, with those that directories became.
    pub prefixes: *const *const c_char,
    /// How many.
    pub prefixes_len: usize,
    /// The exact keys, with those that directories became.
    pub objects: *const *const c_char,
    /// How many.
    pub objects_len: usize,
    /// The S3 operations, known or not, where the token has them instead of a permission.
    pub actions: *const *const c_char,
    /// How many.
    pub actions_len: usize,
    /// What speaks against the credential, worst first, and each code at most once.
    pub findings: *const *const r2creds_finding,
    /// How many.
    pub findings_len: usize,
    /// When the credential begins (`iat`), in Unix seconds; 0 where absent.
    pub issued_at: i64,
    /// When it ends (`exp`), in Unix seconds; 0 where absent.
    pub expires_at: i64,
    /// An `R2CREDS_PERMISSION_*`; `UNSET` where the token has actions, or neither.
    pub permission: i32,
    /// 1: a finding says that R2 refuses it.
    pub is_refused: i32,
}

/// A user's token, which ends when the user leaves the account.
pub const R2CREDS_TOKEN_USER: i32 = 1;
/// An account's own token.
pub const R2CREDS_TOKEN_ACCOUNT: i32 = 2;

/// The key pair that belongs to an API token: as S3 credentials, and as the parent of temporary ones. Owned by the
/// library, read-only; free it with `r2creds_parent_free`, which wipes it. Since 0.2.0.
#[repr(C)]
pub struct r2creds_parent {
    /// The size of this struct in the library that made it.
    pub struct_size: usize,
    /// The id of the token, visible ASCII: what `parent_access_key_id` of `r2creds_params` wants. Not a secret. Cloudflare's
    /// are 32 lower-case hexadecimal digits, which `r2creds_sign` insists on.
    pub access_key_id: *const c_char,
    /// The SHA-256 of the token's value, hexadecimal: what `parent_secret_access_key` wants. A secret.
    pub secret_access_key: *const c_char,
    /// Cloudflare's word: `active`, `disabled` or `expired`. Only the first makes credentials that work.
    pub token_status: *const c_char,
    /// When the token begins, in Unix seconds; 0: it has begun.
    pub not_before: i64,
    /// When the token ends, in Unix seconds; 0: never.
    pub expires_at: i64,
    /// `R2CREDS_TOKEN_USER` or `R2CREDS_TOKEN_ACCOUNT`.
    pub kind: i32,
    /// 0.
    pub reserved: i32,
}

/// One entry of the `errors` array in Cloudflare's reply. Part of an `r2creds_error`, and freed with it.
#[repr(C)]
pub struct r2creds_api_error {
    /// The size of this struct in the library that made it.
    pub struct_size: usize,
    /// Cloudflare's text, or NULL.
    pub message: *const c_char,
    /// Where Cloudflare explains it, or NULL.
    pub documentation_url: *const c_char,
    /// JSON pointer to the part of the request at fault, or NULL.
    pub pointer: *const c_char,
    /// Cloudflare's number, such as 10000; 0 where absent.
    pub code: i64,
}

/// Why a call failed. Owned by the library, read-only; free it with `r2creds_error_free`. Holds no secret: text from
/// the server is cleaned of control characters and of every secret this call knew, and cut at 1 KiB a string.
/// New fields are only appended: ask `R2CREDS_HAS` before reading one that 0.1.0 did not have.
#[repr(C)]
pub struct r2creds_error {
    /// The size of this struct in the library that made it.
    pub struct_size: usize,
    /// One line for a person. Never NULL.
    pub message: *const c_char,
    /// The likely cause and the next step, or NULL where neither is known.
    pub hint: *const c_char,
    /// Cloudflare's CF-Ray, to quote to its support, or NULL.
    pub request_id: *const c_char,
    /// The argument at fault as it is spelled here (`"bucket"`, `"prefixes"`), or NULL.
    pub field: *const c_char,
    /// Cloudflare's own errors; at most 64 are kept.
    pub errors: *const *const r2creds_api_error,
    /// How many.
    pub errors_len: usize,
    /// Cloudflare's own messages; at most 64 are kept.
    pub messages: *const *const c_char,
    /// How many.
    pub messages_len: usize,
    /// How long the server asked to wait, in milliseconds, whenever it can be read; -1: it asked nothing.
    pub retry_after_ms: i64,
    /// An `R2CREDS_STATUS_*`, the same that the call returned.
    pub status: i32,
    /// The reply's HTTP status; 0: there was no reply.
    pub http_status: i32,
    /// 1: the same call may succeed later.
    pub retryable: i32,
    /// How many attempts were made; 0: nothing was sent.
    pub attempts: i32,
}
