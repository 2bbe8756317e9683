//! One S3 endpoint. Signatures, parsing and storage are s3s and s3s-fs; who may do what is `access`.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body as _, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{AUTHORIZATION, CONNECTION, EXPECT, HeaderValue};
use hyper::{Request, StatusCode};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpError, HttpResponse, S3Error, S3ErrorCode, S3Result, s3_error};
use s3s_fs::FileSystem;

use crate::access::{ARRIVAL, Arrival, Authentication, Authorization, Endpoint, query};
use crate::config::{Config, Jurisdiction};
use crate::listings::Listings;
use crate::token::MAX_TTL;

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

#[derive(Clone)]
pub struct S3(S3Service);

impl S3 {
    /// `folder` exists; the buckets are made in it.
    pub fn new(
        config: Arc<Config>,
        jurisdiction: Jurisdiction,
        address: SocketAddr,
        is_exposed: bool,
        folder: &Path,
    ) -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Debug| format!("{}: {error:?}", folder.display());
        let here = config.accounts.iter().flat_map(|account| &account.buckets);
        for bucket in here.filter(|bucket| bucket.jurisdiction == jurisdiction) {
            std::fs::create_dir_all(folder.join(&bucket.name)).map_err(|error| failed(&error))?;
        }
        let mut builder = S3ServiceBuilder::new(FileSystem::new(folder).map_err(|error| failed(&error))?);
        let (folder, ending) = (folder.to_owned(), Arc::default());
        let endpoint = Arc::new(Endpoint { config, jurisdiction, address, is_exposed, folder, ending });
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
            // In a task of its own, which goes on if the client goes away: a request is not left half done.
            Ok(()) => tokio::spawn(async move { ARRIVAL.scope(arrival, self.0.call(request)).await })
                .await
                .map_err(|error| HttpError::new(error.into()))??,
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
