//! The TLS configuration, and above all which certificates are trusted.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use crate::env::Environment;
use crate::error::{Error, Status};

/// All of Mozilla's roots are a quarter of a megabyte.
const MAX_CA_FILE: u64 = 16 * 1024 * 1024;

/// A configuration that trusts `ca_file` alone, or the system's roots, or Mozilla's where the system has none.
pub fn config(ca_file: Option<&str>, environment: Environment) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(Status::Internal, format!("no TLS: {error}")))?;
    let builder = match ca_file {
        Some(path) => builder.with_root_certificates(read_roots(path)?),
        None => match system_roots(provider, environment)? {
            Some(verifier) => builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)),
            None => builder.with_root_certificates(mozilla_roots()),
        },
    };
    let mut config = builder.with_no_client_auth();
    // No session is resumed: their store has a lock, which another thread may hold at a fork, and keeps secrets.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

/// The platform's verifier, which reads `SSL_CERT_FILE` and `SSL_CERT_DIR`; `None` where the system has no roots.
fn system_roots(provider: Arc<CryptoProvider>, environment: Environment) -> Result<Option<Verifier>, Error> {
    const NAMES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
    match environment.first(&NAMES, "ca_file")? {
        // An error, because falling back would trust certificates that the user did not choose.
        Some(found) => Verifier::new(provider).map(Some).map_err(|_| {
            Error::argument("ca_file", format_args!("{}no certificate could be read from there", found.origin))
        }),
        // Set, but empty, or not to be believed in a set-uid process. The verifier would read them all the same.
        None if NAMES.iter().any(|name| std::env::var_os(name).is_some()) => Ok(None),
        None => Ok(Verifier::new(provider).ok()),
    }
}

fn mozilla_roots() -> RootCertStore {
    RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }
}

fn read_roots(path: &str) -> Result<RootCertStore, Error> {
    let wrong = |problem: String| Error::argument("ca_file", problem);
    if path.is_empty() {
        return Err(wrong("empty, expected the path of a PEM file, or nothing for the system's roots".into()));
    }
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_CA_FILE).read_to_end(&mut pem))
        .map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if pem.is_empty() {
        return Err(wrong("the file is empty, expected PEM certificates".into()));
    }
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| wrong("contains a malformed PEM section".into()))?;
        roots.add(certificate).map_err(|_| wrong("contains a certificate that cannot be parsed".into()))?;
    }
    if roots.is_empty() {
        return Err(wrong("contains no PEM certificate (-----BEGIN CERTIFICATE-----)".into()));
    }
    Ok(roots)
}
