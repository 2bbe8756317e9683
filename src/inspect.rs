//! A session token, and what an S3 client holds beside it, become what the token grants and what speaks against it.
//! Pure but for the clock. docs/cloudflare.md has the source of each finding.

use std::fmt;

use serde::Deserialize;

use crate::clock::unix_now;
use crate::error::Error;
use crate::json::Object;
use crate::params::{ACTIONS, Params, Permission, check_parent_secret};
use crate::renewal::Leads;
use crate::secret::{Secret, wipe_slice};
use crate::text::cleaned;
use crate::token::{Token, sha256_hex};
use crate::url::Url;

/// How far `iat` may be ahead before it is said to be. R2's own tolerance is unknown.
const AHEAD: i64 = 5 * 60;

/// What an S3 client holds. `Debug` shows no secret.
#[derive(Clone, Copy, Default)]
pub struct InspectParams<'a> {
    /// The session token, however broken: what is wrong with it is a finding.
    pub session_token: &'a str,
    /// Default: not compared.
    pub access_key_id: Option<&'a str>,
    /// Default: not compared.
    pub secret_access_key: Option<&'a str>,
    /// The parent's, with which the token should be signed. Default: the signature is not checked.
    pub parent_secret_access_key: Option<&'a str>,
    /// Where the client sends its requests, a URL. Default: not compared.
    pub endpoint: Option<&'a str>,
    /// At which time, in Unix seconds. Default: now.
    pub at: Option<i64>,
}

impl fmt::Debug for InspectParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let redacted = |text: Option<&str>| text.map(|_| "[redacted]");
        f.debug_struct("InspectParams")
            .field("session_token", &"[redacted]")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &redacted(self.secret_access_key))
            .field("parent_secret_access_key", &redacted(self.parent_secret_access_key))
            .field("endpoint", &self.endpoint)
            .field("at", &self.at)
            .finish()
    }
}

/// Something that speaks against a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    code: &'static str,
    is_refusal: bool,
    message: String,
    hint: Option<&'static str>,
}

impl Finding {
    /// A word that stays, such as `expired`.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Whether R2 is known to refuse every request for it.
    pub fn is_refusal(&self) -> bool {
        self.is_refusal
    }

    /// One line for a person, without any secret.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The next step.
    pub fn hint(&self) -> Option<&'static str> {
        self.hint
    }
}

/// What a session token grants, as it claims itself, and what speaks against it.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    account_id: Option<String>,
    bucket: Option<String>,
    parent_access_key_id: Option<String>,
    host: Option<String>,
    permission: Option<Permission>,
    actions: Vec<String>,
    prefixes: Vec<String>,
    objects: Vec<String>,
    issued_at: Option<i64>,
    expires_at: Option<i64>,
    findings: Vec<Finding>,
    /// What the permission or the actions come to.
    allowed: Vec<&'static str>,
    /// Whether there are paths, readable or not: without, it is the whole bucket.
    is_limited: bool,
}

