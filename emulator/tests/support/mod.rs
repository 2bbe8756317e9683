//! An emulator in a process of its own, and an S3 client that can be told to sign anything.
#![allow(dead_code)]

use std::fmt::Display;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::{digest, hmac};
use r2creds::{Client, ClientOptions, Credentials, InspectParams, Inspection, Params, Permission, RequestOptions};
use serde_json::Value;

pub const ACCOUNT: &str = "023e105f4ecef8ad9ca31a8372d0c353";
pub const BUCKET: &str = "recordings";
pub const PARENT_ID: &str = "0123456789abcdef0123456789abcdef";
pub const PARENT_SECRET: &str = "0000000000000000000000000000000000000000000000000000000000000001";
pub const API_TOKEN: &str = "example-api-token";

/// Lives until it is dropped; should the test die, its standard input is closed, which ends it too.
pub struct Emulator {
    pub process: Child,
    pub ready: Value,
    pub http: ureq::Agent,
}

pub fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_r2-emulator"))
}

impl Emulator {
    /// With the example account.
    pub fn start() -> Self {
        Self::run(&mut command())
    }

    pub fn with(config: &Value) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), config.to_string()).unwrap();
        Self::run(command().arg("--config").arg(file.path()))
    }

    pub fn run(command: &mut Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, ready: serde_json::from_str(&line).expect("one line of JSON"), http: http() }
    }

    pub fn address(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap()
    }

    /// An S3 request to the endpoint of the default jurisdiction; `path` is "/bucket/key", not encoded.
    pub fn ask<'a>(&'a self, method: &'a str, path: &'a str) -> Ask<'a> {
        Ask {
            http: &self.http,
            address: self.address("s3"),
            host: None,
            method,
            path,
            query: Vec::new(),
            headers: Vec::new(),
            body: b"",
            skew: 0,
            region: "auto",
        }
    }

    pub fn put(&self, key: &str, body: &[u8]) {
        let path = format!("/{BUCKET}/{key}");
        assert_eq!(self.ask("PUT", &path).body(body).send(&Keys::parent()).verdict, "200");
    }

    /// What `params` grant, made by the library, locally.
    pub fn sign(&self, params: &Params<'_>) -> Keys {
        let endpoint = params.endpoint.unwrap_or(self.address("s3"));
        Keys::of(&r2creds::sign(&Params { endpoint: Some(endpoint), ..*params }).unwrap())
    }

    /// The same, made by the emulator's API and fetched by the library.
    pub fn create(&self, params: &Params<'_>) -> Result<Credentials, r2creds::Error> {
        let (base_url, proxy_url) = (Some(self.address("api")), Some(""));
        let options = ClientOptions {
            api_token: Some(API_TOKEN),
            base_url,
            proxy_url,
            max_retries: Some(0),
            ..Default::default()
        };
        Client::new(&options).unwrap().create(params, &RequestOptions::default())
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

pub fn http() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).max_redirects(0);
    config.timeout_global(Some(Duration::from_secs(60))).build().into()
}

/// Everything a grant needs but what the test is about.
pub fn params() -> Params<'static> {
    Params {
        account_id: ACCOUNT,
        bucket: BUCKET,
        parent_access_key_id: PARENT_ID,
        parent_secret_access_key: Some(PARENT_SECRET),
        permission: Some(Permission::ObjectReadWrite),
        ..Params::default()
    }
}

#[derive(Clone)]
pub struct Keys {
    pub id: String,
    pub secret: String,
    pub token: Option<String>,
}

impl Keys {
    /// The parent's own pair, which may do everything: tests prepare with it.
    pub fn parent() -> Self {
        Self { id: PARENT_ID.to_owned(), secret: PARENT_SECRET.to_owned(), token: None }
    }

    pub fn of(credentials: &Credentials) -> Self {
        Self {
            id: credentials.access_key_id().to_owned(),
            secret: credentials.secret_access_key().to_owned(),
            token: Some(credentials.session_token().to_owned()),
        }
    }
}

