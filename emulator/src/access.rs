//! Who asks (a session token or a parent's own pair), and whether that credential may.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use hyper::header::{AUTHORIZATION, HOST};
use hyper::{Request, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    AbortMultipartUploadInput, CompleteMultipartUploadInput, CopyObjectInput, CopySource, CreateMultipartUploadInput,
    DeleteObjectsInput, DtoExt, GetObjectInput, ListObjectsInput, ListObjectsV2Input, Range, UploadPartCopyInput,
    UploadPartInput,
};
use s3s::path::S3Path;
use s3s::{S3Error, S3ErrorCode, S3Request, S3Result, s3_error};
use tokio::sync::OwnedMutexGuard;

use crate::config::{CLOUDFLARE_DOMAIN, Config, Jurisdiction};
use crate::grant::{Grant, is_operation};
use crate::token::{Expected, Verified, unix_now, verify};
use crate::uploads::{check_part_number, check_parts, file_name};

tokio::task_local! {
    /// The request being served: s3s asks for a secret by access key id alone, so the token has to be at hand then.
    pub static ARRIVAL: Arrival;
}

/// What is read from a request before s3s sees it.
pub struct Arrival {
    host: String,
    token: Token,
    /// Signature Version 2 would do without everything that is checked here.
    is_version_2: bool,
    /// Set once the secret has been looked up, that is, for every request with a signature.
    session: OnceLock<Session>,
    /// Set while this request ends a multipart upload.
    ending: OnceLock<OwnedMutexGuard<()>>,
}

enum Token {
    Absent,
    Present(String),
    /// In two places at once, or not text.
    Unreadable,
}

struct Session {
    access_key_id: String,
    /// `None`: the parent's own pair, which may do what the parent may.
    grant: Option<Grant>,
}

impl Arrival {
    pub fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
        let in_headers = headers.get_all("x-amz-security-token").iter();
        let mut tokens = in_headers.map(|value| value.to_str().ok().map(str::to_owned)).collect::<Vec<_>>();
        tokens.extend(query(request.uri(), "X-Amz-Security-Token").map(Some));
        let token = match (tokens.pop(), tokens.is_empty()) {
            (None, _) => Token::Absent,
            (Some(Some(token)), true) => Token::Present(token),
            _ => Token::Unreadable,
        };
        let scheme_2 = headers.get(AUTHORIZATION).is_some_and(|value| value.as_bytes().starts_with(b"AWS "));
        let is_version_2 = scheme_2 || query(request.uri(), "Signature").next().is_some();
        Self { host, token, is_version_2, session: OnceLock::new(), ending: OnceLock::new() }
    }
}

/// The values of a parameter.
pub fn query<'a>(uri: &'a Uri, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// One listener: the buckets of one jurisdiction.
pub struct Endpoint {
    pub config: Arc<Config>,
    pub jurisdiction: Jurisdiction,
    /// As a program on this machine reaches it.
    pub address: SocketAddr,
    /// Other machines reach it too, under names that nobody here knows.
    pub is_exposed: bool,
    pub folder: PathBuf,
    /// Held by the request that ends a multipart upload.
    pub ending: Arc<tokio::sync::Mutex<()>>,
}

fn arrival<T>(read: impl FnOnce(&Arrival) -> S3Result<T>) -> S3Result<T> {
    ARRIVAL.try_with(read).map_err(|_| S3Error::new(S3ErrorCode::InternalError))?
}

/// R2's one answer to every token that it does not take.
fn bad_token() -> S3Error {
    s3_error!(InvalidArgument, "X-Amz-Security-Token")
}

fn outside() -> S3Error {
    s3_error!(AccessDenied, "Access Denied")
}

pub struct Authentication(pub Arc<Endpoint>);

