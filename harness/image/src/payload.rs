//! A payload: a program of the user's own, or a folder with one in it, read and found fit before anything boots.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use kernrig_catalog::protocol::PAYLOAD_DIR;

use crate::cpio::Archive;
use crate::elf::{Kind, kind};

/// Most bytes of all files of a payload: the guest holds them twice while it unpacks them.
const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// Most files and folders of a payload.
const MAX_NODES: usize = 20_000;

/// Longest name of a payload: it stands in lines of bounded length.
const MAX_NAME: usize = 60;

/// Most bytes of one argument, and of all together, that the oldest kernels take (`MAX_ARG_STRLEN`, a fraction of it).
const MAX_ARGS: usize = 96 * 1024;

/// The program of a folder that names none, the first that is there.
const PROGRAMS: &[&str] = &["run", "test"];

/// What is to be carried into the guests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Name of the payload: letters, digits and `. _ -`.
    pub name: String,
    /// A program, or a folder with one in it.
    pub path: PathBuf,
    /// The program of a folder, below it.
    pub run: Option<String>,
    /// The program's arguments.
    pub args: Vec<String>,
    /// Modules to load first.
    pub modules: Vec<String>,
}

/// Why a payload cannot run in any guest.
#[derive(Debug, thiserror::Error)]
#[error("payload {name}: {what}")]
pub struct PayloadError {
    /// Its name.
    pub name: String,
    /// What is wrong, and what to do.
    pub what: String,
}

/// A payload that was found fit, with its contents.
#[derive(Clone, PartialEq, Eq)]
pub struct Payload {
    name: String,
    nodes: Vec<Node>,
    program: String,
    args: Vec<String>,
    modules: Vec<String>,
}

/// Something in a payload's folder, by its path below it.
#[derive(Clone, PartialEq, Eq)]
struct Node {
    path: String,
    content: Content,
}

#[derive(Clone, PartialEq, Eq)]
enum Content {
    Folder,
    File { mode: u32, bytes: Vec<u8> },
    Link(String),
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, program, args, nodes, .. } = self;
        write!(f, "Payload({name}: {program} {args:?}, {} nodes)", nodes.len())
    }
}

impl Payload {
    /// Reads a payload and looks whether a guest can start it.
    ///
    /// # Errors
    /// [`PayloadError`]: it is not there, cannot be started on x86_64 without libraries, or is too large.
    pub fn read(order: &Order) -> Result<Self, PayloadError> {
        let fail = |what: String| PayloadError { name: order.name.clone(), what };
        check_name(&order.name).map_err(fail)?;
        check_args(&order.args).map_err(fail)?;
        let (nodes, program) = contents(order).map_err(fail)?;
        let Order { name, args, modules, .. } = order.clone();
        let payload = Self { name, nodes, program, args, modules };
        payload.check_program(&order.path).map_err(fail)?;
        Ok(payload)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes it where the guest looks for it.
    pub(crate) fn write(&self, archive: &mut Archive) {
        let folder = format!("{PAYLOAD_DIR}/{}", self.name);
        archive.directory(&folder);
        for node in &self.nodes {
            let path = format!("{folder}/{}", node.path);
            match &node.content {
                Content::Folder => archive.directory(&path),
                Content::File { mode, bytes } => archive.file(&path, *mode, bytes),
                Content::Link(target) => archive.link(&path, target),
            }
        }
        let modules = self.modules.join(" ");
        let fields = [&modules, &self.program].into_iter().chain(&self.args);
        let order: String = fields.map(|field| format!("{field}\0")).collect();
        archive.file(&format!("{folder}.run"), 0o644, order.as_bytes());
    }

    /// The file that a path below the folder leads to, symlinks inside the folder followed.
    fn file(&self, path: &str) -> Option<usize> {
        let mut path = tidy(path)?;
        for _ in 0..8 {
            let at = self.nodes.iter().position(|node| node.path == path)?;
            match &self.nodes[at].content {
                Content::File { .. } => return Some(at),
                Content::Folder => return None,
                Content::Link(target) => {
                    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                    path = match self.inside(target) {
                        Some(absolute) => tidy(absolute)?,
                        None if target.starts_with('/') => return None,
                        None => tidy(&format!("{folder}/{target}"))?,
                    };
                }
            }
        }
        None
    }

    /// What an absolute path of the guest means below the payload's folder.
    fn inside<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(PAYLOAD_DIR)?.strip_prefix('/')?.strip_prefix(self.name.as_str())?.strip_prefix('/')
    }

