//! Signatures of archives, checked by `gpgv`, or `sqv` where there is no `gpgv`, with apt's verdict on what they say.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::clearsign;

/// Why a signed file is not believed. The reader learns the file's name from the error around this one.
#[derive(Debug, thiserror::Error)]
pub enum SignatureError {
    /// The clearsigned file is not of one piece.
    #[error("{0}: nothing of it is believed")]
    Frame(&'static str),
    /// No keys to check with.
    #[error("its keyring {keyring} is not on this machine: {supplier}")]
    NoKeyring {
        /// The file that is missing.
        keyring: PathBuf,
        /// What would bring it.
        supplier: String,
    },
    /// No program to check with.
    #[error("neither gpgv nor sqv is installed to check its signature: install the package gpgv")]
    NoTool,
    /// The text does not fit the signature.
    #[error("bad signature by key {key}: the text was altered after it was signed")]
    Bad {
        /// Whose signature it was.
        key: String,
    },
    /// Nobody known signed it.
    #[error("signed only by {keys}, which {keyring} does not hold: if the archive is to be trusted, give its keyring")]
    UnknownKey {
        /// Who signed it.
        keys: String,
        /// Where the keys were looked for.
        keyring: String,
    },
    /// Signed by keys that have expired.
    #[error(
        "signed only by keys that have expired since ({keys}): for an archive of that age say `expired-keys = true`"
    )]
    Expired {
        /// Who signed it.
        keys: String,
    },
    /// Signed by keys that were revoked.
    #[error("signed by a revoked key ({keys})")]
    Revoked {
        /// Who signed it.
        keys: String,
    },
    /// The hash under the signature is weak.
    #[error(
        "the signature by {keys} is over a weak hash ({digest}): for an archive of that age say `expired-keys = true`"
    )]
    Weak {
        /// Who signed it.
        keys: String,
        /// The hash.
        digest: &'static str,
    },
    /// There is no signature in what should be one.
    #[error("no signature in it that can be read{0}")]
    None(String),
    /// The program failed.
    #[error("{tool}: {reason}")]
    Tool {
        /// `gpgv` or `sqv`.
        tool: &'static str,
        /// What went wrong.
        reason: String,
    },
}

/// A text and its signature.
pub(crate) enum Signed<'a> {
    /// Both in one file: `InRelease`.
    Inline(&'a [u8]),
    /// `Release` and `Release.gpg`.
    Detached {
        /// What was signed.
        text: &'a [u8],
        /// The signature.
        signature: &'a [u8],
    },
}

/// What signatures are checked against.
#[derive(Clone, Debug)]
pub(crate) struct Trust {
    pub(crate) keyrings: Vec<PathBuf>,
    /// The archive is of its time: keys that have expired since and SHA-1 signatures count.
    pub(crate) expired_keys: bool,
}

/// The text that was signed, if the signature is good.
pub(crate) fn verify(signed: &Signed<'_>, trust: &Trust) -> Result<String, SignatureError> {
    if let Some(keyring) = trust.keyrings.iter().find(|path| !path.exists()) {
        return Err(SignatureError::NoKeyring { keyring: keyring.clone(), supplier: supplier(keyring) });
    }
    match by_gpgv(signed, trust) {
        Err(SignatureError::NoTool) => by_sqv(signed, trust),
        result => result,
    }
}

fn supplier(keyring: &Path) -> String {
    let name = keyring.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("debian-archive-") {
        "install the package debian-archive-keyring".to_owned()
    } else if name.starts_with("ubuntu-archive-") {
        "Debian does not package it; copy that file from an Ubuntu machine (package ubuntu-keyring) and name it as \
         `keyring` in kernels.toml"
            .to_owned()
    } else {
        "put it there, or name another as `keyring` in kernels.toml".to_owned()
    }
}

fn by_gpgv(signed: &Signed<'_>, trust: &Trust) -> Result<String, SignatureError> {
    let failed = |error: io::Error| SignatureError::Tool { tool: "gpgv", reason: error.to_string() };
    // A home of its own: the user's settings must not weaken the verdict.
    let folder = tempfile::tempdir().map_err(failed)?;
    let at = |name| folder.path().join(name);
    let mut gpgv = Command::new("gpgv");
    gpgv.env("LC_ALL", "C").arg("--homedir").arg(folder.path()).args(["--status-fd", "1"]);
    for keyring in &trust.keyrings {
        gpgv.arg("--keyring").arg(binary_keyring(keyring, folder.path()).map_err(failed)?);
    }
    match signed {
        Signed::Inline(file) => {
            clearsign::split(&String::from_utf8_lossy(file)).map_err(SignatureError::Frame)?;
            fs::write(at("signed"), file).map_err(failed)?;
            gpgv.arg("--output").arg(at("text")).arg(at("signed"));
        }
        Signed::Detached { text, signature } => {
            fs::write(at("text"), text).map_err(failed)?;
            fs::write(at("signature"), signature).map_err(failed)?;
            gpgv.arg(at("signature")).arg(at("text"));
        }
    }
    let output = run(&mut gpgv, "gpgv")?;
    judge(&String::from_utf8_lossy(&output.stdout), &String::from_utf8_lossy(&output.stderr), trust)?;
    // What gpgv wrote is what was signed; for a detached signature it is the file that was given.
    let text = fs::read(at("text")).map_err(failed)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

fn run(command: &mut Command, tool: &'static str) -> Result<Output, SignatureError> {
    command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => SignatureError::NoTool,
        _ => SignatureError::Tool { tool, reason: error.to_string() },
    })
}

