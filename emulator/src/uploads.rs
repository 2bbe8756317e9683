//! `ListMultipartUploads` and `ListParts`, from the files that s3s-fs keeps: it has no list of uploads, and lists parts
//! without ETags and in no order.

use std::fs::{DirEntry, read, read_dir};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::http::Extensions;
use hyper::{Method, Uri};
use percent_encoding::percent_decode_str;
use s3s::crypto::{Checksum, Md5};
use s3s::dto::{ETag, ListMultipartUploadsOutput, ListPartsOutput, MultipartUpload, Part, Timestamp};
use s3s::path::{S3Path, parse_path_style};
use s3s::route::S3Route;
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, s3_error, xml};

use crate::s3::{Authorization, query};
use crate::token::hex;

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
            Some(S3Path::Object { bucket, key }) => self.parts(&bucket, &key, &request.uri),
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

    fn parts(&self, bucket: &str, key: &str, uri: &Uri) -> S3Result<S3Response<Body>> {
        self.0.permit("ListParts", bucket, |grant| grant.opens_key(key))?;
        let upload_id = self.0.upload(bucket, key, uri)?;
        let page = page(uri, "max-parts")?;
        let marker = query(uri, "part-number-marker").next().map(|marker| marker.parse().map_err(|_| invalid()));
        let part_number_marker = marker.transpose()?;

        let mut parts = parts(self.0.folder(), &upload_id)?;
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

/// The file in which s3s-fs keeps what it knows of an upload.
pub fn file_name(bucket: &str, key: &str, upload_id: &str) -> String {
    format!("{}{}.upload-{upload_id}.metadata.json", start(bucket), URL_SAFE_NO_PAD.encode(key))
}

fn start(bucket: &str) -> String {
    format!(".bucket-{}.object-", URL_SAFE_NO_PAD.encode(bucket))
}

/// By key, then id.
fn uploads(folder: &Path, bucket: &str) -> S3Result<Vec<MultipartUpload>> {
    let start = start(bucket);
    let mut uploads = files(folder, |name, file| {
        let (key, rest) = name.strip_prefix(&start)?.split_once(".upload-")?;
        Some(MultipartUpload {
            initiated: Some(modified(file)?),
            key: Some(String::from_utf8(URL_SAFE_NO_PAD.decode(key).ok()?).ok()?),
            upload_id: Some(rest.strip_suffix(".metadata.json")?.to_owned()),
            ..Default::default()
        })
    })?;
    uploads.sort_by(|a, b| (&a.key, &a.upload_id).cmp(&(&b.key, &b.upload_id)));
    Ok(uploads)
}

/// By number.
fn parts(folder: &Path, upload_id: &str) -> S3Result<Vec<Part>> {
    let start = format!(".upload_id-{upload_id}.part-");
    let mut parts = files(folder, |name, file| {
        let part_number = name.strip_prefix(&start)?.parse().ok()?;
        let content = read(file.path()).ok()?;
        Some(Part {
            e_tag: Some(ETag::Strong(hex(&Md5::checksum(&content)))),
            last_modified: Some(modified(file)?),
            part_number: Some(part_number),
            size: content.len().try_into().ok(),
            ..Default::default()
        })
    })?;
    parts.sort_by_key(|part| part.part_number);
    Ok(parts)
}

/// What is made of each file. One that goes away meanwhile is none.
fn files<T>(folder: &Path, make: impl Fn(&str, &DirEntry) -> Option<T>) -> S3Result<Vec<T>> {
    let made = read_dir(folder)
        .map_err(S3Error::internal_error)?
        .map(|file| file.map(|file| make(file.file_name().to_str()?, &file)).map_err(S3Error::internal_error));
    made.filter_map(Result::transpose).collect()
}

fn modified(file: &DirEntry) -> Option<Timestamp> {
    Some(file.metadata().ok()?.modified().ok()?.into())
}
