//! The C programs in `examples/`, compiled and run as a user would, against servers on loopback. The S3 server trusts
//! nothing: it checks the session token and the request's signature (SigV4) by the book.

use std::fmt::Write;
use std::fs::{self, File};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_lc_rs::{digest, hmac};
use serde_json::Value;
use support::calls::{ACCOUNT, API_TOKEN, PARENT_ID, PARENT_SECRET};
use support::files::TempFile;
use support::scripted;
use support::server::{Request, Server, reply};
use support::toolchain::{Compiler, Program, Way, each_way, is_installed};

const C: [Compiler; 2] = [Compiler::Gcc, Compiler::Clang];
const BUCKET: &str = "example-bucket";

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(digest::digest(&digest::SHA256, bytes.as_ref()))
}

fn hmac_sha256(key: impl AsRef<[u8]>, text: impl AsRef<[u8]>) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()), text.as_ref())
}

/// The claims of a session token that this parent has signed, and the secret access key that belongs to it.
fn opened(session_token: &str) -> Option<(Value, String)> {
    let token = base64_simd::STANDARD.decode_to_vec(session_token).ok()?;
    let jwt = std::str::from_utf8(&token).ok()?.strip_prefix("jwt/")?;
    let (signed, signature) = jwt.rsplit_once('.')?;
    let (_, claims) = signed.split_once('.')?;
    let decode = |text: &str| base64_simd::URL_SAFE_NO_PAD.decode_to_vec(text).ok();
    if decode(signature)? != hmac_sha256(PARENT_SECRET, signed).as_ref() {
        return None;
    }
    Some((serde_json::from_slice(&decode(claims)?).ok()?, sha256(jwt)))
}

/// A time as SigV4 writes it: 20261122T002449Z.
fn amz_date(time: SystemTime) -> String {
    let text = httpdate::fmt_http_date(time);
    let [_, day, month, year, clock, _] = text.split(' ').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(month).unwrap() / 3 + 1;
    format!("{year}{month:02}{day}T{}Z", clock.replace(':', ""))
}

/// A path with its escapes undone, and as SigV4 escapes it.
fn path_of(escaped: &str) -> Option<(String, String)> {
    let key = percent_encoding::percent_decode_str(escaped).decode_utf8().ok()?.into_owned();
    let canonical = key.bytes().fold(String::new(), |mut path, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => path.push(char::from(byte)),
            _ => write!(path, "%{byte:02X}").unwrap(),
        }
        path
    });
    Some((key, canonical))
}