    fn check_program(&self, path: &Path) -> Result<(), String> {
        let shown = if path.is_dir() { path.join(&self.program) } else { path.to_owned() };
        let shown = shown.display();
        let at = self.file(&self.program).ok_or_else(|| format!("{shown} is not in the payload, or is no file"))?;
        let Content::File { mode, bytes } = &self.nodes[at].content else { return Ok(()) };
        let executable = *mode & 0o111 != 0;
        let kind = kind(bytes);
        match kind {
            Kind::Other if bytes.is_empty() => Err(format!("{shown} is empty")),
            Kind::Other => Err(format!(
                "{shown} is {}no ELF program, and no script; a payload is a static program for x86_64, or a folder",
                if executable { "" } else { "not executable, " }
            )),
            Kind::Unfit(what) => Err(format!("{shown} is {what}")),
            Kind::Dynamic(interpreter) => Err(format!(
                "{shown} is linked dynamically: it asks for the interpreter {interpreter}, which no guest has; link it \
                 statically (cc -static; for Rust --target x86_64-unknown-linux-musl)"
            )),
            Kind::Script(interpreter) => {
                self.check_script(&interpreter, executable).map_err(|e| format!("{shown} {e}"))
            }
            Kind::Static if !executable => Err(format!("{shown} is not executable: chmod +x {shown}")),
            Kind::Static => Ok(()),
        }
    }

    fn check_script(&self, interpreter: &str, executable: bool) -> Result<(), String> {
        let dir = format!("{PAYLOAD_DIR}/{}", self.name);
        let found = self.inside(interpreter).and_then(|inside| self.file(inside));
        let Some(at) = found else {
            return Err(format!(
                "is a script for {interpreter}, which no guest has; put a static one into the payload's folder and name it \
                 by its path in the guest, as in `#!{dir}/busybox sh`"
            ));
        };
        if !executable {
            return Err("is a script that is not executable: chmod +x".to_owned());
        }
        match &self.nodes[at].content {
            Content::File { mode, bytes } if kind(bytes) == Kind::Static && mode & 0o111 != 0 => Ok(()),
            _ => Err(format!("is a script for {interpreter}, which is no static, executable program for x86_64")),
        }
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(good) || name.starts_with('.') {
        return Err(format!(
            "a name has 1 to {MAX_NAME} letters, digits and . _ -, and does not begin with a dot: rename the file, or \
             give it a name by [[payload]] in kernels.toml"
        ));
    }
    Ok(())
}

fn check_args(args: &[String]) -> Result<(), String> {
    if args.iter().any(|arg| arg.contains('\0')) {
        return Err("an argument holds a NUL byte, which no program can be given".to_owned());
    }
    let size: usize = args.iter().map(|arg| arg.len() + 9).sum();
    if size > MAX_ARGS {
        return Err(format!("its arguments have {size} bytes, and old kernels take {MAX_ARGS}: put them into a file"));
    }
    Ok(())
}

/// What lies at the path, and the program among it.
fn contents(order: &Order) -> Result<(Vec<Node>, String), String> {
    let path = &order.path;
    let shown = path.display();
    let about = fs::metadata(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => format!("{shown} is not there"),
        _ => format!("cannot read {shown}: {e}"),
    })?;
    if about.is_file() {
        if order.run.is_some() {
            return Err(format!("{shown} is a file; the program to run is named for a folder only"));
        }
        let mut left = MAX_BYTES;
        let content = read_file(path, &about, &mut left)?;
        return Ok((vec![Node { path: order.name.clone(), content }], order.name.clone()));
    }
    if !about.is_dir() {
        return Err(format!("{shown} is neither a file nor a folder"));
    }
    let mut nodes = Vec::new();
    read_folder(path, "", &mut MAX_BYTES.clone(), &mut nodes)?;
    if nodes.is_empty() {
        return Err(format!("{shown} is an empty folder"));
    }
    let program = match &order.run {
        Some(run) => tidy(run).ok_or_else(|| format!("the program {run:?} is not below {shown}"))?,
        None => {
            let named = PROGRAMS.iter().find(|name| nodes.iter().any(|node| node.path == **name));
            (*named.ok_or_else(|| {
                format!(
                    "{shown} is a folder: which of its programs is to run? name one {}, or say `run = \"bin/x\"` in \
                     kernels.toml, --payload-run bin/x on the command line",
                    PROGRAMS.join(" or ")
                )
            })?)
            .to_owned()
        }
    };
    Ok((nodes, program))
}

/// A path below a folder without `.` and `..`; `None` if it leaves the folder.
fn tidy(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!parts.is_empty() && !path.starts_with("/..")).then(|| parts.join("/"))
}

