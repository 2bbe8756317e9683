//! The C ABI: the exported functions. No policy of its own, and each is short.
//!
//! A function of this file is `unsafe` because of what its caller promises about pointers: the rules at the top of the
//! header, which are in `manual.h`. It passes that promise on by making a `Ptr` of each pointer, which is all that is
//! `unsafe` here.
//!
//! The C documentation is `include/r2creds.h`, made from the comments here and in `types`, and from `manual.h`.
// The C documentation is not Rust's: it has no safety sections of its own, and names actions without backticks.
#![allow(unsafe_code, non_camel_case_types, clippy::missing_safety_doc, clippy::doc_markdown)]

mod guard;
mod pointer;
mod read;
mod types;
mod write;

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;

use self::guard::call;
use self::pointer::{Owned, Ptr};
pub use self::types::*;
use self::write::KeptCredentials;
use crate::api::Client;
use crate::env::Environment;
use crate::error::{Error, Status};
use crate::provider::Provider;
use crate::watch::Cancel;

/// Asks Cloudflare's API for a credential. Blocks until there is a result, at most `timeout_ms`.
///
/// `params` needs `permission`; `actions` and `issued_at` are refused, because the API has neither. `jurisdiction` and
/// `endpoint` decide nothing but the `endpoint` of the result. Failed attempts are repeated where that can help: no
/// connection, a reset, an attempt's timeout, HTTP 408, 409, 429 and 5xx, and R2's own "internal error"; never a bad
/// argument, a TLS failure or a cancelled call. Redirects are never followed.
///
/// @param client   from `r2creds_client_new`; any number of threads may use it at once.
/// @param params   what is granted.
/// @param options  NULL for none.
/// @param out      set to a credential on success, to be freed with `r2creds_credentials_free`; else to NULL.
/// @param err      NULL, or set to an error on failure, to be freed with `r2creds_error_free`; else to NULL.
/// @return any status but `NO_AUTHENTICATION`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_create(
    client: *const r2creds_client,
    params: *const r2creds_params,
    options: *const r2creds_request_options,
    out: *mut *mut r2creds_credentials,
    err: *mut *mut r2creds_error,
) -> r2creds_status {
    let (client, params, options) = unsafe { (Ptr::new(client), Ptr::new(params), Ptr::new(options)) };
    let (out, err) = unsafe { (Ptr::new(out), Ptr::new(err)) };
    call(out, err, || {
        let client = client.object().ok_or_else(|| Error::argument("client", "NULL, expected a client"))?;
        let params = read::CollectedParams::read(params)?;
        let options = read::CollectedOptions::read(options)?;
        client.0.create(&params.for_create()?, &options.options()?).map(write::credentials)
    })
}

/// Makes a credential locally from the parent key pair. No network; microseconds.
///
/// `params` needs `parent_secret_access_key`, and exactly one of `permission` and `actions`: R2 refuses a token that
/// carries both. A wrong parent secret of the right shape cannot be noticed here; R2 answers such a credential with an
/// opaque HTTP 400.
///
/// @param params  what is granted.
/// @param out     as for `r2creds_create`.
/// @param err     as for `r2creds_create`.
/// @return `OK`, `INVALID_ARGUMENT`, `UNSUPPORTED`, `INTERNAL` or `PANIC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_sign(
    params: *const r2creds_params,
    out: *mut *mut r2creds_credentials,
    err: *mut *mut r2creds_error,
) -> r2creds_status {
    let (params, out, err) = unsafe { (Ptr::new(params), Ptr::new(out), Ptr::new(err)) };
    call(out, err, || {
        let params = read::CollectedParams::read(params)?;
        crate::sign(&params.for_sign()?).map(write::credentials)
    })
}

/// Makes a client: settles authentication, proxy and certificates. Sends nothing. The only function that reads the
/// environment, and only where a field is NULL, and not in a set-uid process.
///
/// Authentication is the explicit token, else the explicit e-mail and key, else the token of the environment, else its
/// e-mail and key. One scheme is sent, never two.
///
/// @param options  NULL: everything from the environment and the defaults.
/// @param out      set to a client on success, to be freed with `r2creds_client_free`; else to NULL.
/// @param err      as for `r2creds_create`.
/// @return `OK`, `INVALID_ARGUMENT`, `UNSUPPORTED`, `NO_AUTHENTICATION`, `INTERNAL` or `PANIC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_client_new(
    options: *const r2creds_client_options,
    out: *mut *mut r2creds_client,
    err: *mut *mut r2creds_error,
) -> r2creds_status {
    let (options, out, err) = unsafe { (Ptr::new(options), Ptr::new(out), Ptr::new(err)) };
    call(out, err, || Ok(Owned::new(r2creds_client(Arc::new(Client::new(&read::client_options(options)?)?)), ())))
}

