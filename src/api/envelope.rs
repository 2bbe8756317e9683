//! Cloudflare's envelope, which all calls share: reply bytes become a result or an error. Pure; and nothing secret is
//! copied into memory that nobody wipes.

use super::hints::hint;
use crate::error::{ApiError, Error, Status};
use crate::http::Reply;
use crate::json::{Object, unescape};
use crate::secret::Secret;
use crate::text::cleaned;

/// A server may send thousands of entries; a person reads a few.
const MAX_ENTRIES: usize = 64;

/// A reply that says success.
pub(super) struct Answer<'a> {
    pub result: Object<'a>,
    pub request_id: Option<String>,
    /// Unix seconds: the clock before the request was sent.
    pub asked_at: i64,
    http_status: u16,
}

impl Answer<'_> {
    /// The error for a success without what it should have brought.
    pub fn unusable(&self, problem: &str) -> Error {
        unusable(self.http_status, self.request_id.clone(), problem)
    }
}

/// Reads a reply. `secrets` and the result's `secret_fields` are not repeated in an error.
pub(super) fn read<'a>(
    reply: &'a Reply,
    secrets: &[&[u8]],
    secret_fields: &[&str],
    asked_at: i64,
) -> Result<Answer<'a>, Error> {
    let body = reply.body();
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let envelope = std::str::from_utf8(body).ok().filter(|_| !reply.is_encoded()).and_then(Object::parse);
    let result = envelope.as_ref().and_then(|envelope| Object::parse(envelope.get("result")?)).unwrap_or_default();

    // A reply that fails may still carry a secret of its own.
    let own: Vec<Secret> = secret_fields.iter().filter_map(|name| result.string(name)).collect();
    let secrets: Vec<&[u8]> = secrets.iter().copied().chain(own.iter().map(Secret::as_bytes)).collect();
    let request_id = reply.header("cf-ray").map(|id| cleaned(id.as_bytes(), &secrets)).filter(|id| !id.is_empty());
    let http_status = reply.http_status;

    let success = envelope.as_ref().and_then(|envelope| envelope.get("success"));
    if !(200..300).contains(&http_status) || success == Some("false") {
        return Err(refusal(http_status, &envelope.unwrap_or_default(), request_id, &secrets));
    }
    let problem = if reply.is_oversized() {
        "the reply is larger than 1 MiB"
    } else if reply.is_encoded() {
        "the reply is compressed, which was not asked for and is not accepted"
    } else if envelope.is_none() {
        "the body is not a JSON object"
    } else if success != Some("true") {
        "the body has no \"success\": true"
    } else {
        return Ok(Answer { result, request_id, asked_at, http_status });
    };
    Err(unusable(http_status, request_id, problem))
}

fn unusable(http_status: u16, request_id: Option<String>, problem: &str) -> Error {
    Error::new(Status::InvalidResponse, format!("HTTP {http_status}: {problem}")).with_reply(http_status, request_id)
}

/// The error for a reply that refuses.
fn refusal(http_status: u16, envelope: &Object<'_>, request_id: Option<String>, secrets: &[&[u8]]) -> Error {
    let status = match http_status {
        200..300 => Status::ApiError,
        other => Status::of_http(other),
    };
    let mut errors = Vec::new();
    for entry in envelope.list("errors") {
        collect_error(entry, secrets, &mut errors, 0);
    }
    let messages: Vec<String> = envelope
        .list("messages")
        .iter()
        .take(MAX_ENTRIES)
        // Older endpoints send objects with code and message.
        .filter_map(|entry| unescape(entry).or_else(|| Object::parse(entry)?.string("message")))
        .map(|text| cleaned(text.as_bytes(), secrets))
        .collect();

    let mut message = match http_status {
        200..300 => format!("Cloudflare refused the request (HTTP {http_status}, success false)"),
        _ => format!("Cloudflare refused the request (HTTP {http_status})"),
    };
    if let Some(first) = errors.first() {
        let text = first.message.as_deref().unwrap_or("no message");
        // The whole line keeps to the limit that its parts have.
        message = cleaned(format!("{message}: {} {text}", first.code).as_bytes(), &[]);
    }
    let mut error = Error::new(status, message).with_reply(http_status, request_id);
    let data = error.data_mut();
    data.hint = hint(http_status, &errors);
    data.errors = errors;
    data.messages = messages;
    error
}

/// An entry of `errors`, and those of its nested `error_chain` behind it.
fn collect_error(entry: &str, secrets: &[&[u8]], errors: &mut Vec<ApiError>, depth: usize) {
    let Some(object) = Object::parse(entry).filter(|_| errors.len() < MAX_ENTRIES && depth < 8) else {
        return;
    };
    let text = |text: Secret| cleaned(text.as_bytes(), secrets);
    let source = object.get("source").and_then(Object::parse).unwrap_or_default();
    let code = object.get("code").unwrap_or_default();
    errors.push(ApiError {
        // Some endpoints quote the number.
        code: code.trim_matches('"').parse().unwrap_or_default(),
        message: object.string("message").map(text),
        documentation_url: object.string("documentation_url").map(text),
        pointer: source.string("pointer").map(text),
    });
    for inner in object.list("error_chain") {
        collect_error(inner, secrets, errors, depth + 1);
    }
}
