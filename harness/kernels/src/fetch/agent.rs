//! The HTTP client: time limits, certificates.

use std::path::Path;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// Redirects are the caller's: each may lead through another proxy.
///
/// # Errors
/// What is wrong with the proxy: one that was asked for and is passed over would be noticed by nobody.
pub(super) fn agent(proxy: Option<&str>) -> Result<Agent, String> {
    let proxy = proxy.map(|proxy| ureq::Proxy::new(proxy).map_err(|error| unusable(proxy, &error))).transpose()?;
    let tls = TlsConfig::builder().root_certs(roots()).build();
    Ok(Agent::config_builder()
        .user_agent(super::USER_AGENT)
        .tls_config(tls)
        .proxy(proxy)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(Duration::from_secs(20)))
        .timeout_recv_response(Some(super::STALLED))
        .timeout_per_read(Some(super::STALLED))
        .build()
        .into())
}

/// Without the user and password that may stand in it.
fn unusable(proxy: &str, error: &ureq::Error) -> String {
    let shown = proxy.rsplit_once('@').map_or(proxy, |(_, host)| host);
    format!("the proxy of https_proxy or all_proxy, {shown:?}, cannot be used: {error}; write http://HOST:PORT")
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
