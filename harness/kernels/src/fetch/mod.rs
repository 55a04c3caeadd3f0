//! Files from `http:`, `https:` and `file:` URLs: bounded, timed, hashed on the way in.

mod agent;
mod hash;
mod proxy;

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use proxy::{Answer, Proxies};

pub(crate) use hash::{HashingReader, hex, sha256_of};

/// Told of a download as it goes on: what, bytes so far, bytes in all (0 if not known).
pub type Progress = Arc<dyn Fn(&str, u64, u64) + Send + Sync>;

/// Why a file could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No network is to be used.
    #[error("{url} is not in the cache and --offline forbids the network: run once without --offline")]
    Offline {
        /// What was asked for.
        url: String,
    },
    /// The server says that there is no such file.
    #[error("{url}: not there (404)")]
    Missing {
        /// What was asked for.
        url: String,
    },
    /// The server or the way to it failed.
    #[error("{url}: {reason}")]
    Transport {
        /// What was asked for.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// More came than may come.
    #[error("{url}: larger than the {limit} bytes it may have: refused")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The bound.
        limit: u64,
    },
    /// Fewer bytes came than were promised.
    #[error("{url}: cut off after {got} of {want} bytes: try again, or give another mirror")]
    Truncated {
        /// What was asked for.
        url: String,
        /// Bytes that came.
        got: u64,
        /// Bytes that were promised.
        want: u64,
    },
    /// Not the file that was promised.
    #[error(
        "{url}: sha256 is {got}, but {by} says {want}: the file was altered or the mirror is broken; nothing of it is used"
    )]
    Hash {
        /// What was asked for.
        url: String,
        /// What it has.
        got: String,
        /// What it should have.
        want: String,
        /// Who says so: `Release`, `Packages`, `kernels.lock`, `kernels.toml`.
        by: String,
    },
    /// This machine's own trouble.
    #[error("{path}: {source}")]
    Io {
        /// File or folder.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
}

impl FetchError {
    /// Whether asking elsewhere could help: the file is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}

/// What a file must be.
#[derive(Clone, Debug)]
pub(crate) struct Expected<'a> {
    /// SHA-256 in lower-case hex.
    pub(crate) sha256: &'a str,
    /// Exact size, if known.
    pub(crate) size: Option<u64>,
    /// Who says so.
    pub(crate) by: &'a str,
}

/// Gets files.
pub(crate) struct Fetcher {
    direct: Result<ureq::Agent, String>,
    /// Through the proxy for `https:`, or why there is no way through it.
    tunnel: Result<ureq::Agent, String>,
    proxies: Proxies,
    offline: bool,
    progress: Option<Progress>,
}

/// A file that has come without a promised size is bounded all the same.
const UNKNOWN_SIZE: u64 = 2 << 30;

impl Fetcher {
    pub(crate) fn new(offline: bool, progress: Option<Progress>) -> Self {
        Self::with(Proxies::from_environment(), offline, progress)
    }

    fn with(proxies: Proxies, offline: bool, progress: Option<Progress>) -> Self {
        let (direct, tunnel) = (agent::agent(None), agent::agent(proxies.https.as_deref()));
        Self { direct, tunnel, proxies, offline, progress }
    }

    pub(crate) fn offline(&self) -> bool {
        self.offline
    }

    /// A small file, whole.
    pub(crate) fn bytes(&self, url: &str, limit: u64) -> Result<Vec<u8>, FetchError> {
        let mut body = self.open(url, limit)?;
        let mut bytes = Vec::new();
        (&mut body.reader).take(limit + 1).read_to_end(&mut bytes).map_err(|error| transport(url, &error))?;
        if bytes.len() as u64 > limit {
            return Err(FetchError::TooLarge { url: url.to_owned(), limit });
        }
        match body.length {
            Some(want) if want != bytes.len() as u64 => {
                Err(FetchError::Truncated { url: url.to_owned(), got: bytes.len() as u64, want })
            }
            _ => Ok(bytes),
        }
    }

    /// A file of known hash, in an unnamed file of `folder`: whatever ends this process, nothing of it stays behind.
    pub(crate) fn verified(&self, url: &str, folder: &Path, expected: &Expected<'_>) -> Result<File, FetchError> {
        match self.verified_once(url, folder, expected) {
            // Mirrors behind load balancers drop a connection now and then; a wrong hash is never asked for again.
            Err(FetchError::Transport { .. } | FetchError::Truncated { .. }) if !self.offline => {
                self.verified_once(url, folder, expected)
            }
            result => result,
        }
    }

