//! The C functions, called the way a C program calls them, with owned copies of what they return.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use r2creds::ffi::*;

pub const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
pub const PARENT_ID: &str = "0123456789abcdef0123456789abcdef";
pub const PARENT_SECRET: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
pub const API_TOKEN: &str = "api-token-that-nobody-may-see-0123456789";

/// An `r2creds_params` and the memory it points to. Change `raw` at will; strings come from `text` and `list`.
pub struct Params {
    pub raw: r2creds_params,
    pub memory: Memory,
}

/// Strings that live as long as the struct that points to them.
#[derive(Default)]
pub struct Memory {
    strings: Vec<CString>,
    lists: Vec<Vec<*const c_char>>,
}

impl Memory {
    pub fn text(&mut self, bytes: impl AsRef<[u8]>) -> *const c_char {
        let string = CString::new(bytes.as_ref()).unwrap();
        let pointer = string.as_ptr();
        self.strings.push(string);
        pointer
    }

    pub fn list<T: AsRef<[u8]>>(&mut self, entries: &[T]) -> (*const *const c_char, usize) {
        let pointers: Vec<_> = entries.iter().map(|entry| self.text(entry)).collect();
        let start = pointers.as_ptr();
        self.lists.push(pointers);
        (start, entries.len())
    }
}

/// All zero but for the size, as the `_INIT` macros do it.
pub fn init<T>() -> T {
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: every struct this is used for begins with its size and may be zero.
    unsafe {
        value.as_mut_ptr().cast::<usize>().write(size_of::<T>());
        value.assume_init()
    }
}

impl Params {
    pub fn empty() -> Self {
        Params { raw: init(), memory: Memory::default() }
    }

    /// Valid for create and for sign.
    pub fn valid() -> Self {
        let mut params = Params::empty();
        params.raw.account_id = params.memory.text(ACCOUNT);
        params.raw.bucket = params.memory.text("example-bucket");
        params.raw.parent_access_key_id = params.memory.text(PARENT_ID);
        params.raw.parent_secret_access_key = params.memory.text(PARENT_SECRET);
        params.raw.permission = R2CREDS_PERMISSION_OBJECT_READ_WRITE;
        params
    }

    pub fn prefixes<T: AsRef<[u8]>>(&mut self, entries: &[T]) -> &mut Self {
        (self.raw.prefixes, self.raw.prefixes_len) = self.memory.list(entries);
        self
    }

    pub fn objects<T: AsRef<[u8]>>(&mut self, entries: &[T]) -> &mut Self {
        (self.raw.objects, self.raw.objects_len) = self.memory.list(entries);
        self
    }

    pub fn directories<T: AsRef<[u8]>>(&mut self, entries: &[T]) -> &mut Self {
        (self.raw.directories, self.raw.directories_len) = self.memory.list(entries);
        self
    }

    pub fn actions<T: AsRef<[u8]>>(&mut self, entries: &[T]) -> &mut Self {
        (self.raw.actions, self.raw.actions_len) = self.memory.list(entries);
        self
    }

    pub fn sign(&self) -> Outcome<Credentials> {
        call(|out, err| unsafe { r2creds_sign(&raw const self.raw, out, err) })
    }
}

pub struct Options {
    pub raw: r2creds_client_options,
    pub memory: Memory,
}

impl Options {
    pub fn empty() -> Self {
        Options { raw: init(), memory: Memory::default() }
    }

    /// A token and a base URL, and nothing from the environment.
    pub fn to(base_url: &str) -> Self {
        let mut options = Options::empty();
        options.raw.base_url = options.memory.text(base_url);
        options.raw.api_token = options.memory.text(API_TOKEN);
        options.raw.proxy_url = options.memory.text("");
        options
    }

    pub fn client(&self) -> Outcome<Client> {
        call(|out, err| unsafe { r2creds_client_new(&raw const self.raw, out, err) })
    }
}

/// What create may be given for one call.
pub struct RequestOptions {
    pub raw: r2creds_request_options,
    pub memory: Memory,
}

impl RequestOptions {
    pub fn empty() -> Self {
        RequestOptions { raw: init(), memory: Memory::default() }
    }

    pub fn headers<T: AsRef<[u8]>>(&mut self, lines: &[T]) -> &mut Self {
        (self.raw.headers, self.raw.headers_len) = self.memory.list(lines);
        self
    }
}

/// Freed when dropped.
pub struct Client(pub *mut r2creds_client);

// SAFETY: the header promises it.
unsafe impl Send for Client {}
// SAFETY: the header promises it.
unsafe impl Sync for Client {}

impl Drop for Client {
    fn drop(&mut self) {
        unsafe { r2creds_client_free(self.0) }
    }
}

