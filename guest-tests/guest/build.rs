//! Builds the guest binary with rustc itself: a nested cargo would need its own target folder and network state, and a
//! subfolder with a `Cargo.toml` would be left out of the package.
//!
//! Flags and wrappers meant for the host side (`RUSTFLAGS`, `RUSTC_WRAPPER`, clippy's driver) do not reach it: the
//! guest is the same program whatever the host is built with.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    if let Err(error) = run() {
        println!("cargo::error={error}");
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let manifest = PathBuf::from(var("CARGO_MANIFEST_DIR")?);
    let catalog = PathBuf::from(var("DEP_KERNRIG_CATALOG_ROOT")?);
    let out = PathBuf::from(var("OUT_DIR")?);
    let target = var("TARGET")?;
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", manifest.join("guest").display());
    println!("cargo::rerun-if-changed={}", catalog.join("src").display());
    // For `cargo clippy --features lint` and for whoever builds that target by mistake: it has no C start code.
    println!("cargo::rustc-link-arg-bins=-nostartfiles");
    if !(target.starts_with("x86_64-") && target.contains("-linux-")) {
        return Err(format!(
            "kernrig-guest: the guest binary can be built for x86_64 Linux only, not for `{target}`; \
             build kernrig with --target x86_64-unknown-linux-gnu"
        )
        .into());
    }

    let rlib = out.join("libkernrig_catalog.rlib");
    let mut rustc = rustc(&target, &manifest, &catalog)?;
    rustc.args(["--crate-name", "kernrig_catalog", "--crate-type", "rlib"]);
    rustc.arg("-o").arg(&rlib).arg(catalog.join("src/lib.rs"));
    execute(&mut rustc)?;

    let mut rustc = self::rustc(&target, &manifest, &catalog)?;
    rustc.args(["--crate-name", "kernrig_guest", "--crate-type", "bin"]);
    rustc.arg("--extern").arg(format!("kernrig_catalog={}", rlib.display()));
    rustc.args(["-C", "strip=symbols", "-C", "relocation-model=static", "-C", "target-feature=+crt-static"]);
    for arg in ["-nostartfiles", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"] {
        rustc.arg("-C").arg(format!("link-arg={arg}"));
    }
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={linker}"));
    }
    rustc.arg("-o").arg(out.join("kernrig-guest")).arg(manifest.join("guest/main.rs"));
    execute(&mut rustc)
}

/// The compiler that cargo uses, with what both crates need. Lints are for clippy, not for users' builds.
fn rustc(target: &str, manifest: &Path, catalog: &Path) -> Result<Command, Box<dyn Error>> {
    let mut rustc = Command::new(var("RUSTC")?);
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "CLIPPY_ARGS"] {
        rustc.env_remove(name);
    }
    rustc.args(["--edition", "2024", "--cap-lints", "allow", "--target", target]);
    rustc.args(["-C", "panic=abort", "-C", "opt-level=s", "-C", "codegen-units=1"]);
    // Panic messages carry file names: the same on each machine, so that the binary is too.
    rustc.arg(format!("--remap-path-prefix={}=", manifest.display()));
    rustc.arg(format!("--remap-path-prefix={}=catalog", catalog.display()));
    Ok(rustc)
}

fn execute(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let out = command.output().map_err(|e| format!("kernrig-guest: cannot run {command:?}: {e}"))?;
    if out.status.success() {
        return Ok(());
    }
    for line in String::from_utf8_lossy(&out.stderr).lines() {
        println!("cargo::error={line}");
    }
    Err(format!("kernrig-guest: building the guest binary failed ({}): {command:?}", out.status).into())
}

fn var(name: &str) -> Result<String, Box<dyn Error>> {
    env::var(name).map_err(|_| format!("kernrig-guest: cargo did not set {name}; build with cargo").into())
}