/// Reads a session token: what it grants, and what speaks against it. No network, and nothing is sent.
///
/// An error is about another parameter than the session token. What nobody has shown R2 to refuse is no refusal.
///
/// ```
/// use r2creds::{InspectParams, Params, Permission, inspect, sign};
///
/// let credentials = sign(&Params {
///     account_id: "023e105f4ecef8ad9ca31a8372d0c353",
///     bucket: "recordings",
///     parent_access_key_id: "0123456789abcdef0123456789abcdef",
///     parent_secret_access_key: Some("0000000000000000000000000000000000000000000000000000000000000001"),
///     permission: Some(Permission::ObjectReadOnly),
///     directories: Some(&["camera-7"]),
///     ..Params::default()
/// })?;
/// let inspection = inspect(&InspectParams {
///     session_token: credentials.session_token(),
///     secret_access_key: Some(credentials.secret_access_key()),
///     ..InspectParams::default()
/// })?;
/// assert!(!inspection.is_refused());
/// assert_eq!(inspection.allows("GetObject", Some("camera-7/1.mp4")), Some(true));
/// assert_eq!(inspection.allows("PutObject", Some("camera-7/1.mp4")), Some(false));
/// # Ok::<(), r2creds::Error>(())
/// ```
pub fn inspect(params: &InspectParams<'_>) -> Result<Inspection, Error> {
    let endpoint = params.endpoint.map(parse_endpoint).transpose()?;
    let at = match params.at {
        None => unix_now()?,
        Some(at) if at < 0 => return Err(Error::argument("at", "negative, expected Unix seconds")),
        Some(at) => at,
    };
    let mut inspection = Inspection::default();
    if let Err(step) = inspection.examine(params, endpoint.as_deref(), at) {
        let token = params.session_token;
        let hint = if token.is_empty() {
            "All three strings of a temporary credential are needed on every request."
        } else if token.starts_with("ey") && token.contains('.') {
            "This looks like the bare JWT. The session token is the base64 of jwt/ and the JWT."
        } else if token.bytes().any(|byte| byte.is_ascii_whitespace()) {
            "It contains a space or a line break. Pass it in one line, exactly as it was given."
        } else {
            "Pass it whole and exactly as it was given: standard base64, padded with =."
        };
        inspection.refuse("not-a-token", format!("the session token cannot be read: {step}"), hint);
    }
    Ok(inspection)
}

/// Host and port as `aud` has them.
fn parse_endpoint(text: &str) -> Result<String, Error> {
    let wrong = |problem| Error::argument("endpoint", format_args!("{problem}, expected a URL such as https://host"));
    let url = Url::parse(text).map_err(wrong)?;
    Ok(match url.unusual_port() {
        Some(port) => format!("{}:{port}", url.host),
        None => url.host,
    })
}

fn object(json: &Secret) -> Option<Object<'_>> {
    Object::parse(std::str::from_utf8(json.as_bytes()).ok()?)
}

/// Of the claims that every token has, the texts and the whole numbers.
const TEXTS: [&str; 4] = ["bucket", "sub", "iss", "aud"];
const NUMBERS: [&str; 2] = ["iat", "exp"];
const OPTIONAL: [&str; 3] = ["scope", "actions", "paths"];
const PATHS: [&str; 2] = ["prefixPaths", "objectPaths"];

/// The value as this type. One that is there and is something else is noted.
fn value<'a, T: Deserialize<'a>>(of: &Object<'a>, name: &str, expected: &str, wrong: &mut Vec<String>) -> Option<T> {
    let read = serde_json::from_str(of.get(name)?).ok();
    if read.is_none() {
        wrong.push(format!("{name} is not {expected}"));
    }
    read
}

