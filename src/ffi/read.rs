//! C in: pointers become borrowed Rust values, or an error that names the argument.

use std::borrow::Cow;
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::mem::{MaybeUninit, offset_of, size_of};
use std::ops::Deref;
use std::time::Duration;

use super::pointer::Ptr;
use super::types::{
    R2CREDS_CLIENT_NO_ENVIRONMENT, r2creds_client_options, r2creds_inspect_params, r2creds_params,
    r2creds_request_options,
};
use crate::api::{ClientOptions, RequestOptions};
use crate::error::Error;
use crate::inspect::InspectParams;
use crate::params::{Jurisdiction, Params, Permission};

/// A larger `struct_size` is refused as garbage: no struct of a later version will need that much.
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

// SAFETY: as above.
unsafe impl Input for r2creds_inspect_params {
    const FIRST_SIZE: usize = offset_of!(Self, at) + size_of::<i64>();
    const NAME: &'static str = "params";
}

/// A copy of a caller's struct. The pointers in it are as good as the one to the struct, and as long.
struct Filled<'a, T> {
    raw: T,
    lifetime: PhantomData<&'a T>,
}

impl<T> Deref for Filled<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.raw
    }
}

impl<'a, T: Input> Ptr<'a, T> {
    /// Copies the struct. One from an older header reads as zero where it ends; one from a newer header must be zero
    /// where this library's knowledge ends.
    fn read(self) -> Result<Option<Filled<'a, T>>, Error> {
        let Some(from) = self.get() else { return Ok(None) };
        // SAFETY: the struct begins with its size, which `Ptr` was promised.
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
        let bytes = from.cast::<u8>().as_ptr().cast_const();
        // SAFETY: `size` bytes are readable, and `known` is not more.
        let tail = unsafe { std::slice::from_raw_parts(bytes.add(known), size - known) };
        if tail.iter().any(|byte| *byte != 0) {
            let (name, version) = (T::NAME, env!("CARGO_PKG_VERSION"));
            let problem = format_args!("{name} uses an option that is newer than this library ({version})");
            return Err(Error::unsupported("struct_size", problem));
        }
        let mut raw = MaybeUninit::<T>::zeroed();
        // SAFETY: `known` bytes fit both sides, and every byte pattern of `Input`s that C can write is valid.
        let raw = unsafe {
            std::ptr::copy_nonoverlapping(bytes, raw.as_mut_ptr().cast::<u8>(), known);
            raw.assume_init()
        };
        Ok(Some(Filled { raw, lifetime: PhantomData }))
    }
}

impl<'a> Ptr<'a, c_char> {
    fn c_str(self) -> Option<&'a CStr> {
        // SAFETY: NUL-terminated and alive, which `Ptr` was promised.
        self.get().map(|text| unsafe { CStr::from_ptr(text.as_ptr()) })
    }

    /// `None` for NULL, and for what is not UTF-8.
    pub fn text(self) -> Option<&'a str> {
        self.c_str().and_then(utf8)
    }
}

/// A string that is an argument of its own.
pub fn required<'a>(from: Ptr<'a, c_char>, name: &'static str) -> Result<&'a str, Error> {
    let text = from.c_str().ok_or_else(|| Error::argument(name, "NULL, expected a string"))?;
    utf8(text).ok_or_else(|| Error::argument(name, "not UTF-8"))
}

/// `CStr::to_str`, but ASCII, which nearly all strings are, is not decoded: `sign` with 100 prefixes is 7 % faster.
fn utf8(text: &CStr) -> Option<&str> {
    let bytes = text.to_bytes();
    if bytes.is_ascii() {
        // SAFETY: ASCII is UTF-8.
        return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).ok()
}

