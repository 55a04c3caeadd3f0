//! `[[payload]]`: a program of the user's own, to be run as a test on every kernel.

use std::path::PathBuf;

use kernrig_catalog::Version;

use super::ManifestError;
use super::entry::path;
use super::fields::Fields;

pub(super) const KEYS: &[&str] = &["name", "path", "run", "args", "purpose", "deadline", "own-boot", "result", "needs"];
const NEEDS_KEYS: &[&str] = &["since", "until", "kconfig", "modules", "cmdline"];

/// Seconds that a payload is given where it says nothing.
pub const PAYLOAD_DEADLINE_S: u32 = 60;

/// A `[[payload]]` of the matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadEntry {
    /// Its name; its test is `payload::NAME`.
    pub name: String,
    /// A static program, or a folder with one in it.
    pub path: PathBuf,
    /// The program of a folder, below it.
    pub run: Option<String>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// One line for reports.
    pub purpose: String,
    /// Seconds that it is given on a host with hardware acceleration; more where guests are slower.
    pub deadline_s: u32,
    /// It wants a kernel on which nothing has run before.
    pub own_boot: bool,
    /// How its result is read.
    pub reading: Reading,
    /// What a kernel must have for it to be run.
    pub needs: PayloadNeeds,
}

/// How a payload's result is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reading {
    /// By the results it prints, if a line of its output is `KTAP version 1` or `TAP version 13`; else by its exit code.
    #[default]
    Auto,
    /// By its exit code: 0 is a pass, 4 a skip, all others and signals are failures.
    Exit,
    /// By the results it prints, in KTAP, which have to agree with its exit code.
    Ktap,
}

/// What a kernel must have for a payload to be run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PayloadNeeds {
    /// First kernel version.
    pub since: Option<Version>,
    /// First kernel version on which it means nothing any more.
    pub until: Option<Version>,
    /// Build options without `CONFIG_`: all of them, of each any of its names.
    pub kconfig: Vec<Vec<String>>,
    /// Modules to load first, in this order, with what they need.
    pub modules: Vec<String>,
    /// A word of the kernel command line.
    pub cmdline: Option<String>,
}

pub(super) fn payload(fields: &Fields<'_>) -> Result<PayloadEntry, ManifestError> {
    let path =
        path(fields, "path")?.ok_or_else(|| fields.error("path", "\"path\" is missing: a program, or a folder"))?;
    let file = || path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = fields.text("name")?.or_else(file).unwrap_or_default();
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    fields.refuse(name.is_empty() || !name.chars().all(good), "name", || {
        format!("the name {name:?} may only have letters, digits and . _ -")
    })?;
    let deadline = fields.number("deadline")?;
    let deadline = deadline.map_or(Ok(PAYLOAD_DEADLINE_S), |given| {
        let seconds = u32::try_from(given).ok().filter(|seconds| (1..=86_400).contains(seconds));
        seconds.ok_or_else(|| fields.error("deadline", "\"deadline\" must be 1 to 86400 seconds"))
    })?;
    let reading = match fields.text("result")?.as_deref() {
        None | Some("auto") => Reading::Auto,
        Some("exit") => Reading::Exit,
        Some("ktap") => Reading::Ktap,
        Some(other) => {
            return Err(fields.error("result", format!("\"result\" is exit, ktap or auto, not {other:?}")));
        }
    };
    Ok(PayloadEntry {
        run: fields.text("run")?,
        args: fields.texts("args")?,
        purpose: fields.text("purpose")?.unwrap_or_else(|| format!("what {} says", path.display())),
        deadline_s: deadline,
        own_boot: fields.flag("own-boot")?.unwrap_or_default(),
        reading,
        needs: needs(fields)?,
        name,
        path,
    })
}

fn needs(fields: &Fields<'_>) -> Result<PayloadNeeds, ManifestError> {
    let Some(needs) = fields.table("needs", NEEDS_KEYS)? else { return Ok(PayloadNeeds::default()) };
    let version = |key: &str| {
        let Some(text) = needs.text(key)? else { return Ok(None) };
        let whole = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        let version = Version::of_release(&text).filter(|_| whole);
        version.map(Some).ok_or_else(|| needs.error(key, format!("{text:?} is no version of Linux, such as \"3.8\"")))
    };
    let option = |text: &String| {
        let name = |name: &str| name.trim().strip_prefix("CONFIG_").unwrap_or(name.trim()).to_owned();
        text.split('|').map(name).collect::<Vec<_>>()
    };
    let kconfig: Vec<Vec<String>> = needs.texts("kconfig")?.iter().map(option).collect();
    let good = |name: &String| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if let Some(wrong) = kconfig.iter().flatten().find(|name| !good(name)) {
        let what =
            format!("{wrong:?} is no build option; write \"USER_NS\", or \"MEMCG|CGROUP_MEM_RES_CTLR\" for either");
        return Err(needs.error("kconfig", what));
    }
    let modules = needs.texts("modules")?;
    let good = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if let Some(wrong) = modules.iter().find(|name| !good(name)) {
        return Err(needs.error("modules", format!("{wrong:?} is no name of a module, such as \"overlay\"")));
    }
    let cmdline = needs.text("cmdline")?;
    let words = cmdline.as_deref().map_or(1, |words| words.split_whitespace().count());
    needs.refuse(words != 1, "cmdline", || "\"cmdline\" is one word, such as \"swapaccount=1\"".to_owned())?;
    let modules = modules.iter().map(|name| name.replace('-', "_")).collect();
    Ok(PayloadNeeds { since: version("since")?, until: version("until")?, kconfig, modules, cmdline })
}
