//! What the S3 endpoints let a credential do, and what they refuse.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use r2creds::{ACTIONS, Jurisdiction, Params, Permission};
use serde_json::json;
use support::*;

/// Tests that do not change keys or buckets share one process; each works below a folder of its own.
static SHARED: LazyLock<Emulator> = LazyLock::new(Emulator::start);

const DENIED: &str = "403 AccessDenied";
const BAD_TOKEN: &str = "400 InvalidArgument";
const EXPIRED: &str = "403 SignatureDoesNotMatch";

/// Starts a multipart upload of one small part with the parent's pair: its id, and what completes it.
fn upload(key: &str) -> (String, String) {
    let id = begin(key);
    let etag = send_part(key, &id, 1, b"part");
    (id, complete_list(&[(1, &etag)]))
}

fn begin(key: &str) -> String {
    let begun = SHARED.ask("POST", &format!("/{BUCKET}/{key}")).query("uploads", "").send(&Keys::parent());
    assert_eq!(begun.verdict, "200");
    begun.element("UploadId")
}

/// The part's ETag.
fn send_part(key: &str, id: &str, number: i32, content: &[u8]) -> String {
    let path = format!("/{BUCKET}/{key}");
    let ask = SHARED.ask("PUT", &path).query("partNumber", &number.to_string()).query("uploadId", id);
    let sent = ask.body(content).send(&Keys::parent());
    assert_eq!(sent.verdict, "200");
    sent.etag
}

fn complete_list(parts: &[(i32, &str)]) -> String {
    let part = |(number, etag)| format!("<Part><ETag>{etag}</ETag><PartNumber>{number}</PartNumber></Part>");
    let parts: String = parts.iter().copied().map(part).collect();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

fn delete_list(keys: &[&str]) -> String {
    let objects: String = keys.iter().map(|key| format!("<Object><Key>{key}</Key></Object>")).collect();
    format!("<Delete>{objects}</Delete>")
}

/// Does one operation to an object, which exists, as do its multipart uploads.
fn perform(action: &str, folder: &str, keys: &Keys) -> String {
    let key = format!("{folder}/{action}");
    let object = format!("/{BUCKET}/{key}");
    SHARED.put(&key, b"content");
    let multipart = action.contains("Upload") || action == "ListParts";
    let (id, parts) = if multipart { upload(&key) } else { Default::default() };
    let source = format!("{BUCKET}/{key}");
    let copy = format!("/{BUCKET}/{key}-copy");
    let delete = delete_list(&[&key]);
    let (bucket, prefix) = (format!("/{BUCKET}"), format!("{folder}/"));
    let ask = match action {
        "HeadObject" => SHARED.ask("HEAD", &object),
        "GetObject" => SHARED.ask("GET", &object),
        "GetBucketLocation" => SHARED.ask("GET", &bucket).query("location", ""),
        "ListObjectsV1" => SHARED.ask("GET", &bucket).query("prefix", &prefix),
        "ListObjectsV2" => SHARED.ask("GET", &bucket).query("list-type", "2").query("prefix", &prefix),
        "ListMultipartUploads" => SHARED.ask("GET", &bucket).query("uploads", "").query("prefix", &prefix),
        "ListParts" => SHARED.ask("GET", &object).query("uploadId", &id),
        "PutObject" => SHARED.ask("PUT", &object).body(b"new content"),
        "DeleteObject" => SHARED.ask("DELETE", &object),
        "DeleteObjects" => SHARED.ask("POST", &bucket).query("delete", "").body(delete.as_bytes()),
        "CopyObject" => SHARED.ask("PUT", &copy).header("x-amz-copy-source", &source),
        "CreateMultipartUpload" => SHARED.ask("POST", &object).query("uploads", ""),
        "UploadPart" => SHARED.ask("PUT", &object).query("partNumber", "1").query("uploadId", &id).body(b"part"),
        "UploadPartCopy" => {
            let ask = SHARED.ask("PUT", &object).query("partNumber", "1").query("uploadId", &id);
            ask.header("x-amz-copy-source", &source)
        }
        "AbortMultipartUpload" => SHARED.ask("DELETE", &object).query("uploadId", &id),
        "CompleteMultipartUpload" => SHARED.ask("POST", &object).query("uploadId", &id).body(parts.as_bytes()),
        "HeadBucket" => SHARED.ask("HEAD", &bucket),
        other => unreachable!("{other}"),
    };
    ask.send(keys).verdict
}

/// What `perform` says when the operation is allowed, and when it is not.
fn expected(operation: &str, allowed: bool) -> &'static str {
    match (operation, allowed) {
        ("HeadObject" | "HeadBucket", false) => "403",
        (_, false) => DENIED,
        ("DeleteObject" | "AbortMultipartUpload", true) => "204",
        _ => "200",
    }
}

/// What the library makes of directories: all below, and the bare name, and nothing beside it.
#[test]
fn a_directory_opens_what_is_in_it_and_its_bare_name() {
    for key in ["directories/tbl/x", "directories/tbl2", "directories/bare"] {
        SHARED.put(key, b"content");
    }
    let granted = Params { directories: Some(&["directories/tbl", "directories/bare"]), ..params() };
    let created = SHARED.create(&granted).unwrap();
    for keys in [SHARED.sign(&granted), Keys::of(&created)] {
        let get = |key: &str| SHARED.ask("GET", &format!("/{BUCKET}/directories/{key}")).send(&keys).verdict;
        assert_eq!([get("tbl/x"), get("bare")], ["200", "200"]);
        assert_eq!([get("tbl2"), get("other")], [DENIED, DENIED]);
        let list = |prefix| SHARED.ask("GET", &format!("/{BUCKET}")).query("prefix", prefix).send(&keys);
        assert_eq!(list("directories/tbl/").elements("Key"), ["directories/tbl/x"]);
        assert_eq!(list("directories/tbl").verdict, DENIED);
    }
}

#[test]
fn each_permission_opens_its_operations() {
    let reads = ACTIONS.iter().position(|action| *action == "PutObject").unwrap();
    for (permission, writes, admin) in [
        (Permission::ObjectReadOnly, false, false),
        (Permission::ObjectReadWrite, true, false),
        (Permission::AdminReadOnly, false, true),
        (Permission::AdminReadWrite, true, true),
    ] {
        let granted = Params { permission: Some(permission), ..params() };
        let created = SHARED.create(&granted).unwrap();
        for keys in [SHARED.sign(&granted), Keys::of(&created)] {
            for (at, action) in ACTIONS.into_iter().enumerate() {
                let allowed = at < reads || writes;
                assert_eq!(perform(action, "permission", &keys), expected(action, allowed), "{permission:?} {action}");
            }
            assert_eq!(perform("HeadBucket", "permission", &keys), expected("HeadBucket", admin), "{permission:?}");
        }
    }
}