#[async_trait::async_trait]
impl S3Auth for Authentication {
    async fn get_secret_key(&self, access_key_id: &str) -> S3Result<SecretKey> {
        arrival(|arrival| {
            if arrival.is_version_2 {
                return Err(s3_error!(NotImplemented, "Only AWS Signature Version 4 is supported"));
            }
            let parent = self.0.config.parent(access_key_id).filter(|(_, parent)| parent.is_valid());
            let (secret, grant) = match (&arrival.token, parent) {
                (Token::Absent, Some((_, parent))) => (parent.secret_access_key.clone(), None),
                (Token::Absent, None) => return Err(S3Error::new(S3ErrorCode::InvalidAccessKeyId)),
                (Token::Present(token), Some((account, parent))) => {
                    let hosts = self.0.hosts(&account.id, &arrival.host);
                    let expected = Expected {
                        account: &account.id,
                        parent: &parent.access_key_id,
                        parent_secret: &parent.secret_access_key,
                        hosts: &hosts,
                    };
                    let verified = verify(token, &expected).filter(|_| hosts.contains(&arrival.host));
                    let Verified { secret_access_key, grant, expires_at } = verified.ok_or_else(bad_token)?;
                    // As if the signature were wrong: no reply of R2's says that a credential has expired.
                    if expires_at <= unix_now() {
                        return Err(S3Error::new(S3ErrorCode::SignatureDoesNotMatch));
                    }
                    (secret_access_key, Some(grant))
                }
                (Token::Present(_), None) | (Token::Unreadable, _) => return Err(bad_token()),
            };
            // s3s asks once for a request.
            let _ = arrival.session.set(Session { access_key_id: access_key_id.to_owned(), grant });
            Ok(SecretKey::from(secret))
        })
    }
}

impl Endpoint {
    /// The names of this endpoint, which a request's `Host` and a token's `aud` have to be among. Where it is exposed,
    /// `called` is one too, unless it is Cloudflare's for another endpoint: `aud` then has to be what the client calls
    /// this one.
    fn hosts(&self, account: &str, called: &str) -> Vec<String> {
        let (address, port) = (self.address, self.address.port());
        let mut hosts = vec![address.to_string(), format!("localhost:{port}"), self.jurisdiction.host(account)];
        if self.is_exposed && !called.is_empty() && !called.contains(CLOUDFLARE_DOMAIN) {
            hosts.push(called.to_owned());
        }
        hosts
    }
}

/// Everything that is not allowed here is refused: an operation by its name, then what it would touch.
pub struct Authorization(pub Arc<Endpoint>);

impl Authorization {
    /// `touches` says of a grant whether the operation stays inside of it.
    pub fn permit(&self, operation: &str, bucket: &str, touches: impl FnOnce(&Grant) -> bool) -> S3Result<()> {
        arrival(|arrival| {
            // The signature may have been absent; it is never wrong here.
            let session = arrival.session.get().ok_or_else(outside)?;
            let (account, parent) = self.0.config.parent(&session.access_key_id).ok_or_else(outside)?;
            let home = self.0.config.bucket(bucket);
            let foreign = home.is_some_and(|(owner, _)| owner.id != account.id);
            let grant = session.grant.as_ref();
            if foreign
                || !parent.allows(operation, bucket)
                || !grant.is_none_or(|grant| grant.allows(operation, bucket) && touches(grant))
            {
                return Err(outside());
            }
            match home {
                Some((_, bucket)) if bucket.jurisdiction == self.0.jurisdiction => Ok(()),
                _ => Err(S3Error::new(S3ErrorCode::NoSuchBucket)),
            }
        })
    }

    /// A copy reads its source with the same grant, under the copy's own action.
    fn permit_source(&self, operation: &str, source: &CopySource) -> S3Result<()> {
        let CopySource::Bucket { bucket, key, .. } = source else { return Err(outside()) };
        self.permit(operation, bucket, |grant| grant.opens_key(key))?;
        if self.holds(bucket, key) { Ok(()) } else { Err(S3Error::new(S3ErrorCode::NoSuchKey)) }
    }

    pub fn permit_listing(&self, operation: &str, bucket: &str, prefix: Option<&str>) -> S3Result<()> {
        self.permit(operation, bucket, |grant| grant.opens_listing(prefix.unwrap_or_default()))
    }

    /// Whether there may be an object of this name: a folder is none, although s3s-fs would find it.
    fn holds(&self, bucket: &str, key: &str) -> bool {
        is_storable(bucket, key) && !self.0.folder.join(bucket).join(key).is_dir()
    }

