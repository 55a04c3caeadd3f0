//! What a test needs and a kernel lacks. A need that is met and yet answered with `ENOSYS` is the test's to refute.

use kernrig_catalog::{Kconfig, Test, Version};
use kernrig_kernels::{Config, ConfigValue, Kernel};

use crate::Variant;

/// The first need of the test that the kernel does not meet, in words; `None` if it meets all.
pub(crate) fn unmet(test: &Test, kernel: &Kernel, cmdline: &str) -> Option<String> {
    too_old(test, kernel).or_else(|| unmet_but_age(test, kernel, cmdline))
}

/// That the kernel is older than what the test is about, or than what it is safe on, in words.
pub(crate) fn too_old(test: &Test, kernel: &Kernel) -> Option<String> {
    let since = test.needs.since;
    (!reaches(kernel, since)).then(|| format!("needs Linux {}, this is {}", since, kernel.version))
}

/// The first need that is not met, the kernel's age aside.
pub(crate) fn unmet_but_age(test: &Test, kernel: &Kernel, cmdline: &str) -> Option<String> {
    let needs = &test.needs;
    if let Some(until) = needs.until.filter(|until| reaches(kernel, *until)) {
        return Some(format!("gone since Linux {}, this is {}", until, kernel.version));
    }
    if let Some(config) = &kernel.config {
        if let Some(missing) = needs.kconfig.iter().find(|k| !built_with(config, k, kernel)) {
            let names: Vec<_> = missing.any.iter().map(|n| format!("CONFIG_{n}")).collect();
            return Some(format!("needs {}, which this kernel was built without", names.join(" or ")));
        }
        // An option per module that has one; where an option is built in its module has no file.
        let modular =
            needs.kconfig.iter().filter(|k| k.any.iter().any(|n| config.get(n) == Some(&ConfigValue::Module)));
        let (here, missing) =
            needs.modules.iter().partition::<Vec<&str>, _>(|m| kernel.modules.iter().any(|k| k.name == **m));
        if let Some(module) = missing.first().filter(|_| here.len() < modular.count()) {
            return Some(format!("needs the module {module}, which is not among this kernel's files"));
        }
    }
    let word = needs.cmdline?;
    (!cmdline.split_whitespace().any(|w| w == word)).then(|| format!("needs {word} on the kernel command line"))
}

/// The first need of the variant that the kernel does not meet, in words. Without a config only its version is known.
pub(crate) fn variant_unmet(variant: &Variant, kernel: &Kernel) -> Option<String> {
    let (needs, name) = (&variant.needs, &variant.name);
    if let Some(since) = needs.since.as_ref().filter(|since| !kernel.version.reaches(since)) {
        return Some(format!("variant {name} needs Linux {since}, this is {}", kernel.version));
    }
    if let Some(until) = needs.until.as_ref().filter(|until| kernel.version.reaches(until)) {
        return Some(format!("variant {name} is for kernels before Linux {until}, this is {}", kernel.version));
    }
    let config = kernel.config.as_ref()?;
    let missing = needs.kconfig.iter().find(|names| !names.iter().any(|name| config.enabled(name)))?;
    let names: Vec<_> = missing.iter().map(|name| format!("CONFIG_{name}")).collect();
    Some(format!("variant {name} needs {}, which this kernel was built without", names.join(" or ")))
}

fn built_with(config: &Config, need: &Kconfig, kernel: &Kernel) -> bool {
    let applies = reaches(kernel, need.since) && !need.until.is_some_and(|until| reaches(kernel, until));
    !applies || need.any.iter().any(|name| config.enabled(name))
}

fn reaches(kernel: &Kernel, version: Version) -> bool {
    kernel.version.at_least(version.0.into(), version.1.into(), version.2.into())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use kernrig_catalog::{Kconfig, Needs, Test, Version};
    use kernrig_kernels::{Config, Kernel, KernelVersion, Module};

    use super::unmet;

    const TEST: Test = Test {
        name: "union::overlay::x",
        purpose: "x",
        needs: Needs {
            since: Version(3, 18, 0),
            until: None,
            kconfig: &[
                Kconfig { any: &["OVERLAY_FS"], since: Version(3, 18, 0), until: None },
                Kconfig { any: &["MEMCG_V1"], since: Version(6, 11, 0), until: None },
            ],
            modules: &["overlay"],
            cmdline: None,
        },
        deadline_s: 5,
        selftest: false,
        uses_netns: false,
        own_boot: false,
        params: &[],
        oddities: &[],
        mutants: &[],
    };

    fn kernel(release: &str, config: Option<&str>, modules: &[&str]) -> Kernel {
        let module = |name: &&str| Module { name: (*name).to_owned(), path: PathBuf::new(), needs: Vec::new() };
        Kernel {
            name: "k".to_owned(),
            release: release.to_owned(),
            version: KernelVersion::parse(release).unwrap(),
            image: PathBuf::new(),
            config: config.map(Config::parse),
            system_map: None,
            modules: modules.iter().map(module).collect(),
            packages: Vec::new(),
            notes: Vec::new(),
            lease: kernrig_kernels::cache::Lease::none(),
        }
    }

    #[test]
    fn every_unmet_need_is_named() {
        let y = "CONFIG_OVERLAY_FS=y\n";
        let m = "CONFIG_OVERLAY_FS=m\n";
        let cases = [
            (kernel("2.6.32.69", Some(y), &[]), Some("needs Linux 3.18, this is 2.6.32.69")),
            (kernel("4.4.0", Some("CONFIG_X=y\n"), &[]), Some("CONFIG_OVERLAY_FS")),
            (kernel("4.4.0", Some(y), &[]), None),
            (kernel("4.4.0", Some(m), &[]), Some("the module overlay")),
            (kernel("4.4.0", Some(m), &["overlay"]), None),
            (kernel("6.12.0", Some(y), &[]), Some("CONFIG_MEMCG_V1")),
            (kernel("6.12.0", None, &[]), None),
        ];
        for (kernel, expected) in cases {
            let found = unmet(&TEST, &kernel, "");
            match expected {
                None => assert_eq!(found, None, "{}", kernel.release),
                Some(words) => assert!(found.as_deref().is_some_and(|f| f.contains(words)), "{found:?} {words}"),
            }
        }
    }

    #[test]
    fn a_word_of_the_command_line_must_be_there_whole() {
        let mut test = TEST;
        test.needs.cmdline = Some("swapaccount=1");
        let kernel = kernel("4.4.0", Some("CONFIG_OVERLAY_FS=y\n"), &[]);
        assert!(unmet(&test, &kernel, "quiet swapaccount=10").is_some());
        assert_eq!(unmet(&test, &kernel, "quiet swapaccount=1"), None);
    }
}
