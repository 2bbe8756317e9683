//! The head of a reply: its status, and its headers, of which those that frame the body go on to the engine.
//!
//! The engine refuses a whole reply for one header that it does not like, or for the 129th. That is right for what
//! frames the body. For all else a reply is read as leniently as browsers and curl do: an odd cookie that some gateway
//! added is no reason to lose a credential, or not to repeat what a 503 said.

use std::borrow::Cow;

/// What the engine gets to see.
const FRAMING: [&str; 3] = ["connection", "content-length", "transfer-encoding"];

/// Names, in lower case, and values.
#[derive(Debug, Default)]
pub(crate) struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// The first header of this name, which is in lower case.
    pub fn first(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, value) = self.0.iter().find(|(other, _)| other == name)?;
        Some(String::from_utf8_lossy(value))
    }
}

/// Why a reply has no body that could be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// This part of it is larger than this.
    TooLarge(&'static str),
    /// It cannot be told where it ends, or what it is.
    Malformed(String),
}

pub struct Head {
    pub http_status: u16,
    pub headers: Headers,
    /// A head for the engine: the status, and what frames the body. An error where it is in doubt where that ends.
    pub framing: Result<Vec<u8>, Unreadable>,
}

/// Whether this may become a head. What speaks first, or another protocol, is found out before it has gone on for long.
pub fn is_http(bytes: &[u8]) -> bool {
    let start = b"HTTP/1.";
    start.starts_with(bytes) || bytes.starts_with(start)
}

/// How many bytes the head at the beginning of `bytes` has, once its empty line is there. Lines may end in a bare line
/// feed.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let ends = [&b"\n\n"[..], b"\n\r\n"];
    (0..bytes.len()).find_map(|at| {
        let rest = bytes.get(at..)?;
        ends.iter().find(|end| rest.starts_with(end)).map(|end| at + end.len())
    })
}

/// Reads a head, or the beginning of one. `None`: this is not HTTP/1.
pub fn read(head: &[u8]) -> Option<Head> {
    let (version, rest) = head.split_at_checked("HTTP/1.1 ".len())?;
    let (code, rest) = rest.split_at_checked(3)?;
    let http_status = std::str::from_utf8(code).ok()?.parse().ok().filter(|status| *status >= 100)?;
    if !matches!(version, b"HTTP/1.0 " | b"HTTP/1.1 ") || !rest.first().is_none_or(u8::is_ascii_whitespace) {
        return None;
    }
    let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
    let mut doubt = None;
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
            // The last line goes on, as HTTP allowed long ago.
            if let Some((_, value)) = headers.last_mut() {
                value.push(b' ');
                value.extend_from_slice(line.trim_ascii());
            }
            continue;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = String::from_utf8_lossy(parts.next().unwrap_or_default()).trim_end().to_ascii_lowercase();
        let value = parts.next().unwrap_or_default();
        if is_token(&name) {
            headers.push((name, value.trim_ascii().to_vec()));
        } else if let Some(framing) = FRAMING.iter().find(|framing| name.contains(**framing)) {
            doubt = Some(format!("its header {framing} has something in its name that does not belong there"));
        }
    }
    // Without the reason, which may hold anything.
    let mut framing = [version, code, b" \r\n"].concat();
    for (name, value) in headers.iter().filter(|(name, _)| FRAMING.contains(&name.as_str())) {
        if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
            doubt = Some(format!("its header {name} has a character that does not belong there"));
        }
        framing.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
    }
    framing.extend_from_slice(b"\r\n");
    let framing = doubt
        .map_or(Ok(framing), |problem| Err(Unreadable::Malformed(format!("the reply is not well-formed: {problem}"))));
    Some(Head { http_status, headers: Headers(headers), framing })
}

/// What HTTP allows as a header's name.
fn is_token(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(is_allowed)
}
