//! Any reply: a credential or an error, and nothing of the secret that the call knows in any text of the error.
//! The input is readable: the reply as it comes over the wire.
#![no_main]

use libfuzzer_sys::fuzz_target;

const SECRET: &str = "known-secret";

fuzz_target!(|input: &[u8]| {
    let Some((http_status, result)) = r2creds::fuzz::create_reply(input, SECRET.as_bytes()) else { return };
    let is_success = (200..300).contains(&http_status);
    match result {
        Ok(()) => assert!(is_success),
        Err(error) => {
            assert!(!is_success || matches!(error.status().code(), 308 | 309));
            assert!(error.errors().len() <= 64 && error.messages().len() <= 64);
            let of_entries = error.errors().iter().flat_map(|entry| {
                [entry.message.as_deref(), entry.documentation_url.as_deref(), entry.pointer.as_deref()]
            });
            let texts = [Some(error.message()), error.request_id()].into_iter().chain(of_entries).flatten();
            for text in texts.chain(error.messages().iter().map(String::as_str)) {
                assert!(text.len() <= 1024 && !text.chars().any(char::is_control));
                assert!(!text.contains(SECRET));
            }
        }
    }
});