#[test]
fn each_action_opens_itself_and_nothing_else() {
    for action in ACTIONS {
        let keys = SHARED.sign(&Params { permission: None, actions: Some(&[action]), ..params() });
        for operation in ACTIONS {
            let verdict = perform(operation, "action", &keys);
            assert_eq!(verdict, expected(operation, operation == action), "{operation} with the action {action}");
        }
    }
}

#[test]
fn paths_hold_for_every_operation_on_an_object() {
    let cases: [(&[&str], &[&str]); 3] =
        [(&["paths/in/"], &[]), (&[], &["paths/in/a", "paths/in/b"]), (&["paths/in/a"], &["paths/in/b"])];
    for (prefixes, objects) in cases {
        let list = |entries: &'static [&str]| Some(entries).filter(|entries| !entries.is_empty());
        let granted = Params { prefixes: list(prefixes), objects: list(objects), ..params() };
        let created = SHARED.create(&granted).unwrap();
        for keys in [SHARED.sign(&granted), Keys::of(&created)] {
            let case = format!("{prefixes:?} {objects:?}");
            for key in ["paths/in/a", "paths/in/b"] {
                let path = format!("/{BUCKET}/{key}");
                assert_eq!(SHARED.ask("PUT", &path).body(b"inside").send(&keys).verdict, "200", "{case}");
                assert_eq!(SHARED.ask("GET", &path).send(&keys).body, b"inside", "{case}");
                assert_eq!(SHARED.ask("HEAD", &path).send(&keys).verdict, "200", "{case}");
            }
            SHARED.put("paths/outside", b"outside");
            for key in ["paths/outside", "paths/in", "paths/i", "Paths/in/a", "paths/missing"] {
                let path = format!("/{BUCKET}/{key}");
                for method in ["GET", "PUT", "DELETE"] {
                    assert_eq!(SHARED.ask(method, &path).send(&keys).verdict, DENIED, "{case}: {method} {key}");
                }
                assert_eq!(SHARED.ask("HEAD", &path).send(&keys).verdict, "403", "{case}: HEAD {key}");
                assert_eq!(SHARED.ask("POST", &path).query("uploads", "").send(&keys).verdict, DENIED, "{case}: {key}");
            }
            assert_eq!(SHARED.ask("GET", &format!("/{BUCKET}")).query("location", "").send(&keys).verdict, DENIED);
        }
    }
    assert_eq!(SHARED.ask("GET", &format!("/{BUCKET}/paths/outside")).send(&Keys::parent()).body, b"outside");
}

#[test]
fn a_prefix_is_a_plain_string_and_a_bare_folder_needs_its_own_grant() {
    SHARED.put("plain/tbl/1", b"1");
    SHARED.put("plain/tbl2/1", b"2");
    let plain = SHARED.sign(&Params { prefixes: Some(&["plain/tbl"]), ..params() });
    assert_eq!(SHARED.ask("GET", &format!("/{BUCKET}/plain/tbl2/1")).send(&plain).body, b"2");

    let bare = format!("/{BUCKET}/plain/tbl");
    let folder = SHARED.sign(&Params { prefixes: Some(&["plain/tbl/"]), ..params() });
    assert_eq!(SHARED.ask("HEAD", &bare).send(&folder).verdict, "403");
    let cured = SHARED.sign(&Params { prefixes: Some(&["plain/tbl/"]), objects: Some(&["plain/tbl"]), ..params() });
    assert_eq!(SHARED.ask("HEAD", &bare).send(&cured).verdict, "404");
    assert_eq!(SHARED.ask("GET", &bare).send(&cured).verdict, "404 NoSuchKey");
}

#[test]
fn a_listing_needs_a_prefix_inside_the_grant() {
    SHARED.put("list/a/1", b"");
    SHARED.put("list/b/1", b"");
    let bucket = format!("/{BUCKET}");
    let keys = SHARED.sign(&Params { prefixes: Some(&["list/a/"]), objects: Some(&["list/b/1"]), ..params() });
    for version in ["1", "2"] {
        let list = |prefix: &str| {
            let ask = SHARED.ask("GET", &bucket).query("prefix", prefix);
            if version == "2" { ask.query("list-type", "2").send(&keys) } else { ask.send(&keys) }
        };
        for inside in ["list/a/", "list/a/1", "list/a/none"] {
            assert_eq!(list(inside).verdict, "200", "version {version}: {inside}");
        }
        assert_eq!(list("list/a/").element("Key"), "list/a/1");
        assert!(!list("list/a/").text().contains("list/b"));
        let with = |name: &str, value: &str| {
            let ask = SHARED.ask("GET", &bucket).query("prefix", "list/a/").query(name, value);
            if version == "2" { ask.query("list-type", "2").send(&keys) } else { ask.send(&keys) }
        };
        assert_eq!(with("delimiter", "").element("Key"), "list/a/1", "an empty delimiter is none");
        for long in ["é", "//"] {
            assert_eq!(with("delimiter", long).verdict, "501 NotImplemented", "{long}");
        }
        assert_eq!(with("max-keys", "0").element("Key"), "");
        assert_eq!(with("max-keys", "-1").verdict, "400 InvalidArgument");
        for outside in ["", "list", "list/a", "list/b/", "list/b/1", "/list/a/", "list/../"] {
            assert_eq!(list(outside).verdict, DENIED, "version {version}: {outside}");
        }
    }
    // Names that a client would decode come as they are, and so does what says how they come.
    SHARED.put("list/a/x+y%20z", b"");
    let encoded = SHARED.ask("GET", &bucket).query("prefix", "list/a/x").query("encoding-type", "url").send(&keys);
    assert_eq!((encoded.element("Key").as_str(), encoded.element("EncodingType").as_str()), ("list/a/x+y%20z", ""));
    for version in ["", "1", "3"] {
        let ask = SHARED.ask("GET", &bucket).query("list-type", version).query("prefix", "list/a/");
        assert_eq!(ask.send(&keys).verdict, "400 InvalidArgument", "version {version}");
    }
    assert_eq!(SHARED.ask("GET", "/").send(&keys).verdict, DENIED, "ListBuckets");
}

