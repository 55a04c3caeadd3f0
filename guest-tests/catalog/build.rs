//! Tells the build script of `kernrig-guest` where the sources of this crate are, as `DEP_KERNRIG_CATALOG_ROOT`.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::metadata=root={}", env!("CARGO_MANIFEST_DIR"));
}
