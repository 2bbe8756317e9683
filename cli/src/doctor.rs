//! `r2creds doctor`: tries what there is, step by step, and says what to do about what fails. Writes nothing.

use std::io::{IsTerminal, stdout};
use std::time::{Duration, SystemTime};

use r2creds::{
    Client, ClientOptions, Credentials, Error, InspectParams, Jurisdiction, Params, Parent, Permission, RequestOptions,
    Response,
};
use rusty_s3::{Bucket, S3Action, UrlStyle};
use serde::Serialize;

use crate::failure::Failure;
use crate::formats;
use crate::mint::Reach;
use crate::options::{Given, VARIABLES, flag_of, has_variable, variable_of};

/// Beyond this S3 refuses a request for its clock.
const MOST_SKEW: u64 = 15 * 60;
/// From here on a credential of minutes is in danger.
const MUCH_SKEW: u64 = 60;
/// What the credential may list: nothing is below it.
const INSIDE: &str = "r2creds-doctor/";

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Failed,
    Skipped,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    status: Verdict,
    message: String,
    next_step: Option<String>,
}

struct Doctor<'a> {
    given: &'a Given<'a>,
    reach: Reach<'a>,
    checks: Vec<Check>,
}

/// What a check says, and what it found.
type Found<T> = (Verdict, String, Option<String>, Option<T>);

fn well<T>(message: impl Into<String>, found: T) -> Found<T> {
    (Verdict::Ok, message.into(), None, Some(found))
}

fn bad<T>(message: impl Into<String>, next_step: &str) -> Found<T> {
    (Verdict::Failed, message.into(), Some(next_step.to_owned()), None)
}

fn skipped<T>(why: &str) -> Found<T> {
    (Verdict::Skipped, why.to_owned(), None, None)
}

fn failed<T>(error: &Error, next_step: &str) -> Found<T> {
    (Verdict::Failed, error.to_string(), Some(error.hint().unwrap_or(next_step).to_owned()), None)
}

/// What is said, and whether nothing failed.
pub fn run(given: &Given<'_>) -> Result<(String, bool), Failure> {
    let mut doctor = Doctor { given, reach: Reach::read(given)?, checks: Vec::new() };
    doctor.examine()?;
    let is_well = doctor.checks.iter().all(|check| check.status != Verdict::Failed);
    let text = if given.flag("json") { json(&doctor.checks, is_well) } else { lines(&doctor.checks) };
    Ok((text, is_well))
}

/// What was found in the environment and on the command line.
struct Identity {
    account_id: String,
    bucket: String,
    parent: Option<String>,
    secret: Option<String>,
}