/// What the library says of keys that a client uses at this address.
pub fn inspected(keys: &Keys, endpoint: &str) -> Inspection {
    let params = InspectParams {
        session_token: keys.token.as_deref().unwrap(),
        access_key_id: Some(&keys.id),
        secret_access_key: Some(&keys.secret),
        parent_secret_access_key: Some(PARENT_SECRET),
        endpoint: Some(endpoint),
        at: None,
    };
    r2creds::inspect(&params).unwrap()
}

pub struct Reply {
    /// "200", or with S3's error code "403 AccessDenied".
    pub verdict: String,
    pub message: String,
    pub body: Vec<u8>,
    pub etag: String,
    pub content_range: String,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The text of the first XML element of that name.
    pub fn element(&self, name: &str) -> String {
        element(&self.text(), name)
    }

    /// The texts of all of them.
    pub fn elements(&self, name: &str) -> Vec<String> {
        let (text, start) = (self.text(), format!("<{name}>"));
        text.match_indices(&start).map(|(at, _)| element(&text[at..], name)).collect()
    }
}

fn element(xml: &str, name: &str) -> String {
    let text = xml.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    text.map(|(text, _)| text.to_owned()).unwrap_or_default()
}

#[derive(Clone)]
pub struct Ask<'a> {
    http: &'a ureq::Agent,
    address: &'a str,
    host: Option<&'a str>,
    method: &'a str,
    path: &'a str,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: &'a [u8],
    skew: i64,
    region: &'a str,
}

impl<'a> Ask<'a> {
    pub fn at(self, address: &'a str) -> Self {
        Self { address, ..self }
    }

    /// With a client, and so a connection, of its own.
    pub fn by(self, http: &'a ureq::Agent) -> Self {
        Self { http, ..self }
    }

    /// The `Host` header, when it is not the address's.
    pub fn host(self, host: &'a str) -> Self {
        Self { host: Some(host), ..self }
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(self, body: &'a [u8]) -> Self {
        Self { body, ..self }
    }

    /// The request's clock is that many seconds ahead.
    pub fn skew(self, skew: i64) -> Self {
        Self { skew, ..self }
    }

    /// The region that the signature is made for.
    pub fn region(self, region: &'a str) -> Self {
        Self { region, ..self }
    }

    /// Signed in the headers. What the library says that R2 refuses is not let in.
    pub fn send(self, keys: &Keys) -> Reply {
        // Before it is sent, because it may end meanwhile.
        let is_refused = keys.token.is_some() && keys.id == PARENT_ID && inspected(keys, self.address).is_refused();
        let reply = self.signed(keys).transmit();
        if is_refused {
            assert!(reply.verdict.starts_with("400") || reply.verdict.starts_with("403"), "{}", reply.verdict);
        }
        reply
    }

    /// The same, as the bytes that go over a connection.
    pub fn wire(self, keys: &Keys) -> Vec<u8> {
        let ask = self.signed(keys);
        let headers: String = ask.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (line, length) = (format!("{} {} HTTP/1.1", ask.method, ask.target()), ask.body.len());
        [format!("{line}\r\n{headers}content-length: {length}\r\n\r\n").as_bytes(), ask.body].concat()
    }

    fn signed(mut self, keys: &Keys) -> Self {
        let date = amz_date(self.skew);
        let payload = hex(digest::digest(&digest::SHA256, self.body).as_ref());
        self.headers.push(("host".to_owned(), self.host_name().to_owned()));
        self.headers.push(("x-amz-content-sha256".to_owned(), payload.clone()));
        self.headers.push(("x-amz-date".to_owned(), date.clone()));
        if let Some(token) = &keys.token {
            self.headers.push(("x-amz-security-token".to_owned(), token.clone()));
        }
        self.headers.sort();
        let names = self.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let signature = self.signature(keys, &date, &names, &payload);
        let scope = self.scope(&date);
        let credential = format!("Credential={}/{scope}, SignedHeaders={names}, Signature={signature}", keys.id);
        self.headers.push(("authorization".to_owned(), format!("AWS4-HMAC-SHA256 {credential}")));
        self
    }

    /// A presigned URL, fetched.
    pub fn presigned(mut self, keys: &Keys, expires: impl Display) -> Reply {
        let date = amz_date(self.skew);
        let credential = format!("{}/{}", keys.id, self.scope(&date));
        let expires = expires.to_string();
        let mut parameters = vec![
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &date),
            ("X-Amz-Expires", &expires),
            ("X-Amz-SignedHeaders", "host"),
        ];
        parameters.extend(keys.token.as_deref().map(|token| ("X-Amz-Security-Token", token)));
        for (name, value) in parameters {
            self.query.push((name.to_owned(), value.to_owned()));
        }
        self.headers.push(("host".to_owned(), self.host_name().to_owned()));
        let signature = self.signature(keys, &date, "host", "UNSIGNED-PAYLOAD");
        self.query.push(("X-Amz-Signature".to_owned(), signature));
        self.transmit()
    }

