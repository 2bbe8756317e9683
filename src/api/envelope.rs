//! Cloudflare's envelope, which all calls share: reply bytes become a result or an error. Pure; and nothing secret is
//! copied into memory that nobody wipes.

use super::hints::{self, Hints};
use crate::error::{ApiError, Error, Status};
use crate::http::{Reply, Unreadable};
use crate::json::{Object, unescape};
use crate::secret::Secret;
use crate::text::cleaned;
use crate::url::Url;

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

/// Reads a reply. `secrets` and the result's `secret_fields` are not repeated in an error; `own_hints` are the call's.
pub(super) fn read<'a>(
    reply: &'a Reply,
    secrets: &[&[u8]],
    secret_fields: &[&str],
    own_hints: Hints,
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
        return Err(refusal(reply, &envelope.unwrap_or_default(), request_id, &secrets, own_hints));
    }
    let problem = if let Some(unreadable) = reply.unreadable() {
        match unreadable {
            Unreadable::TooLarge(problem) => *problem,
            Unreadable::Malformed(problem) => problem.as_str(),
        }
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

/// The error for a reply that refuses. `envelope` is empty where the body is not Cloudflare's.
fn refusal(
    reply: &Reply,
    envelope: &Object<'_>,
    request_id: Option<String>,
    secrets: &[&[u8]],
    own_hints: Hints,
) -> Error {
    let http_status = reply.http_status;
    let is_success = (200..300).contains(&http_status);
    let status = if is_success { Status::ApiError } else { Status::of_http(http_status) };
    let is_envelope = envelope.get("success").is_some() || envelope.get("errors").is_some();
    let mut errors = Vec::new();
    let mut innermost = 0;
    for (at, entry) in envelope.list("errors").into_iter().enumerate() {
        collect_error(entry, secrets, &mut errors, 0);
        if at == 0 {
            innermost = errors.len().saturating_sub(1);
        }
    }
    let messages: Vec<String> = envelope
        .list("messages")
        .iter()
        .take(MAX_ENTRIES)
        // Older endpoints send objects with code and message.
        .filter_map(|entry| unescape(entry).or_else(|| Object::parse(entry)?.string("message")))
        .map(|text| cleaned(text.as_bytes(), secrets))
        .collect();

    let mut message = match (is_envelope || request_id.is_some(), is_success) {
        (true, true) => format!("Cloudflare refused the request (HTTP {http_status}, success false)"),
        (true, false) => format!("Cloudflare refused the request (HTTP {http_status})"),
        (false, _) => format!("refused with HTTP {http_status}, but not in the form of Cloudflare's API"),
    };
    // The first error says what went wrong, and the end of its chain says where.
    for error in errors.iter().take(1).chain(errors.get(innermost).filter(|_| innermost > 0)) {
        let text = error.message.as_deref().unwrap_or("no message");
        message = format!("{message}: {} {text}", error.code);
    }
    if (300..400).contains(&http_status)
        && let Some(location) = reply.header("location")
    {
        let host = Url::parse(&location).map_or_else(|_| "another path".to_owned(), |url| url.host);
        message = format!("{message}: a redirect to {host}, which is not followed");
    }
    // The whole line keeps to the limit that its parts have.
    let mut error = Error::new(status, cleaned(message.as_bytes(), secrets)).with_reply(http_status, request_id);
    let data = error.data_mut();
    data.hint = if is_envelope {
        hints::of_envelope(http_status, &errors, own_hints)
    } else {
        let is_challenge = reply.header("cf-mitigated").is_some_and(|value| value.trim() == "challenge");
        hints::of_page(http_status, is_challenge, reply.body())
    };
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
