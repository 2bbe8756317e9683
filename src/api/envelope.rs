//! Response bytes become credentials or an error. Pure; and nothing secret is copied into memory that nobody wipes.

use base64_simd::{Out, STANDARD, URL_SAFE_NO_PAD};

use super::retry;
use crate::clock;
use crate::error::{ApiError, Error, Status};
use crate::http::Reply;
use crate::json::{Object, unescape};
use crate::secret::Secret;
use crate::text::cleaned;

/// A server may send thousands of entries; a person reads a few.
const MAX_ENTRIES: usize = 64;

/// The three strings of a success, and when the token ends if it says so.
pub(crate) struct Minted {
    pub access_key_id: Secret,
    pub secret_access_key: Secret,
    pub session_token: Secret,
    pub expires_at: Option<i64>,
    pub request_id: Option<String>,
}

/// Reads a reply. `secrets` are those this call knows; none of them is repeated in an error.
pub(crate) fn read(reply: &Reply, secrets: &[&[u8]]) -> Result<Minted, Error> {
    let is_success = (200..300).contains(&reply.http_status);
    let body = reply.body.as_bytes();
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let envelope = std::str::from_utf8(body).ok().filter(|_| !reply.is_encoded).and_then(Object::parse);
    let result = envelope.as_ref().and_then(|envelope| Object::parse(envelope.get("result")?)).unwrap_or_default();
    let [access_key_id, secret_access_key, session_token] =
        ["accessKeyId", "secretAccessKey", "sessionToken"].map(|name| result.string(name).unwrap_or_default());

    // A reply that fails may still carry what it should not, so its own secrets are cleaned away as well.
    let own = [secret_access_key.as_bytes(), session_token.as_bytes()];
    let secrets: Vec<&[u8]> = secrets.iter().chain(&own).copied().filter(|secret| !secret.is_empty()).collect();
    let request_id = reply.request_id.as_ref().map(|id| cleaned(id.as_bytes(), &secrets)).filter(|id| !id.is_empty());
    let unusable = |problem: &str| {
        let mut error = Error::new(Status::InvalidResponse, format!("HTTP {}: {problem}", reply.http_status));
        error.facts_mut().request_id.clone_from(&request_id);
        Err(reply_facts(error, reply))
    };

    let told = envelope.as_ref().and_then(|envelope| envelope.get("success"));
    if !is_success || told == Some("false") {
        return Err(reply_facts(refusal(reply, &envelope.unwrap_or_default(), request_id, &secrets), reply));
    }
    if reply.is_oversized {
        return unusable("the reply is larger than 1 MiB");
    }
    if reply.is_encoded {
        return unusable("the reply is compressed, which was not asked for and is not accepted");
    }
    if envelope.is_none() {
        return unusable("the body is not a JSON object");
    }
    if told != Some("true") {
        return unusable("the body has no \"success\": true");
    }
    for (name, value) in
        [("accessKeyId", &access_key_id), ("secretAccessKey", &secret_access_key), ("sessionToken", &session_token)]
    {
        let problem = if value.as_bytes().contains(&0) {
            "contains a NUL"
        } else if value.len() == 0 {
            "is missing or empty"
        } else {
            continue;
        };
        return unusable(&format!("success is true, but result.{name} {problem}"));
    }
    let expires_at = token_expiry(session_token.as_bytes());
    Ok(Minted { access_key_id, secret_access_key, session_token, expires_at, request_id })
}

/// The error for a reply that refuses.
fn refusal(reply: &Reply, envelope: &Object<'_>, request_id: Option<String>, secrets: &[&[u8]]) -> Error {
    let http_status = reply.http_status;
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
    let mut error = Error::new(status, message);
    let facts = error.facts_mut();
    facts.hint = hint(http_status, &errors);
    facts.errors = errors;
    facts.messages = messages;
    facts.request_id = request_id;
    error
}

/// What every error made from a reply has: its status, what its headers ask, whether to try again.
fn reply_facts(mut error: Error, reply: &Reply) -> Error {
    let facts = error.facts_mut();
    facts.http_status = reply.http_status;
    facts.retry_after = retry::asked_wait(reply.retry_after_ms.as_deref(), reply.retry_after.as_deref(), clock::now());
    // An oversized reply is not asked for again, whatever its headers say.
    facts.retryable = !reply.is_oversized
        && retry::is_transient(reply.http_status, facts.status, &facts.errors, reply.should_retry.as_deref());
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

/// Likely cause and next step of the failures that users of R2 reported; `None` where nothing is known.
fn hint(http_status: u16, errors: &[ApiError]) -> Option<&'static str> {
    let has = |code: i64| errors.iter().any(|error| error.code == code);
    let says = |text: &str| errors.iter().any(|error| error.message.as_deref().is_some_and(|m| m.contains(text)));
    Some(match http_status {
        _ if errors.iter().any(retry::is_internal_fault) => "A transient fault inside R2. Try again.",
        429 => {
            "The budget of 1200 API requests in 5 minutes is used up. Wait as long as retry_after says; share \
             credentials between workers, or sign locally, which needs no request."
        }
        400 if has(10040) || says("JSON not well formed") => {
            "parentAccessKeyId is missing, or a field has the wrong type. Check extra_body, if there is one."
        }
        400 if has(10005) => "The bucket name is not valid.",
        401 | 403 if has(10000) => {
            "The API token may not do this: an object-level (S3 only) token, a user token where an account token is \
             wanted, or a token of another account. Use a token with the R2 admin permission of this account."
        }
        // With another text this number "is what it says".
        401 if !has(10001) => "The parent access key id does not exist, or belongs to another account.",
        403 if has(9109) => {
            "An OAuth token (wrangler login) has no parent key. Make an R2 API token and use that, and its id as \
             parent_access_key_id."
        }
        403 if has(10042) => "R2 is not enabled for this account. Enable it in Cloudflare's dashboard.",
        404 if has(10006) => "There is no such bucket in this account, or it lives in another jurisdiction.",
        404 if has(10015) || says("No route") => "Wrong base URL or path. Check base_url and CLOUDFLARE_BASE_URL.",
        _ => return None,
    })
}

/// `exp` of the JWT inside a session token, where it can be read.
fn token_expiry(session_token: &[u8]) -> Option<i64> {
    let token = decode(&STANDARD, session_token)?;
    let mut parts = token.as_bytes().strip_prefix(b"jwt/")?.split(|byte| *byte == b'.');
    let claims = decode(&URL_SAFE_NO_PAD, parts.nth(1)?)?;
    let claims = Object::parse(std::str::from_utf8(claims.as_bytes()).ok()?)?;
    claims.get("exp")?.parse().ok().filter(|exp| *exp > 0)
}

fn decode(base64: &base64_simd::Base64, text: &[u8]) -> Option<Secret> {
    let mut bytes = Secret::with_capacity(text.len());
    bytes.append(base64.decoded_length(text).ok()?, |to| {
        if base64.decode(text, Out::from_slice(to)).is_err() {
            to.fill(0);
        }
    });
    Some(bytes)
}
