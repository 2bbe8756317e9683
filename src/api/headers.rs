//! The headers of a request: the library's, and those that a caller adds.

use super::authentication::Authentication;
use super::options::{MAX_LINE, RequestOptions};
use crate::error::Error;
use crate::http::HeaderText;

/// Servers refuse more.
const MAX_HEADERS: usize = 1000;

/// All headers of a request but those that frame it. The caller's own `Accept` and `User-Agent` replace the library's.
pub(super) fn build<'a>(
    authentication: &'a Authentication,
    user_agent: &'a str,
    has_body: bool,
    callers: &[&'a str],
) -> Result<Vec<(&'a str, HeaderText<'a>)>, Error> {
    let mut headers = vec![
        ("accept", HeaderText::Plain("application/json")),
        ("accept-encoding", HeaderText::Plain("identity")),
        ("user-agent", HeaderText::Plain(user_agent)),
    ];
    if has_body {
        headers.push(("content-type", HeaderText::Plain("application/json")));
    }
    headers.extend(authentication.headers());
    if callers.len() > MAX_HEADERS {
        return Err(Error::argument("headers", format_args!("more than {MAX_HEADERS}")));
    }
    for (at, line) in callers.iter().enumerate() {
        let (name, value) =
            parse(line).map_err(|problem| Error::argument("headers", format_args!("entry {at} {problem}")))?;
        if name.eq_ignore_ascii_case("user-agent") || name.eq_ignore_ascii_case("accept") {
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        }
        // A caller's header may be a key for some gateway.
        headers.push((name, HeaderText::Secret(value.into())));
    }
    Ok(headers)
}

/// Name and value of a caller's line.
fn parse(line: &str) -> Result<(&str, &str), String> {
    if line.len() > MAX_LINE {
        return Err(format!("is longer than {MAX_LINE} bytes"));
    }
    let (name, value) = line.split_once(':').ok_or("has no colon, expected \"Name: value\"")?;
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err("has a name with other characters than letters, digits and !#$%&'*+-.^_`|~".to_owned());
    }
    if !value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) {
        return Err(
            "has a value with a control or non-ASCII character, expected visible ASCII, space and tab".to_owned()
        );
    }
    let lower = name.to_ascii_lowercase();
    let is_refused = |refused: &&str| match refused.strip_suffix('*') {
        Some(start) => lower.starts_with(start),
        None => lower == *refused,
    };
    if RequestOptions::REFUSED_HEADERS.iter().any(is_refused) {
        return Err(
            "names a header that this library sets itself, or that changes framing or authentication".to_owned()
        );
    }
    Ok((name, value.trim_matches([' ', '\t'])))
}
