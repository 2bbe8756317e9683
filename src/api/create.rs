//! `create`: the call that makes a credential.

use super::client::{Call, Client};
use super::envelope::Answer;
use super::hints;
use super::options::RequestOptions;
use crate::credentials::{Credentials, CredentialsBuilder};
use crate::error::{Error, Status};
use crate::json::Object;
use crate::params::{CreateGrant, Grant, Params, Paths, Permission};
use crate::secret::Secret;
use crate::token;

/// The fields of the result, all of them strings. The first is no secret.
pub(super) const RESULT_FIELDS: [&str; 3] = ["accessKeyId", "secretAccessKey", "sessionToken"];

impl Client {
    /// Asks Cloudflare for a credential. Needs `permission`; refuses `actions` and `issued_at`, which the API does not
    /// have. Blocks until there is a result, at most the call's timeout.
    pub fn create(&self, params: &Params<'_>, options: &RequestOptions<'_>) -> Result<Credentials, Error> {
        let mut watch = self.watch(options)?;
        let CreateGrant { grant, permission, parent_secret } = CreateGrant::parse(params)?;
        let call = call(&grant, permission, parent_secret, options)?;
        self.call(&call, options, &mut watch, |answer| {
            let [access_key_id, secret_access_key, session_token] = read(answer)?;
            let token = session_token.as_str();
            let mut builder = CredentialsBuilder::new(access_key_id.as_bytes(), token.len(), &grant.endpoint);
            builder.session_token().push(token.as_bytes());
            let issued_at = answer.asked_at;
            let expires_at = token::expires_at(token).unwrap_or(issued_at.saturating_add(i64::from(grant.ttl_seconds)));
            Ok(builder.build(secret_access_key.as_bytes(), answer.request_id.as_deref(), issued_at, expires_at))
        })
    }

    /// Everything about a create that can be checked without sending it.
    pub(crate) fn check_create(&self, params: &Params<'_>, options: &RequestOptions<'_>) -> Result<(), Error> {
        self.watch(options)?;
        let CreateGrant { grant, permission, parent_secret } = CreateGrant::parse(params)?;
        let call = call(&grant, permission, parent_secret, options)?;
        self.headers(&call, options).map(drop)
    }
}

/// The request.
fn call<'a>(
    grant: &Grant<'_>,
    permission: Permission,
    parent_secret: Option<&'a str>,
    options: &RequestOptions<'_>,
) -> Result<Call<'a>, Error> {
    let fields = Body {
        bucket: grant.bucket,
        parent_access_key_id: grant.parent_access_key_id,
        permission: permission.as_str(),
        ttl_seconds: grant.ttl_seconds,
        objects: grant.objects,
        prefixes: grant.prefixes,
    };
    Ok(Call {
        method: "POST",
        path: format!("/accounts/{}/r2/temp-access-credentials", grant.account_id),
        body: body(&fields, options.extra_body)?,
        secrets: parent_secret.map(str::as_bytes).into_iter().collect(),
        secret_fields: &RESULT_FIELDS[1..],
        hints: hints::of_create,
    })
}

/// The three strings of a success.
pub(super) fn read(answer: &Answer<'_>) -> Result<[Secret; 3], Error> {
    let strings = RESULT_FIELDS.map(|name| answer.result.string(name).unwrap_or_default());
    for (name, value) in RESULT_FIELDS.iter().zip(&strings) {
        let problem = if value.len() == 0 {
            "is missing or empty"
        } else if !value.as_bytes().iter().all(u8::is_ascii_graphic) {
            // All three go into headers of S3 requests, where a line break would begin another header.
            "contains a character that is not visible ASCII"
        } else {
            continue;
        };
        return Err(answer.unusable(&format!("success is true, but result.{name} {problem}")));
    }
    Ok(strings)
}

/// The parameters in the API's own order and spelling.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    bucket: &'a str,
    parent_access_key_id: &'a str,
    permission: &'a str,
    ttl_seconds: u32,
    #[serde(skip_serializing_if = "Paths::is_empty")]
    objects: Paths<'a>,
    #[serde(skip_serializing_if = "Paths::is_empty")]
    prefixes: Paths<'a>,
}

/// The names of [`Body`]'s fields as they are sent.
const BODY_FIELDS: [&str; 6] = ["bucket", "parentAccessKeyId", "permission", "ttlSeconds", "objects", "prefixes"];

/// The body with the caller's own keys behind the library's.
fn body(fields: &Body<'_>, extra_body: Option<&str>) -> Result<Secret, Error> {
    let mut body = serde_json::to_vec(fields)
        .map(Secret::from)
        .map_err(|error| Error::new(Status::Internal, format!("the request body could not be built: {error}")))?;
    let Some(extra) = extra_body else { return Ok(body) };
    let extra = Object::parse(extra).ok_or_else(|| {
        Error::argument("extra_body", "not a JSON object, expected for example {\"name\": \"value\"}")
    })?;
    // The closing brace.
    body.pop();
    for (at, entry) in extra.entries().iter().enumerate() {
        // Up and down again folds the two letters outside ASCII that some parsers take for s and k.
        let folded = entry.key.as_str().to_uppercase().to_lowercase();
        if BODY_FIELDS.iter().any(|field| field.eq_ignore_ascii_case(&folded)) {
            return Err(Error::argument(
                "extra_body",
                format_args!("key {at} repeats a parameter, expected none of {}", BODY_FIELDS.join(", ")),
            ));
        }
        for piece in [",", entry.raw_key, ":", entry.raw_value] {
            body.push(piece.as_bytes());
        }
    }
    body.push(b"}");
    Ok(body)
}