impl Inspection {
    /// Fails with the step at which reading ended. Findings are made worst first.
    fn examine(&mut self, params: &InspectParams<'_>, endpoint: Option<&str>, at: i64) -> Result<(), &'static str> {
        if params.session_token.is_empty() {
            return Err("it is empty");
        }
        let token = Token::read(params.session_token)?;
        let header = token.header().ok_or("its header is not base64")?;
        let header = object(&header).ok_or("its header is not a JSON object")?;
        let claims = token.claims().ok_or("its claims are not base64")?;
        let claims = object(&claims).ok_or("its claims are not a JSON object")?;
        // No text of the token's may carry these into a message.
        let secrets = [params.secret_access_key, params.parent_secret_access_key].map(Option::unwrap_or_default);
        let shown = |text: &str| shown(text, &secrets.map(str::as_bytes));

        self.check_header(&header);
        let missing: Vec<&str> = TEXTS.into_iter().chain(NUMBERS).filter(|name| claims.get(name).is_none()).collect();
        if !missing.is_empty() {
            let hint = "A token has bucket, sub, iss, aud, iat and exp.";
            self.refuse("claim-missing", format!("the token has no {}", missing.join(", ")), hint);
        }
        let mut wrong = Vec::new();
        let [bucket, sub, iss, aud] = TEXTS.map(|name| value::<String>(&claims, name, "text", &mut wrong));
        let [iat, exp] = NUMBERS.map(|name| value::<i64>(&claims, name, "a whole number", &mut wrong));
        let scope: Option<String> = value(&claims, "scope", "text", &mut wrong);
        let actions: Option<Vec<String>> = value(&claims, "actions", "a list of texts", &mut wrong);
        self.is_limited = claims.get("paths").is_some();
        let paths = claims.get("paths").and_then(Object::parse);
        if self.is_limited && paths.is_none() {
            wrong.push("paths is not an object".to_owned());
        }
        let lists =
            paths.as_ref().map(|of| PATHS.map(|name| value::<Vec<String>>(of, name, "a list of texts", &mut wrong)));
        if !wrong.is_empty() {
            let hint = "R2 takes a claim only in the type that Cloudflare documents for it.";
            self.refuse("claim-type", wrong.join(", "), hint);
        }
        self.check_rights(&claims, scope.as_deref(), actions.as_deref(), shown);
        self.compare(params, &token, iss.as_deref());
        (self.bucket, self.account_id, self.parent_access_key_id, self.host) = (bucket, sub, iss, aud);
        (self.issued_at, self.expires_at, self.actions) = (iat, exp, actions.unwrap_or_default());
        if let Some([prefixes, objects]) = lists {
            (self.prefixes, self.objects) = (prefixes.unwrap_or_default(), objects.unwrap_or_default());
        }
        self.check_host(endpoint);
        self.check_times(at);
        self.check_paths(paths.as_ref());
        self.check_soon(at);
        self.check_unknown(&claims, paths.as_ref(), shown);
        Ok(())
    }

    fn refuse(&mut self, code: &'static str, message: impl Into<String>, hint: &'static str) {
        self.findings.push(Finding { code, is_refusal: true, message: message.into(), hint: Some(hint) });
    }

    fn warn(&mut self, code: &'static str, message: impl Into<String>, hint: &'static str) {
        self.findings.push(Finding { code, is_refusal: false, message: message.into(), hint: Some(hint) });
    }

    fn check_header(&mut self, header: &Object<'_>) {
        let wrong: Vec<String> = [("alg", "HS256"), ("typ", "JWT")]
            .into_iter()
            .filter(|(name, expected)| header.string(name).is_none_or(|value| value.as_str() != *expected))
            .map(|(name, expected)| format!("its {name} is not {expected}"))
            .collect();
        if !wrong.is_empty() {
            let message = format!("the token's header is another: {}", wrong.join(", "));
            self.refuse("header", message, "R2 takes tokens that are signed with HS256 and say so.");
        }
    }

    /// What the token allows, and whether R2 can make sense of it.
    fn check_rights(
        &mut self,
        claims: &Object<'_>,
        scope: Option<&str>,
        actions: Option<&[String]>,
        shown: impl Fn(&str) -> String,
    ) {
        match (claims.get("scope"), claims.get("actions")) {
            (Some(_), Some(_)) => {
                let hint = "Sign it again with one of the two: a permission as scope, or actions.";
                return self.refuse("scope-and-actions", "the token has both scope and actions", hint);
            }
            (None, None) => {
                let hint = "Sign it again with a permission as scope, or with actions.";
                return self.refuse("no-scope", "the token has neither scope nor actions", hint);
            }
            _ => {}
        }
        if let Some(scope) = scope {
            if let Ok(permission) = scope.parse::<Permission>() {
                self.permission = Some(permission);
                self.allowed = permission.actions().to_vec();
            } else {
                let message = format!("the scope \"{}\" is none of {}", shown(scope), Permission::spellings());
                self.refuse("unknown-scope", message, "Sign it again with one of those as its permission.");
            }
        }
        if let Some(actions) = actions {
            self.allowed = ACTIONS.into_iter().filter(|known| actions.iter().any(|action| action == known)).collect();
            if actions.is_empty() {
                let hint = "Sign it again with at least one action, or with a permission as scope.";
                self.refuse("no-scope", "the token's list of actions is empty", hint);
            } else if let Some(unknown) = listed(actions.iter().filter(|action| !is_action(action)), &shown) {
                let hint = "An action is the name of an S3 operation as Cloudflare lists them, such as GetObject.";
                self.refuse("unknown-action", format!("no such action: {unknown}"), hint);
            }
        }
    }

    /// Signature and keys.
    fn compare(&mut self, params: &InspectParams<'_>, token: &Token, iss: Option<&str>) {
        if !token.has_signature() {
            let hint = "An HS256 signature has 32 bytes, in base64url without padding. The token may be cut off.";
            self.refuse("signature", "the token's signature is not one", hint);
        } else if let Some(parent) = params.parent_secret_access_key
            && !token.is_signed_with(parent.as_bytes())
        {
            let (message, hint) = if let Err(error) = check_parent_secret(Some(parent)) {
                let hint = error.data().hint.unwrap_or("The parent's secret access key has 64 hexadecimal digits.");
                (format!("the token is not signed with this parent secret ({})", error.message()), hint)
            } else if unhex(parent).is_some_and(|key| token.is_signed_with(key.as_bytes())) {
                let message = "the token is signed with the 32 bytes that the parent's secret spells";
                (message.to_owned(), "Sign with the 64 digits as text, which is what R2 does.")
            } else {
                let hint =
                    "The parent's secret is another one, or was rolled since. Sign it again with the current one.";
                ("the token is not signed with this parent secret".to_owned(), hint)
            };
            self.refuse("signature", message, hint);
        }
        if let Some(secret) = params.secret_access_key {
            let mut expected = token.secret_access_key();
            if secret.as_bytes() != expected {
                let of_text = || sha256_hex(params.session_token.as_bytes());
                let hint = if params.parent_secret_access_key == Some(secret) {
                    "This is the parent's secret. A temporary credential has a secret access key of its own."
                } else if secret.as_bytes() == of_text() {
                    "This is the SHA-256 of the session token. It has to be that of the JWT alone, without jwt/."
                } else if secret.as_bytes().eq_ignore_ascii_case(&expected) {
                    "It has the right digits in upper case. R2 takes them in lower case."
                } else {
                    "The two are of different credentials. Take all three strings from the same one."
                };
                let message = "the secret access key is not this session token's (the SHA-256 of its JWT)";
                self.refuse("secret-mismatch", message, hint);
            }
            wipe_slice(&mut expected);
        }
        if let (Some(id), Some(iss)) = (params.access_key_id, iss)
            && id != iss
        {
            let message = format!("the access key id ({} characters) is not the token's iss", id.chars().count());
            let hint = "A signed credential has its parent's access key id. Take all three strings from the same one.";
            self.refuse("key-mismatch", message, hint);
        }
    }

    fn check_host(&mut self, endpoint: Option<&str>) {
        let (Some(host), Some(aud)) = (endpoint, self.host.as_deref()) else { return };
        // Where the bucket stands in the host and not in the path.
        let of_bucket = self.bucket.as_deref().and_then(|bucket| host.strip_prefix(bucket)?.strip_prefix('.'));
        if !aud.eq_ignore_ascii_case(host) && of_bucket.is_none_or(|host| !aud.eq_ignore_ascii_case(host)) {
            let message = format!("requests go to {host}, and that is not the host the token is for (aud)");
            let hint = "Sign for the endpoint in use: a bucket in a jurisdiction answers at that jurisdiction's host \
                        alone. Whether R2 takes another host of the account is not known.";
            self.warn("host-mismatch", message, hint);
        }
    }

    fn check_times(&mut self, at: i64) {
        if let Some(exp) = self.expires_at
            && exp <= at
        {
            let message = format!("the credential ended {} seconds ago", at.saturating_sub(exp));
            let hint = "Get a new one; a provider renews in time. If it is new, this machine's clock is ahead.";
            self.refuse("expired", message, hint);
        }
        if let Some(iat) = self.issued_at
            && iat > at.saturating_add(AHEAD)
        {
            let message = format!("the credential begins in {} seconds", iat.saturating_sub(at));
            let hint = "The clock of this machine, or of the one that signed it, is wrong.";
            self.refuse("not-yet-valid", message, hint);
        }
        if let (Some(iat), Some(exp)) = (self.issued_at, self.expires_at)
            && exp.saturating_sub(iat) > i64::from(Params::MAX_TTL_SECONDS)
        {
            let message = format!("the credential lives for {} seconds", exp.saturating_sub(iat));
            let hint = "More than seven days, the most that Cloudflare's API gives. Whether R2 takes it is not known.";
            self.warn("too-long", message, hint);
        }
    }

    fn check_paths(&mut self, paths: Option<&Object<'_>>) {
        let Some(paths) = paths else { return };
        let lists = [&self.prefixes, &self.objects];
        let absent = PATHS.into_iter().find(|name| paths.get(name).is_none());
        let problem = match absent {
            Some(name) => Some(format!("paths has no {name}")),
            // What could not be read as a list is no empty one.
            None if lists.iter().all(|list| list.is_empty()) && !self.has("claim-type") => {
                Some("paths has no entries".to_owned())
            }
            None if lists.iter().any(|list| list.iter().any(String::is_empty)) => {
                Some("an entry of paths is empty".to_owned())
            }
            None => None,
        };
        let slashed = lists.into_iter().flatten().filter(|path| path.starts_with('/')).count();
        let open = self.prefixes.iter().filter(|prefix| !prefix.ends_with('/')).count();
        let count = self.prefixes.len();
        if let Some(problem) = problem {
            let hint = "What R2 opens then is not known. To grant the whole bucket, leave paths out.";
            self.warn("empty-paths", problem, hint);
        }
        if slashed > 0 {
            let message = format!("{slashed} of the paths begin with a slash");
            let hint = "The names of objects hardly ever do, and whether R2 drops the slash is not known.";
            self.warn("leading-slash", message, hint);
        }
        if open > 0 {
            let message = format!("{open} of {count} prefixes have no slash at their end");
            let hint =
                "They also open the names beside: data/a opens data/ab. If that is not meant, grant directories.";
            self.warn("open-prefix", message, hint);
        }
    }

    fn check_soon(&mut self, at: i64) {
        if let (Some(iat), Some(exp)) = (self.issued_at, self.expires_at) {
            let late = Leads::of(exp.saturating_sub(iat)).late;
            if at >= exp.saturating_sub(late) && at < exp {
                let message = format!("the credential ends in {} seconds", exp.saturating_sub(at));
                self.warn("expires-soon", message, "Begin nothing with it if another can be had.");
            }
        }
    }

    fn check_unknown(&mut self, claims: &Object<'_>, paths: Option<&Object<'_>>, shown: impl Fn(&str) -> String) {
        let known = TEXTS.into_iter().chain(NUMBERS).chain(OPTIONAL);
        let strange = |of: &Object<'_>, known: &[&str]| -> Vec<String> {
            let keys = of.entries().iter().map(|entry| entry.key.as_str());
            keys.filter(|key| !known.contains(key)).map(str::to_owned).collect()
        };
        let mut names = strange(claims, &known.clone().collect::<Vec<&str>>());
        if let Some(paths) = paths {
            names.extend(strange(paths, &PATHS).into_iter().map(|name| format!("paths.{name}")));
        }
        let twice =
            |of: &Object<'_>, name: &str| of.entries().iter().filter(|entry| entry.key.as_str() == name).count() > 1;
        let repeated: Vec<&str> = known
            .filter(|name| twice(claims, name))
            .chain(PATHS.into_iter().filter(|name| paths.is_some_and(|paths| twice(paths, name))))
            .collect();
        let strange = listed(names.iter(), shown).map(|names| format!("unknown claims: {names}"));
        let repeated = (!repeated.is_empty())
            .then(|| format!("more than once, of which the last was read: {}", repeated.join(", ")));
        let problems: Vec<String> = strange.into_iter().chain(repeated).collect();
        if !problems.is_empty() {
            let hint = "What R2 makes of that is not known. A token needs no other claims, and each once.";
            self.warn("unknown-claim", problems.join("; "), hint);
        }
    }

