//! Cloudflare's API, as far as temporary credentials need it: create, verify, and the deletion of a token.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::{Account, Config, Jurisdiction, TokenKind, is_bucket_name};
use crate::grant::{Paths, Permission};
use crate::limit::{Balance, Budget};
use crate::token::{Claims, MAX_TTL, mint, not_null, unix_now};

/// The documented default of `ttlSeconds`.
const DEFAULT_TTL: i64 = 900;
const MAX_BODY: usize = 1024 * 1024;

#[derive(Clone)]
pub struct Api(Arc<Config>);

/// Cloudflare's own numbers; which status goes with which is in the README.
struct Refusal(StatusCode, i64, &'static str);

const NO_ROUTE: Refusal = Refusal(StatusCode::NOT_FOUND, 10015, "No route for that URI");
const UNKNOWN: Refusal = Refusal(StatusCode::UNAUTHORIZED, 10000, "Authentication error");
const FORBIDDEN: Refusal = Refusal(StatusCode::FORBIDDEN, 10000, "Authentication error");
const OAUTH: Refusal = Refusal(StatusCode::FORBIDDEN, 9109, "Unauthorized to access requested resource");
const LIMITED: Refusal =
    Refusal(StatusCode::TOO_MANY_REQUESTS, 971, "Please wait and consider throttling your request speed");
const MALFORMED: Refusal = Refusal(StatusCode::BAD_REQUEST, 10040, "JSON not well formed");
const BUCKET_NAME: Refusal = Refusal(StatusCode::BAD_REQUEST, 10005, "The specified bucket name is not valid.");
const NO_BUCKET: Refusal = Refusal(StatusCode::NOT_FOUND, 10006, "The specified bucket does not exist.");
/// About the parent, not the caller; 10000 would say that the API token is at fault.
const NO_PARENT: Refusal = Refusal(StatusCode::UNAUTHORIZED, 10002, "Unauthorized");
const NO_TOKEN: Refusal = Refusal(StatusCode::NOT_FOUND, 10006, "The token does not exist");
const INTERNAL: Refusal = Refusal(StatusCode::INTERNAL_SERVER_ERROR, 10001, "internal error");

/// `messages` and `result` of a success.
type Answer = Result<(Value, Value), Refusal>;

enum Route<'a> {
    Create { account: &'a str },
    VerifyUser,
    VerifyAccount { account: &'a str },
    Delete { account: &'a str, token: &'a str },
}

impl<'a> Route<'a> {
    fn of(method: &Method, path: &'a str) -> Option<Self> {
        let parts: Vec<&str> = path.strip_prefix("/client/v4/")?.split('/').collect();
        match (method, parts.as_slice()) {
            (&Method::POST, ["accounts", account, "r2", "temp-access-credentials"]) => Some(Self::Create { account }),
            (&Method::GET, ["user", "tokens", "verify"]) => Some(Self::VerifyUser),
            (&Method::GET, ["accounts", account, "tokens", "verify"]) => Some(Self::VerifyAccount { account }),
            (&Method::DELETE, ["accounts", account, "tokens", token]) => Some(Self::Delete { account, token }),
            _ => None,
        }
    }
}

/// Who asks: an API token, or with `None` the e-mail and key of a user.
struct Caller<'a> {
    account: &'a Account,
    token: Option<(&'a str, TokenKind)>,
    budget: &'a Mutex<Budget>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct CreateBody {
    bucket: String,
    parent_access_key_id: String,
    permission: Permission,
    #[serde(default, deserialize_with = "not_null")]
    ttl_seconds: Option<i64>,
    #[serde(default, deserialize_with = "not_null")]
    objects: Option<Vec<String>>,
    #[serde(default, deserialize_with = "not_null")]
    prefixes: Option<Vec<String>>,
}

impl Api {
    pub fn new(config: Arc<Config>) -> Self {
        Self(config)
    }

    pub async fn serve(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (head, body) = request.into_parts();
        // Read in any case, so that the connection can be kept.
        let body = Limited::new(body, MAX_BODY).collect().await.ok().map(|body| body.to_bytes());

        let mut balance = None;
        let answer = self.answer(&head.method, head.uri.path(), &head.headers, body.as_deref(), &mut balance);
        Ok(self.reply(answer, balance))
    }

    fn answer(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        body: Option<&[u8]>,
        balance: &mut Option<Balance>,
    ) -> Answer {
        let route = Route::of(method, path).ok_or(NO_ROUTE)?;
        let caller = self.caller(headers).ok_or(UNKNOWN)?;
        let spent = {
            let mut budget = caller.budget.lock().unwrap_or_else(PoisonError::into_inner);
            budget.spend(self.0.rate_limit, Instant::now())
        };
        if balance.insert(spent).blocked {
            return Err(LIMITED);
        }
        match caller.token {
            Some((_, TokenKind::Object)) => return Err(FORBIDDEN),
            Some((_, TokenKind::Oauth)) => return Err(OAUTH),
            _ => {}
        }
        match route {
            Route::VerifyUser => caller.verify(TokenKind::User),
            Route::VerifyAccount { account } if account == caller.account.id => caller.verify(TokenKind::Account),
            Route::Create { account } if account == caller.account.id => create(caller.account, body),
            Route::Delete { account, token } if account == caller.account.id => delete(caller.account, token),
            _ => Err(FORBIDDEN),
        }
    }

    fn caller(&self, headers: &HeaderMap) -> Option<Caller<'_>> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(authorization) = header(AUTHORIZATION.as_str()) {
            let (scheme, value) = authorization.split_once(' ')?;
            return self.0.accounts.iter().filter(|_| scheme.eq_ignore_ascii_case("bearer")).find_map(|account| {
                let token = account.api_tokens.iter().find(|token| token.value == value)?;
                Some(Caller { account, token: Some((&token.id, token.kind)), budget: &token.budget })
            });
        }
        let (email, key) = (header("x-auth-email")?, header("x-auth-key")?);
        self.0.accounts.iter().find_map(|account| {
            let pair = account.api_keys.iter().find(|pair| pair.email == email && pair.key == key)?;
            Some(Caller { account, token: None, budget: &pair.budget })
        })
    }

    fn reply(&self, answer: Answer, balance: Option<Balance>) -> Response<Full<Bytes>> {
        static REPLIES: AtomicU64 = AtomicU64::new(1);
        let ray = format!("{:016x}-EMU", REPLIES.fetch_add(1, Ordering::Relaxed));
        let (status, envelope) = match answer {
            Ok((messages, result)) => {
                (StatusCode::OK, json!({"success": true, "errors": [], "messages": messages, "result": result}))
            }
            Err(Refusal(status, code, message)) => {
                let errors = json!([{"code": code, "message": message}]);
                (status, json!({"success": false, "errors": errors, "messages": [], "result": null}))
            }
        };
        let mut reply =
            Response::builder().status(status).header(CONTENT_TYPE, "application/json").header("cf-ray", ray);
        if let Some(Balance { remaining, reset, blocked }) = balance {
            let limit = self.0.rate_limit;
            reply = reply
                .header("ratelimit", format!("\"default\";r={remaining};t={reset}"))
                .header("ratelimit-policy", format!("\"default\";q={};w={}", limit.requests, limit.seconds));
            if blocked {
                reply = reply.header("retry-after", reset);
            }
        }
        let body = Full::new(Bytes::from(envelope.to_string()));
        reply.body(body).unwrap_or_else(|_| Response::new(Full::default()))
    }
}

