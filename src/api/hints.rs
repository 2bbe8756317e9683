//! Likely cause and next step of the failures that users of R2 reported. docs/cloudflare.md has the sources.

use super::retry;
use crate::error::ApiError;

/// `None` where nothing is known.
pub(super) fn hint(http_status: u16, errors: &[ApiError]) -> Option<&'static str> {
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
        // 10001 without "internal error" is about the API token, and its text says what.
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