    /// Whether an object of this name can be written: `a` and `a/b` cannot both be files.
    fn fits(&self, bucket: &str, key: &str) -> bool {
        let above = Path::new(key).ancestors().skip(1);
        self.holds(bucket, key) && !above.into_iter().any(|path| self.0.folder.join(bucket).join(path).is_file())
    }

    /// The id of the upload that the query names, which has to be one of this key: s3s-fs would take any, and so an
    /// upload to another key could be read through this one.
    pub fn upload(&self, bucket: &str, key: &str, uri: &Uri) -> S3Result<String> {
        let id = query(uri, "uploadId").next().filter(|id| {
            let is_clear = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
            is_clear && is_storable(bucket, key) && self.0.folder.join(file_name(bucket, key, id)).is_file()
        });
        id.ok_or_else(|| S3Error::new(S3ErrorCode::NoSuchUpload))
    }

    /// The same, for a request that ends the upload. Until that is answered no other upload ends, so what is found of it
    /// now is still there when s3s-fs takes it.
    async fn upload_to_end(&self, bucket: &str, key: &str, uri: &Uri) -> S3Result<String> {
        let alone = Arc::clone(&self.0.ending).lock_owned().await;
        arrival(|arrival| {
            // s3s asks once for a request.
            let _ = arrival.ending.set(alone);
            Ok(())
        })?;
        self.upload(bucket, key, uri)
    }

    pub fn folder(&self) -> &Path {
        &self.0.folder
    }
}

/// s3s-fs keeps a key as a path, so `..` would leave the grant, and the key once more in the name of a file beside it.
fn is_storable(bucket: &str, key: &str) -> bool {
    const LONGEST_NAME: usize = 255;
    let upload_id = "00000000-0000-0000-0000-000000000000";
    let mut names = key.split('/');
    file_name(bucket, key, upload_id).len() <= LONGEST_NAME
        && !key.contains('\0')
        && names.all(|name| !matches!(name, "" | "." | ".."))
}

/// s3s-fs takes a negative number for 1000. It cuts a name one byte after a delimiter begins, and panics where that is
/// inside a character.
fn check_listing(max_keys: Option<i32>, delimiter: Option<&str>) -> S3Result<()> {
    if max_keys.is_some_and(|most| most < 0) {
        return Err(s3_error!(InvalidArgument, "max-keys must not be negative"));
    }
    if delimiter.is_none_or(|delimiter| delimiter.len() == 1) {
        return Ok(());
    }
    Err(s3_error!(NotImplemented, "The emulator takes a delimiter of one byte; see its README"))
}