impl Doctor<'_> {
    fn check<T>(&mut self, name: &'static str, found: Found<T>) -> Option<T> {
        let (status, message, next_step, value) = found;
        self.checks.push(Check { name, status, message, next_step });
        value
    }

    fn examine(&mut self) -> Result<(), Failure> {
        let has_token = self.given.has("api_token") || has_variable("CLOUDFLARE_API_TOKEN");
        let has_key = self.given.has("api_key") || has_variable("CLOUDFLARE_API_KEY");
        let identity = self.identity(has_token, has_key)?;
        let Some(identity) = self.check("environment", identity) else { return Ok(()) };

        let server = self.server(&identity, has_token || has_key)?;
        let asked = SystemTime::now();
        let reply = r2creds::get(&server, &self.reach.options());
        let next = "Look at the network, the proxy (HTTPS_PROXY, --proxy-url) and the certificates (--ca-file); where \
                    this is the account's own host, at the account id.";
        let host = server.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let found = match reply {
            Ok(reply) => well(format!("{host} answers"), reply),
            Err(error) => failed(&error, next),
        };
        let Some(reply) = self.check("network", found) else { return Ok(()) };
        self.check("clock", clock(&reply, asked));

        let client = if has_token || has_key { Some(self.reach.client()) } else { None };
        let client = client.transpose()?;
        let found = token(client.as_ref().filter(|_| has_token), &identity.account_id);
        let parent = self.check("API token", found);
        let found = pair(&identity, parent.as_ref());
        let Some((id, secret)) = self.check("parent pair", found) else { return Ok(()) };

        let made = self.credential(&identity, &id, secret.as_deref(), client.as_ref())?;
        let Some(credentials) = self.check("credential", made) else { return Ok(()) };
        let is_signed = secret.is_some();
        let inside = listing(&credentials, &identity.bucket, INSIDE, &self.reach.options());
        let is_there = self.check("inside the grant", inside_of(&credentials, &identity, is_signed, inside));
        if is_there.is_some() {
            let outside = listing(&credentials, &identity.bucket, "", &self.reach.options());
            self.check("outside the grant", outside_of(outside));
        }
        Ok(())
    }

    fn identity(&self, has_token: bool, has_key: bool) -> Result<Found<Identity>, Failure> {
        let mut missing = Vec::new();
        let mut needed = |name: &'static str| -> Result<String, Failure> {
            let value = self.given.text_or_variable(name)?;
            if value.is_none() {
                let variable = VARIABLES.iter().find(|(argument, _)| *argument == name).map_or("", |(_, known)| known);
                missing.push(format!("{variable} ({})", flag_of(name)));
            }
            Ok(value.unwrap_or_default())
        };
        let (account_id, bucket) = (needed("account_id")?, needed("bucket")?);
        let parent = self.given.text_or_variable("parent_access_key_id")?;
        let secret = match self.given.secret("parent_secret_access_key")? {
            Some(secret) => Some(secret),
            None => variable_of("parent_secret_access_key")?,
        };
        if parent.is_none() && !has_token {
            missing.push("R2_PARENT_ACCESS_KEY_ID (--parent-access-key-id)".to_owned());
        }
        if secret.is_none() && !has_token && !has_key {
            missing.push("R2_PARENT_SECRET_ACCESS_KEY to sign, or CLOUDFLARE_API_TOKEN to create".to_owned());
        }
        if !missing.is_empty() {
            return Ok(bad(
                format!("missing: {}", missing.join(", ")),
                "Export what is missing; the README says what each is.",
            ));
        }
        let mut found = vec![format!("account {account_id}"), format!("bucket {bucket}")];
        found.extend(parent.as_ref().map(|id| format!("parent {id}")));
        found.extend(secret.as_ref().map(|_| "its secret".to_owned()));
        found.extend(has_token.then(|| "an API token".to_owned()));
        found.extend((has_key && !has_token).then(|| "an e-mail and an API key".to_owned()));
        Ok(well(found.join(", "), Identity { account_id, bucket, parent, secret }))
    }

    /// Whom to ask for the time, and whether the network is there: the API where it will be used, else the S3 endpoint.
    fn server(&self, identity: &Identity, uses_api: bool) -> Result<String, Failure> {
        if uses_api {
            let base = match self.given.text("base_url")? {
                Some(url) => Some(url.to_owned()),
                None => crate::options::variable("CLOUDFLARE_BASE_URL")?,
            };
            return Ok(base.unwrap_or_else(|| ClientOptions::DEFAULT_BASE_URL.to_owned()));
        }
        Ok(match self.given.text("endpoint")? {
            Some(endpoint) => endpoint.to_owned(),
            None => format!("https://{}{}.r2.cloudflarestorage.com", identity.account_id, self.jurisdiction()?.1),
        })
    }

    fn jurisdiction(&self) -> Result<(Jurisdiction, String), Failure> {
        let jurisdiction = self.given.text("jurisdiction")?.map(str::parse).transpose()?.unwrap_or_default();
        let part = match jurisdiction {
            Jurisdiction::Default => String::new(),
            other => format!(".{other}"),
        };
        Ok((jurisdiction, part))
    }

    /// For five minutes, and for what nobody has.
    fn credential(
        &self,
        identity: &Identity,
        parent: &str,
        secret: Option<&str>,
        client: Option<&Client>,
    ) -> Result<Found<Credentials>, Failure> {
        let params = Params {
            account_id: &identity.account_id,
            bucket: &identity.bucket,
            parent_access_key_id: parent,
            parent_secret_access_key: secret,
            permission: Some(Permission::ObjectReadOnly),
            prefixes: Some(&[INSIDE]),
            ttl_seconds: Some(300),
            jurisdiction: self.jurisdiction()?.0,
            endpoint: self.given.text("endpoint")?,
            ..Params::default()
        };
        let (made, how) = match (secret, client) {
            (Some(_), _) => (r2creds::sign(&params), "signed here"),
            (None, Some(client)) => (client.create(&params, &RequestOptions::default()), "made by Cloudflare"),
            (None, None) => return Ok(skipped("there is nothing to make one with")),
        };
        Ok(match made {
            Ok(credentials) => well(format!("{how}, read-only, for five minutes"), credentials),
            Err(error) => failed(&error, "Correct the value that the message names."),
        })
    }
}

