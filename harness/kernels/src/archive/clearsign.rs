//! The frame of a clearsigned text (RFC 9580 §7): nothing may stand around it.

/// A clearsigned file, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    /// The text as it was signed: no trailing spaces, no last line end.
    pub(crate) text: String,
    /// The armoured signature.
    pub(crate) signature: String,
}

const MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END: &str = "-----END PGP SIGNATURE-----";

/// Takes a clearsigned file apart; the error says what is wrong with its frame.
pub(crate) fn split(file: &str) -> Result<Parts, &'static str> {
    let mut lines = file.lines().map(str::trim_end);
    match lines.next() {
        Some(MESSAGE) => {}
        _ if file.contains(MESSAGE) => return Err("it has text before the signed part"),
        _ => return Err("it is not signed"),
    }
    // Armour headers: the only one that is known is `Hash`.
    for line in lines.by_ref() {
        if line.is_empty() {
            break;
        }
        if !line.starts_with("Hash:") {
            return Err("it has text between the header and the signed part");
        }
    }
    let mut text = Vec::new();
    loop {
        match lines.next() {
            None => return Err("its signature is missing: the file was cut off"),
            Some(SIGNATURE) => break,
            Some(line) if line.starts_with("-----") => return Err("it has more than one signed part"),
            Some(line) => text.push(line.strip_prefix("- ").unwrap_or(line)),
        }
    }
    let mut signature = vec![SIGNATURE];
    loop {
        match lines.next() {
            None => return Err("its signature is cut off"),
            Some(END) => break,
            Some(line) => signature.push(line),
        }
    }
    signature.push(END);
    if lines.any(|line| !line.is_empty()) {
        return Err("it has text after the signed part");
    }
    Ok(Parts { text: text.join("\n"), signature: signature.join("\n") + "\n" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nA: b \n- -x\n-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn a_frame_is_taken_apart() {
        let parts = split(FILE).unwrap();
        assert_eq!(parts.text, "A: b\n-x");
        assert!(parts.signature.contains("abc"));
    }

    #[test]
    fn nothing_may_stand_around_it() {
        assert!(split(&format!("Suite: evil\n{FILE}")).unwrap_err().contains("before"));
        assert!(split(&format!("{FILE}Suite: evil\n")).unwrap_err().contains("after"));
        assert!(split(&format!("{FILE}{FILE}")).unwrap_err().contains("after"));
        assert!(split(&FILE.replace("\n\nA", "\nSuite: evil\n\nA")).unwrap_err().contains("between"));
        assert!(split("Suite: x\n").unwrap_err().contains("not signed"));
        assert!(split(&FILE[..FILE.len() - 30]).unwrap_err().contains("cut off"));
    }
}
