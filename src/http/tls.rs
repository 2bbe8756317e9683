//! TLS: which certificates are trusted, and what a failure means.

use std::fs::File;
use std::io::Read;
#[cfg(not(any(target_vendor = "apple", windows)))]
use std::path::Path;
use std::sync::Arc;

use base64_simd::STANDARD;
use rustls::client::WantsClientCert;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, ConfigBuilder, InvalidMessage, RootCertStore, WantsVerifier,
};

use crate::env::Environment;
#[cfg(any(target_vendor = "apple", windows))]
use crate::env::Setting;
use crate::error::{Error, Status};
use crate::text::cleaned;

/// All of Mozilla's roots are a quarter of a megabyte.
const MAX_CA_FILE: u64 = 16 * 1024 * 1024;

/// What a connection's TLS is made with.
pub struct Tls {
    pub config: Arc<ClientConfig>,
    pub name: ServerName<'static>,
    /// How many certificates `ca_file` holds, if there is one.
    pub ca_certificates: Option<usize>,
}

/// A configuration that trusts `ca_file` alone, or the system's roots, or Mozilla's where the system has none; and how
/// many certificates `ca_file` holds.
pub fn config(
    ca_file: Option<&str>,
    environment: Environment<'_>,
) -> Result<(Arc<ClientConfig>, Option<usize>), Error> {
    let provider = Arc::new(default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Status::Internal, format!("no TLS: {error}")))?;
    let (builder, ca_certificates) = match ca_file {
        Some(path) => {
            let roots = read_ca_file(path)?;
            let count = roots.len();
            (builder.with_root_certificates(roots), Some(count))
        }
        None => (with_system_roots(builder, provider, environment)?, None),
    };
    let mut config = builder.with_no_client_auth();
    // No session is resumed: their store has a lock, which another thread may hold at a fork, and keeps secrets.
    config.resumption = rustls::client::Resumption::disabled();
    Ok((Arc::new(config), ca_certificates))
}

fn mozilla_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

#[cfg(any(target_vendor = "apple", windows))]
fn with_system_roots(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    provider: Arc<CryptoProvider>,
    environment: Environment<'_>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    // The verifier does not look for it. SSL_CERT_DIR is a thing of OpenSSL's, whose links these systems do not keep.
    if let Some(Setting { value, origin }) = environment.first(&["SSL_CERT_FILE"], "ca_file")? {
        let wrong = |problem: String| Error::argument("ca_file", format!("{origin}{problem}"));
        let pem = read_pem(value.as_str()).map_err(wrong)?;
        let found = certificates(&pem).into_iter().filter_map(|(_, certificate)| certificate.ok());
        let mut roots = RootCertStore::empty();
        // As on Linux: one that cannot be parsed does not spoil the others.
        roots.add_parsable_certificates(found.map(CertificateDer::from));
        return match roots.is_empty() {
            true => Err(wrong("no certificate could be read: it holds no certificate".to_owned())),
            false => Ok(builder.with_root_certificates(roots)),
        };
    }
    Ok(match rustls_platform_verifier::Verifier::new(provider) {
        Ok(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
        Err(_) => builder.with_root_certificates(mozilla_roots()),
    })
}

#[cfg(not(any(target_vendor = "apple", windows)))]
fn with_system_roots(
    builder: ConfigBuilder<ClientConfig, WantsVerifier>,
    _: Arc<CryptoProvider>,
    environment: Environment<'_>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Error> {
    // Where the distributions keep their roots: Debian, Fedora, SUSE, Alpine, FreeBSD, OpenBSD and others.
    const FILES: [&str; 7] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/pki/tls/cacert.pem",
        "/etc/ssl/cert.pem",
        "/usr/local/etc/ssl/cert.pem",
    ];
    const FOLDERS: [&str; 3] = ["/etc/ssl/certs", "/etc/pki/tls/certs", "/usr/local/share/certs"];
    // One that may not be looked at is there, too.
    let is_there = |path: &&&str| !matches!(Path::new(path).try_exists(), Ok(false));

    let file = environment.first(&["SSL_CERT_FILE"], "ca_file")?;
    let folder = environment.first(&["SSL_CERT_DIR"], "ca_file")?;
    let chosen = file.as_ref().or(folder.as_ref()).map(|found| &found.origin);
    let (file, folder) = match chosen {
        Some(_) => (
            file.as_ref().map(|found| Path::new(found.value.as_str())),
            folder.as_ref().map(|found| Path::new(found.value.as_str())),
        ),
        None => (FILES.iter().find(is_there).map(Path::new), FOLDERS.iter().find(is_there).map(Path::new)),
    };
    if file.is_none() && folder.is_none() {
        return Ok(builder.with_root_certificates(mozilla_roots()));
    }
    let found = rustls_native_certs::load_certs_from_paths(file, folder);
    let mut roots = RootCertStore::empty();
    // A bundle of a hundred may hold one that cannot be parsed; the others are as good as before.
    roots.add_parsable_certificates(found.certs);
    if !roots.is_empty() {
        return Ok(builder.with_root_certificates(roots));
    }
    // Somebody has said whom to trust, and it cannot be read. To trust others instead would be wrong.
    let reason = found.errors.first().map_or_else(|| "it holds no certificate".to_owned(), ToString::to_string);
    if let Some(origin) = chosen {
        return Err(Error::argument("ca_file", format_args!("{origin}no certificate could be read: {reason}")));
    }
    let path = file.or(folder).unwrap_or(Path::new("")).display();
    Err(Error::new(Status::Internal, format!("the system's certificates in {path} cannot be used: {reason}"))
        .hinted("Make them readable for this process, or pass ca_file."))
}

