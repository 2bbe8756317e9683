//! What a server said, made fit to be shown: one line, no secret, of bounded length.

/// The longest text taken over from a server, in bytes.
const MAX_TEXT: usize = 1024;

/// Text from a server as it may be shown: no secret, no control character, at most 1 KiB.
pub(crate) fn cleaned(text: &[u8], secrets: &[&[u8]]) -> String {
    const REDACTED: &str = "[redacted]";
    let mut shown = String::with_capacity(text.len().min(MAX_TEXT));
    let mut rest = text;
    while !rest.is_empty() {
        // The longest, lest one that begins another leave the rest of it behind.
        let found = secrets.iter().filter(|secret| !secret.is_empty() && rest.starts_with(secret));
        if let Some(secret) = found.max_by_key(|secret| secret.len()) {
            if shown.len() + REDACTED.len() > MAX_TEXT {
                break;
            }
            shown.push_str(REDACTED);
            rest = rest.get(secret.len()..).unwrap_or_default();
            continue;
        }
        let width = rest.first().map_or(1, |lead| match lead {
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 1,
        });
        let (head, tail) = rest.split_at_checked(width).unwrap_or((rest, &[]));
        let (character, tail) = match std::str::from_utf8(head).ok().and_then(|text| text.chars().next()) {
            Some(character) => (character, tail),
            None => (char::REPLACEMENT_CHARACTER, rest.get(1..).unwrap_or_default()),
        };
        let character = if character.is_control() { ' ' } else { character };
        if shown.len() + character.len_utf8() > MAX_TEXT {
            break;
        }
        shown.push(character);
        rest = tail;
    }
    shown
}
