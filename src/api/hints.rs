//! Likely cause and next step of the failures that users of R2 reported. docs/cloudflare.md has the sources.
//!
//! A number of Cloudflare's means several things, so a hint is decided by number, text and HTTP status together, and
//! where they leave a doubt there is none.

use super::retry;
use crate::error::ApiError;

/// Tells what the refusals of one call mean, from HTTP status and errors.
pub(super) type Hints = fn(u16, &[ApiError]) -> Option<&'static str>;

fn has(errors: &[ApiError], code: i64) -> bool {
    errors.iter().any(|error| error.code == code)
}

fn says(errors: &[ApiError], text: &str) -> bool {
    errors.iter().any(|error| error.message.as_deref().is_some_and(|message| message.contains(text)))
}

/// Of a refusal in Cloudflare's own envelope, whatever was called. `own` has the call's own.
pub(super) fn of_envelope(http_status: u16, errors: &[ApiError], own: Hints) -> Option<&'static str> {
    let has = |code| has(errors, code);
    let says = |text| says(errors, text);
    Some(match http_status {
        _ if errors.iter().any(retry::is_internal_fault) => "A transient fault inside R2. Try again.",
        429 if !has(1015) => {
            "The budget of 1200 API requests in 5 minutes is used up. Wait as long as retry_after says; share \
             credentials between workers, or sign locally, which needs no request."
        }
        _ if has(6111) => {
            "The API token has not the form of one. Check it for quotes and other extra characters; a Global API Key \
             is not a token, it goes with an e-mail into api_email and api_key."
        }
        _ if has(6103) => {
            "The API key has not the form of one. Check it for extra characters; an API token goes into api_token \
             instead, without an e-mail."
        }
        400 | 404 if has(7003) && says("object identifier") => {
            "The account id is not one. It is the 32 hexadecimal digits in the address of Cloudflare's dashboard, not \
             an e-mail address and not the id of a zone."
        }
        401 | 403 if has(9109) && says("from location") => {
            "The API token is limited to other IP addresses. Allow this machine's in the token's client IP address \
             filtering, or use another token."
        }
        404 if has(10015) || says("No route") => "Wrong base URL or path. Check base_url and CLOUDFLARE_BASE_URL.",
        _ => return own(http_status, errors),
    })
}

/// Of a refusal to create a credential.
pub(super) fn of_create(http_status: u16, errors: &[ApiError]) -> Option<&'static str> {
    let has = |code| has(errors, code);
    let says = |text| says(errors, text);
    Some(match http_status {
        400 if has(10040) || says("JSON not well formed") => {
            "parentAccessKeyId is missing, or a field has the wrong type. Check extra_body, if there is one."
        }
        400 if has(10005) => "The bucket name is not valid.",
        401 if has(1000) || says("Invalid API Token") => {
            "The API token is not valid: mistyped, deleted, or replaced by \"Roll\". Check api_token and \
             CLOUDFLARE_API_TOKEN."
        }
        401 | 403 if has(10000) => {
            "The API token may not do this: an object-level (S3 only) token, a user token where an account token is \
             wanted, or a token of another account. Use a token with the R2 admin permission of this account."
        }
        403 if has(9109) && says("Unauthorized to access") => {
            "The API token may not do this. Use a token with the R2 admin permission of this account; an OAuth token \
             (wrangler login) has no parent key and cannot do it at all."
        }
        401 | 403 if has(9109) => return None,
        // 10001 is about the API token here, and its text says what.
        401 if !has(10001) => "The parent access key id does not exist, or belongs to another account.",
        403 if has(10042) => "R2 is not enabled for this account. Enable it in Cloudflare's dashboard.",
        404 if has(10006) => "There is no such bucket in this account, or it lives in another jurisdiction.",
        _ => return None,
    })
}

/// Of a refusal without the envelope: a page for people, from Cloudflare's edge or from something on the way.
pub(super) fn of_page(http_status: u16, is_challenge: bool, body: &[u8]) -> Option<&'static str> {
    let says = |text: &str| body.windows(text.len()).any(|part| part == text.as_bytes());
    Some(match http_status {
        403 | 503 if is_challenge || says("Just a moment...") => {
            "Cloudflare's edge wants to see a browser (a challenge page), because of this machine's address or of a \
             rule. Try from another network; a proxy or VPN may be the reason."
        }
        429 if says("error code: 1015") => {
            "Cloudflare's edge limits this machine's address (1015); that is not the budget of API requests. Wait, \
             and send fewer requests."
        }
        403 if says("Sorry, you have been blocked") || says("error code: 1020") => {
            "Cloudflare's edge blocks this machine's address. Try from another network; a proxy or VPN may be the \
             reason."
        }
        300..400 => {
            "Something on the way answers instead of Cloudflare's API, such as the log-in page of a network or \
             gateway, or base_url is wrong. Open the address in a browser on this machine."
        }
        _ => return None,
    })
}
