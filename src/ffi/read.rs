//! C in: pointers become borrowed Rust values, or an error that names the argument.

use std::ffi::{CStr, c_char, c_void};
use std::mem::{MaybeUninit, offset_of, size_of};
use std::sync::Arc;
use std::time::Duration;

use super::types::{r2creds_client_options, r2creds_params, r2creds_request_options};
use crate::api::{ClientOptions, RequestOptions};
use crate::error::Error;
use crate::params::{Jurisdiction, Params, Permission};
use crate::watch::Poll;

/// Above this, `struct_size` is garbage rather than the future.
const MAX_STRUCT: usize = 4096;

/// A struct that callers fill.
///
/// # Safety
/// `repr(C)` without padding, `struct_size: usize` first, and all bytes zero is a valid value.
pub unsafe trait Input: Copy {
    /// Its size in 0.1.0.
    const FIRST_SIZE: usize;
    /// The argument it is passed as.
    const NAME: &'static str;
}

// SAFETY: integers, raw pointers and optional function pointers only; layout is asserted in tests.
unsafe impl Input for r2creds_params {
    const FIRST_SIZE: usize = offset_of!(Self, reserved) + size_of::<i32>();
    const NAME: &'static str = "params";
}
// SAFETY: as above.
unsafe impl Input for r2creds_client_options {
    const FIRST_SIZE: usize = offset_of!(Self, max_retries) + size_of::<i32>();
    const NAME: &'static str = "options";
}
// SAFETY: as above.
unsafe impl Input for r2creds_request_options {
    const FIRST_SIZE: usize = offset_of!(Self, max_retries) + size_of::<i32>();
    const NAME: &'static str = "options";
}

/// Copies a caller's struct. One from an older header reads as zero where it ends; one from a newer header must be
/// zero where this library's knowledge ends.
///
/// # Safety
/// `from` is NULL or points to `struct_size` readable bytes that begin with `struct_size`.
pub unsafe fn input<T: Input>(from: *const T) -> Result<T, Error> {
    if from.is_null() {
        return Err(Error::argument(T::NAME, "NULL, expected a pointer to a struct"));
    }
    // SAFETY: the struct begins with its size.
    let size = unsafe { from.cast::<usize>().read_unaligned() };
    if !(T::FIRST_SIZE..=MAX_STRUCT).contains(&size) {
        let (problem, name) = (if size > MAX_STRUCT { "too large" } else { "too small" }, T::NAME);
        return Err(Error::argument(
            "struct_size",
            format_args!(
                "{problem} in {name}, expected {} to {MAX_STRUCT}; initialise the struct with its R2CREDS_..._INIT",
                T::FIRST_SIZE
            ),
        ));
    }
    let known = size.min(size_of::<T>());
    let bytes = from.cast::<u8>();
    // SAFETY: `size` bytes are readable, and `known` is not more.
    let tail = unsafe { std::slice::from_raw_parts(bytes.add(known), size - known) };
    if tail.iter().any(|byte| *byte != 0) {
        return Err(Error::unsupported(
            "struct_size",
            format_args!("{} uses an option that is newer than this library ({})", T::NAME, env!("CARGO_PKG_VERSION")),
        ));
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: `known` bytes fit both sides, and every byte pattern of `Input`s that C can write is valid.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes, value.as_mut_ptr().cast::<u8>(), known);
        Ok(value.assume_init())
    }
}

/// # Safety
/// NULL, or a NUL-terminated string that lives as long as `'a`.
unsafe fn text<'a>(from: *const c_char, field: &'static str) -> Result<Option<&'a str>, Error> {
    if from.is_null() {
        return Ok(None);
    }
    // SAFETY: passed on to the caller.
    match utf8(unsafe { CStr::from_ptr(from) }) {
        Some(text) => Ok(Some(text)),
        None => Err(Error::argument(field, "not UTF-8")),
    }
}

/// `CStr::to_str`, quicker for the short ASCII strings that nearly all of them are.
fn utf8(text: &CStr) -> Option<&str> {
    let bytes = text.to_bytes();
    if bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).ok()
}