/// `r2creds_client_new` with an environment that the caller passes, which is looked at instead of the process's. For
/// languages that keep the environment themselves, and for programs whose other threads change it. Since 0.2.0.
///
/// @param options          as for `r2creds_client_new`.
/// @param environment      `NAME=value` each, as in `environ`; of two with one name the first counts. NULL: none. Not
///                         looked at in a set-uid process, nor with `R2CREDS_CLIENT_NO_ENVIRONMENT`.
/// @param environment_len  how many there are.
/// @param out              as for `r2creds_client_new`.
/// @param err              as for `r2creds_create`.
/// @return as for `r2creds_client_new`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_client_new_with_environment(
    options: *const r2creds_client_options,
    environment: *const *const c_char,
    environment_len: usize,
    out: *mut *mut r2creds_client,
    err: *mut *mut r2creds_error,
) -> r2creds_status {
    let (options, out, err) = unsafe { (Ptr::new(options), Ptr::new(out), Ptr::new(err)) };
    let environment = unsafe { Ptr::new(environment) };
    call(out, err, || {
        let environment = read::environment(environment, environment_len)?;
        let options = read::client_options(options)?;
        let client = Client::new_in(Environment::Given(&environment), &options)?;
        Ok(Owned::new(r2creds_client(Arc::new(client)), ()))
    })
}

/// Makes a provider. Checks everything that can be checked, copies what it needs, and sends nothing; the first
/// `r2creds_provider_get` makes the first credential. Since 0.2.0.
///
/// @param client   NULL: it signs locally, with `parent_secret_access_key`. Else it asks Cloudflare's API; the client may
///                 be freed before the provider.
/// @param params   what is granted, as for `r2creds_create` or `r2creds_sign`. With `issued_at` every credential begins
///                 at that time, and none can be had once it is over: for tests.
/// @param options  NULL, or those of every renewal; `cancel` and `poll` must be NULL. NULL or all zero for one that signs.
/// @param out      set to a provider on success, to be freed with `r2creds_provider_free`; else to NULL.
/// @param err      as for `r2creds_create`.
/// @return `OK`, `INVALID_ARGUMENT`, `UNSUPPORTED`, `INTERNAL` or `PANIC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_provider_new(
    client: *const r2creds_client,
    params: *const r2creds_params,
    options: *const r2creds_request_options,
    out: *mut *mut r2creds_provider,
    err: *mut *mut r2creds_error,
) -> r2creds_status {
    let (client, params, options) = unsafe { (Ptr::new(client), Ptr::new(params), Ptr::new(options)) };
    let (out, err) = unsafe { (Ptr::new(out), Ptr::new(err)) };
    call(out, err, || {
        let params = read::CollectedParams::read(params)?;
        let options = read::CollectedOptions::read(options)?;
        let client = client.object().map(|client| &client.0);
        let params = if client.is_some() { params.for_create()? } else { params.for_sign()? };
        Ok(Owned::new(r2creds_provider(Provider::new(client, &params, &options.options()?)?), ()))
    })
}

/// Gives a credential that is good now. Use it for one request, free it, and ask again before the next.
///
/// While it is fresh that takes some nanoseconds, and waits for nobody. From `renew_at` on the next one is made beside
/// it. From `renew_by` on this waits for that, but no longer than until the renewal has run for 2 s; then the credential
/// in hand serves, up to its end. Only without a good one, as at the first call, does it wait for the renewal itself;
/// after a failure it says so again, at once, until the pause that follows is over (`retry_after_ms`). Since 0.2.0.
///
/// @param provider  from `r2creds_provider_new`.
/// @param options   NULL, or `cancel`, `poll` and `timeout_ms` of this wait, which end no renewal; the others must be
///                  unset. `timeout_ms` 0: as long as the renewal takes.
/// @param out       as for `r2creds_create`. It outlives the provider.
/// @param err       as for `r2creds_create`.
/// @return any status but `NO_AUTHENTICATION`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_provider_get(
    provider: *mut r2creds_provider,
    options: *const r2creds_request_options,
    out: *mut *mut r2creds_credentials,
    err: *mut *mut r2creds_error,
) -> r2creds_status {
    let (provider, options) = unsafe { (Ptr::new(provider.cast_const()), Ptr::new(options)) };
    let (out, err) = unsafe { (Ptr::new(out), Ptr::new(err)) };
    call(out, err, || {
        let provider = provider.object().ok_or_else(|| Error::argument("provider", "NULL, expected a provider"))?;
        // Without options there is nothing to read and to check, which saves a seventh of the time.
        if options.get().is_none()
            && let Some(fresh) = provider.0.fresh()?
        {
            return Ok(write::shared_credentials(fresh));
        }
        let options = read::CollectedOptions::read(options)?;
        provider.0.share(&options.options()?).map(write::shared_credentials)
    })
}