    fn verified_once(&self, url: &str, folder: &Path, expected: &Expected<'_>) -> Result<File, FetchError> {
        let io = |source| FetchError::Io { path: folder.to_owned(), source };
        let limit = expected.size.unwrap_or(UNKNOWN_SIZE);
        let mut body = self.open(url, limit)?;
        let mut file = tempfile::tempfile_in(folder).map_err(io)?;
        let mut reader = HashingReader::new((&mut body.reader).take(limit + 1));
        let total = expected.size.or(body.length).unwrap_or(0);
        let mut buffer = vec![0; 64 << 10];
        let mut got = 0;
        loop {
            let read = reader.read(&mut buffer).map_err(|error| transport(url, &error))?;
            if read == 0 {
                break;
            }
            file.write_all(&buffer[..read]).map_err(io)?;
            got += read as u64;
            if let Some(progress) = &self.progress {
                progress(url.rsplit('/').next().unwrap_or(url), got, total);
            }
        }
        if got > limit {
            return Err(FetchError::TooLarge { url: url.to_owned(), limit });
        }
        if let Some(want) = expected.size.or(body.length).filter(|want| *want != got) {
            return Err(FetchError::Truncated { url: url.to_owned(), got, want });
        }
        let sum = reader.finish();
        if sum != expected.sha256.to_ascii_lowercase() {
            let (want, by) = (expected.sha256.to_owned(), expected.by.to_owned());
            return Err(FetchError::Hash { url: url.to_owned(), got: sum, want, by });
        }
        file.rewind().map_err(io)?;
        Ok(file)
    }

    fn open(&self, url: &str, limit: u64) -> Result<Body, FetchError> {
        if let Some(path) = file_path(url) {
            return match File::open(&path) {
                Ok(file) => Ok(Body { length: None, reader: Box::new(file) }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    Err(FetchError::Missing { url: url.to_owned() })
                }
                Err(source) => Err(FetchError::Io { path, source }),
            };
        }
        if self.offline {
            return Err(FetchError::Offline { url: url.to_owned() });
        }
        let mut at = url.to_owned();
        for _ in 0..REDIRECTS {
            let answer = self.ask(&at, STALLED + Duration::from_secs(limit / SLOWEST))?;
            match (answer.status, answer.location) {
                (200, _) => return Ok(Body { length: answer.length, reader: answer.reader }),
                (404 | 410, _) => return Err(FetchError::Missing { url: url.to_owned() }),
                (301 | 302 | 303 | 307 | 308, Some(next)) => at = follow(&at, &next),
                (status, _) => {
                    let reason = format!("the server answers {status}");
                    return Err(FetchError::Transport { url: url.to_owned(), reason });
                }
            }
            // A server on the net has no business with files of this machine.
            if !at.starts_with("http://") && !at.starts_with("https://") {
                let reason = format!("it leads to {at}: not followed");
                return Err(FetchError::Transport { url: url.to_owned(), reason });
            }
        }
        Err(FetchError::Transport { url: url.to_owned(), reason: "it leads on and on".to_owned() })
    }

    fn ask(&self, url: &str, all: Duration) -> Result<Answer, FetchError> {
        let excepted = self.proxies.excepted(url);
        if let Some(proxy) = self.proxies.http.as_ref().filter(|_| url.starts_with("http://") && !excepted) {
            return proxy::get(proxy, url, all).map_err(|error| transport(url, &error));
        }
        let agent = if url.starts_with("https://") && !excepted { &self.tunnel } else { &self.direct };
        let agent = agent.as_ref();
        let agent = agent.map_err(|reason| FetchError::Transport { url: url.to_owned(), reason: reason.clone() })?;
        match agent.get(url).config().timeout_recv_body(Some(all)).http_status_as_error(false).build().call() {
            Ok(response) => {
                let location = response.headers().get("location").and_then(|value| value.to_str().ok());
                let (status, location) = (response.status().as_u16(), location.map(str::to_owned));
                let body = response.into_body();
                Ok(Answer { status, location, length: body.content_length(), reader: Box::new(body.into_reader()) })
            }
            Err(error) => Err(transport(url, &error)),
        }
    }
}

/// Where a redirect leads: a whole URL, or a path on the same host.
fn follow(from: &str, to: &str) -> String {
    if to.contains("://") || !to.starts_with('/') {
        return to.to_owned();
    }
    let scheme = from.find("://").map_or(0, |at| at + 3);
    let end = from[scheme..].find('/').map_or(from.len(), |at| scheme + at);
    format!("{}{to}", &from[..end])
}

struct Body {
    length: Option<u64>,
    reader: Box<dyn Read>,
}

fn transport(url: &str, error: &dyn std::error::Error) -> FetchError {
    FetchError::Transport { url: url.to_owned(), reason: error.to_string() }
}

/// `file:/a`, `file:///a` and `file://localhost/a`.
fn file_path(url: &str) -> Option<PathBuf> {
    let rest = url.strip_prefix("file:")?;
    let path = match rest.strip_prefix("//") {
        Some(after) => after.strip_prefix("localhost").unwrap_or(after),
        None => rest,
    };
    Some(PathBuf::from(path))
}