/// The key of the object that this request may have from the S3 server at `host`, or why it may not.
fn granted(request: &Request, host: &str) -> Result<String, &'static str> {
    let header = |name: &str| match request.header(name)[..] {
        [value] => Ok(value),
        _ => Err("a header is not there exactly once"),
    };
    let mut words = request.line().split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, canonical_path) = path_of(target).ok_or("path")?;
    if canonical_path != target {
        return Err("the path is not escaped as it is signed");
    }

    let (claims, secret) = opened(header("x-amz-security-token")?).ok_or("session token")?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let key = path.strip_prefix(&format!("/{BUCKET}/")).ok_or("bucket")?;
    let is_right = match method {
        "GET" => claims["scope"] == "object-read-only",
        "PUT" => claims["actions"] == serde_json::json!(["PutObject"]),
        _ => false,
    };
    let is_granted = claims["bucket"] == BUCKET
        && is_right
        && (claims.get("paths").is_none() && method == "PUT"
            || claims["paths"] == serde_json::json!({ "prefixPaths": [], "objectPaths": [key] }))
        && (claims["sub"] == ACCOUNT && claims["iss"] == PARENT_ID && claims["aud"] == host)
        && (claims["iat"].as_u64() <= Some(now) && claims["exp"].as_u64() > Some(now));
    if !is_granted || header("host")? != host {
        return Err("claims");
    }

    let (date, minutes) = (header("x-amz-date")?, |count: u64| Duration::from_secs(count * 60));
    if *date < *amz_date(SystemTime::now() - minutes(15)) || *date > *amz_date(SystemTime::now() + minutes(15)) {
        return Err("date");
    }
    let hash = header("x-amz-content-sha256")?;
    if hash != sha256(&request.body) && (method, hash) != ("PUT", "UNSIGNED-PAYLOAD") {
        return Err("hash of the body");
    }
    let scope = format!("{}/auto/s3/aws4_request", date.get(..8).ok_or("date")?);
    let authorization = header("authorization")?;
    let start = format!("AWS4-HMAC-SHA256 Credential={PARENT_ID}/{scope}, SignedHeaders=");
    let (signed, signature) =
        authorization.strip_prefix(&start).and_then(|rest| rest.split_once(", Signature=")).ok_or("authorization")?;

    let names: Vec<_> = signed.split(';').collect();
    let must =
        request.head.lines().skip(1).filter_map(|line| line.split_once(':')).map(|(name, _)| name.to_lowercase());
    if !names.is_sorted()
        || !must.filter(|name| name == "host" || name.starts_with("x-amz-")).all(|name| names.contains(&&*name))
    {
        return Err("signed headers");
    }
    let mut headers = String::new();
    for name in names {
        let value = header(name)?.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        writeln!(headers, "{name}:{value}").unwrap();
    }
    let canonical = format!("{method}\n{canonical_path}\n\n{headers}\n{signed}\n{hash}");
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical));
    let start = format!("AWS4{secret}").into_bytes();
    let signing_key = scope.split('/').fold(start, |key, part| hmac_sha256(key, part).as_ref().to_vec());
    if hex(hmac_sha256(signing_key, to_sign)) != signature { Err("signature") } else { Ok(key.to_owned()) }
}

/// Larger than any buffer on the way, and no text.
fn object(key: &str) -> Vec<u8> {
    key.bytes().chain(0..=255).cycle().take(300_000).collect()
}

fn s3() -> Server {
    Server::start(|connection| {
        let host = connection.socket().local_addr().unwrap().to_string();
        while let Some(request) = connection.request() {
            let mut answer = match granted(&request, &host) {
                Ok(_) if request.line().starts_with("PUT") => reply("200 OK", "", ""),
                Ok(key) if key == "missing" => reply("404 Not Found", "", "<Error>NoSuchKey</Error>"),
                Ok(key) => {
                    let object = object(&key);
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", object.len());
                    [head.as_bytes(), &object].concat()
                }
                Err(why) => reply("403 Forbidden", "", &format!("<Error>{why}</Error>")),
            };
            if request.line().contains("/cut ") {
                answer.truncate(100_000);
                connection.send(&answer);
                return;
            }
            connection.send(&answer);
        }
    })
}

/// The program with its documented environment.
fn configured(program: &Program) -> Command {
    let mut command = program.command();
    command.env("CLOUDFLARE_ACCOUNT_ID", ACCOUNT).env("R2_BUCKET", BUCKET).env("R2_PARENT_ACCESS_KEY_ID", PARENT_ID);
    command.env("R2_PARENT_SECRET_ACCESS_KEY", PARENT_SECRET).stdin(Stdio::null());
    command
}

/// Ended as expected, and with no memory error; standard error comes back.
#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let spoken = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{spoken}");
    for secret in [PARENT_SECRET, API_TOKEN] {
        assert!(!spoken.contains(secret), "{spoken}");
    }
    spoken
}

