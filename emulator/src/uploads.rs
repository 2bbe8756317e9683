//! The files in which s3s-fs keeps multipart uploads. It looks at the parts to complete when the upload is gone already,
//! and never at their ETags, so they are checked here before.

use std::fmt::Display;
use std::fs::{DirEntry, read, read_dir, rename};
use std::ops::RangeInclusive;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::crypto::{Checksum, Md5};
use s3s::dto::{CompletedPart, ETag, MultipartUpload, Part, Timestamp};
use s3s::{S3Error, S3Result, s3_error};

use crate::token::hex;

const PART_NUMBERS: RangeInclusive<i32> = 1..=10_000;
/// In bytes. The last part may be smaller.
const SMALLEST_PART: i64 = 5 * 1024 * 1024;

pub fn check_part_number(number: i32) -> S3Result<()> {
    if PART_NUMBERS.contains(&number) {
        return Ok(());
    }
    Err(s3_error!(InvalidArgument, "Part number must be an integer between 1 and 10000, inclusive"))
}

/// Refuses a list of parts to complete as S3 does, with nothing changed. One that is right is made such that s3s-fs takes
/// it: 1, 2, 3 and so on, where S3 wants no more than that the numbers rise.
pub async fn check_parts(
    folder: &Path,
    upload_id: &str,
    listed: Option<&mut Vec<CompletedPart>>,
    is_conditional: bool,
) -> S3Result<()> {
    let stored = parts(folder, upload_id).await?;
    let listed = listed.filter(|listed| !listed.is_empty());
    let listed = listed.ok_or_else(|| s3_error!(MalformedXML, "At least one part must be listed"))?;
    if listed.iter().any(|part| part.part_number.is_none() || part.e_tag.is_none()) {
        return Err(s3_error!(MalformedXML, "Each part needs its PartNumber and its ETag"));
    }
    if !listed.is_sorted_by(|part, next| part.part_number < next.part_number) {
        return Err(s3_error!(InvalidPartOrder, "Parts must be listed by rising part number"));
    }
    let find = |part: &CompletedPart| {
        let at = stored.binary_search_by_key(&part.part_number, |stored| stored.part_number).ok()?;
        stored.get(at).filter(|stored| stored.e_tag == part.e_tag)
    };
    let found: Option<Vec<&Part>> = listed.iter().map(find).collect();
    let found = found.ok_or_else(|| s3_error!(InvalidPart, "A part was not uploaded, or has another ETag"))?;
    if let Some((_, all_but_last)) = found.split_last()
        && all_but_last.iter().any(|part| part.size < Some(SMALLEST_PART))
    {
        return Err(s3_error!(EntityTooSmall, "Each part but the last must have at least {SMALLEST_PART} bytes"));
    }

    let moved: Vec<_> = (1..).zip(listed).filter(|(number, part)| part.part_number != Some(*number)).collect();
    if is_conditional && !moved.is_empty() {
        // Should the condition not hold, the parts would have moved in vain.
        return Err(s3_error!(NotImplemented, "Conditions, and parts that are not 1, 2, 3 ...; see the README"));
    }
    let file = |number: i32| folder.join(part_file_name(upload_id, number));
    for (number, part) in moved {
        if let Some(old) = part.part_number.replace(number) {
            rename(file(old), file(number)).map_err(S3Error::internal_error)?;
        }
    }
    Ok(())
}

/// The file in which s3s-fs keeps what it knows of an upload.
pub fn file_name(bucket: &str, key: &str, upload_id: &str) -> String {
    format!("{}{}.upload-{upload_id}.metadata.json", start(bucket), URL_SAFE_NO_PAD.encode(key))
}

fn start(bucket: &str) -> String {
    format!(".bucket-{}.object-", URL_SAFE_NO_PAD.encode(bucket))
}

/// By key, then id.
pub fn uploads(folder: &Path, bucket: &str) -> S3Result<Vec<MultipartUpload>> {
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

/// By number. All of it is read, which others do not wait for.
pub async fn parts(folder: &Path, upload_id: &str) -> S3Result<Vec<Part>> {
    let (folder, start) = (folder.to_owned(), part_file_name(upload_id, ""));
    tokio::task::spawn_blocking(move || read_parts(&folder, &start)).await.map_err(S3Error::internal_error)?
}

fn read_parts(folder: &Path, start: &str) -> S3Result<Vec<Part>> {
    let mut parts = files(folder, |name, file| {
        let part_number = name.strip_prefix(start)?.parse().ok()?;
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

fn part_file_name(upload_id: &str, number: impl Display) -> String {
    format!(".upload_id-{upload_id}.part-{number}")
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