#[test]
fn a_copy_needs_its_source() {
    SHARED.put("copy/in/a", b"inside");
    SHARED.put("copy/secret", b"outside");
    let keys = SHARED.sign(&Params { prefixes: Some(&["copy/in/"]), ..params() });
    let target = format!("/{BUCKET}/copy/in/b");
    let copy = |source: &str| SHARED.ask("PUT", &target).header("x-amz-copy-source", source).send(&keys).verdict;
    let (id, _) = upload("copy/in/b");
    let part = |source: &str| {
        let ask = SHARED.ask("PUT", &target).query("partNumber", "2").query("uploadId", &id);
        ask.header("x-amz-copy-source", source).send(&keys).verdict
    };
    for inside in ["recordings/copy/in/a", "/recordings/copy/in/a", "recordings/copy/in%2Fa"] {
        assert_eq!((copy(inside).as_str(), part(inside).as_str()), ("200", "200"), "{inside}");
    }
    for outside in ["recordings/copy/secret", "recordings/copy/none", "other-bucket/copy/in/a"] {
        assert_eq!((copy(outside).as_str(), part(outside).as_str()), (DENIED, DENIED), "{outside}");
    }
    // Inside by its spelling, outside by its path.
    for escaping in ["recordings/copy/in/../secret", "recordings/copy/in/%2E%2E/secret", "recordings/copy/in"] {
        assert!(copy(escaping).starts_with("40"), "{escaping}: {}", copy(escaping));
        assert!(part(escaping).starts_with("40"), "{escaping}: {}", part(escaping));
    }
    assert_eq!(SHARED.ask("GET", &target).send(&keys).body, b"inside");
    let elsewhere = format!("/{BUCKET}/copy/elsewhere");
    let out = SHARED.ask("PUT", &elsewhere).header("x-amz-copy-source", "recordings/copy/in/a").send(&keys);
    assert_eq!(out.verdict, DENIED, "to outside");
}

#[test]
fn delete_objects_deletes_nothing_if_one_key_is_outside() {
    for key in ["many/in/1", "many/in/2", "many/out"] {
        SHARED.put(key, b"");
    }
    let keys = SHARED.sign(&Params { prefixes: Some(&["many/in/"]), ..params() });
    let bucket = format!("/{BUCKET}");
    let delete = |list: &[&str]| {
        SHARED.ask("POST", &bucket).query("delete", "").body(delete_list(list).as_bytes()).send(&keys).verdict
    };
    let left = || SHARED.ask("GET", &bucket).query("prefix", "many/").send(&Keys::parent()).text();
    assert_eq!(delete(&["many/in/1", "many/out"]), DENIED);
    assert_eq!(delete(&["many/in/1", "many/in/../out"]), "200", "a name that cannot exist is passed over");
    assert!(left().contains("many/out") && left().contains("many/in/2"), "{}", left());
    assert_eq!(delete(&["many/in/1", "many/in/2", "many/in/3"]), "200");
    assert!(left().contains("many/out") && !left().contains("many/in/"), "{}", left());
}

#[test]
fn a_key_cannot_climb_out_of_its_prefix() {
    SHARED.put("climb/secret", b"outside");
    let keys = SHARED.sign(&Params { prefixes: Some(&["climb/in/"]), ..params() });
    for key in ["climb/in/../secret", "climb/in/./../secret", "climb/in//../../climb/secret", "climb/in/"] {
        let path = format!("/{BUCKET}/{key}");
        // ureq normalises no path, so these arrive as they are.
        assert_eq!(SHARED.ask("GET", &path).send(&keys).verdict, "404 NoSuchKey", "{key}");
        assert_eq!(SHARED.ask("DELETE", &path).send(&keys).verdict, "404 NoSuchKey", "{key}");
        assert_eq!(SHARED.ask("PUT", &path).body(b"x").send(&keys).verdict, "501 NotImplemented", "{key}");
    }
    assert_eq!(SHARED.ask("GET", &format!("/{BUCKET}/climb/secret")).send(&Keys::parent()).body, b"outside");
}

#[test]
fn multipart_with_a_temporary_credential() {
    let keys = SHARED.sign(&Params { prefixes: Some(&["multipart/"]), ..params() });
    let path = format!("/{BUCKET}/multipart/large");
    let id = SHARED.ask("POST", &path).query("uploads", "").send(&keys).element("UploadId");
    let parts = [vec![b'a'; 5 * 1024 * 1024], vec![b'b'; 10]];
    let mut etags = Vec::new();
    for (number, part) in ["1", "2"].into_iter().zip(&parts) {
        let sent = SHARED.ask("PUT", &path).query("partNumber", number).query("uploadId", &id).body(part).send(&keys);
        assert_eq!(sent.verdict, "200");
        etags.push(sent.etag);
    }
    assert_eq!(SHARED.ask("GET", &path).query("uploadId", &id).send(&keys).text().matches("<Part>").count(), 2);
    let complete = complete_list(&[(1, &etags[0]), (2, &etags[1])]);
    assert_eq!(SHARED.ask("POST", &path).query("uploadId", &id).body(complete.as_bytes()).send(&keys).verdict, "200");
    assert_eq!(SHARED.ask("GET", &path).send(&keys).body, parts.concat());
}

#[test]
fn a_part_has_a_number_from_1_to_10000() {
    SHARED.put("numbers/source", b"content");
    let path = format!("/{BUCKET}/numbers/a");
    let (id, _) = upload("numbers/a");
    let ask = |number: &str| SHARED.ask("PUT", &path).query("partNumber", number).query("uploadId", &id);
    for (number, verdict) in [
        ("1", "200"),
        ("10000", "200"),
        ("0", "400 InvalidArgument"),
        ("-1", "400 InvalidArgument"),
        ("10001", "400 InvalidArgument"),
        ("2147483648", "400 InvalidArgument"),
        ("x", "400 InvalidArgument"),
    ] {
        assert_eq!(ask(number).body(b"part").send(&Keys::parent()).verdict, verdict, "{number}");
        let copy = ask(number).header("x-amz-copy-source", &format!("{BUCKET}/numbers/source"));
        assert_eq!(copy.send(&Keys::parent()).verdict, verdict, "{number}, a copy");
    }
}

