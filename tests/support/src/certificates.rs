//! A certificate authority that lives in memory.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SignatureAlgorithm};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ALL_VERSIONS, ServerConfig, SupportedProtocolVersion};

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn generate() -> Self {
        Self::named("authority of a test")
    }

    pub fn named(name: &str) -> Self {
        Self::with_key(name, KeyPair::generate().unwrap())
    }

    /// One that signs in this way, with a key that fits.
    pub fn signing(algorithm: &'static SignatureAlgorithm) -> Self {
        Self::with_key("authority of a test", KeyPair::generate_for(algorithm).unwrap())
    }

    fn with_key(name: &str, key: KeyPair) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server that shows a certificate for this name or address.
    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        self.server_with(name, ALL_VERSIONS, |_| {})
    }

    pub fn server_with(
        &self,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        self.server_by(default_provider(), name, versions, change, |_| {})
    }

    /// A server that valgrind can run beside: it misjudges the instructions that AES-GCM is made of.
    pub fn server_without_aes(&self, name: &str) -> Arc<ServerConfig> {
        let mut provider = default_provider();
        provider.cipher_suites.retain(|suite| format!("{:?}", suite.suite()).contains("CHACHA20"));
        self.server_by(provider, name, ALL_VERSIONS, |_| {}, |_| {})
    }

    /// A server that knows this way alone to agree on keys.
    pub fn server_agreeing_by(&self, name: &str, group: &'static dyn SupportedKxGroup) -> Arc<ServerConfig> {
        let provider = CryptoProvider { kx_groups: vec![group], ..default_provider() };
        self.server_by(provider, name, ALL_VERSIONS, |_| {}, |_| {})
    }

    /// A server whose certificate says that it was signed with ECDSA and SHA-224, which nobody uses.
    pub fn server_signed_oddly(&self, name: &str) -> Arc<ServerConfig> {
        const SHA_256: &[u8] = b"\x2a\x86\x48\xce\x3d\x04\x03\x02";
        let change = |certificate: &mut Vec<u8>| {
            for at in 0..certificate.len() {
                if certificate[at..].starts_with(SHA_256) {
                    certificate[at + SHA_256.len() - 1] = 1;
                }
            }
        };
        self.server_by(default_provider(), name, ALL_VERSIONS, |_| {}, change)
    }

    fn server_by(
        &self,
        provider: CryptoProvider,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
        change: impl FnOnce(&mut CertificateParams),
        change_signed: impl FnOnce(&mut Vec<u8>),
    ) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let mut certificate = params.signed_by(&key, &self.0).unwrap().der().to_vec();
        change_signed(&mut certificate);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(versions)
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.into()], key)
            .unwrap();
        Arc::new(config)
    }
}