/// Tells that R2 refused this credential: with 403 `SignatureDoesNotMatch`, with 400 `InvalidArgument` about
/// `X-Amz-Security-Token`, or with 401; never on `AccessDenied`, which is about the grant. The next
/// `r2creds_provider_get` makes another one. Does nothing where it is not the current one any more, nor within 10 s of
/// another rejection. NULL is fine. Since 0.2.0.
///
/// @param provider     from `r2creds_provider_new`.
/// @param credentials  from `r2creds_provider_get`, and not freed yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_provider_reject(
    provider: *mut r2creds_provider,
    credentials: *const r2creds_credentials,
) {
    let (provider, credentials) = unsafe { (Ptr::new(provider.cast_const()), Ptr::new(credentials)) };
    let _ = catch_unwind(AssertUnwindSafe(|| {
        if let (Some(provider), Some(KeptCredentials::Shared(credentials))) = (provider.object(), credentials.kept()) {
            provider.0.reject(credentials);
        }
    }));
}

/// Why the last renewal failed, to be freed with `r2creds_error_free`; NULL when it succeeded, or none was tried. For
/// alarms before the end comes. Since 0.2.0.
///
/// @param provider  from `r2creds_provider_new`. NULL: the result is NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_provider_last_error(provider: *const r2creds_provider) -> *mut r2creds_error {
    let provider = unsafe { Ptr::new(provider) };
    let last = catch_unwind(AssertUnwindSafe(|| provider.object()?.0.last_error()));
    last.ok().flatten().map_or(ptr::null_mut(), |error| write::error(&error).into_raw())
}

/// Frees a provider. Cancels its renewal, if one runs, and waits for it, at most 100 ms. No other call may be using it;
/// credentials that it gave stay. NULL is fine. Since 0.2.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_provider_free(provider: *mut r2creds_provider) {
    unsafe { Ptr::new(provider.cast_const()) }.free();
}

/// Reads a session token: what it grants, and what speaks against it. No network, microseconds; nothing is sent.
///
/// `OK` with an inspection for any session token that is a string, however broken: what is wrong with it is a finding.
/// An error is about another argument. What nobody has shown R2 to refuse does not set `is_refused`. Since 0.2.0.
///
/// @param params  what an S3 client holds.
/// @param out     set to an inspection on success, to be freed with `r2creds_inspection_free`; else to NULL.
/// @param err     as for `r2creds_create`.
/// @return `OK`, `INVALID_ARGUMENT`, `UNSUPPORTED`, `INTERNAL` or `PANIC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_inspect(
    params: *const r2creds_inspect_params,
    out: *mut *mut r2creds_inspection,
    err: *mut *mut r2creds_error,
) -> r2creds_status {
    let (params, out, err) = unsafe { (Ptr::new(params), Ptr::new(out), Ptr::new(err)) };
    call(out, err, || {
        let params = read::CollectedInspectParams::read(params)?;
        crate::inspect(&params.params()?).map(write::inspection)
    })
}

/// Whether a grant covers an S3 operation. Looks at the grant alone, not at the findings and the clock. Since 0.2.0.
///
/// @param inspection  from `r2creds_inspect`.
/// @param action      one of those that `actions` of `r2creds_params` may name.
/// @param key         relative to the bucket; for listings the prefix that is asked for, NULL for none. Not looked at for
///                    `GetBucketLocation`, which is about the whole bucket.
/// @return 1 or 0; -1: an action that does not exist, a key that is needed and NULL, or not UTF-8; `inspection` or
///         `action` NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_inspection_allows(
    inspection: *const r2creds_inspection,
    action: *const c_char,
    key: *const c_char,
) -> i32 {
    let (inspection, action, key) = unsafe { (Ptr::new(inspection), Ptr::new(action), Ptr::new(key)) };
    let allows = catch_unwind(AssertUnwindSafe(|| {
        let key = if key.get().is_some() { Some(key.text()?) } else { None };
        inspection.kept()?.inspection.allows(action.text()?, key)
    }));
    allows.ok().flatten().map_or(-1, i32::from)
}