impl<'a, T> Filled<'a, T> {
    /// One of the struct's own pointers, which the promise for the struct includes.
    #[allow(clippy::unused_self)] // says whose pointer it is, and lends its lifetime
    fn pointer<P>(&self, pointer: *const P) -> Ptr<'a, P> {
        // SAFETY: as the struct's, which `Ptr` was promised.
        unsafe { Ptr::new(pointer) }
    }

    fn text(&self, from: *const c_char, field: &'static str) -> Result<Option<&'a str>, Error> {
        if from.is_null() { Ok(None) } else { self.required(from, field).map(Some) }
    }

    fn required(&self, from: *const c_char, field: &'static str) -> Result<&'a str, Error> {
        required(self.pointer(from), field)
    }

    fn list(&self, from: *const *const c_char, len: usize, field: &'static str) -> Result<Option<Vec<&'a str>>, Error> {
        self.pointer(from).list(len, field, utf8)
    }
}

impl<'a> Ptr<'a, *const c_char> {
    /// `None` for NULL with length 0; a pointer to no entries is a list that is empty. `read` is `None` for what is not
    /// UTF-8.
    fn list<T>(
        self,
        len: usize,
        field: &'static str,
        read: impl Fn(&'a CStr) -> Option<T>,
    ) -> Result<Option<Vec<T>>, Error> {
        let Some(from) = self.get() else {
            return match len {
                0 => Ok(None),
                _ => Err(Error::argument(field, format_args!("NULL, but {field}_len is not 0"))),
            };
        };
        let mut entries = Vec::new();
        if entries.try_reserve_exact(len).is_err() {
            return Err(Error::argument(field, format_args!("{field}_len is larger than memory")));
        }
        for at in 0..len {
            // SAFETY: an array of `len` pointers, each of them to a string, which `new` was promised.
            let entry: Ptr<'a, c_char> = unsafe { Ptr::new(*from.as_ptr().add(at)) };
            match entry.c_str().map(&read) {
                Some(Some(entry)) => entries.push(entry),
                Some(None) => return Err(Error::argument(field, format_args!("entry {at} is not UTF-8"))),
                None => return Err(Error::argument(field, format_args!("entry {at} is NULL, expected a string"))),
            }
        }
        Ok(Some(entries))
    }
}

/// `NAME=value` each; what they hold need not be UTF-8, as long as nobody wants it.
pub fn environment(from: Ptr<'_, *const c_char>, len: usize) -> Result<Vec<&[u8]>, Error> {
    Ok(from.list(len, "environment", |variable| Some(variable.to_bytes()))?.unwrap_or_default())
}

/// The parts of [`Params`] that have to be collected before they can be borrowed.
pub struct CollectedParams<'a> {
    raw: Filled<'a, r2creds_params>,
    prefixes: Option<Vec<&'a str>>,
    objects: Option<Vec<&'a str>>,
    actions: Option<Vec<&'a str>>,
    directories: Option<Vec<&'a str>>,
}

impl<'a> CollectedParams<'a> {
    pub fn read(from: Ptr<'a, r2creds_params>) -> Result<Self, Error> {
        let raw = from.read()?.ok_or_else(|| Error::argument("params", "NULL, expected a pointer to a struct"))?;
        if raw.reserved != 0 {
            return Err(Error::unsupported("reserved", "not 0, which is all this library knows"));
        }
        Ok(CollectedParams {
            prefixes: raw.list(raw.prefixes, raw.prefixes_len, "prefixes")?,
            objects: raw.list(raw.objects, raw.objects_len, "objects")?,
            actions: raw.list(raw.actions, raw.actions_len, "actions")?,
            directories: raw.list(raw.directories, raw.directories_len, "directories")?,
            raw,
        })
    }

    /// For `create`, which has no use for the parent's secret but keeps it out of errors.
    pub fn for_create(&self) -> Result<Params<'_>, Error> {
        self.params(self.parent_secret_access_key().unwrap_or_default())
    }

    pub fn for_sign(&self) -> Result<Params<'_>, Error> {
        self.params(self.parent_secret_access_key()?)
    }

    fn parent_secret_access_key(&self) -> Result<Option<&'a str>, Error> {
        self.raw.text(self.raw.parent_secret_access_key, "parent_secret_access_key")
    }

    fn params(&self, parent_secret_access_key: Option<&'a str>) -> Result<Params<'_>, Error> {
        let raw = &self.raw;
        Ok(Params {
            account_id: raw.required(raw.account_id, "account_id")?,
            bucket: raw.required(raw.bucket, "bucket")?,
            parent_access_key_id: raw.required(raw.parent_access_key_id, "parent_access_key_id")?,
            parent_secret_access_key,
            permission: permission(raw.permission)?,
            actions: self.actions.as_deref(),
            prefixes: self.prefixes.as_deref(),
            objects: self.objects.as_deref(),
            directories: self.directories.as_deref(),
            endpoint: raw.text(raw.endpoint, "endpoint")?,
            jurisdiction: Jurisdiction::try_from(raw.jurisdiction)?,
            ttl_seconds: (raw.ttl_seconds != 0).then_some(raw.ttl_seconds),
            issued_at: (raw.issued_at != 0).then_some(raw.issued_at),
        })
    }
}