#[async_trait::async_trait]
impl S3Access for Authorization {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        if context.credentials().is_none() {
            return Err(outside());
        }
        let operation = match context.s3_op().name() {
            "ListObjects" => "ListObjectsV1",
            // No temporary credential opens these, and a parent's buckets come from the configuration.
            "ListBuckets" | "CreateBucket" | "DeleteBucket" => return Err(outside()),
            name if is_operation(name) => name,
            _ => return Err(s3_error!(NotImplemented, "The emulator has no such operation; see its README")),
        };
        match context.s3_path() {
            S3Path::Root => Err(outside()),
            // What a listing or a list of keys touches is known when it has been parsed, below.
            S3Path::Bucket { bucket } => self.permit(operation, bucket, |grant| {
                !matches!(operation, "GetBucketLocation" | "HeadBucket") || grant.opens_whole_bucket()
            }),
            S3Path::Object { bucket, key } => {
                self.permit(operation, bucket, |grant| grant.opens_key(key))?;
                match operation {
                    "GetObject" | "HeadObject" | "DeleteObject" if !self.holds(bucket, key) => {
                        Err(S3Error::new(S3ErrorCode::NoSuchKey))
                    }
                    "PutObject" | "CopyObject" | "CreateMultipartUpload" | "CompleteMultipartUpload"
                        if !self.fits(bucket, key) =>
                    {
                        Err(s3_error!(
                            NotImplemented,
                            "The emulator cannot keep an object of this name; see its README"
                        ))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// The end of an object may be asked for that is longer than all of it; s3s-fs would look before its start.
    async fn get_object(&self, request: &mut S3Request<GetObjectInput>) -> S3Result<()> {
        let GetObjectInput { bucket, key, range, .. } = &mut request.input;
        if let Some(Range::Suffix { length }) = range {
            let object = std::fs::metadata(self.0.folder.join(bucket).join(key));
            *length = object.map_or(0, |object| object.len()).min(*length);
        }
        Ok(())
    }

    async fn list_objects(&self, request: &mut S3Request<ListObjectsInput>) -> S3Result<()> {
        // s3s-fs would say that it encodes names, and not do it; and an empty delimiter would cut every name.
        request.input.encoding_type = None;
        request.input.ignore_empty_strings();
        self.permit_listing("ListObjectsV1", &request.input.bucket, request.input.prefix.as_deref())?;
        // s3s takes every other version for the first.
        if query(&request.uri, "list-type").next().is_some() {
            return Err(s3_error!(InvalidArgument, "list-type must be 2"));
        }
        check_listing(request.input.max_keys, request.input.delimiter.as_deref())
    }

    async fn list_objects_v2(&self, request: &mut S3Request<ListObjectsV2Input>) -> S3Result<()> {
        request.input.encoding_type = None;
        request.input.ignore_empty_strings();
        self.permit_listing("ListObjectsV2", &request.input.bucket, request.input.prefix.as_deref())?;
        check_listing(request.input.max_keys, request.input.delimiter.as_deref())
    }

    async fn copy_object(&self, request: &mut S3Request<CopyObjectInput>) -> S3Result<()> {
        self.permit_source("CopyObject", &request.input.copy_source)
    }

    // Who began an upload is forgotten at once: s3s-fs would let nobody else go on with it, not even another key of the
    // same account.
    async fn create_multipart_upload(&self, request: &mut S3Request<CreateMultipartUploadInput>) -> S3Result<()> {
        request.credentials = None;
        Ok(())
    }

    async fn upload_part(&self, request: &mut S3Request<UploadPartInput>) -> S3Result<()> {
        request.credentials = None;
        let UploadPartInput { bucket, key, part_number, .. } = &request.input;
        check_part_number(*part_number)?;
        self.upload(bucket, key, &request.uri).map(drop)
    }

    async fn upload_part_copy(&self, request: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        request.credentials = None;
        let UploadPartCopyInput { bucket, key, part_number, copy_source, .. } = &request.input;
        check_part_number(*part_number)?;
        self.upload(bucket, key, &request.uri)?;
        self.permit_source("UploadPartCopy", copy_source)
    }

    async fn complete_multipart_upload(&self, request: &mut S3Request<CompleteMultipartUploadInput>) -> S3Result<()> {
        request.credentials = None;
        let CompleteMultipartUploadInput { bucket, key, multipart_upload, if_match, if_none_match, .. } =
            &mut request.input;
        let upload_id = self.upload_to_end(bucket, key, &request.uri).await?;
        let parts = multipart_upload.as_mut().and_then(|upload| upload.parts.as_mut());
        let is_conditional = if_match.is_some() || if_none_match.is_some();
        check_parts(&self.0.folder, &upload_id, parts, is_conditional).await
    }

    async fn abort_multipart_upload(&self, request: &mut S3Request<AbortMultipartUploadInput>) -> S3Result<()> {
        request.credentials = None;
        let AbortMultipartUploadInput { bucket, key, .. } = &request.input;
        self.upload_to_end(bucket, key, &request.uri).await.map(drop)
    }

    /// One key outside, and nothing is deleted. Names that cannot exist are passed over, as S3 does with any other
    /// object that is not there.
    async fn delete_objects(&self, request: &mut S3Request<DeleteObjectsInput>) -> S3Result<()> {
        let DeleteObjectsInput { bucket, delete, .. } = &mut request.input;
        self.permit("DeleteObjects", bucket, |grant| delete.objects.iter().all(|object| grant.opens_key(&object.key)))?;
        delete.objects.retain(|object| self.holds(bucket, &object.key));
        Ok(())
    }
}