#[test]
fn get_fetches_an_object_and_nothing_else() {
    if !is_installed("curl-config") {
        return;
    }
    each_way("examples/c/get.c", C, &["-lcurl"], |program| {
        let s3 = s3();
        let get = |key: &str| {
            let mut command = configured(&program);
            command.env("R2_ENDPOINT", s3.url()).arg(key);
            command
        };
        let long = "/é+".repeat(256);
        for key in ["camera-7/2026-11-21.mp4", " +=&?#%2F%25~!*'();:@,[]\"\\é", "a/../b//./c", &long] {
            let output = get(key).output().unwrap();
            assert_eq!(ended(&output, 0), "", "{key}");
            assert!(output.stdout == object(key), "{key}: {} bytes", output.stdout.len());
        }

        let refused =
            get("key").env("R2_PARENT_SECRET_ACCESS_KEY", PARENT_SECRET.replace("00", "01")).output().unwrap();
        assert!(ended(&refused, 1).contains("403") && refused.stdout.is_empty());
        let missing = get("missing").output().unwrap();
        assert!(ended(&missing, 1).contains("404") && missing.stdout.is_empty());
        ended(&get("cut").output().unwrap(), 1);
        if cfg!(target_os = "linux") {
            let full = File::options().write(true).open("/dev/full").unwrap();
            ended(&get("key").stdout(full).output().unwrap(), 1);
        }
        let requests = s3.seen().requests.len();

        let malformed = get("key").env("R2_PARENT_SECRET_ACCESS_KEY", API_TOKEN).output().unwrap();
        assert!(ended(&malformed, 1).starts_with("get: parent_secret_access_key: 40 characters"));
        let incomplete = get("key").env_remove("R2_BUCKET").output().unwrap();
        assert!(ended(&incomplete, 1).starts_with("get: bucket: "));
        assert!(ended(&get("key").arg("more").output().unwrap(), 2).starts_with("usage: "));
        assert_eq!(s3.seen().requests.len(), requests);
    });
}

#[test]
fn put_uploads_a_file_and_nothing_else() {
    if !is_installed("curl-config") {
        return;
    }
    each_way("examples/c/put.c", C, &["-lcurl"], |program| {
        let s3 = s3();
        let put = |file: &str, key: &str| {
            let mut command = configured(&program);
            command.env("R2_ENDPOINT", s3.url()).args([file, key]);
            command
        };
        for (key, content) in [("camera-7/2026-11-21.mp4", object("a")), (" +=&?#%é", b"x".to_vec()), ("a", vec![])] {
            let file = TempFile::new(&content);
            assert_eq!(ended(&put(file.path(), key).output().unwrap(), 0), "", "{key}");
            let seen = s3.seen().requests;
            assert!(seen.last().unwrap().body == content, "{key}");
        }

        let file = TempFile::new("content");
        let secret = PARENT_SECRET.replace("00", "01");
        let refused = put(file.path(), "key").env("R2_PARENT_SECRET_ACCESS_KEY", secret).output().unwrap();
        assert!(ended(&refused, 1).contains("403"));
        let requests = s3.seen().requests.len();
        let malformed = put(file.path(), "key").env("R2_PARENT_SECRET_ACCESS_KEY", API_TOKEN).output().unwrap();
        assert!(ended(&malformed, 1).starts_with("put: parent_secret_access_key: 40 characters"));
        assert!(ended(&put("/nothing/here", "key").output().unwrap(), 1).contains("No such file"));
        assert!(ended(&put(file.path(), "key").arg("more").output().unwrap(), 2).starts_with("usage: "));
        assert_eq!(s3.seen().requests.len(), requests);
    });
}