    /// As it is, with whatever headers it has been given.
    pub fn unsigned(self) -> Reply {
        self.transmit()
    }

    fn scope(&self, date: &str) -> String {
        format!("{}/{}/s3/aws4_request", &date[..8], self.region)
    }

    fn host_name(&self) -> &'a str {
        self.host.unwrap_or(self.address.trim_start_matches("http://"))
    }

    /// Path and query, encoded.
    fn target(&self) -> String {
        format!("{}?{}", escape(self.path, "/"), self.query_string())
    }

    fn query_string(&self) -> String {
        let mut pairs: Vec<_> =
            self.query.iter().map(|(name, value)| format!("{}={}", escape(name, ""), escape(value, ""))).collect();
        pairs.sort();
        pairs.join("&")
    }

    fn signature(&self, keys: &Keys, date: &str, names: &str, payload: &str) -> String {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let (method, path, query) = (self.method, escape(self.path, "/"), self.query_string());
        let canonical = format!("{method}\n{path}\n{query}\n{headers}\n{names}\n{payload}");
        let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let scope = self.scope(date);
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
        let start = format!("AWS4{}", keys.secret).into_bytes();
        let key = scope.split('/').fold(start, |key, part| mac(&key, part));
        hex(&mac(&key, &text))
    }

    fn transmit(self) -> Reply {
        let url = format!("{}{}", self.address, self.target());
        let mut request = ureq::http::Request::builder().method(self.method).uri(url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let reply = match self.method {
            "PUT" | "POST" => self.http.run(request.body(self.body).unwrap()),
            _ => self.http.run(request.body(()).unwrap()),
        };
        let mut reply = reply.unwrap();
        let body = reply.body_mut().read_to_vec().unwrap();
        let (xml, mut verdict) = (String::from_utf8_lossy(&body), reply.status().as_str().to_owned());
        if xml.contains("<Error>") {
            verdict = format!("{verdict} {}", element(&xml, "Code"));
        }
        let header =
            |name| reply.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let (etag, content_range) = (header("etag"), header("content-range"));
        Reply { verdict, message: element(&xml, "Message"), etag, content_range, body }
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn escape(text: &str, kept: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || kept.as_bytes().contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).into() } else { format!("%{byte:02X}") }).collect()
}

pub fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

/// Now, and `ahead` seconds, as `20261122T150000Z`.
fn amz_date(ahead: i64) -> String {
    let time = unix_now() + ahead;
    let (days, second) = (time.div_euclid(86_400), time.rem_euclid(86_400));
    let (mut year, mut day) = (1970, days);
    let is_leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    while day >= 365 + i64::from(is_leap(year)) {
        day -= 365 + i64::from(is_leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while day >= lengths[month] {
        day -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{:02}{:02}T{hour:02}{minute:02}{second:02}Z", month + 1, day + 1)
}