#[test]
fn a_completion_that_is_wrong_leaves_the_upload_as_it_is() {
    const KEY: &str = "complete/a";
    let (path, large) = (format!("/{BUCKET}/{KEY}"), vec![b'x'; 5 * 1024 * 1024]);
    let id = begin(KEY);
    let [first, second, small] =
        [(2, &large[..]), (3, b"second"), (4, b"small")].map(|(number, content)| send_part(KEY, &id, number, content));
    let complete = |list: &str, condition: Option<&str>| {
        let ask = SHARED.ask("POST", &path).query("uploadId", &id).body(list.as_bytes());
        let ask = condition.into_iter().fold(ask, |ask, name| ask.header(name, "*"));
        ask.send(&Keys::parent()).verdict
    };
    let parts = || SHARED.ask("GET", &path).query("uploadId", &id).send(&Keys::parent()).elements("ETag").len();
    let missing_etag = "<CompleteMultipartUpload><Part><PartNumber>2</PartNumber></Part></CompleteMultipartUpload>";
    let cut = complete_list(&[(2, &first), (3, &second)]).replace("</CompleteMultipartUpload>", "");
    for (list, verdict) in [
        (complete_list(&[(2, &first), (3, &first)]), "400 InvalidPart"),
        (complete_list(&[(2, "\"0\""), (3, &second)]), "400 InvalidPart"),
        (complete_list(&[(2, &format!("W/{first}")), (3, &second)]), "400 InvalidPart"),
        (complete_list(&[(1, &first), (3, &second)]), "400 InvalidPart"),
        (complete_list(&[(2, &first), (10_001, &second)]), "400 InvalidPart"),
        (complete_list(&[(-1, &first), (0, &second)]), "400 InvalidPart"),
        (complete_list(&[(3, &second), (2, &first)]), "400 InvalidPartOrder"),
        (complete_list(&[(2, &first), (2, &first)]), "400 InvalidPartOrder"),
        (complete_list(&[(2, &first), (3, &second), (4, &small)]), "400 EntityTooSmall"),
        (complete_list(&[]), "400 MalformedXML"),
        (missing_etag.to_owned(), "400 MalformedXML"),
        (missing_etag.replace("PartNumber", "ETag"), "400 MalformedXML"),
        (complete_list(&[(2, "a\u{1}b")]), "400 InvalidPart"),
        (cut, "400 MalformedXML"),
        ("parts".to_owned(), "400 MalformedXML"),
        (String::new(), "400 MalformedXML"),
    ] {
        assert_eq!(complete(&list, None), verdict, "{list}");
        assert_eq!(parts(), 3, "{list}");
    }
    SHARED.put(KEY, b"what was there before");
    let right = complete_list(&[(2, &first), (3, &second)]);
    for condition in ["if-match", "if-none-match"] {
        assert_eq!(complete(&right, Some(condition)), "501 NotImplemented", "{condition}");
        assert_eq!(parts(), 3, "{condition}");
    }
    assert_eq!(SHARED.ask("GET", &path).send(&Keys::parent()).body, b"what was there before");

    // Numbers may have gaps, and ETags be without their quotes.
    let right = right.replace('"', "");
    assert_eq!(complete(&right, None), "200");
    assert_eq!(SHARED.ask("GET", &path).send(&Keys::parent()).body, [&large[..], b"second"].concat());
    assert_eq!(complete(&right, None), "404 NoSuchUpload");
}

#[test]
fn a_completion_on_a_condition_that_does_not_hold_leaves_the_upload_as_it_is() {
    const KEY: &str = "condition/a";
    SHARED.put(KEY, b"before");
    let (path, (id, parts)) = (format!("/{BUCKET}/{KEY}"), upload(KEY));
    let complete = || SHARED.ask("POST", &path).query("uploadId", &id).body(parts.as_bytes());
    assert_eq!(complete().header("if-none-match", "*").send(&Keys::parent()).verdict, "412 PreconditionFailed");
    assert_eq!(complete().header("if-match", "*").send(&Keys::parent()).verdict, "200");
    assert_eq!(SHARED.ask("GET", &path).send(&Keys::parent()).body, b"part");
}

#[test]
fn an_upload_ends_once() {
    let key = "once/a";
    let path = format!("/{BUCKET}/{key}");
    for _ in 0..10 {
        let (id, parts) = upload(key);
        let verdicts = std::thread::scope(|scope| {
            let ends = [0, 1, 2, 3, 4, 5, 6, 7].map(|at| {
                let (id, path, parts) = (&id, &path, &parts);
                scope.spawn(move || {
                    let http = http();
                    let ask = SHARED.ask(if at % 4 == 3 { "DELETE" } else { "POST" }, path).by(&http);
                    ask.query("uploadId", id).body(parts.as_bytes()).send(&Keys::parent()).verdict
                })
            });
            ends.map(|end| end.join().unwrap())
        });
        let ended = verdicts.iter().filter(|verdict| verdict.starts_with("20")).count();
        let late = verdicts.iter().filter(|verdict| *verdict == "404 NoSuchUpload").count();
        assert_eq!((ended, late), (1, 7), "{verdicts:?}");
    }
}

#[test]
fn a_completion_goes_on_without_its_client() {
    const KEY: &str = "gone/a";
    let (path, large) = (format!("/{BUCKET}/{KEY}"), vec![b'x'; 5 * 1024 * 1024]);
    let id = begin(KEY);
    let [first, second] =
        [(1, &large[..]), (2, b"second")].map(|(number, content)| send_part(KEY, &id, number, content));
    let list = complete_list(&[(1, &first), (2, &second)]);
    let complete = || {
        let mut client = TcpStream::connect(SHARED.address("s3").trim_start_matches("http://")).unwrap();
        let complete = SHARED.ask("POST", &path).query("uploadId", &id).body(list.as_bytes());
        client.write_all(&complete.wire(&Keys::parent())).unwrap();
    };
    // Nothing tells of the end to one that went away; nor whether the server has begun before it saw that.
    let began = Instant::now();
    let get = |at: u32| {
        if at.is_multiple_of(200) {
            complete();
        }
        assert!(began.elapsed() < Duration::from_secs(60), "never completed");
        std::thread::sleep(Duration::from_millis(10));
        SHARED.ask("GET", &path).send(&Keys::parent())
    };
    let object = (0..).map(get).find(|reply| reply.verdict != "404 NoSuchKey").unwrap();
    assert_eq!(object.body, [&large[..], b"second"].concat());
}