/// The parts of [`InspectParams`] that have to be collected before they can be borrowed.
pub struct CollectedInspectParams<'a> {
    raw: Filled<'a, r2creds_inspect_params>,
    session_token: Cow<'a, str>,
}

impl<'a> CollectedInspectParams<'a> {
    pub fn read(from: Ptr<'a, r2creds_inspect_params>) -> Result<Self, Error> {
        let raw = from.read()?.ok_or_else(|| Error::argument("params", "NULL, expected a pointer to a struct"))?;
        let token = raw.pointer(raw.session_token).c_str();
        let token = token.ok_or_else(|| Error::argument("session_token", "NULL, expected a string"))?;
        // What is no UTF-8 is no base64 either, which is a finding.
        Ok(CollectedInspectParams { session_token: token.to_string_lossy(), raw })
    }

    pub fn params(&self) -> Result<InspectParams<'_>, Error> {
        let raw = &self.raw;
        Ok(InspectParams {
            session_token: &self.session_token,
            access_key_id: raw.text(raw.access_key_id, "access_key_id")?,
            secret_access_key: raw.text(raw.secret_access_key, "secret_access_key")?,
            parent_secret_access_key: raw.text(raw.parent_secret_access_key, "parent_secret_access_key")?,
            endpoint: raw.text(raw.endpoint, "endpoint")?,
            at: (raw.at != 0).then_some(raw.at),
        })
    }
}

pub fn client_options(from: Ptr<'_, r2creds_client_options>) -> Result<ClientOptions<'_>, Error> {
    let Some(raw) = from.read()? else { return Ok(ClientOptions::default()) };
    if raw.reserved != 0 {
        return Err(Error::unsupported("reserved", "not 0, which is all this library knows"));
    }
    if raw.flags & !R2CREDS_CLIENT_NO_ENVIRONMENT != 0 {
        return Err(Error::unsupported("flags", "has a bit that this library does not know"));
    }
    Ok(ClientOptions {
        api_token: raw.text(raw.api_token, "api_token")?,
        api_email: raw.text(raw.api_email, "api_email")?,
        api_key: raw.text(raw.api_key, "api_key")?,
        base_url: raw.text(raw.base_url, "base_url")?,
        proxy_url: raw.text(raw.proxy_url, "proxy_url")?,
        ca_file: raw.text(raw.ca_file, "ca_file")?,
        user_agent: raw.text(raw.user_agent, "user_agent")?,
        timeout: milliseconds(raw.timeout_ms),
        attempt_timeout: milliseconds(raw.attempt_timeout_ms),
        connect_timeout: milliseconds(raw.connect_timeout_ms),
        max_retries: max_retries(raw.max_retries)?,
        no_environment: raw.flags & R2CREDS_CLIENT_NO_ENVIRONMENT != 0,
    })
}

/// The parts of [`RequestOptions`] that have to be collected before they can be borrowed.
pub struct CollectedOptions<'a> {
    raw: Option<Filled<'a, r2creds_request_options>>,
    headers: Vec<&'a str>,
    poll: Option<Box<dyn Fn() -> bool>>,
}

impl<'a> CollectedOptions<'a> {
    pub fn read(from: Ptr<'a, r2creds_request_options>) -> Result<Self, Error> {
        let Some(raw) = from.read()? else {
            return Ok(CollectedOptions { raw: None, headers: Vec::new(), poll: None });
        };
        let headers = raw.list(raw.headers, raw.headers_len, "headers")?.unwrap_or_default();
        let context = raw.poll_context;
        let poll = raw.poll.map(|poll| {
            // SAFETY: the function can be called with its context, which `Ptr` was promised.
            Box::new(move || unsafe { poll(context) } != 0) as Box<dyn Fn() -> bool>
        });
        Ok(CollectedOptions { raw: Some(raw), headers, poll })
    }

    pub fn options(&self) -> Result<RequestOptions<'_>, Error> {
        let Some(raw) = &self.raw else { return Ok(RequestOptions::default()) };
        Ok(RequestOptions {
            cancel: raw.pointer(raw.cancel).object().map(|cancel| cancel.0.clone()),
            poll: self.poll.as_deref(),
            headers: &self.headers,
            extra_body: raw.text(raw.extra_body, "extra_body")?,
            timeout: milliseconds(raw.timeout_ms),
            max_retries: max_retries(raw.max_retries)?,
        })
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
