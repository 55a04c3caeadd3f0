//! `kernrig kernels add`: a kernel on this machine as an entry of `kernels.toml`.

use std::fs;
use std::path::{Path, PathBuf};

use kernrig_kernels::local;
use kernrig_kernels::manifest::{Manifest, SHIPPED};
use kernrig_kernels::whole;

use crate::args::Global;
use crate::failure::Failure;
use crate::matrix::FILE;
use crate::stdout;

/// Appends an entry; a file that is not there yet begins as what is compiled in.
pub(super) fn add(global: &Global, name: &str, path: &Path) -> Result<u8, Failure> {
    let failed = |e: std::io::Error| Failure::new(format!("{}: {e}", path.display()));
    let path = fs::canonicalize(path).map_err(failed)?;
    let key = if path.is_dir() && path.join("arch/x86/boot/bzImage").exists() {
        "tree"
    } else if path.is_file() && local::is_deb(&path) {
        return Err(Failure::new(format!("{}: a package has no entry of its own", path.display()))
            .next("give it to `kernrig run -k`, or write an entry with `url` and `sha256`"));
    } else {
        "image"
    };
    // An image is found in its folder; that there is one is found out now and not by the next run.
    let image = if key == "image" && path.is_dir() { image_in(&path)? } else { path };
    let file = global.config.clone().unwrap_or_else(|| PathBuf::from(FILE));
    let text = if file.exists() {
        fs::read_to_string(&file).map_err(|e| Failure::new(format!("cannot read {}: {e}", file.display())))?
    } else {
        SHIPPED.to_owned()
    };
    let quoted = |text: &str| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    let entry = format!("\n[[kernel]]\nname = {}\n{key} = {}\n", quoted(name), quoted(&image.to_string_lossy()));
    let text = format!("{}\n{entry}", text.trim_end());
    Manifest::parse(&text, &file).map_err(|e| Failure::new(format!("the new entry does not fit: {e}")))?;
    whole::write(&file, text.as_bytes()).map_err(|e| Failure::new(format!("cannot write {}: {e}", file.display())))?;
    stdout::line(format!("{}: added {name}; `kernrig run -k {name}` boots it", file.display()));
    Ok(0)
}

fn image_in(folder: &Path) -> Result<PathBuf, Failure> {
    let images = |dir: PathBuf| {
        let files = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok).map(|e| e.path());
        files.filter(|f| {
            let name = f.file_name().unwrap_or_default().to_string_lossy();
            f.is_file() && (name.starts_with("vmlinuz") || name == "bzImage")
        })
    };
    let found: Vec<PathBuf> = images(folder.to_owned()).chain(images(folder.join("boot"))).collect();
    match &found[..] {
        [image] => Ok(image.clone()),
        [] => Err(Failure::new(format!("{} holds no bzImage and no vmlinuz*", folder.display()))),
        _ => Err(Failure::new(format!("{} holds several kernels", folder.display())).next("name the image itself")),
    }
}
