//! A certificate authority that lives in memory.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ALL_VERSIONS, ServerConfig, SupportedProtocolVersion};

pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn generate() -> Self {
        Self::named("authority of a test")
    }

    pub fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
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
        self.server_by(default_provider(), name, versions, change)
    }

    /// A server that valgrind can run beside: it misjudges the instructions that ring's AES-GCM is made of.
    pub fn server_without_aes(&self, name: &str) -> Arc<ServerConfig> {
        let mut provider = default_provider();
        provider.cipher_suites.retain(|suite| format!("{:?}", suite.suite()).contains("CHACHA20"));
        self.server_by(provider, name, ALL_VERSIONS, |_| {})
    }

    fn server_by(
        &self,
        provider: CryptoProvider,
        name: &str,
        versions: &[&'static SupportedProtocolVersion],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
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