/// # Safety
/// As [`text`].
unsafe fn required<'a>(from: *const c_char, field: &'static str) -> Result<&'a str, Error> {
    // SAFETY: passed on to the caller.
    unsafe { text(from, field) }?.ok_or_else(|| Error::argument(field, "NULL, expected a string"))
}

/// # Safety
/// NULL, or `len` pointers, each as for [`text`].
unsafe fn list<'a>(from: *const *const c_char, len: usize, field: &'static str) -> Result<Vec<&'a str>, Error> {
    let mut texts = Vec::new();
    if len == 0 {
        return Ok(texts);
    }
    if from.is_null() {
        return Err(Error::argument(field, format_args!("NULL, but {field}_len is not 0")));
    }
    if texts.try_reserve_exact(len).is_err() {
        return Err(Error::argument(field, format_args!("{field}_len is larger than memory")));
    }
    for at in 0..len {
        // SAFETY: `at` is below `len`.
        let entry = unsafe { *from.add(at) };
        if entry.is_null() {
            return Err(Error::argument(field, format_args!("entry {at} is NULL, expected a string")));
        }
        // SAFETY: passed on to the caller.
        match utf8(unsafe { CStr::from_ptr(entry) }) {
            Some(text) => texts.push(text),
            None => return Err(Error::argument(field, format_args!("entry {at} is not UTF-8"))),
        }
    }
    Ok(texts)
}

/// The parts of [`Params`] that have to be collected before they can be borrowed.
pub struct Collected<'a> {
    raw: r2creds_params,
    prefixes: Vec<&'a str>,
    objects: Vec<&'a str>,
    actions: Vec<&'a str>,
}

impl Collected<'_> {
    /// # Safety
    /// `from` as for [`input`], and what its fields say about their pointers is true for `'a`.
    pub unsafe fn read(from: *const r2creds_params) -> Result<Self, Error> {
        // SAFETY: passed on to the caller.
        unsafe {
            let raw = input(from)?;
            if raw.reserved != 0 {
                return Err(Error::unsupported("reserved", "not 0, which is all this library knows"));
            }
            Ok(Collected {
                prefixes: list(raw.prefixes, raw.prefixes_len, "prefixes")?,
                objects: list(raw.objects, raw.objects_len, "objects")?,
                actions: list(raw.actions, raw.actions_len, "actions")?,
                raw,
            })
        }
    }

    /// For `create`, which never looks at the parent's secret but keeps it out of errors.
    ///
    /// # Safety
    /// As [`read`](Self::read).
    pub unsafe fn for_create(&self) -> Result<Params<'_>, Error> {
        let secret = self.raw.parent_secret_access_key;
        // SAFETY: passed on to the caller.
        unsafe { self.params(text(secret, "parent_secret_access_key").unwrap_or_default()) }
    }

    /// # Safety
    /// As [`read`](Self::read).
    pub unsafe fn for_sign(&self) -> Result<Params<'_>, Error> {
        let secret = self.raw.parent_secret_access_key;
        // SAFETY: passed on to the caller.
        unsafe { self.params(text(secret, "parent_secret_access_key")?) }
    }

    /// # Safety
    /// As [`read`](Self::read).
    unsafe fn params<'b>(&'b self, parent_secret_access_key: Option<&'b str>) -> Result<Params<'b>, Error> {
        let raw = &self.raw;
        // SAFETY: passed on to the caller.
        unsafe {
            Ok(Params {
                account_id: required(raw.account_id, "account_id")?,
                bucket: required(raw.bucket, "bucket")?,
                parent_access_key_id: required(raw.parent_access_key_id, "parent_access_key_id")?,
                parent_secret_access_key,
                permission: permission(raw.permission)?,
                actions: &self.actions,
                prefixes: &self.prefixes,
                objects: &self.objects,
                endpoint: text(raw.endpoint, "endpoint")?,
                jurisdiction: Jurisdiction::try_from(raw.jurisdiction)?,
                ttl_seconds: (raw.ttl_seconds != 0).then_some(raw.ttl_seconds),
                issued_at: (raw.issued_at != 0).then_some(raw.issued_at),
            })
        }
    }
}

