//! Hand-made configs and the shipped table.

use kernrig_kernels::{Config, KernelVersion};

use crate::{Finding, KERNRIG, Report, State, Table};

fn version(text: &str) -> KernelVersion {
    KernelVersion::parse(text).unwrap()
}

/// A config with everything that the shipped table asks of a version, but for some options.
fn whole(release: &str, without: &[&str]) -> String {
    let version = version(release);
    let table = Table::shipped();
    let engines = [table.engines(), vec![KERNRIG]].concat();
    let empty = table.check(&version, Some(&Config::default()), "", &engines);
    let lines = empty.findings().map(|f| f.fragment.as_str());
    let kept = lines.filter(|line| !without.iter().any(|w| line.starts_with(&format!("CONFIG_{w}="))));
    kept.collect::<Vec<_>>().join("\n")
}

fn check(release: &str, config: &str, cmdline: &str) -> Report {
    let table = Table::shipped();
    table.check(&version(release), Some(&Config::parse(config)), cmdline, &table.engines())
}

fn finding<'r>(report: &'r Report, option: &str) -> &'r Finding {
    report.findings().find(|f| f.options.iter().any(|o| o == option)).unwrap_or_else(|| panic!("no {option}"))
}

#[test]
fn a_whole_config_is_ready_on_every_version_and_for_kernrig_too() {
    let table = Table::shipped();
    assert_eq!(table.engines(), ["docker", "lxc", "criu"]);
    assert_eq!(table.default_engines(), ["docker", "lxc"]);
    for release in
        ["2.6.32.69", "2.6.38", "3.2.0-4-amd64", "3.5.0-27", "3.8.13", "3.16", "4.4", "4.9", "5.10", "6.1", "7.3"]
    {
        let text = whole(release, &[]);
        let engines = [table.engines(), vec![KERNRIG]].concat();
        let report = table.check(&version(release), Some(&Config::parse(&text)), "", &engines);
        let fatal: Vec<_> = report.findings().filter(|f| f.is_fatal()).map(|f| &f.options).collect();
        assert!(report.is_ready(), "{release}: {fatal:?}");
        let nothing = table.check(&version(release), Some(&Config::parse("CONFIG_X=y")), "", &engines);
        assert!(!nothing.is_ready(), "{release}");
    }
}

#[test]
fn one_required_option_less_is_not_ready_and_a_wanted_one_less_is() {
    let report = check("6.1", &whole("6.1", &["PID_NS", "USER_NS"]), "");
    assert!(!report.is_ready());
    assert_eq!(report.fragment(), ["CONFIG_PID_NS=y"]);
    assert_eq!(finding(&report, "PID_NS").required, ["docker", "lxc"]);
    assert_eq!((finding(&report, "USER_NS").state, finding(&report, "USER_NS").is_fatal()), (State::Missing, false));
    assert!(check("6.1", &whole("6.1", &["USER_NS"]), "").is_ready());
    let no_bridge = check("6.1", &whole("6.1", &["BRIDGE"]), "");
    assert!(!no_bridge.is_ready_for("docker") && no_bridge.is_ready_for("lxc"), "lxc does without");
}

#[test]
fn a_renamed_option_counts_under_the_name_of_its_time() {
    let old = check("3.5.0-27", "CONFIG_CGROUP_MEM_RES_CTLR=y", "");
    assert_eq!(finding(&old, "CGROUP_MEM_RES_CTLR").state, State::BuiltIn);
    let new = check("6.1", "CONFIG_CGROUP_MEM_RES_CTLR=y", "");
    assert_eq!(finding(&new, "MEMCG").state, State::Missing);
    assert_eq!(finding(&check("4.15", "", ""), "NF_NAT_IPV4").state, State::Missing);
    assert!(!check("5.10", "", "").findings().any(|f| f.options.iter().any(|o| o == "NF_NAT_IPV4")));
}

#[test]
fn a_module_is_there_for_an_engine_and_not_for_a_boot() {
    let modules = check("6.1", "CONFIG_VETH=m", "");
    assert_eq!(finding(&modules, "VETH").state, State::Module);
    let boot = |text: &str| Table::shipped().check(&version("6.1"), Some(&Config::parse(text)), "", &[KERNRIG]);
    let text = whole("6.1", &["SERIAL_8250", "SERIAL_8250_RUNTIME_UARTS"]);
    let report =
        boot(&format!("{text}\nCONFIG_SERIAL_8250=m\nCONFIG_SERIAL_8250_RUNTIME_UARTS=1\nCONFIG_CMDLINE_OVERRIDE=y"));
    assert_eq!(
        report.fragment(),
        ["# CONFIG_CMDLINE_OVERRIDE is not set", "CONFIG_SERIAL_8250=y", "CONFIG_SERIAL_8250_RUNTIME_UARTS=2"]
    );
    assert!(boot(&whole("6.1", &[])).is_ready());
}

