//! The lists of multipart uploads and of their parts. s3s-fs has no list of uploads, and lists parts without ETags and in
//! no order, so both lists are made here, from the files that it keeps.

use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::Extensions;
use hyper::{Method, Uri};
use percent_encoding::percent_decode_str;
use s3s::dto::{ListMultipartUploadsOutput, ListPartsOutput};
use s3s::path::{S3Path, parse_path_style};
use s3s::route::S3Route;
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error, xml};

use crate::access::{Authorization, query};
use crate::uploads::{parts, uploads};

/// What S3 lists at a time, at most.
const PAGE: usize = 1000;

/// s3s has checked the signature of what comes here, and nothing else.
pub struct Listings(pub Authorization);

#[async_trait::async_trait]
impl S3Route for Listings {
    fn is_match(&self, method: &Method, uri: &Uri, _: &HeaderMap, _: &mut Extensions) -> bool {
        method == Method::GET
            && match path(uri) {
                Some(S3Path::Bucket { .. }) => query(uri, "uploads").next().is_some(),
                Some(S3Path::Object { .. }) => query(uri, "uploadId").next().is_some(),
                _ => false,
            }
    }

    async fn call(&self, request: S3Request<Body>) -> S3Result<S3Response<Body>> {
        match path(&request.uri) {
            Some(S3Path::Bucket { bucket }) => self.uploads(&bucket, &request.uri),
            Some(S3Path::Object { bucket, key }) => self.parts(&bucket, &key, &request.uri).await,
            _ => Err(S3Error::new(S3ErrorCode::NotImplemented)),
        }
    }
}

impl Listings {
    fn uploads(&self, bucket: &str, uri: &Uri) -> S3Result<S3Response<Body>> {
        let given = |name| query(uri, name).next().filter(|value| !value.is_empty());
        let prefix = given("prefix");
        self.0.permit_listing("ListMultipartUploads", bucket, prefix.as_deref())?;
        if given("delimiter").is_some() {
            return Err(s3_error!(NotImplemented, "The emulator lists uploads without a delimiter; see its README"));
        }
        let page = page(uri, "max-uploads")?;
        let (key_marker, upload_id_marker) = (given("key-marker"), given("upload-id-marker"));

        let mut uploads = uploads(self.0.folder(), bucket)?;
        uploads.retain(|upload| {
            upload.key.as_deref().unwrap_or_default().starts_with(prefix.as_deref().unwrap_or_default())
                && (key_marker.is_none()
                    || upload.key > key_marker
                    || upload.key == key_marker && upload_id_marker.is_some() && upload.upload_id > upload_id_marker)
        });
        let is_truncated = uploads.len() > page;
        uploads.truncate(page);
        let last = uploads.last().filter(|_| is_truncated);
        reply(&ListMultipartUploadsOutput {
            bucket: Some(bucket.to_owned()),
            prefix,
            key_marker,
            upload_id_marker,
            next_key_marker: last.and_then(|upload| upload.key.clone()),
            next_upload_id_marker: last.and_then(|upload| upload.upload_id.clone()),
            max_uploads: page.try_into().ok(),
            is_truncated: Some(is_truncated),
            uploads: Some(uploads),
            ..Default::default()
        })
    }

    async fn parts(&self, bucket: &str, key: &str, uri: &Uri) -> S3Result<S3Response<Body>> {
        self.0.permit("ListParts", bucket, |grant| grant.opens_key(key))?;
        let upload_id = self.0.upload(bucket, key, uri)?;
        let page = page(uri, "max-parts")?;
        let marker = query(uri, "part-number-marker").next().map(|marker| marker.parse().map_err(|_| invalid()));
        let part_number_marker = marker.transpose()?;

        let mut parts = parts(self.0.folder(), &upload_id).await?;
        parts.retain(|part| part.part_number > part_number_marker);
        let is_truncated = parts.len() > page;
        parts.truncate(page);
        reply(&ListPartsOutput {
            bucket: Some(bucket.to_owned()),
            key: Some(key.to_owned()),
            upload_id: Some(upload_id),
            part_number_marker,
            next_part_number_marker: parts.last().filter(|_| is_truncated).and_then(|part| part.part_number),
            max_parts: page.try_into().ok(),
            is_truncated: Some(is_truncated),
            parts: Some(parts),
            ..Default::default()
        })
    }
}

fn path(uri: &Uri) -> Option<S3Path> {
    parse_path_style(&percent_decode_str(uri.path()).decode_utf8().ok()?).ok()
}

fn page(uri: &Uri, name: &str) -> S3Result<usize> {
    let Some(most) = query(uri, name).next() else { return Ok(PAGE) };
    most.parse().ok().filter(|most| *most > 0).map(|most: usize| most.min(PAGE)).ok_or_else(invalid)
}

fn invalid() -> S3Error {
    s3_error!(InvalidArgument, "Not a number that this parameter takes")
}

fn reply(content: &impl xml::Serialize) -> S3Result<S3Response<Body>> {
    let mut text = Vec::new();
    let mut out = xml::Serializer::new(&mut text);
    out.decl().and_then(|()| content.serialize(&mut out)).map_err(S3Error::internal_error)?;
    let mut reply = S3Response::new(Body::from(text));
    reply.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    Ok(reply)
}
