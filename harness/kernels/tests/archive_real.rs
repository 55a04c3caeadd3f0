//! The host's own Debian mirror, asked only when told to: `KERNRIG_TEST_MIRROR=1 cargo test -p kernrig-kernels --test
//! archive_real -- --nocapture`.

use kernrig_kernels::archive::{ArchiveSpec, Archives, Options, PackageSpec};

#[test]
fn families_of_the_hosts_mirror() {
    if std::env::var_os("KERNRIG_TEST_MIRROR").is_none() {
        std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("SKIPPED: the host's mirror is asked only with KERNRIG_TEST_MIRROR=1\n"),
        )
        .ok();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let options = Options { cache: folder.path().to_owned(), ..Options::default() };
    let debian = ArchiveSpec { name: "debian".into(), ..ArchiveSpec::default() };
    let archives = Archives::new(options, vec![debian]).unwrap();
    let families: [(&str, &[&str], &str); 5] = [
        ("debian-5.10", &["bullseye-security", "bullseye"], "linux-image-5.10.*-cloud-amd64"),
        ("debian-6.1", &["bookworm-security", "bookworm"], "linux-image-6.1.*-cloud-amd64"),
        ("debian-6.12", &["trixie-security", "trixie"], "linux-image-6.12.*-cloud-amd64"),
        ("debian-7", &["trixie-backports"], "linux-image-7.*-cloud-amd64"),
        ("all", &["trixie-backports", "trixie-security", "sid"], "linux-image-*-cloud-amd64"),
    ];
    for (name, suites, glob) in families {
        let spec = PackageSpec {
            archive: "debian".into(),
            suites: suites.iter().map(|suite| (*suite).into()).collect(),
            name: glob.into(),
            ..PackageSpec::default()
        };
        let resolution = archives.resolve(&spec).unwrap();
        let chosen = resolution.chosen().expect("a complete version");
        println!("{name}: {} {} of {} bytes", chosen.name(), chosen.version(), chosen.size());
        println!("  {} complete, {} incomplete", resolution.complete.len(), resolution.incomplete.len());
        println!("  {:?}", resolution.incomplete.first());
        println!("  {:?}", resolution.notes);
        if name == "all" {
            continue;
        }
        let start = std::time::Instant::now();
        let obtained = archives.obtain(name, &spec, None).unwrap();
        let kernel = &obtained.kernel;
        let modules: Vec<&str> = kernel.modules.iter().map(|module| module.name.as_str()).collect();
        println!("  {} in {:?}; {:?}; notes {:?}", kernel.release, start.elapsed(), modules, kernel.notes);
        assert!(kernel.config.as_ref().is_some_and(|config| config.enabled("PID_NS")));
        assert!(archives.is_cached(&obtained.pin));
    }
    println!("cache: {} bytes", archives.cache().bytes());
}
