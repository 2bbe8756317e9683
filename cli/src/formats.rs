//! What is printed: a credential in the format of the program that will read it.

use r2creds::Credentials;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::failure::Failure;

type Format = fn(&Credentials) -> Result<String, Failure>;

/// By the word that `--format` takes.
const FORMATS: [(&str, Format); 6] = [
    ("env", |credentials| Ok(lines(&variables(credentials), "export ", quoted))),
    ("dotenv", |credentials| {
        let variables = variables(credentials);
        variables.iter().try_for_each(|(_, value)| bare(value))?;
        Ok(lines(&variables, "", str::to_owned))
    }),
    ("json", |credentials| Ok(json(credentials))),
    ("credential-process", |credentials| Ok(credential_process(credentials))),
    ("duckdb", |credentials| Ok(duckdb(credentials))),
    ("rclone", rclone),
];

pub fn names(between: &str) -> String {
    FORMATS.map(|(name, _)| name).join(between)
}

pub fn named(name: &str) -> Option<Format> {
    FORMATS.into_iter().find(|(known, _)| *known == name).map(|(_, format)| format)
}

/// What recent AWS SDKs have to be told, whose checksums R2 refuses.
pub const CHECKSUMS: [(&str, &str); 2] =
    [("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required"), ("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")];

/// What programs on an AWS SDK need beside a credential.
pub fn place(endpoint: &str) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("AWS_REGION", Credentials::REGION.to_owned()),
        // botocore, and so boto3 and the AWS CLI, does not read AWS_REGION; a region of ~/.aws/config would win.
        ("AWS_DEFAULT_REGION", Credentials::REGION.to_owned()),
        ("AWS_ENDPOINT_URL_S3", endpoint.to_owned()),
    ];
    variables.extend(CHECKSUMS.map(|(name, value)| (name, value.to_owned())));
    variables
}

/// Environment variables for programs on an AWS SDK.
pub fn variables(credentials: &Credentials) -> Vec<(&'static str, String)> {
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id().to_owned()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key().to_owned()),
        ("AWS_SESSION_TOKEN", credentials.session_token().to_owned()),
        ("AWS_CREDENTIAL_EXPIRATION", utc(credentials.expires_at())),
    ];
    variables.extend(place(credentials.endpoint()));
    variables
}

pub fn lines(variables: &[(&str, String)], before: &str, value: fn(&str) -> String) -> String {
    variables.iter().map(|(name, text)| format!("{before}{name}={}\n", value(text))).collect()
}

/// For a POSIX shell.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\"'\"'"))
}

/// Who starts a command for each credential has no use for the times to renew it.
fn json(credentials: &Credentials) -> String {
    #[derive(Serialize)]
    struct Fields<'a> {
        access_key_id: &'a str,
        secret_access_key: &'a str,
        session_token: &'a str,
        endpoint: &'a str,
        request_id: Option<&'a str>,
        issued_at: String,
        expires_at: String,
    }
    pretty(&Fields {
        access_key_id: credentials.access_key_id(),
        secret_access_key: credentials.secret_access_key(),
        session_token: credentials.session_token(),
        endpoint: credentials.endpoint(),
        request_id: credentials.request_id(),
        issued_at: utc(credentials.issued_at()),
        expires_at: utc(credentials.expires_at()),
    })
}

fn credential_process(credentials: &Credentials) -> String {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Fields<'a> {
        version: u8,
        access_key_id: &'a str,
        secret_access_key: &'a str,
        session_token: &'a str,
        expiration: String,
    }
    pretty(&Fields {
        version: 1,
        access_key_id: credentials.access_key_id(),
        secret_access_key: credentials.secret_access_key(),
        session_token: credentials.session_token(),
        expiration: utc(credentials.expires_at()),
    })
}

/// SQL that creates DuckDB's secret r2, or replaces it.
fn duckdb(credentials: &Credentials) -> String {
    let (scheme, host) = credentials.endpoint().split_once("://").unwrap_or(("https", credentials.endpoint()));
    // TYPE r2 knows no host but this one; EU, FedRAMP and other endpoints are spelled out.
    let (account, domain) = host.split_once('.').unwrap_or((host, ""));
    let is_default = scheme == "https" && domain == "r2.cloudflarestorage.com";
    let place =
        if is_default { vec![("ACCOUNT_ID", account)] } else { vec![("ENDPOINT", host), ("URL_STYLE", "path")] };
    let values: String = [
        ("KEY_ID", credentials.access_key_id()),
        ("SECRET", credentials.secret_access_key()),
        ("SESSION_TOKEN", credentials.session_token()),
        ("REGION", Credentials::REGION),
        ("SCOPE", "r2://"),
    ]
    .into_iter()
    .chain(place)
    .map(|(option, value)| format!(", {option} '{}'", value.replace('\'', "''")))
    .collect();
    let kind = match (is_default, scheme) {
        (true, _) => "r2",
        (_, "https") => "s3, USE_SSL true",
        _ => "s3, USE_SSL false",
    };
    format!("CREATE OR REPLACE SECRET \"r2\" (TYPE {kind}{values});\n")
}

fn rclone(credentials: &Credentials) -> Result<String, Failure> {
    let mut text = "[r2]\n".to_owned();
    for (name, value) in [
        ("type", "s3"),
        ("provider", "Cloudflare"),
        ("access_key_id", credentials.access_key_id()),
        ("secret_access_key", credentials.secret_access_key()),
        ("session_token", credentials.session_token()),
        ("endpoint", credentials.endpoint()),
        ("region", Credentials::REGION),
        // Without it rclone asks whether the bucket exists, and tries to make it, before it writes.
        ("no_check_bucket", "true"),
    ] {
        bare(value)?;
        text += &format!("{name} = {value}\n");
    }
    Ok(text)
}

pub fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}

/// Unix seconds as `2026-11-25T12:00:00Z`.
pub fn utc(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

/// Whether a value may stand in a file that knows no quotes, or whose readers disagree on them.
fn bare(value: &str) -> Result<(), Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+/=_.:@[]-".contains(c);
    if !value.is_empty() && value.chars().all(is_plain) {
        return Ok(());
    }
    Err(Failure::new(1, "a credential with characters that this format cannot hold; use --format json"))
}