fn clock(reply: &Response, asked: SystemTime) -> Found<()> {
    let Some(theirs) = reply.header("date").and_then(|date| httpdate::parse_http_date(&date).ok()) else {
        return skipped("the server does not tell the time");
    };
    let (skew, side) = match asked.duration_since(theirs) {
        Ok(ahead) => (ahead.as_secs(), "ahead of"),
        Err(behind) => (behind.duration().as_secs(), "behind"),
    };
    let next = "Set this machine's clock, with NTP: credentials and requests are signed with the time.";
    let message = match skew {
        0..=1 => "in step with the server's".to_owned(),
        _ => format!("{skew} seconds {side} the server's"),
    };
    if skew > MOST_SKEW {
        return bad(message, next);
    }
    let is_much = skew > MUCH_SKEW;
    (if is_much { Verdict::Warning } else { Verdict::Ok }, message, is_much.then(|| next.to_owned()), None)
}

fn token(client: Option<&Client>, account_id: &str) -> Found<Parent> {
    let Some(client) = client else { return skipped("there is none, so nothing can be asked of Cloudflare's API") };
    match client.parent_of_token(account_id, &RequestOptions::default()) {
        Ok(parent) if parent.token_status() == "active" => {
            let end = parent
                .expires_at()
                .map_or_else(|| "without an end".to_owned(), |end| format!("until {}", formats::utc(end)));
            well(format!("active, {} {end}", parent.kind()), parent)
        }
        Ok(parent) => {
            let message = format!("it is {}", parent.token_status());
            bad(message, "Make another API token in the dashboard, and put it into CLOUDFLARE_API_TOKEN.")
        }
        Err(error) => failed(&error, "Make another API token in the dashboard, and put it into CLOUDFLARE_API_TOKEN."),
    }
}

/// The parent's id, and its secret if there is one to sign with.
fn pair(identity: &Identity, token: Option<&Parent>) -> Found<(String, Option<String>)> {
    let found =
        |message: &str, id: &str, secret: Option<&str>| well(message, (id.to_owned(), secret.map(str::to_owned)));
    match (&identity.parent, &identity.secret, token) {
        (None, _, Some(token)) => {
            found("taken from the API token", token.access_key_id(), Some(token.secret_access_key()))
        }
        (Some(id), Some(secret), Some(token)) if id == token.access_key_id() && secret != token.secret_access_key() => {
            bad(
                "the secret is not that of the API token with this id",
                "The secret of a parent key is the SHA-256 of its API token's value: r2creds parent prints the pair.",
            )
        }
        (Some(id), secret, Some(token)) if id == token.access_key_id() => {
            found("it is the API token's", id, secret.as_deref())
        }
        (Some(id), Some(secret), _) => {
            let (verdict, _, _, value) = found("", id, Some(secret));
            (verdict, "whether the two belong together, only R2 can say".to_owned(), None, value)
        }
        (Some(id), None, _) => found("no secret, so Cloudflare is asked for the credential", id, None),
        (None, _, None) => bad("there is no parent", "Put the access key id into R2_PARENT_ACCESS_KEY_ID."),
    }
}

/// One object below the prefix, at most.
fn listing(
    credentials: &Credentials,
    bucket: &str,
    prefix: &str,
    options: &ClientOptions<'_>,
) -> Result<Response, Error> {
    let place = credentials.endpoint().parse().ok();
    let place = place.and_then(|url| Bucket::new(url, UrlStyle::Path, bucket.to_owned(), Credentials::REGION).ok());
    // The library has made the endpoint, and checked the bucket's name.
    let url = place.map_or_else(String::new, |place| {
        let keys = rusty_s3::Credentials::new_with_token(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            credentials.session_token(),
        );
        // A listing is a GET of the bucket itself, with these in its query.
        let mut list = place.get_object(Some(&keys), "");
        for (name, value) in [("list-type", "2"), ("max-keys", "1"), ("prefix", prefix)] {
            list.query_mut().insert(name, value);
        }
        list.sign(Duration::from_secs(60)).into()
    });
    r2creds::get(&url, options)
}

