//! `r2creds inspect`: what a credential grants, and why R2 refuses it. Offline.

use std::io::{IsTerminal, Read};

use r2creds::{Finding, InspectParams, Inspection};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::{Failure, reason};
use crate::formats;
use crate::options::{Given, variable, variable_of};

/// A credential, or what there is of one.
#[derive(Default)]
struct Held {
    session_token: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    endpoint: Option<String>,
}

/// How the values are called: here, by AWS SDKs in the environment, and by `credential_process`, the container endpoint
/// and Cloudflare's API.
const NAMES: [(&str, &str, &[&str]); 4] = [
    ("session_token", "AWS_SESSION_TOKEN", &["SessionToken", "Token", "sessionToken"]),
    ("access_key_id", "AWS_ACCESS_KEY_ID", &["AccessKeyId", "accessKeyId"]),
    ("secret_access_key", "AWS_SECRET_ACCESS_KEY", &["SecretAccessKey", "secretAccessKey"]),
    ("endpoint", "AWS_ENDPOINT_URL_S3", &[]),
];

impl Held {
    fn put(&mut self, name: &str, value: String) {
        let of = NAMES.iter().find(|(ours, aws, others)| [ours, aws].contains(&&name) || others.contains(&name));
        match of.map(|(ours, ..)| *ours) {
            Some("session_token") => self.session_token = Some(value),
            Some("access_key_id") => self.access_key_id = Some(value),
            Some("secret_access_key") => self.secret_access_key = Some(value),
            Some("endpoint") => self.endpoint = Some(value),
            _ => {}
        }
    }

    /// From the environment, if a session token is there.
    fn of_environment() -> Result<Option<Self>, Failure> {
        let mut held = Held::default();
        for (_, name, _) in NAMES {
            if let Some(value) = variable(name)? {
                held.put(name, value);
            }
        }
        Ok(held.session_token.is_some().then_some(held))
    }

    /// Any of the formats that `r2creds sign` prints but SQL, what SDKs and Cloudflare's API answer, or a bare token.
    fn of_text(text: &str) -> Self {
        let mut held = Held::default();
        if let Ok(fields) = serde_json::from_str::<Map<String, Value>>(text) {
            let inner = fields.get("result").and_then(Value::as_object).unwrap_or(&fields);
            for (name, value) in inner {
                if let Some(value) = value.as_str() {
                    held.put(name, value.to_owned());
                }
            }
            return held;
        }
        for line in text.lines() {
            let line = line.trim();
            if let Some((name, value)) = line.strip_prefix("export ").unwrap_or(line).split_once('=') {
                let value = value.trim();
                let bare = ['\'', '"'].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
                held.put(name.trim(), bare.unwrap_or(value).to_owned());
            }
        }
        if held.session_token.is_none() && text.split_whitespace().count() == 1 {
            held.session_token = Some(text.trim().to_owned());
        }
        held
    }

    fn read() -> Result<Self, Failure> {
        if let Some(held) = Self::of_environment()? {
            return Ok(held);
        }
        let missing = "missing: AWS_SESSION_TOKEN, or a credential on standard input";
        if std::io::stdin().is_terminal() {
            return Err(Failure::usage(missing));
        }
        let mut text = String::new();
        match std::io::stdin().read_to_string(&mut text) {
            Ok(_) if text.trim().is_empty() => Err(Failure::usage(missing)),
            Ok(_) => Ok(Self::of_text(&text)),
            Err(error) => Err(Failure::new(1, format!("standard input: {}", reason(&error)))),
        }
    }
}

/// What is said, and whether R2 would refuse it.
pub fn run(given: &Given<'_>) -> Result<(String, bool), Failure> {
    let held = Held::read()?;
    let parent_secret = given.secret("parent_secret_access_key")?;
    let parent_secret = parent_secret.map_or_else(|| variable_of("parent_secret_access_key"), |it| Ok(Some(it)))?;
    let endpoint = given.text("endpoint")?.or(held.endpoint.as_deref());
    let inspection = r2creds::inspect(&InspectParams {
        session_token: held.session_token.as_deref().unwrap_or_default(),
        access_key_id: held.access_key_id.as_deref(),
        secret_access_key: held.secret_access_key.as_deref(),
        parent_secret_access_key: parent_secret.as_deref(),
        endpoint,
        at: None,
    })?;
    let text = if given.flag("json") { json(&inspection) } else { lines(&inspection) };
    Ok((text, inspection.is_refused()))
}

/// What a token claims may hold anything: nothing that a terminal would obey is printed.
fn lines(inspection: &Inspection) -> String {
    let mut text = String::new();
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    let mut line = |name: &str, value: String| {
        let value: String = value.chars().map(shown).collect();
        text += &format!("{name:<8}  {value}\n");
    };
    for finding in inspection.findings() {
        let word = if finding.is_refusal() { "refused" } else { "warning" };
        line(word, format!("{}: {}", finding.code(), finding.message()));
        if let Some(hint) = finding.hint() {
            line("", hint.to_owned());
        }
    }
    if inspection.findings().is_empty() {
        line("ok", "nothing speaks against it".to_owned());
    }
    let Some(bucket) = inspection.bucket() else { return text };
    let rights = inspection.permission().map_or_else(|| inspection.actions().join(" "), |it| it.as_str().to_owned());
    line("grants", format!("{rights} on {bucket}"));
    let paths = |name, list: &[String]| list.iter().map(|path| format!("{name} {path}")).collect::<Vec<_>>();
    let paths = [paths("prefix", inspection.prefixes()), paths("object", inspection.objects())].concat();
    for path in &paths {
        line("", path.clone());
    }
    if paths.is_empty() {
        line("", "the whole bucket".to_owned());
    }
    let known = |value: Option<&str>| value.unwrap_or("nobody").to_owned();
    line("account", known(inspection.account_id()));
    line("parent", known(inspection.parent_access_key_id()));
    line("host", known(inspection.host()));
    let time = |seconds: Option<i64>| seconds.map_or_else(|| "no time".to_owned(), formats::utc);
    line("valid", format!("{} to {}", time(inspection.issued_at()), time(inspection.expires_at())));
    text
}

fn json(inspection: &Inspection) -> String {
    #[derive(Serialize)]
    struct Found<'a> {
        code: &'a str,
        message: &'a str,
        hint: Option<&'a str>,
    }
    #[derive(Serialize)]
    struct Fields<'a> {
        is_refused: bool,
        account_id: Option<&'a str>,
        bucket: Option<&'a str>,
        parent_access_key_id: Option<&'a str>,
        host: Option<&'a str>,
        permission: Option<&'a str>,
        actions: &'a [String],
        prefixes: &'a [String],
        objects: &'a [String],
        issued_at: Option<String>,
        expires_at: Option<String>,
        findings: Vec<Found<'a>>,
    }
    let found = |finding| Found { code: Finding::code(finding), message: finding.message(), hint: finding.hint() };
    formats::pretty(&Fields {
        is_refused: inspection.is_refused(),
        account_id: inspection.account_id(),
        bucket: inspection.bucket(),
        parent_access_key_id: inspection.parent_access_key_id(),
        host: inspection.host(),
        permission: inspection.permission().map(r2creds::Permission::as_str),
        actions: inspection.actions(),
        prefixes: inspection.prefixes(),
        objects: inspection.objects(),
        issued_at: inspection.issued_at().map(formats::utc),
        expires_at: inspection.expires_at().map(formats::utc),
        findings: inspection.findings().iter().map(found).collect(),
    })
}
