//! Rust out: results and errors become objects that C reads and gives back.

use std::ffi::{CString, c_char};
use std::mem::size_of;
use std::ops::Deref;
use std::ptr;
use std::sync::Arc;

use super::pointer::{Object, Owned};
use super::types::{
    r2creds_api_error, r2creds_cancel, r2creds_client, r2creds_credentials, r2creds_error, r2creds_finding,
    r2creds_inspection, r2creds_parent, r2creds_provider,
};
use crate::api::Parent;
use crate::credentials::Credentials;
use crate::error::{ApiError, Error};
use crate::inspect::{Finding, Inspection};
use crate::params::Permission;
use crate::provider::Share;

impl Object for r2creds_client {
    type Kept = ();
}

impl Object for r2creds_cancel {
    type Kept = ();
}

impl Object for r2creds_provider {
    type Kept = ();
}

impl Object for r2creds_credentials {
    type Kept = KeptCredentials;
}

impl Object for r2creds_error {
    type Kept = ErrorParts;
}

impl Object for r2creds_inspection {
    type Kept = InspectionParts;
}

impl Object for r2creds_parent {
    type Kept = Parent;
}

/// Everything that an error points to, and what that points to.
pub struct ErrorParts {
    _strings: Strings,
    _errors: Vec<r2creds_api_error>,
    _error_pointers: Vec<*const r2creds_api_error>,
    _message_pointers: Vec<*const c_char>,
}

/// A credential that C owns alone, or shares with a provider.
pub enum KeptCredentials {
    Own(Credentials),
    Shared(Arc<Share>),
}

impl Deref for KeptCredentials {
    type Target = Credentials;

    fn deref(&self) -> &Credentials {
        match self {
            KeptCredentials::Own(credentials) => credentials,
            KeptCredentials::Shared(credentials) => credentials,
        }
    }
}

pub fn credentials(credentials: Credentials) -> Box<Owned<r2creds_credentials>> {
    kept_credentials(KeptCredentials::Own(credentials))
}

pub fn shared_credentials(credentials: Arc<Share>) -> Box<Owned<r2creds_credentials>> {
    kept_credentials(KeptCredentials::Shared(credentials))
}

fn kept_credentials(credentials: KeptCredentials) -> Box<Owned<r2creds_credentials>> {
    // They point to the heap, which stays where it is when the credential moves.
    let [access_key_id, secret_access_key, session_token, endpoint, request_id] = credentials.c_strings();
    let view = r2creds_credentials {
        struct_size: size_of::<r2creds_credentials>(),
        access_key_id,
        secret_access_key,
        session_token,
        endpoint,
        request_id,
        issued_at: credentials.issued_at(),
        expires_at: credentials.expires_at(),
        renew_at: credentials.renew_at(),
        renew_by: credentials.renew_by(),
    };
    Owned::new(view, credentials)
}

pub fn error(error: &Error) -> Box<Owned<r2creds_error>> {
    let data = error.data();
    let mut strings = Strings::default();
    let mut keep = |text: Option<&str>| strings.keep(text);
    let errors: Vec<r2creds_api_error> = data
        .errors
        .iter()
        .map(|ApiError { code, message, documentation_url, pointer }| r2creds_api_error {
            struct_size: size_of::<r2creds_api_error>(),
            message: keep(message.as_deref()),
            documentation_url: keep(documentation_url.as_deref()),
            pointer: keep(pointer.as_deref()),
            code: *code,
        })
        .collect();
    let error_pointers: Vec<*const r2creds_api_error> = errors.iter().map(ptr::from_ref).collect();
    let message_pointers: Vec<*const c_char> = data.messages.iter().map(|message| keep(Some(message))).collect();
    let view = r2creds_error {
        struct_size: size_of::<r2creds_error>(),
        message: keep(Some(&data.message)),
        hint: keep(data.hint),
        request_id: keep(data.request_id.as_deref()),
        field: keep(data.field),
        errors: start(&error_pointers),
        errors_len: error_pointers.len(),
        messages: start(&message_pointers),
        messages_len: message_pointers.len(),
        retry_after_ms: data.retry_after.map_or(-1, |asked| i64::try_from(asked.as_millis()).unwrap_or(i64::MAX)),
        status: data.status.code(),
        http_status: i32::from(data.http_status),
        retryable: i32::from(data.retryable),
        attempts: i32::try_from(data.attempts).unwrap_or(i32::MAX),
    };
    let parts = ErrorParts {
        _strings: strings,
        _errors: errors,
        _error_pointers: error_pointers,
        _message_pointers: message_pointers,
    };
    Owned::new(view, parts)
}

