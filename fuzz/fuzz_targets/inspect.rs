//! Any session token, or any claims inside a real one, through the C functions: an inspection, and never a panic.
#![no_main]

use std::ffi::{CStr, CString, c_char};
use std::ptr;

use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use r2creds::ffi::*;

#[derive(Arbitrary, Debug)]
enum Token<'a> {
    /// As it is.
    Text(&'a [u8]),
    /// A JWT of these parts, encoded as a session token is.
    Jwt { header: Option<&'a [u8]>, claims: &'a [u8], signature: Option<&'a [u8]> },
}

#[derive(Arbitrary, Debug)]
struct Given<'a> {
    token: Token<'a>,
    access_key_id: Option<&'a [u8]>,
    secret_access_key: Option<&'a [u8]>,
    parent_secret_access_key: Option<&'a [u8]>,
    endpoint: Option<&'a [u8]>,
    at: i64,
    action: Result<u8, &'a [u8]>,
    key: Option<&'a [u8]>,
}

/// What ends a string for C ends it here.
fn text(bytes: &[u8]) -> CString {
    CString::new(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).unwrap()
}

fn base64(alphabet: &[u8; 64], bytes: &[u8], padding: &str) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        let digits = (0..=chunk.len()).map(|at| alphabet[(bits >> (18 - 6 * at) & 63) as usize]);
        text.extend(digits.map(char::from));
        text.push_str(&padding.repeat(3 - chunk.len()));
    }
    text
}

fn session_token(token: &Token<'_>) -> CString {
    const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    match *token {
        Token::Text(bytes) => text(bytes),
        Token::Jwt { header, claims, signature } => {
            let parts = [header.unwrap_or(br#"{"alg":"HS256","typ":"JWT"}"#), claims, signature.unwrap_or(&[7; 32])];
            let jwt = parts.map(|part| base64(URL_SAFE, part, "")).join(".");
            text(base64(STANDARD, format!("jwt/{jwt}").as_bytes(), "=").as_bytes())
        }
    }
}

fuzz_target!(|given: Given<'_>| {
    let token = session_token(&given.token);
    let texts = [given.access_key_id, given.secret_access_key, given.parent_secret_access_key, given.endpoint]
        .map(|bytes| bytes.map(text));
    let [access_key_id, secret_access_key, parent_secret_access_key, endpoint] =
        texts.each_ref().map(|text| text.as_ref().map_or(ptr::null(), |text| text.as_ptr()));
    let params = r2creds_inspect_params {
        struct_size: size_of::<r2creds_inspect_params>(),
        session_token: token.as_ptr(),
        access_key_id,
        secret_access_key,
        parent_secret_access_key,
        endpoint,
        at: given.at,
    };
    let action = match given.action {
        Ok(at) => text(r2creds::ACTIONS[usize::from(at) % 16].as_bytes()),
        Err(bytes) => text(bytes),
    };
    let key = given.key.map(text);
    // SAFETY: the result of each call is freed once.
    unsafe {
        let (mut out, mut err) = (ptr::null_mut(), ptr::null_mut());
        let status = r2creds_inspect(&raw const params, &raw mut out, &raw mut err);
        assert_eq!(out.is_null(), status != R2CREDS_STATUS_OK);
        assert_eq!(err.is_null(), status == R2CREDS_STATUS_OK);
        if let Some(inspection) = out.as_ref() {
            check(inspection);
            let key = key.as_ref().map_or(ptr::null(), |key| key.as_ptr());
            let allowed = r2creds_inspection_allows(out, action.as_ptr(), key);
            assert!((-1..=1).contains(&allowed));
        }
        if let Some(error) = err.as_ref() {
            assert_eq!(status, R2CREDS_STATUS_INVALID_ARGUMENT);
            assert_ne!(CStr::from_ptr(error.field).to_bytes(), b"session_token");
        }
        r2creds_inspection_free(out);
        r2creds_error_free(err);
    }
});

/// # Safety
/// A live inspection.
unsafe fn check(inspection: &r2creds_inspection) {
    let line = |text: *const c_char| unsafe { CStr::from_ptr(text) }.to_str().unwrap();
    let mut codes = Vec::new();
    for at in 0..inspection.findings_len {
        let finding = unsafe { &**inspection.findings.add(at) };
        let message = line(finding.message);
        assert!(!message.is_empty() && message.len() < 4096 && !message.chars().any(char::is_control));
        assert!(finding.hint.is_null() || !line(finding.hint).is_empty());
        codes.push(line(finding.code));
    }
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), count, "each code at most once");
}
