//! The endpoint that AWS SDKs know as the container credentials provider: on loopback, for whoever has the token.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use r2creds::{Credentials, Error, Provider, RequestOptions};
use serde::Serialize;
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;

use crate::failure::{Failure, reason};
use crate::{formats, system};

const PATH: &str = "/credentials";
const MOST_CONNECTIONS: usize = 64;
/// How long a client may take to say what it wants.
const HEAD_TIME: Duration = Duration::from_secs(5);
/// How long a client on a busy machine may take to read an answer.
const READING_SECONDS: u64 = 5;

/// Bound, and known to nobody yet.
pub struct Endpoint {
    listener: TcpListener,
    state: Arc<State>,
    /// The S3 endpoint of the credentials.
    s3: String,
}

struct State {
    provider: Provider,
    token: String,
    /// What a client may call this endpoint. A page in a browser, whose own name was made to lead here, says another.
    hosts: [String; 2],
}

impl Endpoint {
    /// Makes the first credential, which says where it is valid, so that what is wrong shows here.
    pub fn bind(provider: Provider, port: u16) -> Result<Self, Failure> {
        let s3 = provider.get(&RequestOptions::default())?.endpoint().to_owned();
        let failed = |what, error: &io::Error| Failure::new(1, format!("{what}: {}", reason(error)));
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = bound.map_err(|error| failed(format!("port {port} of this machine"), &error))?;
        let SocketAddr::V4(address) = listener.local_addr().map_err(|error| failed("loopback".to_owned(), &error))?
        else {
            return Err(Failure::new(1, "loopback has another kind of address"));
        };
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Failure::new(1, format!("the system's randomness: {error}")))?;
        let token = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let hosts = [address.to_string(), format!("localhost:{}", address.port())];
        Ok(Endpoint { listener, state: Arc::new(State { provider, token, hosts }), s3 })
    }

    /// What tells programs on an AWS SDK of it. The token itself is left out where it is in a file: some warn of both.
    pub fn variables(&self, token_file: Option<&Path>) -> Vec<(&'static str, String)> {
        let uri = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{}{PATH}", self.state.hosts[0]));
        let token = match token_file {
            Some(file) => ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_string_lossy().into_owned()),
            None => ("AWS_CONTAINER_AUTHORIZATION_TOKEN", self.state.token.clone()),
        };
        let mut variables = vec![uri, token];
        variables.extend(formats::place(&self.s3));
        variables
    }

    /// Puts the token where nobody else can read it.
    pub fn write_token(&self, file: &Path) -> Result<(), Failure> {
        system::private_file(file)
            .and_then(|mut opened| opened.write_all(self.state.token.as_bytes()))
            .map_err(|error| Failure::argument("--token-file", &reason(&error)))
    }

    /// Answers from now on until the process ends, which it does where that is not possible.
    pub fn start(self) {
        thread::spawn(move || {
            let Err(failure) = self.run();
            let _ = writeln!(io::stderr(), "r2creds: {}", failure.message);
            std::process::exit(failure.code);
        });
    }

    fn run(self) -> Result<Infallible, Failure> {
        let failed = |error: io::Error| Failure::new(1, format!("the endpoint: {}", reason(&error)));
        self.listener.set_nonblocking(true).map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(MOST_CONNECTIONS)
            .build()
            .map_err(failed)?;
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(self.listener).map_err(failed)?;
            let free = Arc::new(Semaphore::new(MOST_CONNECTIONS));
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // Out of descriptors, say: others end meanwhile.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                // One too many is closed at once, so that nobody waits behind the slow.
                let Ok(place) = Arc::clone(&free).try_acquire_owned() else { continue };
                let state = Arc::clone(&self.state);
                tokio::spawn(async move {
                    let service = service_fn(|request| answer(Arc::clone(&state), request));
                    // How a connection ends is the client's affair. One request each: none is kept by the idle.
                    let _ = http1::Builder::new()
                        .keep_alive(false)
                        .timer(TokioTimer::new())
                        .header_read_timeout(HEAD_TIME)
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                    drop(place);
                });
            }
        })
    }
}

type Answer = Response<Full<Bytes>>;

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let header = |name| request.headers().get(name).map_or(&b""[..], |value| value.as_bytes());
    if !state.hosts.iter().any(|host| header(HOST) == host.as_bytes()) {
        return Ok(refusal(StatusCode::FORBIDDEN, "Host", "the Host is not this endpoint's"));
    }
    if request.uri().path() != PATH {
        return Ok(refusal(StatusCode::NOT_FOUND, "Path", "there are only credentials here"));
    }
    if request.method() != Method::GET {
        let mut refusal = refusal(StatusCode::METHOD_NOT_ALLOWED, "Method", "only GET is answered");
        refusal.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET"));
        return Ok(refusal);
    }
    if !bool::from(header(AUTHORIZATION).ct_eq(state.token.as_bytes())) {
        let message = "the Authorization is not AWS_CONTAINER_AUTHORIZATION_TOKEN as r2creds exported it";
        return Ok(refusal(StatusCode::UNAUTHORIZED, "Authorization", message));
    }
    // It may have to wait for a renewal.
    let got = tokio::task::spawn_blocking(move || state.provider.get(&RequestOptions::default())).await;
    Ok(match got {
        Ok(Ok(credentials)) => granted(&credentials),
        Ok(Err(error)) => failed(&error),
        Err(_) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", "the renewal ended without a result"),
    })
}

fn granted(credentials: &Credentials) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Fields<'a> {
        access_key_id: &'a str,
        secret_access_key: &'a str,
        token: &'a str,
        expiration: String,
    }
    // Many SDKs ask again some minutes before this, and some only when it has come: for them it is the time from which
    // a credential is not to be used if another can be had. Past that it is the end, since a time that is over would be
    // an error to them although the credential is good; and so would one that is over when the answer is read.
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()) + READING_SECONDS;
    let is_late = soon >= u64::try_from(credentials.renew_by()).unwrap_or_default();
    let expiration = if is_late { credentials.expires_at() } else { credentials.renew_by() };
    respond(
        StatusCode::OK,
        &Fields {
            access_key_id: credentials.access_key_id(),
            secret_access_key: credentials.secret_access_key(),
            token: credentials.session_token(),
            expiration: formats::utc(expiration),
        },
    )
}

fn failed(error: &Error) -> Answer {
    let status = match error.retryable() {
        true => StatusCode::SERVICE_UNAVAILABLE,
        false => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let hint = error.hint().map(|hint| format!(" {hint}")).unwrap_or_default();
    refusal(status, error.status().as_str(), &format!("{error}.{hint}"))
}

/// In the form that SDKs show.
fn refusal(status: StatusCode, code: &str, message: &str) -> Answer {
    #[derive(Serialize)]
    struct Fields<'a> {
        code: &'a str,
        message: &'a str,
    }
    respond(status, &Fields { code, message })
}

fn respond(status: StatusCode, body: &impl Serialize) -> Answer {
    let mut answer = Response::new(Full::from(serde_json::to_vec(body).unwrap_or_default()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    answer
}