#[test]
fn uploads_that_go_on_are_listed() {
    let bucket = format!("/{BUCKET}");
    let keys = SHARED.sign(&Params { prefixes: Some(&["going/in/"]), ..params() });
    let mut going: Vec<_> =
        ["b é", "a", "a", "c"].map(|name| format!("going/in/{name}")).map(|key| (upload(&key).0, key)).into();
    upload("going/out");
    let list = |query: &[(&str, &str)]| {
        let ask = SHARED.ask("GET", &bucket).query("uploads", "");
        query.iter().fold(ask, |ask, (name, value)| ask.query(name, value)).send(&keys)
    };
    let found = |reply: &Reply| {
        assert_eq!(reply.verdict, "200");
        reply.elements("UploadId").into_iter().zip(reply.elements("Key")).collect::<Vec<_>>()
    };
    going.sort_by(|(id, key), (other_id, other)| (key, id).cmp(&(other, other_id)));
    assert_eq!(found(&list(&[("prefix", "going/in/")])), going);
    assert_eq!(found(&list(&[("prefix", "going/in/a"), ("max-uploads", "5000"), ("delimiter", "")])), going[..2]);
    assert_eq!(found(&list(&[("prefix", "going/in/"), ("key-marker", "going/in/a")])), going[2..]);

    let (mut paged, mut marker) = (Vec::new(), (String::new(), String::new()));
    loop {
        let (key, id) = (marker.0.as_str(), marker.1.as_str());
        let page =
            list(&[("prefix", "going/in/"), ("max-uploads", "1"), ("key-marker", key), ("upload-id-marker", id)]);
        paged.extend(found(&page));
        marker = (page.element("NextKeyMarker"), page.element("NextUploadIdMarker"));
        assert_eq!(page.element("IsTruncated"), if paged.len() < going.len() { "true" } else { "false" });
        if marker.0.is_empty() {
            break;
        }
    }
    assert_eq!(paged, going);

    for outside in ["", "going/", "going/in", "going/out"] {
        assert_eq!(list(&[("prefix", outside)]).verdict, DENIED, "{outside}");
    }
    for odd in ["0", "-1", "x", ""] {
        assert_eq!(list(&[("prefix", "going/in/"), ("max-uploads", odd)]).verdict, "400 InvalidArgument", "{odd}");
    }
    assert_eq!(list(&[("prefix", "going/in/"), ("delimiter", "/")]).verdict, "501 NotImplemented");
    assert_eq!(SHARED.ask("GET", &bucket).query("uploads", "").unsigned().verdict, DENIED);

    let [aborted, completed] = ["going/in/c", "going/in/d"].map(|key| format!("/{BUCKET}/{key}"));
    let (id, parts) = upload("going/in/d");
    let complete = SHARED.ask("POST", &completed).query("uploadId", &id).body(parts.as_bytes());
    assert_eq!(complete.send(&keys).verdict, "200");
    assert_eq!(SHARED.ask("DELETE", &aborted).query("uploadId", &going[3].0).send(&keys).verdict, "204");
    assert_eq!(found(&list(&[("prefix", "going/in/")])), going[..3]);
}

#[test]
fn the_parts_of_an_upload_are_listed() {
    let keys = SHARED.sign(&Params { objects: Some(&["parts/é+ a"]), ..params() });
    let path = format!("/{BUCKET}/parts/é+ a");
    let id = SHARED.ask("POST", &path).query("uploads", "").send(&keys).element("UploadId");
    let mut sent = Vec::new();
    for (number, part) in [("10", "last"), ("2", "second"), ("1", "1st")] {
        let ask = SHARED.ask("PUT", &path).query("partNumber", number).query("uploadId", &id);
        let etag = ask.body(part.as_bytes()).send(&keys).etag;
        sent.insert(0, (number.to_owned(), etag, part.len().to_string()));
    }
    let list = |query: &[(&str, &str)]| {
        let ask = SHARED.ask("GET", &path).query("uploadId", &id);
        query.iter().fold(ask, |ask, (name, value)| ask.query(name, value)).send(&keys)
    };
    let found = |reply: &Reply| {
        let etags = reply.elements("ETag").into_iter().map(|etag| etag.replace("&quot;", "\""));
        let parts = reply.elements("PartNumber").into_iter().zip(etags).zip(reply.elements("Size"));
        parts.map(|((number, etag), size)| (number, etag, size)).collect::<Vec<_>>()
    };
    let all = list(&[]);
    assert_eq!((found(&all), all.element("IsTruncated")), (sent.clone(), "false".to_owned()));
    let page = list(&[("max-parts", "2")]);
    assert_eq!((found(&page), page.element("IsTruncated")), (sent[..2].to_vec(), "true".to_owned()));
    let rest = list(&[("part-number-marker", &page.element("NextPartNumberMarker"))]);
    assert_eq!((found(&rest), rest.element("IsTruncated")), (sent[2..].to_vec(), "false".to_owned()));
    for odd in [("max-parts", "0"), ("part-number-marker", "x")] {
        assert_eq!(list(&[odd]).verdict, "400 InvalidArgument", "{odd:?}");
    }
    let stranger = SHARED.sign(&Params { prefixes: Some(&["parts/a"]), ..params() });
    assert_eq!(SHARED.ask("GET", &path).query("uploadId", &id).send(&stranger).verdict, DENIED);
}

#[test]
fn an_upload_is_one_of_its_key() {
    let keys = SHARED.sign(&Params { prefixes: Some(&["tied/in/"]), ..params() });
    let (id, parts) = upload("tied/out/a");
    let [path, home] = ["in", "out"].map(|folder| format!("/{BUCKET}/tied/{folder}/a"));
    let ask = |method: &'static str| SHARED.ask(method, &path).query("uploadId", &id);
    assert_eq!(ask("GET").send(&keys).verdict, "404 NoSuchUpload");
    assert_eq!(ask("PUT").query("partNumber", "2").body(b"part").send(&keys).verdict, "404 NoSuchUpload");
    assert_eq!(ask("POST").body(parts.as_bytes()).send(&keys).verdict, "404 NoSuchUpload");
    assert_eq!(ask("DELETE").send(&keys).verdict, "404 NoSuchUpload");
    let odd = SHARED.ask("GET", &path).query("uploadId", "../x");
    assert_eq!(odd.send(&keys).verdict, "404 NoSuchUpload");
    // It is still there.
    let own = SHARED.ask("POST", &home).query("uploadId", &id);
    assert_eq!(own.body(parts.as_bytes()).send(&Keys::parent()).verdict, "200");
}

#[test]
fn a_refused_upload_is_told_so() {
    let emulator = Emulator::start();
    let keys = emulator.sign(&Params { prefixes: Some(&["in/"]), ..params() });
    let large = vec![b'x'; 4 * 1024 * 1024];
    for _ in 0..10 {
        let ask = || emulator.ask("PUT", "/recordings/out").body(&large);
        assert_eq!(ask().send(&keys).verdict, DENIED);
        assert_eq!(ask().header("expect", "100-continue").send(&keys).verdict, DENIED);

        // As a client that has waited long enough to be asked for its body, and sends it all the same.
        let host = emulator.address("s3").trim_start_matches("http://");
        let mut impatient = TcpStream::connect(host).unwrap();
        let head = format!("PUT /recordings/out HTTP/1.1\r\nhost: {host}\r\ncontent-length: {}\r\n", large.len());
        impatient.write_all(format!("{head}expect: 100-continue\r\n\r\n").as_bytes()).unwrap();
        impatient.write_all(&large).unwrap();
        let mut status = [0; 12];
        impatient.read_exact(&mut status).unwrap();
        assert_eq!(&status, b"HTTP/1.1 403");
    }
}