    fn has(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    /// `sub`. This and what follows is as the token claims it; `None` where it is absent or no text.
    pub fn account_id(&self) -> Option<&str> {
        self.account_id.as_deref()
    }

    /// The one bucket.
    pub fn bucket(&self) -> Option<&str> {
        self.bucket.as_deref()
    }

    /// `iss`.
    pub fn parent_access_key_id(&self) -> Option<&str> {
        self.parent_access_key_id.as_deref()
    }

    /// `aud`: the host of the S3 endpoint.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// `scope`; `None` where the token has actions, or neither.
    pub fn permission(&self) -> Option<Permission> {
        self.permission
    }

    /// The actions, known or not.
    pub fn actions(&self) -> &[String] {
        &self.actions
    }

    /// The prefixes, with those that directories became.
    pub fn prefixes(&self) -> &[String] {
        &self.prefixes
    }

    /// The exact keys, with those that directories became.
    pub fn objects(&self) -> &[String] {
        &self.objects
    }

    /// `iat`, Unix seconds.
    pub fn issued_at(&self) -> Option<i64> {
        self.issued_at
    }

    /// `exp`, Unix seconds.
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }

    /// What speaks against the credential, worst first. Each code at most once.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether a finding says that R2 refuses it.
    pub fn is_refused(&self) -> bool {
        self.findings.iter().any(Finding::is_refusal)
    }

