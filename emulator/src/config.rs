//! Accounts, keys and buckets: read once at the start, shared by the API and the S3 endpoints.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;

use crate::grant::Permission;
use crate::limit::{Budget, RateLimit};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub accounts: Vec<Account>,
    #[serde(default)]
    pub rate_limit: RateLimit,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub id: String,
    #[serde(default)]
    pub api_tokens: Vec<ApiToken>,
    #[serde(default)]
    pub api_keys: Vec<ApiKey>,
    #[serde(default)]
    pub parents: Vec<Parent>,
    #[serde(default)]
    pub buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiToken {
    pub id: String,
    pub value: String,
    #[serde(default)]
    pub kind: TokenKind,
    #[serde(skip)]
    pub budget: Mutex<Budget>,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum TokenKind {
    #[default]
    Account,
    User,
    /// May use S3 and nothing else.
    Object,
    /// What `wrangler login` keeps: it has no parent key.
    Oauth,
}

/// The older pair of `X-Auth-Email` and `X-Auth-Key`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    pub email: String,
    pub key: String,
    #[serde(skip)]
    pub budget: Mutex<Budget>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    pub access_key_id: String,
    pub secret_access_key: String,
    #[serde(default = "widest")]
    pub permission: Permission,
    /// Absent: every bucket of the account.
    pub buckets: Option<Vec<String>>,
    #[serde(skip)]
    revoked: AtomicBool,
}

fn widest() -> Permission {
    Permission::AdminReadWrite
}

impl Parent {
    pub fn allows(&self, operation: &str, bucket: &str) -> bool {
        self.permission.allows(operation)
            && self.buckets.as_ref().is_none_or(|buckets| buckets.iter().any(|name| name == bucket))
    }

    pub fn revoke(&self) {
        self.revoked.store(true, Ordering::Relaxed);
    }

    pub fn is_valid(&self) -> bool {
        !self.revoked.load(Ordering::Relaxed)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    pub name: String,
    #[serde(default)]
    pub jurisdiction: Jurisdiction,
}

#[derive(Clone, Copy, Default, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub enum Jurisdiction {
    #[default]
    Default,
    Eu,
    Fedramp,
    Us,
}

impl Jurisdiction {
    /// In the order of their ports, to which a new one is added at the end.
    pub const ALL: [Self; 4] = [Self::Default, Self::Eu, Self::Fedramp, Self::Us];

    fn label(self) -> Option<&'static str> {
        match self {
            Self::Default => None,
            Self::Eu => Some("eu"),
            Self::Fedramp => Some("fedramp"),
            Self::Us => Some("us"),
        }
    }

    /// The name of its S3 endpoint at Cloudflare.
    pub fn host(self, account: &str) -> String {
        match self.label() {
            None => format!("{account}{CLOUDFLARE_DOMAIN}"),
            Some(label) => format!("{account}.{label}{CLOUDFLARE_DOMAIN}"),
        }
    }

    /// What its S3 endpoint is called in the line that says where everything is.
    pub fn endpoint_name(self) -> String {
        self.label().map_or_else(|| "s3".to_owned(), |label| format!("s3_{label}"))
    }
}

/// What the names of all of Cloudflare's S3 endpoints end in.
pub const CLOUDFLARE_DOMAIN: &str = ".r2.cloudflarestorage.com";

impl Config {
    /// The example account that `make demo` and the README use. Nothing in it is secret.
    pub const EXAMPLE: &str = include_str!("../example.json");

    /// The configuration in a file, or the example account. The error names the file or the entry at fault, and never a
    /// value: somebody may have put a real secret there.
    pub fn load(path: Option<&Path>) -> Result<Self, String> {
        let json = match path {
            Some(path) => std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?,
            None => Self::EXAMPLE.to_owned(),
        };
        let config: Self = serde_json::from_str(&json).map_err(|error| {
            let problem = if error.is_data() { "a field of the wrong name or type" } else { "not well-formed JSON" };
            format!("--config: {problem} at line {}, column {}; see the README", error.line(), error.column())
        })?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), String> {
        let mut names = HashSet::new();
        let mut unique = |field: &str, value: &str, expected: &str, fits: bool| {
            if !fits {
                Err(format!("--config: {field}: {} characters, expected {expected}", value.chars().count()))
            } else if !names.insert((field.to_owned(), value.to_owned())) {
                Err(format!("--config: {field}: the same twice, in one account or in two"))
            } else {
                Ok(())
            }
        };
        for account in &self.accounts {
            let id = &account.id;
            let fits = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
            unique("account id", id, "1 to 32 of A-Z a-z 0-9 _ -", fits && (1..=32).contains(&id.len()))?;
            for Bucket { name, .. } in &account.buckets {
                unique("bucket", name, "3 to 63 of a-z 0-9 -, alphanumeric at both ends", is_bucket_name(name))?;
            }
            for parent in &account.parents {
                let (id, secret) = (&parent.access_key_id, &parent.secret_access_key);
                unique("access_key_id", id, "32 lower-case hexadecimal digits", is_hex(id, 32))?;
                unique("secret_access_key", secret, "64 lower-case hexadecimal digits", is_hex(secret, 64))?;
            }
            for token in &account.api_tokens {
                unique("api token value", &token.value, "at least 1", !token.value.is_empty())?;
            }
        }
        if self.rate_limit.requests == 0 || self.rate_limit.seconds == 0 {
            return Err("--config: rate_limit: 0, expected at least 1".to_owned());
        }
        Ok(())
    }

    pub fn parent(&self, access_key_id: &str) -> Option<(&Account, &Parent)> {
        self.accounts.iter().find_map(|account| Some((account, account.parent(access_key_id)?)))
    }

    /// Whose bucket it is, and where. Names are unique in the whole configuration.
    pub fn bucket(&self, name: &str) -> Option<(&Account, &Bucket)> {
        self.accounts.iter().find_map(|account| Some((account, account.bucket(name)?)))
    }
}

impl Account {
    pub fn parent(&self, access_key_id: &str) -> Option<&Parent> {
        self.parents.iter().find(|parent| parent.access_key_id == access_key_id)
    }

    pub fn bucket(&self, name: &str) -> Option<&Bucket> {
        self.buckets.iter().find(|bucket| bucket.name == name)
    }
}

pub fn is_bucket_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (3..=63).contains(&name.len()) && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

fn is_hex(text: &str, len: usize) -> bool {
    text.len() == len && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
