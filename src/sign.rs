//! Local signing: params, the parent's secret and the time become a credential, without any network.

use crate::clock::unix_now;
use crate::credentials::{Credentials, CredentialsBuilder};
use crate::error::Error;
use crate::params::{Params, Rights, SignGrant};
use crate::secret::wipe_slice;
use crate::token::Claims;

/// Makes a credential locally from the parent key pair.
///
/// Needs exactly one of `permission` and `actions`. A wrong parent secret cannot be noticed here: R2 refuses such a
/// credential with an opaque 400.
///
/// ```
/// use r2creds::{Params, Permission, sign};
///
/// let credentials = sign(&Params {
///     account_id: "023e105f4ecef8ad9ca31a8372d0c353",
///     bucket: "recordings",
///     parent_access_key_id: "0123456789abcdef0123456789abcdef",
///     parent_secret_access_key: Some("0000000000000000000000000000000000000000000000000000000000000001"),
///     permission: Some(Permission::ObjectReadOnly),
///     objects: Some(&["camera-7/2026-11-21.mp4"]),
///     ..Params::default()
/// })?;
/// assert_eq!(credentials.expires_at() - credentials.issued_at(), 900);
/// # Ok::<(), r2creds::Error>(())
/// ```
pub fn sign(params: &Params<'_>) -> Result<Credentials, Error> {
    let SignGrant { grant, rights, parent_secret, issued_at } = SignGrant::parse(params)?;
    let issued_at = match issued_at {
        Some(issued_at) => issued_at,
        None => unix_now()?,
    };
    let expires_at = issued_at.saturating_add(i64::from(grant.ttl_seconds));
    let (scope, actions) = match rights {
        Rights::Permission(permission) => (Some(permission.as_str()), &[][..]),
        Rights::Actions(actions) => (None, actions),
    };
    let claims = Claims {
        bucket: grant.bucket,
        scope,
        actions,
        prefix_paths: grant.prefixes,
        object_paths: grant.objects,
        sub: grant.account_id,
        iss: grant.parent_access_key_id,
        aud: &grant.endpoint.host,
        iat: issued_at,
        exp: expires_at,
    };
    let mut builder =
        CredentialsBuilder::new(grant.parent_access_key_id.as_bytes(), claims.token_len(), &grant.endpoint);
    let mut secret_access_key = claims.sign(parent_secret, builder.session_token());
    let credentials = builder.build(&secret_access_key, None, issued_at, expires_at);
    wipe_slice(&mut secret_access_key);
    Ok(credentials)
}
