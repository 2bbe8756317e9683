//! Any params through the C functions: signed, with claims that are JSON, or refused with the field's name.
#![no_main]

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use r2creds::ffi::*;

#[derive(Arbitrary, Debug)]
struct Given<'a> {
    /// `None`: the struct's own.
    struct_size: Option<u16>,
    /// `None`: a valid one, so that most inputs get past the first check.
    account_id: Option<&'a [u8]>,
    bucket: Option<&'a [u8]>,
    parent_access_key_id: Option<&'a [u8]>,
    parent_secret_access_key: Option<&'a [u8]>,
    endpoint: Option<&'a [u8]>,
    prefixes: Vec<&'a [u8]>,
    objects: Vec<&'a [u8]>,
    directories: Vec<&'a [u8]>,
    /// Some of the known ones by their place, others as they are.
    actions: Vec<Result<u8, &'a [u8]>>,
    issued_at: i64,
    ttl_seconds: u32,
    permission: i8,
    jurisdiction: i8,
    reserved: bool,
    null: Option<u8>,
}

/// What ends a string for C ends it here.
fn text(bytes: &[u8]) -> CString {
    CString::new(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).unwrap()
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).collect()
}

fuzz_target!(|given: Given<'_>| {
    let texts = [
        text(given.account_id.unwrap_or(b"023e105f4ecef8ad9ca31a8372d0c353")),
        text(given.bucket.unwrap_or(b"example-bucket")),
        text(given.parent_access_key_id.unwrap_or(b"0123456789abcdef0123456789abcdef")),
        text(given.parent_secret_access_key.unwrap_or(&[b'5'; 64])),
    ];
    let endpoint = given.endpoint.map(text);
    let prefixes: Vec<CString> = given.prefixes.iter().map(|path| text(path)).collect();
    let objects: Vec<CString> = given.objects.iter().map(|path| text(path)).collect();
    let directories: Vec<CString> = given.directories.iter().map(|path| text(path)).collect();
    let actions: Vec<CString> = given
        .actions
        .iter()
        .map(|action| match action {
            Ok(at) => text(r2creds::ACTIONS[usize::from(*at) % 16].as_bytes()),
            Err(bytes) => text(bytes),
        })
        .collect();
    let mut lists = [&prefixes, &objects, &actions, &directories].map(|list| pointers(list));
    if let Some(at) = given.null
        && let Some(entry) = lists.iter_mut().flatten().nth(usize::from(at))
    {
        *entry = ptr::null();
    }
    let [account_id, bucket, parent_access_key_id, parent_secret_access_key] =
        texts.each_ref().map(|text| text.as_ptr());
    let params = r2creds_params {
        struct_size: size_of::<r2creds_params>(),
        account_id,
        bucket,
        parent_access_key_id,
        parent_secret_access_key,
        prefixes: lists[0].as_ptr(),
        prefixes_len: lists[0].len(),
        objects: lists[1].as_ptr(),
        objects_len: lists[1].len(),
        actions: lists[2].as_ptr(),
        actions_len: lists[2].len(),
        endpoint: endpoint.as_ref().map_or(ptr::null(), |text| text.as_ptr()),
        issued_at: given.issued_at,
        ttl_seconds: given.ttl_seconds,
        permission: given.permission.into(),
        jurisdiction: given.jurisdiction.into(),
        reserved: given.reserved.into(),
        directories: lists[3].as_ptr(),
        directories_len: lists[3].len(),
    };
    // Exactly as long as it says, so that a sanitizer sees a byte too many.
    let size = given.struct_size.map_or(size_of::<r2creds_params>(), usize::from);
    let mut words = vec![0_usize; size.div_ceil(size_of::<usize>()).max(1)];
    // SAFETY: as many bytes as both have; the result of each call is freed once.
    unsafe {
        let fits = size.min(size_of::<r2creds_params>());
        ptr::from_ref(&params).cast::<u8>().copy_to_nonoverlapping(words.as_mut_ptr().cast(), fits);
        words[0] = size;
        let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
        let status = r2creds_sign(words.as_ptr().cast(), &raw mut out, &raw mut err);
        assert_eq!(out.is_null(), status != R2CREDS_STATUS_OK);
        assert_eq!(err.is_null(), status == R2CREDS_STATUS_OK);
        if let Some(made) = out.as_ref() {
            check(&params, made, prefixes.len() + objects.len() + 2 * directories.len());
        }
        if let Some(error) = err.as_ref() {
            assert!(matches!(status, R2CREDS_STATUS_INVALID_ARGUMENT | R2CREDS_STATUS_UNSUPPORTED));
            let field = CStr::from_ptr(error.field).to_bytes();
            let message = CStr::from_ptr(error.message).to_str().unwrap();
            assert!(message.as_bytes().starts_with(field) && !message.chars().any(char::is_control));
            assert_eq!((error.attempts, error.http_status), (0, 0));
        }
        r2creds_credentials_free(out);
        r2creds_error_free(err);
    }
});

/// The claims say what was granted, and nothing that was smuggled in with a string.
///
/// # Safety
/// A live credential.
unsafe fn check(params: &r2creds_params, made: &r2creds_credentials, paths: usize) {
    let token = unsafe { CStr::from_ptr(made.session_token) }.to_str().unwrap();
    let jwt = decoded(token);
    let claims = jwt.strip_prefix(b"jwt/").unwrap().split(|byte| *byte == b'.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&decoded(std::str::from_utf8(claims).unwrap())).unwrap();
    let claims = claims.as_object().unwrap();
    assert_eq!(claims["exp"].as_i64(), Some(made.expires_at));
    assert_eq!(claims.contains_key("scope"), params.permission != 0);
    assert_eq!(claims.contains_key("actions"), params.permission == 0);
    assert_eq!(claims.contains_key("paths"), paths > 0);
    assert_eq!(claims.len(), 7 + usize::from(paths > 0));
    if let Some(granted) = claims.get("paths") {
        let count = |name: &str| granted[name].as_array().unwrap().len();
        assert_eq!(count("prefixPaths") + count("objectPaths"), paths);
    }
}

/// base64 of either alphabet.
fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for character in text.trim_end_matches('=').bytes() {
        let value = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            other => panic!("{other} in base64"),
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}