#[derive(Default)]
struct Seen {
    good: bool,
    expired: Vec<String>,
    revoked: Vec<String>,
    unknown: Vec<String>,
    weak: Vec<(String, &'static str)>,
    bad: Option<String>,
}

/// apt's rule over gpgv's status lines (GnuPG's doc/DETAILS): one good signature suffices, a bad one spoils all, and
/// signatures by keys that are not known do not count either way.
fn judge(status: &str, complaint: &str, trust: &Trust) -> Result<(), SignatureError> {
    let seen = read_status(status, trust.expired_keys);
    if let Some(key) = seen.bad {
        return Err(SignatureError::Bad { key });
    }
    if seen.good {
        return Ok(());
    }
    let list = |keys: &[String]| keys.join(", ");
    if !seen.revoked.is_empty() {
        return Err(SignatureError::Revoked { keys: list(&seen.revoked) });
    }
    if !seen.expired.is_empty() {
        return Err(SignatureError::Expired { keys: list(&seen.expired) });
    }
    if let Some((key, digest)) = seen.weak.first() {
        return Err(SignatureError::Weak { keys: key.clone(), digest });
    }
    if !seen.unknown.is_empty() {
        let keyrings: Vec<String> = trust.keyrings.iter().map(|path| path.display().to_string()).collect();
        return Err(SignatureError::UnknownKey { keys: list(&seen.unknown), keyring: list(&keyrings) });
    }
    let complaint = complaint.lines().last().map(|line| format!(" ({line})")).unwrap_or_default();
    Err(SignatureError::None(complaint))
}

fn read_status(status: &str, expired_keys: bool) -> Seen {
    let mut seen = Seen::default();
    // What the signature at hand is worth: its VALIDSIG line follows and names the hash.
    let mut verdict = "";
    let mut key = String::new();
    for line in status.lines() {
        let Some(line) = line.strip_prefix("[GNUPG:] ") else { continue };
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "NEWSIG" => verdict = "",
            "GOODSIG" | "EXPKEYSIG" | "EXPSIG" | "REVKEYSIG" => {
                verdict = words[0];
                key = words.get(1).copied().unwrap_or_default().to_owned();
                match verdict {
                    "REVKEYSIG" => seen.revoked.push(key.clone()),
                    "EXPKEYSIG" | "EXPSIG" if !expired_keys => seen.expired.push(key.clone()),
                    _ => {}
                }
            }
            "BADSIG" => seen.bad = Some(words.get(1).copied().unwrap_or_default().to_owned()),
            "NO_PUBKEY" => seen.unknown.push(words.get(1).copied().unwrap_or_default().to_owned()),
            "VALIDSIG" => {
                // RFC 9580 §9.5: 1 MD5, 2 SHA-1, 3 RIPEMD-160.
                let weak = match words.get(8).copied() {
                    Some("1") => Some("MD5"),
                    Some("2") if !expired_keys => Some("SHA-1"),
                    Some("3") if !expired_keys => Some("RIPEMD-160"),
                    _ => None,
                };
                let counts = verdict == "GOODSIG" || (expired_keys && matches!(verdict, "EXPKEYSIG" | "EXPSIG"));
                match weak {
                    Some(digest) if counts => seen.weak.push((key.clone(), digest)),
                    _ => seen.good |= counts,
                }
            }
            _ => {}
        }
    }
    seen
}