fn read_folder(folder: &Path, below: &str, left: &mut u64, nodes: &mut Vec<Node>) -> Result<(), String> {
    let wrong = |path: &Path, e: io::Error| format!("cannot read {}: {e}", path.display());
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = entries.map_err(|e| wrong(folder, e))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| format!("the name of {} is no UTF-8", path.display()))?;
        let name = format!("{below}{name}");
        if nodes.len() >= MAX_NODES {
            return Err(format!("{} holds more than {MAX_NODES} files", folder.display()));
        }
        let about = fs::symlink_metadata(&path).map_err(|e| wrong(&path, e))?;
        if about.is_dir() {
            nodes.push(Node { path: name.clone(), content: Content::Folder });
            read_folder(&path, &format!("{name}/"), left, nodes)?;
        } else if about.is_symlink() {
            let target = fs::read_link(&path).map_err(|e| wrong(&path, e))?;
            let target = target.to_str().ok_or_else(|| format!("the target of {} is no UTF-8", path.display()))?;
            nodes.push(Node { path: name, content: Content::Link(target.to_owned()) });
        } else if about.is_file() {
            nodes.push(Node { path: name, content: read_file(&path, &about, left)? });
        } else {
            return Err(format!("{} is neither file, folder nor symlink", path.display()));
        }
    }
    Ok(())
}

fn read_file(path: &Path, about: &fs::Metadata, left: &mut u64) -> Result<Content, String> {
    let too_large = || {
        let mib = MAX_BYTES / (1024 * 1024);
        format!("with {} it is larger than {mib} MiB, which the memory of a guest has no room for", path.display())
    };
    *left = left.checked_sub(about.len()).ok_or_else(too_large)?;
    let bytes = fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    Ok(Content::File { mode: about.permissions().mode() & 0o7777, bytes })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A header that says: static, x86_64.
    fn program() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\x00");
        bytes[16..21].copy_from_slice(&[2, 0, 62, 0, 1]);
        bytes[24] = 1;
        bytes
    }

    /// A program that may be executed.
    fn put(file: &Path) {
        fs::write(file, program()).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn order(path: &Path, run: Option<&str>) -> Order {
        let args = vec!["a b".to_owned(), "\"".to_owned()];
        Order { name: "p".into(), path: path.into(), run: run.map(str::to_owned), args, modules: vec!["veth".into()] }
    }

    fn refusal(path: &Path, run: Option<&str>) -> String {
        Payload::read(&order(path, run)).unwrap_err().to_string()
    }

    #[test]
    fn a_file_keeps_its_permission_and_its_arguments() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        put(&file);
        let payload = Payload::read(&order(&file, None)).unwrap();
        let mut archive = Archive::default();
        payload.write(&mut archive);
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("payload/p.run\0") && text.contains("veth\0p\0a b\0\"\0"), "{text}");
        assert!(text.contains("000081ed"), "rwxr-xr-x: {text}");
    }

    #[test]
    fn a_folder_keeps_its_links_and_names_its_program() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert!(refusal(path, None).contains("empty folder"));
        fs::create_dir(path.join("bin")).unwrap();
        put(&path.join("bin/x"));
        assert!(refusal(path, None).contains("which of its programs"));
        assert!(refusal(path, Some("../x")).contains("not below"));
        assert!(refusal(path, Some("bin/y")).contains("bin/y is not in the payload"));
        assert!(refusal(path, Some("bin")).contains("is no file"));
        symlink("bin/x", path.join("run")).unwrap();
        assert_eq!(Payload::read(&order(path, None)).unwrap().program, "run");
        let mut archive = Archive::default();
        Payload::read(&order(path, Some("./bin/x"))).unwrap().write(&mut archive);
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("payload/p/run\0") && text.contains("0000a1ff") && text.contains("bin/x"), "{text}");
    }

    #[test]
    fn a_script_needs_its_interpreter_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("run");
        fs::write(&script, "#!/bin/sh\n").unwrap();
        assert!(refusal(folder.path(), None).contains("script for /bin/sh"));
        fs::write(&script, "#!/payload/p/sh\n").unwrap();
        assert!(refusal(folder.path(), None).contains("script for /payload/p/sh"));
        fs::write(folder.path().join("sh"), program()).unwrap();
        assert!(refusal(folder.path(), None).contains("not executable"));
        for file in ["run", "sh"] {
            fs::set_permissions(folder.path().join(file), fs::Permissions::from_mode(0o755)).unwrap();
        }
        assert!(Payload::read(&order(folder.path(), None)).is_ok());
    }

    #[test]
    fn each_misfit_has_a_message_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        assert!(refusal(&file, None).contains("is not there"));
        fs::write(&file, "").unwrap();
        assert!(refusal(&file, None).contains("is empty"));
        fs::write(&file, "int main(void);").unwrap();
        assert!(refusal(&file, None).contains("not executable, no ELF program"));
        fs::write(&file, program()).unwrap();
        assert!(refusal(&file, None).contains("x is not executable: chmod +x "));
        put(&file);
        assert!(refusal(&file, Some("x")).contains("for a folder only"));
        let mut wrong = order(&file, None);
        wrong.name = "a b".into();
        assert!(Payload::read(&wrong).unwrap_err().to_string().contains("letters, digits"));
        wrong = order(&file, None);
        wrong.args = vec!["x".repeat(100_000)];
        assert!(Payload::read(&wrong).unwrap_err().to_string().contains("bytes"));
    }
}