#[test]
fn a_range_of_an_object() {
    SHARED.put("range/ten", b"0123456789");
    SHARED.put("range/empty", b"");
    let keys = SHARED.sign(&Params { prefixes: Some(&["range/"]), ..params() });
    let ask = |method: &str, key: &str, range: &str| {
        SHARED.ask(method, &format!("/{BUCKET}/range/{key}")).header("range", range).send(&keys)
    };
    for (range, expected, content_range) in [
        ("bytes=0-", "0123456789", "bytes 0-9/10"),
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=8-100", "89", "bytes 8-9/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=-10", "0123456789", "bytes 0-9/10"),
        ("bytes=-65536", "0123456789", "bytes 0-9/10"),
    ] {
        let reply = ask("GET", "ten", range);
        let got = (reply.verdict.as_str(), reply.text(), reply.content_range.as_str());
        assert_eq!(got, ("206", expected.to_owned(), content_range), "{range}");
    }
    for beyond in ["bytes=10-", "bytes=10-20", "bytes=-0"] {
        assert_eq!(ask("GET", "ten", beyond).verdict, "416 InvalidRange", "{beyond}");
    }
    for of_nothing in ["bytes=0-", "bytes=0-9", "bytes=-5"] {
        assert_eq!(ask("GET", "empty", of_nothing).verdict, "416 InvalidRange", "{of_nothing}");
    }
    assert_eq!(ask("GET", "none", "bytes=-5").verdict, "404 NoSuchKey");
    // As the README says: a HEAD passes over its range, and S3 would pass over these.
    assert_eq!(
        (ask("HEAD", "ten", "bytes=-3").verdict, ask("HEAD", "ten", "bytes=10-").verdict),
        ("200".to_owned(), "200".to_owned())
    );
    for malformed in ["bytes=4-2", "bytes=0-1,3-4", "lines=0-1"] {
        assert!(ask("GET", "ten", malformed).verdict.starts_with("400 "), "{malformed}");
    }
}

#[test]
fn a_signature_is_for_the_region_auto() {
    SHARED.put("region/a", b"content");
    let keys = SHARED.sign(&Params { prefixes: Some(&["region/"]), ..params() });
    let path = format!("/{BUCKET}/region/a");
    for (region, verdict) in [
        ("auto", "200"),
        ("us-east-1", "200"),
        ("", "200"),
        ("eu-west-9", "400 InvalidRegionName"),
        ("weur", "400 InvalidRegionName"),
        ("AUTO", "400 InvalidRegionName"),
    ] {
        let ask = || SHARED.ask("GET", &path).region(region);
        assert_eq!(ask().send(&keys).verdict, verdict, "{region}");
        assert_eq!(ask().presigned(&keys, 60).verdict, verdict, "{region}, presigned");
    }
}

#[test]
fn presigned_urls() {
    SHARED.put("presigned/out", b"outside");
    let keys = SHARED.sign(&Params { prefixes: Some(&["presigned/in/"]), ..params() });
    let (inside, outside) = (format!("/{BUCKET}/presigned/in/a"), format!("/{BUCKET}/presigned/out"));
    assert_eq!(SHARED.ask("PUT", &inside).body(b"inside").presigned(&keys, 60).verdict, "200");
    assert_eq!(SHARED.ask("GET", &inside).presigned(&keys, 60).body, b"inside");
    assert_eq!(SHARED.ask("GET", &outside).presigned(&keys, 60).verdict, DENIED);
    assert_eq!(SHARED.ask("GET", &inside).skew(-120).presigned(&keys, 60).verdict, DENIED, "the URL has expired");
    assert_eq!(SHARED.ask("GET", &inside).presigned(&keys, 604_800).verdict, "200");
    for odd in ["604801", "99999999999999999999", "0", "-1", "x", ""] {
        let reply = SHARED.ask("GET", &inside).presigned(&keys, odd);
        assert_eq!(reply.verdict, "400 AuthorizationQueryParametersError", "{odd}");
    }
    let without = Keys { token: None, ..keys.clone() };
    assert_eq!(SHARED.ask("GET", &inside).presigned(&without, 60).verdict, "403 SignatureDoesNotMatch");
    let tampered = Keys { token: keys.token.clone().map(|token| token.replace('a', "b")), ..keys.clone() };
    assert_eq!(SHARED.ask("GET", &inside).presigned(&tampered, 60).verdict, BAD_TOKEN);
    let twice = SHARED.ask("GET", &inside).header("x-amz-security-token", keys.token.as_deref().unwrap());
    assert_eq!(twice.presigned(&keys, 60).verdict, BAD_TOKEN, "a token in the headers and in the query");
}

