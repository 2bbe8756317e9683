//! Cloudflare R2 on loopback, for tests of temporary credentials. README.md says what it checks and what it leaves out.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod access;
mod api;
mod config;
mod grant;
mod limit;
mod listen;
mod listings;
mod s3;
mod token;
mod uploads;

use std::fs::Permissions;
use std::future::Future;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::signal::unix::{SignalKind, signal};

use crate::api::Api;
use crate::config::{Config, Jurisdiction};
use crate::s3::S3;

const USAGE: &str = "\
usage: r2-emulator [--config FILE] [--host ADDRESS] [--port PORT] [--env]

  --config FILE   accounts, keys and buckets as JSON; default: the example account
  --host ADDRESS  listen at this IP address, at all of them with 0.0.0.0 or ::, so that other containers or machines can
                  use the emulator. Default: 127.0.0.1, this machine alone
  --port PORT     the API's port; the S3 endpoints (default, EU, FedRAMP, US) get the next four. Default: 0, any that
                  are free
  --env           when ready, print `export` lines for a shell instead of a line of JSON

Runs until SIGTERM or SIGINT, and if standard input is a pipe, until that is closed.
";

/// The highest port that leaves one for each S3 endpoint.
const LAST_PORT: u16 = u16::MAX - Jurisdiction::ALL.len() as u16;

struct Options {
    config: Option<PathBuf>,
    host: IpAddr,
    port: u16,
    env: bool,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options { config: None, host: Ipv4Addr::LOCALHOST.into(), port: 0, env: false };
    while let Some(argument) = arguments.next() {
        let understood = match argument.as_str() {
            "--config" => arguments.next().map(|file| options.config = Some(file.into())),
            "--host" => {
                let host = arguments.next().and_then(|host| host.parse().ok());
                host.map(|host| options.host = host)
            }
            "--port" => {
                let port = arguments.next().and_then(|port| port.parse().ok()).filter(|port| *port <= LAST_PORT);
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
            listen::warn(format_args!("{problem}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &Options) -> Result<(), String> {
    let config = Arc::new(Config::load(options.config.as_deref())?);
    let failed = |error: std::io::Error| error.to_string();
    // Removed when this function returns. Objects may be somebody's, on a machine that others use too.
    let folder = tempfile::Builder::new()
        .prefix("r2-emulator-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .map_err(failed)?;
    let stop = stop_signals().map_err(failed)?;

    let (host, is_exposed) = (options.host, !options.host.is_loopback());
    let (listener, address) = listen::bind(host, options.port).await?;
    let mut ready = Map::new();
    ready.insert("api".to_owned(), format!("http://{address}/client/v4").into());
    let api = Api::new(Arc::clone(&config));
    tokio::spawn(listen::serve(listener, move |request| api.clone().serve(request)));
    for (offset, jurisdiction) in (1..).zip(Jurisdiction::ALL) {
        let port = if options.port == 0 { 0 } else { options.port + offset };
        let (listener, address) = listen::bind(host, port).await?;
        let name = jurisdiction.endpoint_name();
        let home = folder.path().join(&name);
        std::fs::create_dir(&home).map_err(failed)?;
        let s3 = S3::new(Arc::clone(&config), jurisdiction, address, is_exposed, &home)?;
        tokio::spawn(listen::serve(listener, move |request| s3.clone().serve(request)));
        ready.insert(name, format!("http://{address}").into());
    }
    if is_exposed {
        listen::warn(format_args!(
            "warning: --host {host}: whoever can reach this machine there can use the API and every bucket. Nothing is \
             encrypted, and the example account's keys are known to everybody. Do this only on a network that you share \
             with nobody, such as one between your own containers"
        ));
    }

    describe(&config, options.config.is_none(), &mut ready);
    let ready = if options.env { exports(&ready) } else { format!("{}\n", Value::Object(ready)) };
    let mut out = std::io::stdout().lock();
    out.write_all(ready.as_bytes()).and_then(|()| out.flush()).map_err(failed)?;
    drop(out);
    stop.await;
    Ok(())
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
