//! Proxies by the usual variables: `http_proxy`, `https_proxy`, `all_proxy`, `no_proxy`, in either case.
//!
//! `https:` goes through a tunnel (CONNECT), which ureq does. ureq would tunnel `http:` as well, but proxies commonly
//! allow CONNECT to port 443 alone, and Debian's mirrors are `http:`; so those are asked for as RFC 9112 §3.2.2 has
//! it, with the whole URL in the request.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use super::{STALLED, USER_AGENT};

/// Which proxy is for what.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    pub(super) http: Option<String>,
    pub(super) https: Option<String>,
    /// Hosts that are asked directly.
    pub(super) except: Vec<String>,
}

impl Proxies {
    pub(super) fn from_environment() -> Self {
        let get = |name: &str| {
            let set = |name: String| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
            set(name.to_owned()).or_else(|| set(name.to_uppercase()))
        };
        let all = get("all_proxy");
        let except = get("no_proxy").unwrap_or_default();
        Self {
            http: get("http_proxy").or_else(|| all.clone()),
            https: get("https_proxy").or(all),
            except: except.split([',', ' ']).map(|host| host.trim().to_ascii_lowercase()).collect(),
        }
    }

    /// Whether a URL's host is to be asked directly: `no_proxy` has hosts, their domains, or `*`.
    pub(super) fn excepted(&self, url: &str) -> bool {
        let host = host_of(url).to_ascii_lowercase();
        // A proxy elsewhere cannot reach this machine's own servers.
        if host == "localhost" || host == "[::1]" || host.starts_with("127.") {
            return true;
        }
        self.except.iter().filter(|entry| !entry.is_empty()).any(|entry| {
            let domain = entry.trim_start_matches('*').trim_start_matches('.');
            entry == "*" || host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
        })
    }
}

fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// What a server, or a proxy for it, said.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) length: Option<u64>,
    pub(super) reader: Box<dyn Read>,
}

/// Asks an `http:` proxy for a URL. HTTP/1.0, so that the answer is not chunked and ends with the connection.
pub(super) fn get(proxy: &str, url: &str, all: Duration) -> io::Result<Answer> {
    let address = proxy.strip_prefix("http://").unwrap_or(proxy).trim_end_matches('/');
    let (user, address) = address.rsplit_once('@').map_or((None, address), |(user, address)| (Some(user), address));
    let address = if address.contains(':') { address.to_owned() } else { format!("{address}:80") };
    let mut stream =
        connect(&address).map_err(|error| io::Error::new(error.kind(), format!("proxy {address}: {error}")))?;
    stream.set_read_timeout(Some(STALLED))?;
    stream.set_write_timeout(Some(STALLED))?;
    let authority = url.split('/').nth(2).unwrap_or_default();
    let login =
        user.map(|user| format!("Proxy-Authorization: Basic {}\r\n", base64(&unescape(user)))).unwrap_or_default();
    let agent = format!("User-Agent: {USER_AGENT}\r\nAccept: */*\r\n");
    stream.write_all(format!("GET {url} HTTP/1.0\r\nHost: {authority}\r\n{agent}{login}\r\n").as_bytes())?;
    read_head(BufReader::new(Box::new(stream)), Instant::now() + all)
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "it has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, Duration::from_secs(20)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn read_head(mut reader: BufReader<Box<dyn Read>>, deadline: Instant) -> io::Result<Answer> {
    let bad = || io::Error::new(io::ErrorKind::InvalidData, "the proxy's answer is no HTTP");
    // A head without an end must not fill the memory.
    let mut head = (&mut reader).take(64 << 10);
    let mut line = String::new();
    head.read_line(&mut line)?;
    let status = line.strip_prefix("HTTP/").and_then(|rest| rest.split(' ').nth(1)?.trim().parse().ok());
    let mut answer =
        Answer { status: status.ok_or_else(bad)?, location: None, length: None, reader: Box::new(io::empty()) };
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 {
            return Err(bad());
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "location" => answer.location = Some(value.trim().to_owned()),
            "content-length" => answer.length = value.trim().parse().ok(),
            "transfer-encoding" => return Err(io::Error::other("the proxy answers HTTP/1.0 in chunks")),
            _ => {}
        }
    }
    answer.reader = Box::new(Timed { inner: reader.take(answer.length.unwrap_or(u64::MAX)), deadline });
    Ok(answer)
}

/// A line that drips is given up in the end.
struct Timed<R> {
    inner: R,
    deadline: Instant,
}

impl<R: Read> Read for Timed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() > self.deadline {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "too slow: given up"));
        }
        self.inner.read(buffer)
    }
}

/// `%40` in a password.
fn unescape(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut plain = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                plain.push(byte);
                at += 3;
            }
            None => {
                plain.push(bytes[at]);
                at += 1;
            }
        }
    }
    plain
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            text.push(if digit > chunk.len() { '=' } else { char::from(DIGITS[value as usize]) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_excepted_as_no_proxy_says() {
        let proxies = |except: &[&str]| Proxies {
            except: except.iter().map(|host| (*host).to_owned()).collect(),
            ..Proxies::default()
        };
        let some = proxies(&["", "localhost", ".corp.test", "mirror.test"]);
        for url in ["http://localhost:80/x", "http://a.corp.test/x", "http://u@mirror.test/", "http://eu.mirror.test"] {
            assert!(some.excepted(url), "{url}");
        }
        assert!(!some.excepted("http://notmirror.test/") && !some.excepted("http://else.test/localhost"));
        assert!(proxies(&[]).excepted("http://127.0.0.1:80/") && proxies(&[]).excepted("http://[::1]:80/"));
        assert!(proxies(&["*"]).excepted("http://else.test/") && !proxies(&[""]).excepted("http://else.test/"));
    }

    #[test]
    fn logins_are_encoded() {
        assert_eq!(base64(b"user:pass"), "dXNlcjpwYXNz");
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(unescape("u:p%40ss%"), b"u:p@ss%");
    }
}