impl Caller<'_> {
    /// A token is verified where it belongs: a user's at /user, an account's at its account.
    fn verify(&self, kind: TokenKind) -> Answer {
        let (id, _) = self.token.filter(|(_, own)| *own == kind).ok_or(UNKNOWN)?;
        let message = json!({"code": 10000, "message": "This API Token is valid and active", "type": null});
        Ok((json!([message]), json!({"id": id, "status": "active"})))
    }
}

fn create(account: &Account, body: Option<&[u8]>) -> Answer {
    let body: CreateBody = body.and_then(|body| serde_json::from_slice(body).ok()).ok_or(MALFORMED)?;
    let ttl = body.ttl_seconds.unwrap_or(DEFAULT_TTL);
    let paths = match (body.prefixes, body.objects) {
        (None, None) => None,
        (prefixes, objects) => {
            Some(Paths { prefix_paths: prefixes.unwrap_or_default(), object_paths: objects.unwrap_or_default() })
        }
    };
    if !(1..=MAX_TTL).contains(&ttl) || paths.as_ref().is_some_and(|paths| !paths.is_clear()) {
        return Err(MALFORMED);
    }
    if !is_bucket_name(&body.bucket) {
        return Err(BUCKET_NAME);
    }
    // The call cannot name a jurisdiction, so it does not find what lives in another one.
    account.bucket(&body.bucket).filter(|bucket| bucket.jurisdiction == Jurisdiction::Default).ok_or(NO_BUCKET)?;
    let parent = account.parent(&body.parent_access_key_id).filter(|parent| parent.is_valid()).ok_or(NO_PARENT)?;

    let now = unix_now();
    let claims = Claims {
        bucket: body.bucket,
        scope: Some(body.permission),
        actions: None,
        paths,
        sub: account.id.clone(),
        iss: parent.access_key_id.clone(),
        aud: Jurisdiction::Default.host(&account.id),
        iat: now,
        exp: now + ttl,
    };
    let (secret_access_key, session_token) = mint(&claims, &parent.secret_access_key).ok_or(INTERNAL)?;
    let result = json!({
        "accessKeyId": parent.access_key_id,
        "secretAccessKey": secret_access_key,
        "sessionToken": session_token,
    });
    Ok((json!([]), result))
}

/// Deleting a parent's token revokes its pair, and with it every child.
fn delete(account: &Account, token: &str) -> Answer {
    let parent = account.parent(token).filter(|parent| parent.is_valid()).ok_or(NO_TOKEN)?;
    parent.revoke();
    Ok((json!([]), json!({"id": token})))
}