#[test]
fn memory_accounting_that_is_built_in_and_off_is_told_with_its_word() {
    let config = whole("3.16", &["MEMCG_SWAP_ENABLED"]) + "\nCONFIG_MEMCG_DISABLED=y";
    let off = check("3.16.0-4-amd64", &config, "quiet");
    assert_eq!(finding(&off, "MEMCG").state, State::Off);
    assert!(!off.is_ready());
    assert_eq!(off.turn_on(), ["cgroup_enable=memory", "swapaccount=1"]);
    let texts = |report: &Report| report.warnings.iter().map(|w| w.text.clone()).collect::<Vec<_>>().join("\n");
    assert!(texts(&off).contains("no memory accounting") && texts(&off).contains("no swap accounting"));

    let on = check("3.16.0-4-amd64", &config, "cgroup_enable=memory swapaccount=1");
    assert!(on.is_ready() && on.turn_on().is_empty() && on.warnings.is_empty(), "{:?}", on.warnings);
    assert_eq!(finding(&on, "MEMCG").turn_on.as_deref(), Some("cgroup_enable=memory"));

    let refused = check("6.1", &whole("6.1", &[]), "cgroup_disable=memory");
    let memory = finding(&refused, "CGROUP_FREEZER");
    assert_eq!(memory.turned_off_by, None);
    let memory = finding(&refused, "MEMCG");
    assert_eq!((memory.state, memory.turned_off_by.as_deref()), (State::Off, Some("cgroup_disable=memory")));
}

#[test]
fn swap_accounting_is_on_before_and_after_the_years_of_its_option() {
    for (release, option, state) in [
        ("2.6.32.69", "CGROUP_MEM_RES_CTLR_SWAP", State::BuiltIn),
        ("3.2", "CGROUP_MEM_RES_CTLR_SWAP", State::Off),
        ("4.9", "MEMCG_SWAP", State::Off),
        ("5.10", "MEMCG_SWAP", State::BuiltIn),
        ("6.12", "MEMCG", State::BuiltIn),
    ] {
        assert_eq!(finding(&check(release, &format!("CONFIG_{option}=y"), ""), option).state, state, "{release}");
    }
    let enabled = "CONFIG_MEMCG_SWAP=y\nCONFIG_MEMCG_SWAP_ENABLED=y";
    assert_eq!(finding(&check("4.9", enabled, ""), "MEMCG_SWAP").state, State::BuiltIn);
}

#[test]
fn old_kernels_are_warned_of_by_docker() {
    let warned = |release: &str| {
        let report = check(release, &whole(release, &[]), "cgroup_enable=memory swapaccount=1");
        report.warnings.iter().any(|w| w.text.contains("3.8") && w.engines == ["docker"])
    };
    assert!(warned("3.7.10") && warned("2.6.32.69"));
    assert!(!warned("3.8.0-19-generic") && !warned("6.1"));
}

#[test]
fn a_storage_driver_is_needed_and_any_will_do() {
    let none = ["OVERLAY_FS", "AUFS_FS", "BTRFS_FS", "DM_THIN_PROVISIONING"];
    let report = check("6.1", &whole("6.1", &none), "");
    let group = report.groups.iter().find(|g| g.name == "storage drivers").unwrap();
    assert_eq!(group.none_for, ["docker"]);
    assert!(!report.is_ready());
    assert!(check("6.1", &(whole("6.1", &none) + "\nCONFIG_BTRFS_FS=m"), "").is_ready());
}

#[test]
fn without_a_config_nothing_is_claimed_but_what_the_version_says() {
    let table = Table::shipped();
    let report = table.check(&version("3.5.0"), None, "", &table.engines());
    assert!(!report.config && report.is_ready());
    assert!(report.findings().all(|f| f.state == State::Unknown && f.turn_on.is_none()));
    let texts: Vec<_> = report.warnings.iter().map(|w| w.text.as_str()).collect();
    assert!(texts.iter().any(|t| t.contains("3.8")) && !texts.iter().any(|t| t.contains("accounting")), "{texts:?}");
}

#[test]
fn only_what_was_asked_for_is_judged() {
    let report = Table::shipped().check(&version("6.1"), Some(&Config::default()), "", &["lxc"]);
    assert!(report.findings().all(|f| f.required.iter().chain(&f.wanted).all(|e| e == "lxc")));
    assert!(report.groups.iter().all(|g| g.none_for.is_empty()));
    assert!(!report.findings().any(|f| f.options.iter().any(|o| o == "KEYS")));
}

#[test]
fn a_table_with_a_mistake_is_refused() {
    let group = "[[group]]\nname = \"g\"\n";
    for (text, words) in [
        ("[[group]]\nname = \"g\"\n[[need]]\ngroup = \"h\"\noptions = [\"X\"]\nwhy = \"\"\n".to_owned(), "\"h\""),
        (format!("{group}[[need]]\ngroup = \"g\"\noptions = [\"X\"]\nwhy = \"\"\nrequierd = []\n"), "requierd"),
        (
            format!("{group}[[need]]\ngroup = \"g\"\noptions = [\"X\"]\nwhy = \"\"\nsince = \"new\"\n"),
            "no kernel version",
        ),
        (format!("need = []\n{group}[[warning]]\nengines = []\nwithout = \"x\"\ntext = \"t\"\nwhy = \"w\"\n"), "\"x\""),
    ] {
        let message = Table::parse(&text).unwrap_err().to_string();
        assert!(message.contains(words), "{words}: {message}");
    }
}