/// `sqv` knows detached signatures only, so the clearsigned file is taken apart as apt does it. Its policy refuses
/// expired keys and SHA-1 by itself, and it cannot be told otherwise.
fn by_sqv(signed: &Signed<'_>, trust: &Trust) -> Result<String, SignatureError> {
    let failed = |error: io::Error| SignatureError::Tool { tool: "sqv", reason: error.to_string() };
    let (text, signature) = match signed {
        Signed::Inline(file) => {
            let parts = clearsign::split(&String::from_utf8_lossy(file)).map_err(SignatureError::Frame)?;
            (parts.text.into_bytes(), parts.signature.into_bytes())
        }
        Signed::Detached { text, signature } => (text.to_vec(), signature.to_vec()),
    };
    let folder = tempfile::tempdir().map_err(failed)?;
    let (text_path, signature_path) = (folder.path().join("text"), folder.path().join("signature"));
    fs::write(&text_path, &text).map_err(failed)?;
    fs::write(&signature_path, signature).map_err(failed)?;
    let mut sqv = Command::new("sqv");
    sqv.env("LC_ALL", "C");
    for keyring in &trust.keyrings {
        sqv.arg("--keyring").arg(keyring);
    }
    let output = run(sqv.arg("--").arg(signature_path).arg(text_path), "sqv")?;
    if !output.status.success() || output.stdout.is_empty() {
        let words = String::from_utf8_lossy(&output.stderr);
        let reason = words.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ");
        let hint = if trust.expired_keys { " (`expired-keys` needs gpgv: install the package gpgv)" } else { "" };
        return Err(SignatureError::Tool { tool: "sqv", reason: format!("no good signature: {reason}{hint}") });
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// gpgv reads binary keyrings only; an armoured one (`.asc`, as apt allows) is turned into one.
fn binary_keyring(keyring: &Path, folder: &Path) -> io::Result<PathBuf> {
    let bytes = fs::read(keyring)?;
    let Some(text) = std::str::from_utf8(&bytes).ok().filter(|text| text.contains("-----BEGIN PGP PUBLIC KEY BLOCK"))
    else {
        return std::path::absolute(keyring);
    };
    let mut binary = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        match line {
            "" => inside = true,
            // `=xxxx` is a checksum that need not be checked (RFC 9580 §6.1).
            _ if line.starts_with("-----") || line.starts_with('=') => inside = false,
            _ if inside => decode_base64(line, &mut binary),
            _ => {}
        }
    }
    let name = keyring.file_name().unwrap_or_default().to_string_lossy().into_owned() + ".gpg";
    let path = folder.join(name);
    fs::write(&path, binary)?;
    Ok(path)
}

fn decode_base64(line: &str, into: &mut Vec<u8>) {
    let mut bits = 0_u32;
    let mut count = 0;
    for byte in line.bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            into.push((bits >> count) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(expired_keys: bool) -> Trust {
        Trust { keyrings: vec!["k.gpg".into()], expired_keys }
    }

    const VALID: &str = "[GNUPG:] VALIDSIG F0 2026-01-01 1 0 4 0 1 10 01 F1\n";

    #[test]
    fn one_good_signature_suffices_and_a_bad_one_spoils_all() {
        let good = format!("[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AA x\n{VALID}");
        let unknown = "[GNUPG:] NEWSIG\n[GNUPG:] ERRSIG BB 1 10 01 1 9 -\n[GNUPG:] NO_PUBKEY BB\n";
        assert!(judge(&format!("{unknown}{good}"), "", &trust(false)).is_ok());
        let bad = "[GNUPG:] NEWSIG\n[GNUPG:] BADSIG CC x\n";
        assert!(matches!(judge(&format!("{good}{bad}"), "", &trust(true)), Err(SignatureError::Bad { .. })));
        assert!(matches!(judge(unknown, "", &trust(true)), Err(SignatureError::UnknownKey { .. })));
        assert!(matches!(judge("", "gpgv: no", &trust(true)), Err(SignatureError::None(_))));
        // GOODSIG alone is not enough: apt wants VALIDSIG too.
        assert!(judge("[GNUPG:] GOODSIG AA x\n", "", &trust(true)).is_err());
    }

    #[test]
    fn expiry_counts_only_by_a_word_and_revocation_never() {
        let expired = format!("[GNUPG:] NEWSIG\n[GNUPG:] EXPKEYSIG AA x\n{VALID}");
        assert!(matches!(judge(&expired, "", &trust(false)), Err(SignatureError::Expired { .. })));
        assert!(judge(&expired, "", &trust(true)).is_ok());
        let revoked = format!("[GNUPG:] NEWSIG\n[GNUPG:] REVKEYSIG AA x\n{VALID}");
        assert!(matches!(judge(&revoked, "", &trust(true)), Err(SignatureError::Revoked { .. })));
        let sha1 = "[GNUPG:] NEWSIG\n[GNUPG:] GOODSIG AA x\n[GNUPG:] VALIDSIG F0 2010-01-01 1 0 4 0 17 2 00 F1\n";
        assert!(matches!(judge(sha1, "", &trust(false)), Err(SignatureError::Weak { digest: "SHA-1", .. })));
        assert!(judge(sha1, "", &trust(true)).is_ok());
    }

    #[test]
    fn a_missing_keyring_is_named_with_what_supplies_it() {
        let keyrings = vec!["/nowhere/debian-archive-keyring.gpg".into()];
        let error = verify(&Signed::Inline(b""), &Trust { keyrings, expired_keys: false }).unwrap_err().to_string();
        assert!(error.contains("/nowhere/debian-archive-keyring.gpg"), "{error}");
        assert!(error.contains("package debian-archive-keyring"), "{error}");
    }

    #[test]
    fn base64_is_decoded() {
        let mut bytes = Vec::new();
        decode_base64("aGVsbG8=", &mut bytes);
        assert_eq!(bytes, b"hello");
    }
}