#[test]
fn a_short_lived_credential_works_and_then_does_not() {
    SHARED.put("expiry/a", b"");
    let path = format!("/{BUCKET}/expiry/a");
    let granted = Params { ttl_seconds: Some(2), prefixes: Some(&["expiry/"]), ..params() };
    let lives_until = |end: i64, keys: &Keys| {
        loop {
            let asked = unix_now();
            let reply = SHARED.ask("GET", &path).send(keys);
            // Where the machine stalls, it may have ended before it was used.
            if unix_now() < end {
                assert_eq!(reply.verdict, "200");
            }
            if asked >= end {
                assert_eq!(reply.verdict, EXPIRED);
                break;
            }
            // Nothing tells of the end.
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let created = SHARED.create(&granted).unwrap();
    lives_until(created.expires_at(), &Keys::of(&created));
    let now = unix_now();
    lives_until(now + 2, &SHARED.sign(&Params { issued_at: Some(now), ..granted }));
    for (issued_at, verdict) in [(unix_now() - 840, "200"), (unix_now() - 900, EXPIRED), (unix_now() + 60, BAD_TOKEN)] {
        let keys = SHARED.sign(&Params { issued_at: Some(issued_at), ..params() });
        assert_eq!(SHARED.ask("GET", &path).send(&keys).verdict, verdict, "{}", issued_at - unix_now());
    }
}

#[test]
fn an_expired_credential_is_refused_as_if_its_signature_were_wrong() {
    let keys = SHARED.sign(&Params { issued_at: Some(unix_now() - 900), ..params() });
    for operation in ACTIONS.into_iter().chain(["HeadBucket"]) {
        let expected = if operation.starts_with("Head") { "403" } else { EXPIRED };
        assert_eq!(perform(operation, "expired", &keys), expected, "{operation}");
    }
    let ask = |method| SHARED.ask(method, "/recordings/expired/none");
    for method in ["GET", "HEAD", "PUT", "DELETE"] {
        let reply = ask(method).presigned(&keys, 60);
        assert_eq!(reply.verdict, if method == "HEAD" { "403" } else { EXPIRED }, "{method}, presigned");
        assert_eq!(reply.body.is_empty(), method == "HEAD", "{method}");
    }
    // Nothing but a signature that is wrong says the same.
    let other = Keys { secret: SHARED.sign(&params()).secret, ..SHARED.sign(&params()) };
    let wrong = Keys { secret: other.secret.replace(|digit| digit > '4', "5"), ..other };
    assert_eq!(ask("GET").send(&keys).message, ask("GET").send(&wrong).message);
    // An expired token that is wrong in another way was never good.
    let foreign = Params { endpoint: Some("https://example.com"), issued_at: Some(unix_now() - 900), ..params() };
    assert_eq!(ask("GET").send(&SHARED.sign(&foreign)).verdict, BAD_TOKEN);
}

#[test]
fn the_clock_may_be_a_quarter_of_an_hour_off() {
    SHARED.put("skew/a", b"");
    let keys = SHARED.sign(&params());
    let path = format!("/{BUCKET}/skew/a");
    for (skew, verdict) in
        [(-840, "200"), (840, "200"), (-960, "403 RequestTimeTooSkewed"), (960, "403 RequestTimeTooSkewed")]
    {
        assert_eq!(SHARED.ask("GET", &path).skew(skew).send(&keys).verdict, verdict, "{skew}");
    }
}

#[test]
fn the_three_strings_belong_together() {
    SHARED.put("together/a", b"");
    let path = format!("/{BUCKET}/together/a");
    let keys = SHARED.sign(&params());
    let other = SHARED.sign(&Params { ttl_seconds: Some(60), ..params() });
    assert_eq!(SHARED.ask("GET", &path).send(&keys).verdict, "200");

    let verdict = |keys: &Keys| SHARED.ask("GET", &path).send(keys).verdict;
    assert_eq!(verdict(&Keys { token: None, ..keys.clone() }), "403 SignatureDoesNotMatch");
    assert_eq!(verdict(&Keys { secret: other.secret, ..keys.clone() }), "403 SignatureDoesNotMatch");
    assert_eq!(verdict(&Keys { secret: PARENT_SECRET.to_owned(), ..keys.clone() }), "403 SignatureDoesNotMatch");
    assert_eq!(verdict(&Keys { id: "f".repeat(32), ..keys.clone() }), BAD_TOKEN);
    assert_eq!(verdict(&Keys { id: "f".repeat(32), token: None, ..keys.clone() }), "403 InvalidAccessKeyId");
    assert_eq!(verdict(&Keys { token: Some(String::new()), ..keys.clone() }), BAD_TOKEN);
    let twice = SHARED.ask("GET", &path).header("x-amz-security-token", keys.token.as_deref().unwrap());
    assert_eq!(twice.send(&keys).verdict, BAD_TOKEN);

    assert_eq!(SHARED.ask("GET", &path).unsigned().verdict, DENIED);
    let bearer = SHARED.ask("GET", &path).header("x-amz-security-token", keys.token.as_deref().unwrap());
    assert_eq!(bearer.unsigned().verdict, DENIED, "a token alone");
    let version_2 = SHARED.ask("GET", &path).header("authorization", &format!("AWS {PARENT_ID}:c2lnbmF0dXJl"));
    assert!(version_2.header("date", "Sun, 22 Nov 2026 15:00:00 GMT").unsigned().verdict.starts_with("501"));
    let in_query = SHARED.ask("GET", &path).query("AWSAccessKeyId", PARENT_ID).query("Expires", "4102444800");
    assert!(in_query.query("Signature", "c2lnbmF0dXJl").unsigned().verdict.starts_with("501"));
    let bucket = format!("/{BUCKET}");
    let form = SHARED.ask("POST", &bucket).header("content-type", "multipart/form-data; boundary=x");
    let body = b"--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na\r\n\
                 --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\na\r\n--x--\r\n";
    assert_eq!(form.body(body).unsigned().verdict, DENIED, "a form");
}

#[test]
fn what_no_credential_opens() {
    let (object, bucket) = (format!("/{BUCKET}/none"), format!("/{BUCKET}"));
    for keys in [Keys::parent(), SHARED.sign(&Params { permission: Some(Permission::AdminReadWrite), ..params() })] {
        for (method, path) in [("GET", "/"), ("PUT", &bucket), ("DELETE", &bucket), ("PUT", "/new-bucket")] {
            assert_eq!(SHARED.ask(method, path).send(&keys).verdict, DENIED, "{method} {path}");
        }
        for (method, path, query) in [
            ("GET", &object, "acl"),
            ("PUT", &object, "tagging"),
            ("GET", &bucket, "lifecycle"),
            ("PUT", &bucket, "policy"),
            ("GET", &bucket, "versions"),
        ] {
            let verdict = SHARED.ask(method, path).query(query, "").send(&keys).verdict;
            assert_eq!(verdict, "501 NotImplemented", "{method} {path} {query}");
        }
    }
}

/// A second account, parents that may do less, and buckets in other jurisdictions.
fn wide() -> Emulator {
    Emulator::with(&json!({"accounts": [
        {
            "id": ACCOUNT,
            "api_tokens": [{"id": "ed17574386854bf78a67040be0a770b0", "value": API_TOKEN}],
            "parents": [
                {"access_key_id": PARENT_ID, "secret_access_key": PARENT_SECRET},
                {
                    "access_key_id": "1".repeat(32), "secret_access_key": "1".repeat(64),
                    "permission": "object-read-only"
                },
                {"access_key_id": "2".repeat(32), "secret_access_key": "2".repeat(64), "buckets": ["archive"]}
            ],
            "buckets": [
                {"name": BUCKET}, {"name": "archive"}, {"name": "berlin", "jurisdiction": "eu"},
                {"name": "capitol", "jurisdiction": "fedramp"}, {"name": "boston", "jurisdiction": "us"}
            ]
        },
        {
            "id": "other",
            "parents": [{"access_key_id": "3".repeat(32), "secret_access_key": "3".repeat(64)}],
            "buckets": [{"name": "foreign"}]
        }
    ]}))
}

#[test]
fn a_jurisdictional_bucket_answers_at_its_own_host_only() {
    let emulator = wide();
    let names = ["s3", "s3_eu", "s3_fedramp", "s3_us"];
    for (bucket, home) in [(BUCKET, "s3"), ("berlin", "s3_eu"), ("capitol", "s3_fedramp"), ("boston", "s3_us")] {
        for at in names {
            for signed_for in names {
                let (at, endpoint) = (emulator.address(at), emulator.address(signed_for));
                let keys = emulator.sign(&Params { bucket, endpoint: Some(endpoint), ..params() });
                let verdict = emulator.ask("PUT", &format!("/{bucket}/a")).at(at).body(b"x").send(&keys).verdict;
                let expected = match (at == endpoint, at == emulator.address(home)) {
                    (false, _) => BAD_TOKEN,
                    (true, false) => "404 NoSuchBucket",
                    (true, true) => "200",
                };
                assert_eq!(verdict, expected, "{bucket} at {at}, signed for {endpoint}");
            }
        }
    }
    // create cannot name a jurisdiction.
    let refused =
        emulator.create(&Params { bucket: "berlin", jurisdiction: Jurisdiction::Eu, ..params() }).unwrap_err();
    assert_eq!((refused.http_status(), refused.errors()[0].code), (Some(404), 10006));
}

#[test]
fn an_endpoint_answers_to_cloudflares_name_for_it() {
    let emulator = wide();
    for (bucket, at, label) in [
        (BUCKET, "s3", ""),
        ("berlin", "s3_eu", ".eu"),
        ("capitol", "s3_fedramp", ".fedramp"),
        ("boston", "s3_us", ".us"),
    ] {
        // As a program signs that knows nothing of the emulator.
        let host = format!("{ACCOUNT}{label}.r2.cloudflarestorage.com");
        let endpoint = format!("https://{host}");
        let keys = emulator.sign(&Params { bucket, endpoint: Some(&endpoint), ..params() });
        let path = format!("/{bucket}/a");
        let ask = || emulator.ask("PUT", &path).at(emulator.address(at)).body(b"x");
        assert_eq!(ask().host(&host).send(&keys).verdict, "200");
        assert_eq!(ask().host(&host.to_uppercase()).send(&keys).verdict, "200");
        assert_eq!(ask().host(&format!("other{label}.r2.cloudflarestorage.com")).send(&keys).verdict, BAD_TOKEN);
        assert_eq!(ask().host("example.com").send(&keys).verdict, BAD_TOKEN);
        let local = emulator.address(at).replace("127.0.0.1", "localhost");
        assert_eq!(ask().host(local.trim_start_matches("http://")).send(&keys).verdict, "200");
    }
}

#[test]
fn a_credential_cannot_exceed_its_parent() {
    let emulator = wide();
    let child = |digit: &str, bucket: &'static str| {
        let (id, secret) = (digit.repeat(32), digit.repeat(64));
        let given = Params { bucket, parent_access_key_id: &id, parent_secret_access_key: Some(&secret), ..params() };
        (emulator.sign(&given), Keys { id: id.clone(), secret: secret.clone(), token: None })
    };
    let put = |keys: &Keys, bucket: &str| emulator.ask("PUT", &format!("/{bucket}/a")).body(b"x").send(keys).verdict;
    let get = |keys: &Keys, bucket: &str| emulator.ask("GET", &format!("/{bucket}/a")).send(keys).verdict;
    assert_eq!(put(&Keys::parent(), BUCKET), "200");
    let (reader, own) = child("1", BUCKET);
    assert_eq!((get(&reader, BUCKET).as_str(), put(&reader, BUCKET).as_str()), ("200", DENIED));
    assert_eq!((get(&own, BUCKET).as_str(), put(&own, BUCKET).as_str()), ("200", DENIED), "the pair itself");
    let (archivist, own) = child("2", "archive");
    assert_eq!((put(&archivist, "archive").as_str(), put(&archivist, BUCKET).as_str()), ("200", DENIED));
    assert_eq!((put(&own, "archive").as_str(), put(&own, BUCKET).as_str()), ("200", DENIED), "the pair itself");
    assert_eq!(put(&child("2", BUCKET).0, BUCKET), DENIED);

    // Another account: neither its parents for our account's name, nor its buckets for our parent.
    assert_eq!(put(&child("3", BUCKET).0, BUCKET), BAD_TOKEN, "sub and iss are of two accounts");
    let foreign = emulator.sign(&Params { bucket: "foreign", ..params() });
    assert_eq!((put(&foreign, "foreign").as_str(), put(&Keys::parent(), "foreign").as_str()), (DENIED, DENIED));
    let missing = emulator.sign(&Params { bucket: "missing", ..params() });
    assert_eq!(put(&missing, "missing"), "404 NoSuchBucket");
}

#[test]
fn an_upload_belongs_to_its_bucket_and_not_to_a_key() {
    let emulator = wide();
    let archivist = Keys { id: "2".repeat(32), secret: "2".repeat(64), token: None };
    let ask = |method| emulator.ask(method, "/archive/a");
    let id = ask("POST").query("uploads", "").send(&Keys::parent()).element("UploadId");
    let etag = ask("PUT").query("partNumber", "7").query("uploadId", &id).body(b"part").send(&archivist).etag;
    let list = complete_list(&[(7, &etag)]);
    let complete = ask("POST").query("uploadId", &id).body(list.as_bytes());
    assert_eq!(complete.send(&Keys::parent()).verdict, "200");
    assert_eq!(ask("GET").send(&archivist).body, b"part");

    let id = ask("POST").query("uploads", "").send(&archivist).element("UploadId");
    assert_eq!(ask("DELETE").query("uploadId", &id).send(&Keys::parent()).verdict, "204");
}

#[test]
fn revoking_a_parent_ends_its_children_at_once() {
    let emulator = wide();
    let keys = [emulator.sign(&params()), Keys::of(&emulator.create(&params()).unwrap())];
    let put = |keys: &Keys| emulator.ask("PUT", &format!("/{BUCKET}/a")).body(b"x").send(keys).verdict;
    let sibling = Keys { id: "2".repeat(32), secret: "2".repeat(64), token: None };
    for keys in &keys {
        assert_eq!(put(keys), "200");
    }
    let url = format!("{}/accounts/{ACCOUNT}/tokens/{PARENT_ID}", emulator.address("api"));
    let delete = || emulator.http.delete(&url).header("authorization", &format!("Bearer {API_TOKEN}")).call().unwrap();
    assert_eq!(delete().status().as_u16(), 200);
    for keys in &keys {
        assert_eq!(put(keys), BAD_TOKEN);
    }
    assert_eq!(put(&Keys::parent()), "403 InvalidAccessKeyId");
    assert_eq!(put(&sibling), DENIED, "another parent of the account still counts as one");
    let refused = emulator.create(&params()).unwrap_err();
    assert_eq!(refused.http_status(), Some(401));
    assert_eq!(delete().status().as_u16(), 404, "it is gone");
}
