//! What a server said, made fit to be shown: one line that does nothing to a terminal, no secret, of bounded length.

/// The longest text taken over from a server, in bytes.
const MAX_TEXT: usize = 1024;

/// Text from a server as it may be shown: without secrets, and with spaces for what is no visible character.
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
        let character = if is_invisible(character) { ' ' } else { character };
        if shown.len() + character.len_utf8() > MAX_TEXT {
            break;
        }
        shown.push(character);
        rest = tail;
    }
    shown
}

/// Characters that move the cursor, begin a line, or change the order or the look of those around them: Unicode's
/// categories Cc, Zl, Zp and Cf.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}