/// # Safety
/// `from` is NULL or as for [`input`], and its strings live as long as `'a`.
pub unsafe fn client_options<'a>(from: *const r2creds_client_options) -> Result<ClientOptions<'a>, Error> {
    if from.is_null() {
        return Ok(ClientOptions::default());
    }
    // SAFETY: passed on to the caller.
    unsafe {
        let raw = input(from)?;
        Ok(ClientOptions {
            api_token: text(raw.api_token, "api_token")?,
            api_email: text(raw.api_email, "api_email")?,
            api_key: text(raw.api_key, "api_key")?,
            base_url: text(raw.base_url, "base_url")?,
            proxy_url: text(raw.proxy_url, "proxy_url")?,
            ca_file: text(raw.ca_file, "ca_file")?,
            user_agent: text(raw.user_agent, "user_agent")?,
            timeout: milliseconds(raw.timeout_ms),
            attempt_timeout: milliseconds(raw.attempt_timeout_ms),
            connect_timeout: milliseconds(raw.connect_timeout_ms),
            max_retries: max_retries(raw.max_retries)?,
        })
    }
}

/// The raw struct and the headers that have to be collected before they can be borrowed.
pub struct CollectedOptions<'a> {
    raw: Option<r2creds_request_options>,
    headers: Vec<&'a str>,
}

impl CollectedOptions<'_> {
    /// # Safety
    /// `from` is NULL or as for [`input`], and what its fields say about their pointers is true for `'a`.
    pub unsafe fn read(from: *const r2creds_request_options) -> Result<Self, Error> {
        if from.is_null() {
            return Ok(CollectedOptions { raw: None, headers: Vec::new() });
        }
        // SAFETY: passed on to the caller.
        unsafe {
            let raw = input(from)?;
            Ok(CollectedOptions { headers: list(raw.headers, raw.headers_len, "headers")?, raw: Some(raw) })
        }
    }

    /// # Safety
    /// As [`read`](Self::read).
    pub unsafe fn options(&self) -> Result<RequestOptions<'_>, Error> {
        let Some(raw) = &self.raw else { return Ok(RequestOptions::default()) };
        // SAFETY: passed on to the caller.
        let (cancel, extra_body) = unsafe { (raw.cancel.as_ref(), text(raw.extra_body, "extra_body")?) };
        Ok(RequestOptions {
            cancel: cancel.map(|cancel| cancel.0.clone()),
            poll: raw.poll.map(|poll| Hook { poll, context: raw.poll_context }.into_poll()),
            headers: &self.headers,
            extra_body,
            timeout: milliseconds(raw.timeout_ms),
            max_retries: max_retries(raw.max_retries)?,
        })
    }
}

/// The caller's `poll`.
struct Hook {
    poll: unsafe extern "C" fn(*mut c_void) -> i32,
    context: *mut c_void,
}

// SAFETY: the core calls it only on the thread of the call it was passed to, and drops it before that call returns.
unsafe impl Send for Hook {}
// SAFETY: as above.
unsafe impl Sync for Hook {}

impl Hook {
    fn into_poll(self) -> Poll {
        Arc::new(move || self.wants_end())
    }

    fn wants_end(&self) -> bool {
        // SAFETY: the caller promised a function that can be called with its context.
        unsafe { (self.poll)(self.context) != 0 }
    }
}

fn milliseconds(value: u32) -> Option<Duration> {
    (value != 0).then(|| Duration::from_millis(u64::from(value)))
}

fn max_retries(value: i32) -> Result<Option<u32>, Error> {
    match value {
        0 => Ok(None),
        -1 => Ok(Some(0)),
        other => match u32::try_from(other) {
            Ok(retries) => Ok(Some(retries)),
            Err(_) => Err(Error::argument("max_retries", "below -1, expected -1 (none), 0 (the default) or more")),
        },
    }
}

fn permission(value: i32) -> Result<Option<Permission>, Error> {
    if value == 0 { Ok(None) } else { Permission::try_from(value).map(Some) }
}
