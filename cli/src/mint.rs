//! From what was given to a credential, made once or kept fresh.

use std::sync::Arc;
use std::time::Duration;

use r2creds::{Client, ClientOptions, Credentials, Jurisdiction, Params, Permission, Provider, RequestOptions, Status};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::options::{CALL, CLIENT, Given, SIGN, VARIABLES, flag_of, has_variable, variable_of};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Sign,
    Create,
}

/// `--sign` or `--create`; without them what the secrets at hand allow, if it is one of the two.
pub fn method(given: &Given<'_>) -> Result<Method, Failure> {
    match (given.flag("sign"), given.flag("create")) {
        (true, true) => return Err(Failure::usage("argument --create: not allowed with argument --sign")),
        (true, false) => return Ok(Method::Sign),
        (false, true) => return Ok(Method::Create),
        (false, false) => {}
    }
    let can_sign = given.has("parent_secret_access_key") || has_variable("R2_PARENT_SECRET_ACCESS_KEY");
    let variables = ["CLOUDFLARE_API_TOKEN", "CLOUDFLARE_API_KEY"];
    let can_create = given.has("api_token") || given.has("api_key") || variables.into_iter().any(has_variable);
    match (can_sign, can_create) {
        (true, false) => Ok(Method::Sign),
        (false, true) => Ok(Method::Create),
        (true, true) => {
            Err(Failure::usage("--sign or --create is needed, for there are both a parent secret and an API token"))
        }
        (false, false) => {
            Err(Failure::usage("missing: R2_PARENT_SECRET_ACCESS_KEY to sign, or CLOUDFLARE_API_TOKEN to create"))
        }
    }
}

/// What is granted, as it was given.
pub struct Grant<'a> {
    account_id: String,
    bucket: String,
    parent_access_key_id: String,
    parent_secret_access_key: Option<String>,
    lists: [Option<Vec<&'a str>>; 4],
    permission: Option<Permission>,
    jurisdiction: Jurisdiction,
    endpoint: Option<&'a str>,
    ttl_seconds: Option<u32>,
    issued_at: Option<i64>,
}

impl<'a> Grant<'a> {
    pub fn read(given: &Given<'a>, method: Method) -> Result<Self, Failure> {
        let foreign = match method {
            Method::Sign => [given.flags(CLIENT), given.flags(CALL)].concat(),
            Method::Create => given.flags(SIGN),
        };
        if !foreign.is_empty() {
            let method = if method == Method::Sign { "sign" } else { "create" };
            return Err(Failure::usage(format!("{}: not with --{method}", foreign.join(", "))));
        }
        let mut missing = Vec::new();
        let mut found = Vec::new();
        for (name, variable) in VARIABLES {
            let value = match name {
                "parent_secret_access_key" if method == Method::Create => Some(String::new()),
                "parent_secret_access_key" => {
                    given.secret(name)?.map_or_else(|| variable_of(name), |it| Ok(Some(it)))?
                }
                _ => given.text_or_variable(name)?,
            };
            match value {
                Some(value) => found.push(value),
                None => missing.push(format!("{} or {variable}", flag_of(name))),
            }
        }
        let Ok([account_id, bucket, parent_access_key_id, secret]) = <[String; 4]>::try_from(found) else {
            return Err(Failure::usage(format!("missing: {}", missing.join(", "))));
        };
        let issued_at = given.number("issued_at")?;
        if issued_at == Some(0) {
            return Err(Failure::refused("issued_at", "0, expected more"));
        }
        Ok(Grant {
            account_id,
            bucket,
            parent_access_key_id,
            parent_secret_access_key: (method == Method::Sign).then_some(secret),
            lists: [
                given.texts("prefixes")?,
                given.texts("objects")?,
                given.texts("directories")?,
                given.texts("actions")?,
            ],
            permission: given.text("permission")?.map(str::parse).transpose()?,
            jurisdiction: given.text("jurisdiction")?.map(str::parse).transpose()?.unwrap_or_default(),
            endpoint: given.text("endpoint")?,
            ttl_seconds: given.positive("ttl_seconds")?,
            issued_at,
        })
    }

    pub fn params(&self) -> Params<'_> {
        let [prefixes, objects, directories, actions] = self.lists.each_ref().map(Option::as_deref);
        Params {
            account_id: &self.account_id,
            bucket: &self.bucket,
            parent_access_key_id: &self.parent_access_key_id,
            parent_secret_access_key: self.parent_secret_access_key.as_deref(),
            permission: self.permission,
            actions,
            prefixes,
            objects,
            directories,
            endpoint: self.endpoint,
            jurisdiction: self.jurisdiction,
            ttl_seconds: self.ttl_seconds,
            issued_at: self.issued_at,
        }
    }
}

/// What a call of the API may carry besides.
pub struct Call {
    headers: Vec<String>,
    extra_body: Option<String>,
    timeout: Option<Duration>,
    max_retries: Option<u32>,
}