    /// Whether the grant covers one of [`ACTIONS`] on this key, which is relative to the bucket. For listings the key is
    /// the prefix that is asked for, `None` for none. It looks at the grant alone, not at the findings and the clock.
    ///
    /// `None` for an action that does not exist, or a key that is needed and `None`.
    pub fn allows(&self, action: &str, key: Option<&str>) -> Option<bool> {
        let opens_prefix = |key: &str| self.prefixes.iter().any(|prefix| key.starts_with(prefix.as_str()));
        let opens = match action {
            _ if !is_action(action) => return None,
            // Of the bucket as a whole.
            "GetBucketLocation" => !self.is_limited,
            // A listing shows every key below its prefix, so all of them have to be inside of the grant.
            "ListObjectsV1" | "ListObjectsV2" | "ListMultipartUploads" => {
                !self.is_limited || opens_prefix(key.unwrap_or_default())
            }
            _ => {
                let key = key?;
                !self.is_limited || opens_prefix(key) || self.objects.iter().any(|object| object == key)
            }
        };
        Some(opens && self.allowed.contains(&action))
    }
}

fn is_action(name: &str) -> bool {
    ACTIONS.contains(&name)
}

/// A text of the token's as it may stand in a message.
fn shown(text: &str, secrets: &[&[u8]]) -> String {
    const MOST: usize = 40;
    let mut shown = cleaned(text.as_bytes(), secrets);
    if let Some((cut, _)) = shown.char_indices().nth(MOST) {
        shown.truncate(cut);
        shown.push_str("...");
    }
    shown
}

/// The first few, and how many more there are; nothing if there are none.
fn listed<'a>(names: impl Iterator<Item = &'a String>, shown: impl Fn(&str) -> String) -> Option<String> {
    const MOST: usize = 4;
    let (mut first, mut others) = (Vec::new(), 0);
    for name in names {
        if first.len() < MOST {
            first.push(shown(name));
        } else {
            others += 1;
        }
    }
    let more = if others > 0 { format!(" and {others} more") } else { String::new() };
    (!first.is_empty()).then(|| first.join(", ") + &more)
}

/// The bytes that hexadecimal digits spell.
fn unhex(digits: &str) -> Option<Secret> {
    let mut bytes = Secret::with_capacity(digits.len() / 2);
    for pair in digits.as_bytes().chunks(2) {
        bytes.push(&[u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?]);
    }
    Some(bytes)
}