/// S3's code and message, which may say anything.
fn said(reply: &Response) -> (String, String) {
    let body = String::from_utf8_lossy(reply.body());
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let text: String = rest.split('<').next()?.chars().filter(|c| !c.is_control()).take(200).collect();
        Some(text)
    };
    (element("Code").unwrap_or_default(), element("Message").unwrap_or_default())
}

fn inside_of(
    credentials: &Credentials,
    identity: &Identity,
    is_signed: bool,
    reply: Result<Response, Error>,
) -> Found<()> {
    let host = credentials.endpoint().split("://").nth(1).unwrap_or_default();
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => {
            return failed(&error, "Look at the S3 endpoint (--endpoint, --jurisdiction), and the way to it.");
        }
    };
    let (code, message) = said(&reply);
    let what = format!("{host} says {} {code}: {message}", reply.http_status());
    let what = what.trim_end_matches([':', ' ']).to_owned();
    match (reply.http_status(), code.as_str()) {
        (200, _) => well(format!("{host} lists"), ()),
        (404, "NoSuchBucket") => bad(
            what,
            "Check the bucket's name. One that lives in a jurisdiction answers at that one's host alone: --jurisdiction \
             eu, fedramp or us.",
        ),
        (403, "RequestTimeTooSkewed") => bad(what, "Set this machine's clock."),
        (403, "AccessDenied") => bad(
            what,
            "The parent key may not list this bucket: give its API token the right to read it, in the dashboard.",
        ),
        (400 | 401 | 403, _) => {
            let found = r2creds::inspect(&InspectParams {
                session_token: credentials.session_token(),
                access_key_id: Some(credentials.access_key_id()),
                secret_access_key: Some(credentials.secret_access_key()),
                parent_secret_access_key: identity.secret.as_deref(),
                endpoint: Some(credentials.endpoint()),
                at: None,
            });
            let finding = found.ok().and_then(|found| found.findings().iter().find(|it| it.is_refusal()).cloned());
            match finding {
                Some(finding) => bad(format!("{what}; {}", finding.message()), finding.hint().unwrap_or_default()),
                None if is_signed => bad(
                    what,
                    "The token is in order, so the parent's secret is not that of its access key id, or was rolled, or \
                     the parent is gone. r2creds parent prints the pair of an API token.",
                ),
                None => bad(what, "Cloudflare made this credential just now: try again in a minute."),
            }
        }
        _ => bad(what, "Try again later; docs/cloudflare.md has what R2 is known to answer."),
    }
}

fn outside_of(reply: Result<Response, Error>) -> Found<()> {
    match reply {
        Ok(reply) if reply.http_status() == 403 => well("refused, as it has to be", ()),
        Ok(reply) if reply.http_status() == 200 => {
            bad("R2 lists what was not granted", "Do not rely on prefixes here, and tell us what endpoint this is.")
        }
        Ok(reply) => {
            let (code, message) = said(&reply);
            bad(
                format!("R2 says {} {code}: {message}", reply.http_status()),
                "Expected was 403 AccessDenied; try again.",
            )
        }
        Err(error) => failed(&error, "Try again."),
    }
}

fn json(checks: &[Check], is_well: bool) -> String {
    #[derive(Serialize)]
    struct Fields<'a> {
        is_well: bool,
        checks: &'a [Check],
    }
    formats::pretty(&Fields { is_well, checks })
}

fn lines(checks: &[Check]) -> String {
    let is_coloured = stdout().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    let mut text = String::new();
    for check in checks {
        let (word, colour) = match check.status {
            Verdict::Ok => ("ok", 32),
            Verdict::Warning => ("warning", 33),
            Verdict::Failed => ("failed", 31),
            Verdict::Skipped => ("skipped", 2),
        };
        let word = format!("{word:<8}");
        let word = if is_coloured { format!("\x1b[{colour}m{word}\x1b[0m") } else { word };
        let next_step = check.next_step.iter().flat_map(|next_step| wrapped(next_step));
        for (at, line) in wrapped(&check.message).into_iter().chain(next_step).enumerate() {
            text += &match at {
                0 => format!("{word}  {:<17}  {line}\n", check.name),
                _ => format!("{:29}{line}\n", ""),
            };
        }
    }
    text
}

/// Lines that fit beside the names on a terminal of 110 columns.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < 80 => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