impl Call {
    pub fn read(given: &Given<'_>) -> Result<Self, Failure> {
        let mut headers: Vec<(&str, String)> = Vec::new();
        for header in given.texts("headers")?.unwrap_or_default() {
            let wrong = |problem| Failure::argument("--header", problem);
            let (name, value) = header.split_once(':').ok_or_else(|| wrong("no colon, expected NAME: VALUE"))?;
            if headers.iter().any(|(known, _)| *known == name) {
                return Err(wrong("the same name twice"));
            }
            headers.push((name, format!("{name}: {}", value.trim())));
        }
        let extra_body = given.text("extra_body")?;
        let is_object =
            |text: &str| text.trim_start().starts_with('{') && serde_json::from_str::<&RawValue>(text).is_ok();
        if extra_body.is_some_and(|text| !is_object(text)) {
            return Err(Failure::argument("--extra-body", "not a JSON object"));
        }
        Ok(Call {
            headers: headers.into_iter().map(|(_, line)| line).collect(),
            extra_body: extra_body.map(str::to_owned),
            timeout: milliseconds(given, "timeout_ms")?,
            max_retries: retries(given)?,
        })
    }

    pub fn run<T>(&self, call: impl FnOnce(&RequestOptions<'_>) -> T) -> T {
        let headers: Vec<&str> = self.headers.iter().map(String::as_str).collect();
        call(&RequestOptions {
            headers: &headers,
            extra_body: self.extra_body.as_deref(),
            timeout: self.timeout,
            max_retries: self.max_retries,
            ..RequestOptions::default()
        })
    }
}

fn milliseconds(given: &Given<'_>, name: &'static str) -> Result<Option<Duration>, Failure> {
    Ok(given.positive(name)?.map(|number| Duration::from_millis(number.into())))
}

fn retries(given: &Given<'_>) -> Result<Option<u32>, Failure> {
    match given.number("max_retries")? {
        None => Ok(None),
        Some(number) if number < 0 => Err(Failure::refused("max_retries", "negative, expected 0 or more")),
        Some(number) => match i32::try_from(number) {
            Ok(number) => Ok(Some(number.unsigned_abs())),
            Err(_) => Err(Failure::refused("max_retries", "does not fit in 32 bits")),
        },
    }
}

/// How Cloudflare is reached, as it was given. What is absent the library looks for in the environment.
pub struct Reach<'a> {
    api_token: Option<String>,
    api_key: Option<String>,
    options: ClientOptions<'a>,
}

impl<'a> Reach<'a> {
    pub fn read(given: &Given<'a>) -> Result<Self, Failure> {
        let proxy_url = given.text("proxy_url")?;
        if proxy_url.is_some_and(|url| url.contains('@')) {
            let problem = "a password does not belong on a command line; put the URL into HTTPS_PROXY";
            return Err(Failure::argument("--proxy-url", problem));
        }
        let options = ClientOptions {
            api_email: given.text("api_email")?,
            base_url: given.text("base_url")?,
            proxy_url,
            ca_file: given.text("ca_file")?,
            user_agent: given.text("user_agent")?,
            attempt_timeout: milliseconds(given, "attempt_timeout_ms")?,
            connect_timeout: milliseconds(given, "connect_timeout_ms")?,
            ..ClientOptions::default()
        };
        Ok(Reach { api_token: given.secret("api_token")?, api_key: given.secret("api_key")?, options })
    }

    pub fn options(&self) -> ClientOptions<'_> {
        ClientOptions { api_token: self.api_token.as_deref(), api_key: self.api_key.as_deref(), ..self.options }
    }

    pub fn client(&self) -> Result<Client, Failure> {
        Client::new(&self.options()).map_err(|error| match error.status() {
            Status::NoAuthentication => Failure::usage("missing: --api-token-file or CLOUDFLARE_API_TOKEN"),
            _ => error.into(),
        })
    }
}

/// One credential.
pub fn mint(given: &Given<'_>, method: Method) -> Result<Credentials, Failure> {
    let grant = Grant::read(given, method)?;
    match method {
        Method::Sign => Ok(r2creds::sign(&grant.params())?),
        Method::Create => {
            let call = Call::read(given)?;
            let client = Reach::read(given)?.client()?;
            Ok(call.run(|options| client.create(&grant.params(), options))?)
        }
    }
}

/// Credentials for as long as the program runs.
pub fn provider(given: &Given<'_>, method: Method) -> Result<Provider, Failure> {
    let grant = Grant::read(given, method)?;
    match method {
        Method::Sign => Ok(Provider::new(None, &grant.params(), &RequestOptions::default())?),
        Method::Create => {
            let call = Call::read(given)?;
            let client = Arc::new(Reach::read(given)?.client()?);
            Ok(call.run(|options| Provider::new(Some(&client), &grant.params(), options))?)
        }
    }
}