const USER_AGENT: &str = concat!("kernrig/", env!("CARGO_PKG_VERSION"));
const REDIRECTS: usize = 6;
/// A link that gives nothing for this long is dead.
const STALLED: Duration = Duration::from_secs(60);
/// So is one that gives less than this many bytes a second over all.
const SLOWEST: u64 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_file_is_checked_like_any_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "hello").unwrap();
        let url = format!("file://{}", path.display());
        let fetcher = Fetcher::new(true, None);
        let sum = sha256_of(&b"hello"[..]).unwrap();

        let mut text = String::new();
        let right = Expected { sha256: &sum, size: Some(5), by: "Packages" };
        fetcher.verified(&url, folder.path(), &right).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");

        let longer = Expected { size: Some(6), ..right.clone() };
        assert!(matches!(fetcher.verified(&url, folder.path(), &longer), Err(FetchError::Truncated { .. })));
        let shorter = Expected { size: Some(4), ..right };
        assert!(matches!(fetcher.verified(&url, folder.path(), &shorter), Err(FetchError::TooLarge { .. })));
        let other = Expected { sha256: &"0".repeat(64), size: None, by: "kernels.lock" };
        let error = fetcher.verified(&url, folder.path(), &other).unwrap_err().to_string();
        assert!(error.contains(&sum) && error.contains("kernels.lock"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left behind");
    }

    /// Answers each connection with the next of the answers; gives the heads that it was sent.
    fn serve(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
        use std::io::BufRead as _;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let thread = std::thread::spawn(move || {
            let serve_one = |answer: &&str| {
                let (mut stream, _) = listener.accept().unwrap();
                let lines = io::BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                stream.write_all(answer.as_bytes()).unwrap();
                head.join("\n")
            };
            answers.iter().map(serve_one).collect()
        });
        (address, thread)
    }

    #[test]
    fn plain_http_is_asked_of_the_proxy_with_its_whole_url() {
        let (address, proxy) = serve(&[
            "HTTP/1.1 302 Found\r\nLocation: http://other.test/y\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
            "HTTP/1.1 404 Not Found\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello",
            "HTTP/1.1 301 Moved\r\nLocation: file:///etc/passwd\r\n\r\n",
        ]);
        let http = Some(format!("http://me:p%40ss@{address}/"));
        let fetcher = Fetcher::with(Proxies { http, ..Proxies::default() }, false, None);
        assert_eq!(fetcher.bytes("http://mirror.test/x", 10).unwrap(), b"hello");
        assert!(fetcher.bytes("http://mirror.test/none", 10).unwrap_err().is_missing());
        let cut = fetcher.bytes("http://mirror.test/cut", 10).unwrap_err();
        assert!(matches!(cut, FetchError::Truncated { got: 5, want: 9, .. }), "{cut}");
        let led = fetcher.bytes("http://mirror.test/led", 10).unwrap_err().to_string();
        assert!(led.contains("file:///etc/passwd: not followed"), "{led}");
        let heads = proxy.join().unwrap();
        assert!(heads[0].starts_with("GET http://mirror.test/x HTTP/1.0\nHost: mirror.test\n"), "{}", heads[0]);
        assert!(heads[0].contains("Proxy-Authorization: Basic bWU6cEBzcw=="), "{}", heads[0]);
        assert!(heads[1].starts_with("GET http://other.test/y "), "{}", heads[1]);
    }

    #[test]
    fn redirects_are_followed_on_the_same_host() {
        let (address, server) = serve(&[
            "HTTP/1.1 307 Moved\r\nLocation: /there\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
            "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        ]);
        let fetcher = Fetcher::with(Proxies::default(), false, None);
        assert_eq!(fetcher.bytes(&format!("http://{address}/here"), 10).unwrap(), b"hello");
        let busy = fetcher.bytes(&format!("http://{address}/busy"), 10).unwrap_err().to_string();
        assert!(busy.contains("/busy: the server answers 503"), "{busy}");
        assert!(server.join().unwrap()[1].starts_with("GET /there "));
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_without_its_password() {
        let https = Some("gopher://me:secret@proxy.test:70".to_owned());
        let fetcher = Fetcher::with(Proxies { https, ..Proxies::default() }, false, None);
        let error = fetcher.bytes("https://mirror.test/x", 10).unwrap_err().to_string();
        assert!(error.contains("https_proxy") && error.contains("proxy.test:70"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn offline_refuses_the_network_and_says_so() {
        let error = Fetcher::new(true, None).bytes("http://127.0.0.1:1/x", 10).unwrap_err();
        assert!(error.to_string().contains("--offline"), "{error}");
    }
}