/// Frees an inspection with everything it points to. NULL is fine. Since 0.2.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_inspection_free(inspection: *mut r2creds_inspection) {
    unsafe { Ptr::new(inspection.cast_const()) }.free();
}

/// Asks Cloudflare what the client's API token is called, and makes of that the parent key pair which `r2creds_sign` and a
/// signing provider need: the token's id, and the SHA-256 of its value. For programs that have only a token.
///
/// A user's token is looked for first, then, if that is refused with 401 or 403, the account's; a client remembers
/// which it was. Both are attempts of one call, with one deadline. A token that is disabled or has expired is no error:
/// look at `token_status`. Since 0.2.0.
///
/// @param client      from `r2creds_client_new`, with an API token: not e-mail and key.
/// @param account_id  as in `r2creds_params`.
/// @param options     NULL for none; `extra_body` must be NULL.
/// @param out         set to a pair on success, to be freed with `r2creds_parent_free`; else to NULL.
/// @param err         as for `r2creds_create`.
/// @return any status but `NO_AUTHENTICATION`. A dead token: `AUTHENTICATION` or `PERMISSION_DENIED`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_parent_of_token(
    client: *const r2creds_client,
    account_id: *const c_char,
    options: *const r2creds_request_options,
    out: *mut *mut r2creds_parent,
    err: *mut *mut r2creds_error,
) -> r2creds_status {
    let (client, account_id, options) = unsafe { (Ptr::new(client), Ptr::new(account_id), Ptr::new(options)) };
    let (out, err) = unsafe { (Ptr::new(out), Ptr::new(err)) };
    call(out, err, || {
        let client = client.object().ok_or_else(|| Error::argument("client", "NULL, expected a client"))?;
        let account_id = read::required(account_id, "account_id")?;
        let options = read::CollectedOptions::read(options)?;
        client.0.parent_of_token(account_id, &options.options()?).map(write::parent)
    })
}

/// Wipes and frees a key pair. NULL is fine. Since 0.2.0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_parent_free(parent: *mut r2creds_parent) {
    unsafe { Ptr::new(parent.cast_const()) }.free();
}

/// Makes a cancel object, to be passed to calls in `r2creds_request_options`.
///
/// @param out  set to the object on success, to be freed with `r2creds_cancel_free`; else to NULL.
/// @return `OK`, `INVALID_ARGUMENT` if `out` is NULL, or `PANIC`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_cancel_new(out: *mut *mut r2creds_cancel) -> r2creds_status {
    let out = unsafe { Ptr::new(out) };
    call(out, Ptr::null(), || Ok(Owned::new(r2creds_cancel(Cancel::default()), ())))
}

/// Ends every call that uses this object, now and later, with `R2CREDS_STATUS_CANCELLED` within 100 ms. From any
/// thread, any number of times, also from a signal handler. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_cancel_trigger(cancel: *mut r2creds_cancel) {
    // Only a flag is stored, which is safe in a signal handler.
    if let Some(cancel) = unsafe { Ptr::new(cancel) }.object() {
        cancel.0.trigger();
    }
}

/// Frees a client and closes its connections. No call may be using it. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_client_free(client: *mut r2creds_client) {
    unsafe { Ptr::new(client) }.free();
}

/// Wipes and frees a credential. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_credentials_free(credentials: *mut r2creds_credentials) {
    unsafe { Ptr::new(credentials) }.free();
}

/// Frees an error with everything it points to. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_error_free(error: *mut r2creds_error) {
    unsafe { Ptr::new(error) }.free();
}

/// Frees a cancel object. No call may be using it. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn r2creds_cancel_free(cancel: *mut r2creds_cancel) {
    unsafe { Ptr::new(cancel) }.free();
}

/// The name of a status as it is spelled after `R2CREDS_STATUS_`, such as `"RATE_LIMITED"`; `"UNKNOWN"` for a number
/// this library does not know. Static; not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn r2creds_status_name(status: r2creds_status) -> *const c_char {
    let name = match Status::ALL.into_iter().find(|known| known.code() == status) {
        Some(known) => known.as_c_str(),
        None if status == R2CREDS_STATUS_OK => c"OK",
        None => c"UNKNOWN",
    };
    name.as_ptr()
}

/// The library's version, `"0.1.0"`; compare with `R2CREDS_VERSION_*`, which are the header's. Static; not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn r2creds_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };
    VERSION.as_ptr()
}

/// The library's ABI version; a program that loads the library at run time compares it with `R2CREDS_ABI_VERSION`.
#[unsafe(no_mangle)]
pub extern "C" fn r2creds_abi_version() -> u32 {
    R2CREDS_ABI_VERSION
}
