//! Throw-away keys: a primary that signs a subkey that signs files, as archives have it; one that has expired; one
//! that nobody knows.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Whose signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Signer {
    /// In the keyring, by its subkey.
    Good,
    /// In the keyring; made and used in 2011, expired in 2012.
    Expired,
    /// Not in the keyring.
    Stranger,
}

pub struct Keys {
    home: tempfile::TempDir,
}

const IN_2011: &[&str] = &["--faked-system-time", "20110205T111213!"];

impl Keys {
    pub fn new() -> Self {
        let keys = Self { home: tempfile::Builder::new().prefix("toykeys").tempdir().unwrap() };
        keys.gpg(&["--quick-gen-key", Signer::Good.name(), "ed25519", "cert", "never"], "");
        let listing = keys.gpg(&["--with-colons", "--list-keys", Signer::Good.name()], "");
        let listing = String::from_utf8(listing).unwrap();
        let print = listing.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':').to_owned();
        keys.gpg(&["--quick-add-key", &print, "ed25519", "sign", "never"], "");
        keys.gpg(&[IN_2011, &["--quick-gen-key", Signer::Expired.name(), "ed25519", "sign", "1y"]].concat(), "");
        keys.gpg(&["--quick-gen-key", Signer::Stranger.name(), "ed25519", "sign", "never"], "");
        let known = keys.gpg(&["--export", Signer::Good.name(), Signer::Expired.name()], "");
        fs::write(keys.keyring(), known).unwrap();
        let armoured = keys.gpg(&["--armor", "--export", Signer::Good.name()], "");
        fs::write(keys.armoured(), armoured).unwrap();
        keys
    }

    pub fn keyring(&self) -> PathBuf {
        self.home.path().join("toy-keyring.gpg")
    }

    pub fn armoured(&self) -> PathBuf {
        self.home.path().join("toy-keyring.asc")
    }

    pub fn clearsign(&self, signer: Signer, text: &str) -> Vec<u8> {
        self.signed(signer, "--clearsign", text)
    }

    pub fn detach(&self, signer: Signer, text: &str) -> Vec<u8> {
        self.signed(signer, "--detach-sign", text)
    }

    fn signed(&self, signer: Signer, how: &str, text: &str) -> Vec<u8> {
        let then = if signer == Signer::Expired { IN_2011 } else { &[] };
        self.gpg(&[then, &["--armor", "--local-user", signer.name(), how]].concat(), text)
    }

    fn gpg(&self, arguments: &[&str], input: &str) -> Vec<u8> {
        let mut gpg = Command::new("gpg")
            .arg("--homedir")
            .arg(self.home.path())
            .args(["--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", ""])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        gpg.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = gpg.wait_with_output().unwrap();
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Signer {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "good@toy.test",
            Self::Expired => "expired@toy.test",
            Self::Stranger => "stranger@toy.test",
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // gpg started an agent for this home.
        let _ = Command::new("gpgconf").arg("--homedir").arg(self.home.path()).args(["--kill", "all"]).status();
    }
}