/// Strings for C to point to.
#[derive(Default)]
struct Strings(Vec<CString>);

impl Strings {
    fn keep(&mut self, text: Option<&str>) -> *const c_char {
        let Some(text) = text else { return ptr::null() };
        let string = c_string(text);
        // A CString's bytes stay where they are when the CString moves.
        let pointer = string.as_ptr();
        self.0.push(string);
        pointer
    }

    fn keep_all(&mut self, texts: &[String]) -> Vec<*const c_char> {
        texts.iter().map(|text| self.keep(Some(text))).collect()
    }
}

/// What an inspection is asked for, and everything that it points to.
pub struct InspectionParts {
    pub inspection: Inspection,
    _strings: Strings,
    _lists: [Vec<*const c_char>; 3],
    _findings: Vec<r2creds_finding>,
    _finding_pointers: Vec<*const r2creds_finding>,
}

pub fn inspection(inspection: Inspection) -> Box<Owned<r2creds_inspection>> {
    let mut strings = Strings::default();
    let lists = [inspection.prefixes(), inspection.objects(), inspection.actions()].map(|list| strings.keep_all(list));
    let [prefixes, objects, actions] = &lists;
    let finding = |finding: &Finding, strings: &mut Strings| r2creds_finding {
        struct_size: size_of::<r2creds_finding>(),
        code: strings.keep(Some(finding.code())),
        message: strings.keep(Some(finding.message())),
        hint: strings.keep(finding.hint()),
    };
    let findings: Vec<r2creds_finding> = inspection.findings().iter().map(|each| finding(each, &mut strings)).collect();
    let finding_pointers: Vec<*const r2creds_finding> = findings.iter().map(ptr::from_ref).collect();
    let view = r2creds_inspection {
        struct_size: size_of::<r2creds_inspection>(),
        account_id: strings.keep(inspection.account_id()),
        bucket: strings.keep(inspection.bucket()),
        parent_access_key_id: strings.keep(inspection.parent_access_key_id()),
        host: strings.keep(inspection.host()),
        prefixes: start(prefixes),
        prefixes_len: prefixes.len(),
        objects: start(objects),
        objects_len: objects.len(),
        actions: start(actions),
        actions_len: actions.len(),
        findings: start(&finding_pointers),
        findings_len: finding_pointers.len(),
        issued_at: inspection.issued_at().unwrap_or_default(),
        expires_at: inspection.expires_at().unwrap_or_default(),
        permission: inspection.permission().map_or(0, Permission::code),
        is_refused: i32::from(inspection.is_refused()),
    };
    let parts = InspectionParts {
        inspection,
        _strings: strings,
        _lists: lists,
        _findings: findings,
        _finding_pointers: finding_pointers,
    };
    Owned::new(view, parts)
}

pub fn parent(parent: Parent) -> Box<Owned<r2creds_parent>> {
    // They point to the heap, which stays where it is when the pair moves.
    let [access_key_id, secret_access_key, token_status] = parent.c_strings();
    let view = r2creds_parent {
        struct_size: size_of::<r2creds_parent>(),
        access_key_id,
        secret_access_key,
        token_status,
        not_before: parent.not_before().unwrap_or_default(),
        expires_at: parent.expires_at().unwrap_or_default(),
        kind: parent.kind().code(),
        reserved: 0,
    };
    Owned::new(view, parent)
}

/// NULL for an empty array, because an empty `Vec` has a pointer too, to nothing.
fn start<T>(pointers: &[*const T]) -> *const *const T {
    if pointers.is_empty() { ptr::null() } else { pointers.as_ptr() }
}

/// A text with a NUL in it would end there; no text of ours has one.
fn c_string(text: &str) -> CString {
    CString::new(text.replace('\0', " ")).unwrap_or_default()
}
