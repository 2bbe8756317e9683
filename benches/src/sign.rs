//! Signing through the C functions of the shipped library, against the bare hashing of the same bytes.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;
use std::{mem, ptr};

use aws_lc_rs::{digest, hmac};

use crate::stats::Pair;

const SECRET: &CStr = c"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// `r2creds_params` of 0.1.0, which every later library takes; written out because the library is loaded, not linked.
#[repr(C)]
struct Params {
    struct_size: usize,
    account_id: *const c_char,
    bucket: *const c_char,
    parent_access_key_id: *const c_char,
    parent_secret_access_key: *const c_char,
    prefixes: *const *const c_char,
    prefixes_len: usize,
    objects: *const *const c_char,
    objects_len: usize,
    actions: *const *const c_char,
    actions_len: usize,
    endpoint: *const c_char,
    issued_at: i64,
    ttl_seconds: u32,
    permission: i32,
    jurisdiction: i32,
    reserved: i32,
}

/// As much of `r2creds_credentials` as is read here.
#[repr(C)]
struct Credentials {
    struct_size: usize,
    access_key_id: *const c_char,
    secret_access_key: *const c_char,
    session_token: *const c_char,
}

type Sign = unsafe extern "C" fn(*const Params, *mut *mut Credentials, *mut *mut c_void) -> c_int;
type Free = unsafe extern "C" fn(*mut Credentials);

pub struct Library {
    sign: Sign,
    free: Free,
}

impl Library {
    pub fn load(path: &Path) -> Result<Self, String> {
        let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| "a path with a NUL")?;
        // SAFETY: the library is the one this package belongs to; its header declares the two functions like this.
        unsafe {
            let handle = libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
            let symbol = |name: &CStr| match libc::dlsym(handle, name.as_ptr()) {
                found if handle.is_null() || found.is_null() => Err(format!("{}: not loadable", path.display())),
                found => Ok(found),
            };
            Ok(Library {
                sign: mem::transmute::<*mut c_void, Sign>(symbol(c"r2creds_sign")?),
                free: mem::transmute::<*mut c_void, Free>(symbol(c"r2creds_credentials_free")?),
            })
        }
    }

    /// Pairs of nanoseconds per call: ours, and the bare hashing of the bytes ours hashes.
    pub fn measure(&self, prefixes: usize, pairs: usize, calls: usize) -> Pair {
        let texts: Vec<CString> =
            (0..prefixes).map(|at| CString::new(format!("customers/{at:05}/uploads/")).unwrap()).collect();
        let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        // SAFETY: all zero is what R2CREDS_PARAMS_INIT starts from.
        let mut params: Params = unsafe { mem::zeroed() };
        params.struct_size = size_of::<Params>();
        params.account_id = c"023e105f4ecef8ad9ca31a8372d0c353".as_ptr();
        params.bucket = c"example-bucket".as_ptr();
        params.parent_access_key_id = c"0123456789abcdef0123456789abcdef".as_ptr();
        params.parent_secret_access_key = SECRET.as_ptr();
        (params.prefixes, params.prefixes_len) = (pointers.as_ptr(), pointers.len());
        params.permission = 2;

        let jwt = self.jwt(&params);
        let input = &jwt[..jwt.iter().rposition(|byte| *byte == b'.').unwrap()];
        let mut samples = Pair::default();
        for at in 0..=pairs {
            let ours = timed(calls, || {
                let mut out = ptr::null_mut();
                // SAFETY: as the header wants it.
                unsafe {
                    assert_eq!((self.sign)(black_box(&raw const params), &raw mut out, ptr::null_mut()), 0);
                    (self.free)(out);
                }
            });
            let bare = timed(calls, || {
                let key = hmac::Key::new(hmac::HMAC_SHA256, black_box(SECRET.to_bytes()));
                black_box(hmac::sign(&key, black_box(input)));
                black_box(digest::digest(&digest::SHA256, black_box(&jwt)));
            });
            // The first pair only warms up.
            if at > 0 {
                samples.push(ours, bare);
            }
        }
        samples
    }

    /// The JWT inside one session token.
    fn jwt(&self, params: &Params) -> Vec<u8> {
        let mut out = ptr::null_mut();
        // SAFETY: as the header wants it.
        unsafe {
            assert_eq!((self.sign)(params, &raw mut out, ptr::null_mut()), 0);
            let token = CStr::from_ptr((*out).session_token).to_bytes();
            let decoded = base64_simd::STANDARD.decode_to_vec(token).unwrap();
            (self.free)(out);
            decoded.strip_prefix(b"jwt/").unwrap().to_vec()
        }
    }
}

/// Nanoseconds per call, of the fastest of a few short runs: what other programs take away is not what a call costs.
fn timed(calls: usize, mut call: impl FnMut()) -> f64 {
    const RUNS: usize = 5;
    let mut fastest = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..calls {
            call();
        }
        fastest = fastest.min(start.elapsed().as_nanos() as f64 / calls as f64);
    }
    fastest
}
