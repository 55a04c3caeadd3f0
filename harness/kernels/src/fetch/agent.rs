//! The HTTP client: time limits, certificates, proxies by the usual variables.

use std::path::Path;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

pub(super) fn agent() -> Agent {
    let tls = TlsConfig::builder().root_certs(roots()).build();
    Agent::config_builder()
        .user_agent(concat!("kernrig/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(super::STALLED))
        .timeout_per_read(Some(super::STALLED))
        .build()
        .into()
}

/// The system's certificates where there are any (a site may have added its own), else Mozilla's: a bare container
/// has none, and what comes over TLS is checked by signature or hash anyhow.
fn roots() -> RootCerts {
    let of_the_system = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    if named || of_the_system.iter().any(|path| Path::new(path).exists()) {
        RootCerts::PlatformVerifier
    } else {
        RootCerts::WebPki
    }
}
