//! One S3 endpoint: who asks (a session token or a parent's own pair), and whether that credential may. Signatures,
//! parsing and storage are s3s and s3s-fs.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, CONNECTION, EXPECT, HOST, HeaderValue};
use hyper::{Request, StatusCode, Uri};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    CopyObjectInput, CopySource, DeleteObjectsInput, DtoExt, GetObjectInput, ListObjectsInput, ListObjectsV2Input,
    Range, UploadPartCopyInput,
};
use s3s::path::S3Path;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse, S3Error, S3ErrorCode, S3Request, S3Result, s3_error};
use s3s_fs::FileSystem;

use crate::config::{Config, Jurisdiction};
use crate::grant::{Grant, is_operation};
use crate::token::{Expected, MAX_TTL, verify};
use crate::uploads::{Listings, file_name};

tokio::task_local! {
    /// The request being served: s3s asks for a secret by access key id alone, so the token has to be at hand then.
    static ARRIVAL: Arrival;
}

/// What is read from a request before s3s sees it.
struct Arrival {
    host: String,
    token: Token,
    /// Signature Version 2 would do without everything that is checked here.
    is_version_2: bool,
    /// Set once the secret has been looked up, that is, for every request with a signature.
    session: OnceLock<Session>,
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
    fn of<B>(request: &Request<B>) -> Self {
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
        Self { host, token, is_version_2, session: OnceLock::new() }
    }
}

/// The values of a parameter.
pub fn query<'a>(uri: &'a Uri, name: &'a str) -> impl Iterator<Item = String> + 'a {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    pairs.filter(move |(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// What s3s takes of any value: how long a presigned URL is good for, and the region that a signature is made for.
fn check_signing<B>(request: &Request<B>) -> S3Result<()> {
    let uri = request.uri();
    let expires = query(uri, "X-Amz-Expires").next().and_then(|seconds| seconds.parse().ok());
    let is_in_range = expires.is_some_and(|seconds| (1..=MAX_TTL).contains(&seconds));
    if query(uri, "X-Amz-Signature").next().is_some() && !is_in_range {
        return Err(s3_error!(
            AuthorizationQueryParametersError,
            "X-Amz-Expires must be a number of seconds, from 1 to {MAX_TTL}"
        ));
    }
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let in_header = header.and_then(|value| value.split_once("Credential=")?.1.split(',').next());
    let credentials = in_header.map(str::to_owned).into_iter().chain(query(uri, "X-Amz-Credential"));
    // <access key id>/<date>/<region>/s3/aws4_request
    for region in credentials.filter_map(|credential| credential.rsplit('/').nth(2).map(str::to_owned)) {
        if !["auto", "us-east-1", ""].contains(&region.as_str()) {
            let mut refusal = S3Error::new(S3ErrorCode::Custom("InvalidRegionName".into()));
            refusal.set_message("The region name is not valid. It must be auto");
            refusal.set_status_code(StatusCode::BAD_REQUEST);
            return Err(refusal);
        }
    }
    Ok(())
}

/// One listener: the buckets of one jurisdiction.
pub struct Endpoint {
    config: Arc<Config>,
    jurisdiction: Jurisdiction,
    port: u16,
    folder: PathBuf,
}

#[derive(Clone)]
pub struct S3(S3Service);

impl S3 {
    /// `folder` exists; the buckets are made in it.
    pub fn new(config: Arc<Config>, jurisdiction: Jurisdiction, port: u16, folder: &Path) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Debug| format!("{}: {error:?}", folder.display());
        let here = config.accounts.iter().flat_map(|account| &account.buckets);
        for bucket in here.filter(|bucket| bucket.jurisdiction == jurisdiction) {
            std::fs::create_dir_all(folder.join(&bucket.name)).map_err(|error| failed(&error))?;
        }
        let endpoint = Arc::new(Endpoint { config, jurisdiction, port, folder: folder.to_owned() });
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder).map_err(|error| failed(&error))?);
        builder.set_auth(Authentication(Arc::clone(&endpoint)));
        builder.set_access(Authorization(Arc::clone(&endpoint)));
        builder.set_route(Listings(Authorization(endpoint)));
        Ok(Self(builder.build()))
    }

    pub async fn serve(self, request: Request<Incoming>) -> Result<HttpResponse, HttpError> {
        let (arrival, signing) = (Arrival::of(&request), check_signing(&request));
        let held_back = request.headers().contains_key(EXPECT);
        let (head, body) = request.into_parts();
        let mut body = Upload(Arc::new(Mutex::new(body)));
        let request = Request::from_parts(head, Body::http_body(body.clone()));
        let mut reply = match signing {
            Ok(()) => ARRIVAL.scope(arrival, self.0.call(request)).await?,
            Err(refusal) => refusal.to_http_response().map_err(|error| HttpError::new(error.into()))?,
        };
        // A refusal leaves the body unread, and to close the connection on a client that still sends would lose the
        // refusal. One that waits to be asked for its body has sent nothing; it has to know that hyper closes the
        // connection then, or it would lose its next request.
        while !held_back && body.frame().await.is_some_and(|frame| frame.is_ok()) {}
        if !body.is_end_stream() {
            reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        Ok(reply)
    }
}

/// A request's body that can still be read when s3s has dropped it.
#[derive(Clone)]
struct Upload(Arc<Mutex<Incoming>>);

impl Upload {
    fn inner(&self) -> MutexGuard<'_, Incoming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl hyper::body::Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut *self.inner()).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner().is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner().size_hint()
    }
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

struct Authentication(Arc<Endpoint>);

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
                    let hosts = self.0.hosts(&account.id);
                    let expected = Expected {
                        account: &account.id,
                        parent: &parent.access_key_id,
                        parent_secret: &parent.secret_access_key,
                        hosts: &hosts,
                    };
                    let verified = verify(token, &expected).filter(|_| hosts.contains(&arrival.host));
                    let (secret, grant) = verified.ok_or_else(bad_token)?;
                    (secret, Some(grant))
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
    /// The names of this endpoint, which a request's `Host` and a token's `aud` have to be among.
    fn hosts(&self, account: &str) -> [String; 3] {
        let port = self.port;
        [format!("127.0.0.1:{port}"), format!("localhost:{port}"), self.jurisdiction.host(account)]
    }
}

/// Everything that is not allowed here is refused: an operation by its name, then what it would touch.
pub struct Authorization(Arc<Endpoint>);

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
                    "UploadPart" | "UploadPartCopy" | "AbortMultipartUpload" | "CompleteMultipartUpload" => {
                        self.upload(bucket, key, context.uri()).map(drop)
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

    async fn upload_part_copy(&self, request: &mut S3Request<UploadPartCopyInput>) -> S3Result<()> {
        self.permit_source("UploadPartCopy", &request.input.copy_source)
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
