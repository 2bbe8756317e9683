//! Cloudflare R2 on loopback, for tests of temporary credentials. README.md says what it checks and what it leaves out.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod api;
mod config;
mod grant;
mod limit;
mod s3;
mod token;
mod uploads;

use std::future::Future;
use std::io::Write;
use std::os::unix::fs::FileTypeExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use hyper::Request;
use hyper::body::{Body, Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

use crate::api::Api;
use crate::config::{Config, Jurisdiction};
use crate::s3::S3;

const USAGE: &str = "\
usage: r2-emulator [--config FILE] [--port PORT] [--env]

  --config FILE  accounts, keys and buckets as JSON; default: the example account
  --port PORT    the API's port; the S3 endpoints (default, EU, FedRAMP) get the next three; default: 0, any free ones
  --env          when ready, print `export` lines for a shell instead of a line of JSON

Runs until SIGTERM or SIGINT, and if standard input is a pipe, until that is closed.
";

struct Options {
    config: Option<PathBuf>,
    port: u16,
    env: bool,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options { config: None, port: 0, env: false };
    while let Some(argument) = arguments.next() {
        let understood = match argument.as_str() {
            "--config" => arguments.next().map(|file| options.config = Some(file.into())),
            "--port" => {
                // The three after it are needed too.
                let port = arguments.next().and_then(|port| port.parse().ok()).filter(|port| *port <= u16::MAX - 3);
                port.map(|port| options.port = port)
            }
            "--env" => {
                options.env = true;
                Some(())
            }
            "--help" | "-h" => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => None,
        };
        if understood.is_none() {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    }
    let ended = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(run(&options)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("r2-emulator: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), String> {
    let config = Arc::new(Config::load(options.config.as_deref())?);
    let failed = |error: std::io::Error| error.to_string();
    // Removed when this function returns.
    let folder = tempfile::Builder::new().prefix("r2-emulator-").tempdir().map_err(failed)?;
    let stop = stop_signals().map_err(failed)?;

    let (listener, port) = listen(options.port).await?;
    let mut ready = Map::new();
    ready.insert("api".to_owned(), format!("http://127.0.0.1:{port}/client/v4").into());
    let api = Api::new(Arc::clone(&config));
    tokio::spawn(accept(listener, move |request| api.clone().serve(request)));
    for (jurisdiction, (name, offset)) in
        Jurisdiction::ALL.into_iter().zip([("s3", 1), ("s3_eu", 2), ("s3_fedramp", 3)])
    {
        let (listener, port) = listen(if options.port == 0 { 0 } else { options.port + offset }).await?;
        let home = folder.path().join(name);
        std::fs::create_dir(&home).map_err(failed)?;
        let s3 = S3::new(Arc::clone(&config), jurisdiction, port, &home)?;
        tokio::spawn(accept(listener, move |request| s3.clone().serve(request)));
        ready.insert(name.to_owned(), format!("http://127.0.0.1:{port}").into());
    }

    describe(&config, options.config.is_none(), &mut ready);
    let ready = if options.env { exports(&ready) } else { format!("{}\n", Value::Object(ready)) };
    let mut out = std::io::stdout().lock();
    out.write_all(ready.as_bytes()).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    stop.await;
    Ok(())
}

async fn listen(port: u16) -> Result<(TcpListener, u16), String> {
    let failed = |error: std::io::Error| format!("--port: 127.0.0.1:{port}: {error}");
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, port))
}

/// Serves every connection until the program ends.
async fn accept<S, F, B, E>(listener: TcpListener, serve: S)
where
    S: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Result<hyper::Response<B>, E>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    loop {
        // Out of descriptors, say: the next one may do better.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        // Small replies at once: two writes would otherwise wait for an acknowledgement.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(serve.clone()));
        tokio::spawn(async move {
            // A client that goes away is not this program's concern.
            if let Ok(parts) = connection.without_shutdown().await {
                let _ = close(parts.io.into_inner()).await;
            }
        });
    }
}

/// Takes what still comes after the last reply. To close while a client sends, as it does when it has waited long
/// enough for "100 Continue", would be a reset, which can overtake the reply.
async fn close(mut stream: TcpStream) -> std::io::Result<()> {
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await.map(drop)
}

/// Ends when the program should: a test that dies must not leave its emulator behind, so the end of a pipe counts too.
fn stop_signals() -> std::io::Result<impl Future<Output = ()>> {
    let (stop, mut stopped) = tokio::sync::mpsc::channel(1);
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (mut signal, stop) = (signal(kind)?, stop.clone());
        tokio::spawn(async move {
            signal.recv().await;
            stop.send(()).await
        });
    }
    if std::fs::metadata("/dev/stdin").is_ok_and(|stdin| stdin.file_type().is_fifo()) {
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            stop.blocking_send(())
        });
    }
    Ok(async move { stopped.recv().await.unwrap_or_default() })
}

/// What a program needs beside the addresses: the first account's first bucket, token and key. Secrets only of the
/// example account, where they are none.
fn describe(config: &Config, is_example: bool, ready: &mut Map<String, Value>) {
    let Some(account) = config.accounts.first() else { return };
    let (token, parent) = (account.api_tokens.first(), account.parents.first());
    let values = [
        ("account_id", Some(&account.id)),
        ("bucket", account.buckets.first().map(|bucket| &bucket.name)),
        ("parent_access_key_id", parent.map(|parent| &parent.access_key_id)),
        ("parent_secret_access_key", parent.map(|parent| &parent.secret_access_key).filter(|_| is_example)),
        ("api_token", token.map(|token| &token.value).filter(|_| is_example)),
    ];
    ready.extend(values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.as_str().into()))));
}

/// The same under the names that the library and its examples read from the environment.
fn exports(ready: &Map<String, Value>) -> String {
    let names = [
        ("CLOUDFLARE_BASE_URL", "api"),
        ("CLOUDFLARE_ACCOUNT_ID", "account_id"),
        ("CLOUDFLARE_API_TOKEN", "api_token"),
        ("R2_BUCKET", "bucket"),
        ("R2_PARENT_ACCESS_KEY_ID", "parent_access_key_id"),
        ("R2_PARENT_SECRET_ACCESS_KEY", "parent_secret_access_key"),
        ("R2_ENDPOINT", "s3"),
    ];
    // No value has a quote in it: the configuration's shapes leave no room for one, and the example's token has none.
    let line = |(variable, name)| Some(format!("export {variable}='{}'\n", ready.get(name)?.as_str()?));
    names.into_iter().filter_map(line).collect()
}