impl Client {
    pub fn create(&self, params: &Params) -> Outcome<Credentials> {
        call(|out, err| unsafe { r2creds_create(self.0, &raw const params.raw, ptr::null(), out, err) })
    }

    pub fn create_with(&self, params: &Params, options: &RequestOptions) -> Outcome<Credentials> {
        call(|out, err| unsafe { r2creds_create(self.0, &raw const params.raw, &raw const options.raw, out, err) })
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
    pub endpoint: String,
    pub request_id: Option<String>,
    pub issued_at: i64,
    pub expires_at: i64,
}

/// Code, message, documentation URL, pointer.
pub type ApiError = (i64, Option<String>, Option<String>, Option<String>);

/// What a function returns: on the heap, where a failure makes no result large.
pub type Outcome<T> = Result<T, Box<Failure>>;

/// A status and everything its error object holds.
#[derive(Debug)]
pub struct Failure {
    pub status: r2creds_status,
    pub message: String,
    pub hint: Option<String>,
    pub request_id: Option<String>,
    pub field: Option<String>,
    pub errors: Vec<ApiError>,
    pub messages: Vec<String>,
    pub retry_after_ms: i64,
    pub http_status: i32,
    pub retryable: bool,
    pub attempts: i32,
}

impl Failure {
    /// Every text in it, to be searched for what must not be there.
    pub fn texts(&self) -> String {
        format!("{self:?}")
    }
}

pub trait FromC: Sized {
    type Raw;
    /// # Safety
    /// A live object, which is consumed.
    unsafe fn from_c(raw: *mut Self::Raw) -> Self;
}

impl FromC for Client {
    type Raw = r2creds_client;
    unsafe fn from_c(raw: *mut r2creds_client) -> Self {
        Client(raw)
    }
}

impl FromC for Credentials {
    type Raw = r2creds_credentials;
    unsafe fn from_c(raw: *mut r2creds_credentials) -> Self {
        unsafe {
            let view = &*raw;
            assert_eq!(view.struct_size, size_of::<r2creds_credentials>());
            let copy = Credentials {
                access_key_id: owned(view.access_key_id).unwrap(),
                secret_access_key: owned(view.secret_access_key).unwrap(),
                session_token: owned(view.session_token).unwrap(),
                endpoint: owned(view.endpoint).unwrap(),
                request_id: owned(view.request_id),
                issued_at: view.issued_at,
                expires_at: view.expires_at,
            };
            r2creds_credentials_free(raw);
            copy
        }
    }
}

impl Failure {
    unsafe fn from_c(raw: *mut r2creds_error) -> Self {
        unsafe {
            let view = &*raw;
            assert_eq!(view.struct_size, size_of::<r2creds_error>());
            let errors = (0..view.errors_len).map(|at| {
                let entry = &**view.errors.add(at);
                assert_eq!(entry.struct_size, size_of::<r2creds_api_error>());
                (entry.code, owned(entry.message), owned(entry.documentation_url), owned(entry.pointer))
            });
            let copy = Failure {
                status: view.status,
                message: owned(view.message).unwrap(),
                hint: owned(view.hint),
                request_id: owned(view.request_id),
                field: owned(view.field),
                errors: errors.collect(),
                messages: (0..view.messages_len).map(|at| owned(*view.messages.add(at)).unwrap()).collect(),
                retry_after_ms: view.retry_after_ms,
                http_status: view.http_status,
                retryable: view.retryable != 0,
                attempts: view.attempts,
            };
            r2creds_error_free(raw);
            copy
        }
    }
}

/// # Safety
/// NULL, or a string.
pub unsafe fn owned(text: *const c_char) -> Option<String> {
    if text.is_null() { None } else { Some(unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned()) }
}

/// Calls a function and holds it to the rules for its outputs.
pub fn call<T: FromC>(
    function: impl FnOnce(*mut *mut T::Raw, *mut *mut r2creds_error) -> r2creds_status,
) -> Outcome<T> {
    // Not NULL before the call, so that a function that leaves them alone is found out.
    let mut out = ptr::dangling_mut::<T::Raw>();
    let mut err = ptr::dangling_mut::<r2creds_error>();
    let status = function(&raw mut out, &raw mut err);
    if status == R2CREDS_STATUS_OK {
        assert!(err.is_null() && !out.is_null());
        // SAFETY: the function said so.
        return Ok(unsafe { T::from_c(out) });
    }
    assert!(out.is_null() && !err.is_null());
    // SAFETY: the function said so.
    let failure = unsafe { Failure::from_c(err) };
    assert_eq!(failure.status, status);
    Err(Box::new(failure))
}