/// A daemon that uploads a folder: all of it, once each, a refused credential replaced, and a clean end.
fn uploads_a_folder(program: &Program) {
    let tokens = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&tokens);
    let s3 = Server::start(move |connection| {
        let host = connection.socket().local_addr().unwrap().to_string();
        while let Some(request) = connection.request() {
            let key = granted(&request, &host);
            connection.send(&match key.as_deref() {
                Ok("refused once") => {
                    let mut tokens = seen.lock().unwrap();
                    tokens.push(request.header("x-amz-security-token")[0].to_owned());
                    match tokens.len() {
                        1 => reply("403 Forbidden", "", "<Error><Code>SignatureDoesNotMatch</Code></Error>"),
                        _ => reply("200 OK", "", ""),
                    }
                }
                Ok(_) => reply("200 OK", "", ""),
                Err(why) => reply("403 Forbidden", "", &format!("<Error>{why}</Error>")),
            });
        }
    });
    let folder = std::env::temp_dir().join(format!("r2creds-daemon-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let put = |name: &str, content: &[u8]| {
        fs::write(folder.join(format!(".{name}")), content).unwrap();
        fs::rename(folder.join(format!(".{name}")), folder.join(name)).unwrap();
    };
    let names: Vec<_> = (0..40).map(|at| format!("recording {at}.mp4")).collect();
    names.iter().for_each(|name| put(name, name.as_bytes()));
    let mut command = configured(program);
    command.env("R2_ENDPOINT", s3.url()).arg(&folder).stderr(Stdio::piped());
    let daemon = command.spawn().unwrap();
    s3.wait_for(|seen| seen.requests.len() >= 40);
    put("refused once", b"content");
    s3.wait_for(|seen| seen.requests.len() >= 42);
    // SAFETY: it has not been waited for, so its number is its own.
    unsafe { libc::kill(i32::try_from(daemon.id()).unwrap(), libc::SIGTERM) };
    let spoken = ended(&daemon.wait_with_output().unwrap(), 0);
    assert!(spoken.contains("refused once: HTTP 403") && spoken.lines().count() == 1, "{spoken}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
    fs::remove_dir(&folder).unwrap();
    let requests = s3.seen().requests;
    for name in &names {
        let path = format!("PUT /{BUCKET}/{} ", name.replace(' ', "%20"));
        let bodies: Vec<_> = requests.iter().filter(|request| request.head.starts_with(&path)).collect();
        assert!(bodies.len() == 1 && bodies[0].body == name.as_bytes(), "{name}: {}", bodies.len());
    }
    let tokens = tokens.lock().unwrap();
    assert!(tokens.len() == 2 && tokens[0] != tokens[1], "the refused credential was used again");

    let malformed = configured(program).env("R2_PARENT_SECRET_ACCESS_KEY", API_TOKEN).arg(".").output().unwrap();
    assert!(ended(&malformed, 1).starts_with("daemon: parent_secret_access_key: 40 characters"));
    assert!(ended(&configured(program).arg("/nothing/here").output().unwrap(), 1).contains("/nothing/here"));
    assert!(ended(&configured(program).output().unwrap(), 2).starts_with("usage: "));
}

#[test]
fn daemons_upload_a_folder_and_end_cleanly() {
    if !is_installed("curl-config") {
        return;
    }
    each_way("examples/c/daemon.c", C, &["-lcurl"], |program| uploads_a_folder(&program));
    each_way("examples/cpp/daemon.cpp", [Compiler::Gxx, Compiler::Clangxx], &["-std=c++17", "-lcurl"], |program| {
        // The C program has shown valgrind the library.
        if program.way != Way::Valgrind {
            uploads_a_folder(&program);
        }
    });
}

#[test]
fn the_s3_server_refuses_whatever_was_changed() {
    if !is_installed("curl-config") {
        return;
    }
    let s3 = s3();
    let program = std::cell::RefCell::new(None);
    each_way("examples/c/get.c", C, &["-lcurl"], |built| *program.borrow_mut() = Some(built));
    let program = program.into_inner().unwrap();
    ended(&configured(&program).env("R2_ENDPOINT", s3.url()).arg("a b").output().unwrap(), 0);
    let (request, host) = (s3.seen().requests[0].clone(), s3.address.to_string());
    assert_eq!(granted(&request, &host), Ok("a b".to_owned()));
    let hash = sha256("");
    for (from, to) in [
        ("GET /", "PUT /"),
        ("/a%20b", "/a%20c"),
        ("/a%20b", "/a%20b?x"),
        ("/a%20b", "/%61%20b"),
        ("example-bucket", "another-bucket"),
        (&host, "localhost:1"),
        ("host;", ""),
        (";x-amz-security-token", ""),
        ("Signature=", "Signature=0"),
        ("/auto/s3/", "/auto/s4/"),
        (&hash, "UNSIGNED-PAYLOAD"),
        ("\r\n\r\n", "\r\nx-amz-acl: public-read\r\n\r\n"),
    ] {
        let changed = Request { head: request.head.replace(from, to), ..request.clone() };
        assert_ne!(changed.head, request.head, "{from} is not there:\n{}", request.head);
        assert!(granted(&changed, &host).is_err(), "{from} {to}");
    }
    assert!(granted(&Request { body: b"x".to_vec(), ..request.clone() }, &host).is_err());
    let date = request.header("x-amz-date")[0];
    let old = Request { head: request.head.replace(date, &amz_date(SystemTime::UNIX_EPOCH)), ..request.clone() };
    assert_eq!(granted(&old, &host), Err("date"));
}

#[test]
fn mint_prints_a_credential_for_a_shell() {
    each_way("examples/c/mint.c", C, &[], |program| {
        let output = configured(&program).args(["sign", "--print"]).env("R2_PREFIX", "camera 7/").output().unwrap();
        let spoken = ended(&output, 0);
        assert!(spoken.contains("keys that begin with camera 7/"), "{spoken}");
        // As the shell that evaluates it sees it.
        let script = format!("{}env", String::from_utf8(output.stdout).unwrap());
        let seen = Command::new("sh")
            .args(["-c", &script])
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .output()
            .unwrap();
        let seen = String::from_utf8(seen.stdout).unwrap();
        let variable = |name: &str| seen.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap();
        let (claims, secret) = opened(variable("AWS_SESSION_TOKEN")).unwrap();
        assert_eq!(claims["paths"]["prefixPaths"], serde_json::json!(["camera 7/"]));
        assert_eq!(variable("AWS_SECRET_ACCESS_KEY"), secret);
        assert_eq!(variable("AWS_ACCESS_KEY_ID"), PARENT_ID);
        assert_eq!(variable("AWS_REGION"), "auto");
        assert_eq!(variable("AWS_ENDPOINT_URL_S3"), format!("https://{ACCOUNT}.r2.cloudflarestorage.com"));

        let mut elsewhere = configured(&program);
        elsewhere.args(["sign", "--print"]).env("R2_ENDPOINT", "http://127.0.0.1:9000");
        let output = elsewhere.env("R2_PERMISSION", "object-read-write").output().unwrap();
        assert!(ended(&output, 0).contains("object-read-write on bucket"));
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains("export AWS_ENDPOINT_URL_S3='http://127.0.0.1:9000'\n"), "{printed}");
        let token = printed.split_once("AWS_SESSION_TOKEN='").unwrap().1.split_once('\'').unwrap().0;
        assert_eq!(opened(token).unwrap().0["scope"], "object-read-write");
        let unknown = elsewhere.env("R2_PERMISSION", "write").output().unwrap();
        assert!(ended(&unknown, 1).starts_with("mint: INVALID_ARGUMENT: permission: ") && unknown.stdout.is_empty());

        let silent = configured(&program).arg("sign").output().unwrap();
        assert!(ended(&silent, 0).contains("every key") && silent.stdout.is_empty());

        let server = scripted::http();
        let create = |account: &str| {
            let mut command = configured(&program);
            command.args(["create", "--print"]).env("CLOUDFLARE_API_TOKEN", API_TOKEN);
            command.env("CLOUDFLARE_BASE_URL", server.url()).env("CLOUDFLARE_ACCOUNT_ID", account);
            command
        };
        let output = create("anyone").output().unwrap();
        ended(&output, 0);
        assert!(String::from_utf8(output.stdout).unwrap().contains("export AWS_SESSION_TOKEN='token-anyone'\n"));

        let refused = create("http-403").output().unwrap();
        assert!(ended(&refused, 1).starts_with("mint: PERMISSION_DENIED: ") && refused.stdout.is_empty());
        let anonymous = create("anyone").env_remove("CLOUDFLARE_API_TOKEN").output().unwrap();
        assert!(ended(&anonymous, 1).starts_with("mint: NO_AUTHENTICATION: "));
        for arguments in [&[][..], &["make"], &["sign", "print"]] {
            assert!(ended(&configured(&program).args(arguments).output().unwrap(), 2).starts_with("usage: "));
        }
    });
}