/// The bytes of a file, which may be a PEM file by its size; or what is wrong with it.
fn read_pem(path: &str) -> Result<Vec<u8>, String> {
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_CA_FILE + 1).read_to_end(&mut pem))
        .map_err(|error| format!("cannot be read: {error}"))?;
    match pem.len() as u64 {
        0 => Err("the file is empty, expected PEM certificates".to_owned()),
        1..=MAX_CA_FILE => Ok(pem),
        _ => Err("the file has more than 16 MiB, expected PEM certificates".to_owned()),
    }
}

fn read_ca_file(path: &str) -> Result<RootCertStore, Error> {
    let wrong = |problem: String| Error::argument("ca_file", problem);
    if path.is_empty() {
        return Err(wrong("empty, expected the path of a PEM file, or nothing for the system's roots".into()));
    }
    let pem = read_pem(path).map_err(wrong)?;
    let mut roots = RootCertStore::empty();
    for (line, certificate) in certificates(&pem) {
        let problem = match certificate {
            Ok(der) => match roots.add(CertificateDer::from(der)) {
                Ok(()) => continue,
                Err(_) => "holds a certificate that cannot be parsed",
            },
            Err(problem) => problem,
        };
        return Err(wrong(format!("line {line} {problem}")));
    }
    if roots.is_empty() {
        return Err(wrong("contains no PEM certificate (-----BEGIN CERTIFICATE-----)".into()));
    }
    Ok(roots)
}

/// The certificates in a file, each with the line on which it begins, in every form that `cat a b` makes: without a
/// line break between two, with a byte order mark inside, with other blocks and text around them.
fn certificates(pem: &[u8]) -> Vec<(usize, Result<Vec<u8>, &'static str>)> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    // Only markers and base64 matter, and they are ASCII.
    let text = String::from_utf8_lossy(pem);
    let mut found = Vec::new();
    let mut line = 1;
    let mut pieces = text.split(BEGIN);
    line += pieces.next().unwrap_or_default().matches('\n').count();
    for piece in pieces {
        let certificate = match piece.split_once(END) {
            None => Err("begins a certificate that has no end"),
            Some((base64, _)) => {
                let base64: Vec<u8> = base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
                STANDARD.decode_to_vec(base64).map_err(|_| "begins a certificate that is not base64")
            }
        };
        found.push((line, certificate));
        line += piece.matches('\n').count();
    }
    found
}

/// A handshake's failure, which `ca_file` may have to do with.
pub fn handshake_error(failure: Error, tls: &Tls) -> Error {
    match tls.ca_certificates {
        Some(count) if failure.hint() == Some(UNKNOWN_ISSUER) => {
            let plural = if count == 1 { "" } else { "s" };
            let message = format!("{} (ca_file holds {count} certificate{plural})", failure.message());
            Error::new(Status::Tls, message).hinted(
                "None of ca_file's certificates has issued the server's. Perhaps it is another CA's, or perhaps the \
                 server leaves an intermediate out.",
            )
        }
        _ => failure,
    }
}

const UNKNOWN_ISSUER: &str =
    "No trusted certificate has issued the server's; if it is your own server or proxy, give its CA as ca_file.";

#[allow(clippy::needless_pass_by_value)] // as map_err wants it
pub fn error(error: rustls::Error) -> Error {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage as BadMessage};
    let text = match &error {
        // rustls lists the algorithms, byte by byte.
        InvalidCertificate(
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => "invalid peer certificate: signed in a way that this version cannot verify".to_owned(),
        _ => error.to_string(),
    };
    // It may list every name in the server's certificate.
    let failure = Error::new(Status::Tls, cleaned(format!("TLS failed: {text}").as_bytes(), &[]));
    match error {
        InvalidCertificate(CertificateError::UnknownIssuer) => failure.hinted(UNKNOWN_ISSUER),
        InvalidCertificate(CertificateError::ExpiredContext { .. } | CertificateError::NotValidYetContext { .. }) => {
            failure.hinted("If the server's certificate is good, this machine's clock is wrong.")
        }
        BadMessage(InvalidMessage::InvalidContentType) => failure
            .hinted("What answers there does not speak TLS. Perhaps it is an http server, and the URL says https."),
        AlertReceived(AlertDescription::HandshakeFailure) => failure.hinted(
            "The server and this client have no TLS version or cipher in common, or the server wants a client \
             certificate, which this library does not have.",
        ),
        AlertReceived(AlertDescription::CertificateRequired) => {
            failure.hinted("The server wants a client certificate, which this library does not have.")
        }
        // rustls has only text for it.
        _ if text.contains("CaUsedAsEndEntity") => failure.hinted(
            "The server's certificate is a CA's, which may only issue others (openssl req -x509 makes such ones); \
             give the server one that is not: openssl's -addext basicConstraints=critical,CA:FALSE.",
        ),
        _ => failure,
    }
}
