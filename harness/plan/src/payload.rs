//! A payload of the user's own as a test among those of the catalog.

use kernrig_catalog::protocol::PAYLOAD_GROUP;
use kernrig_catalog::{Kconfig, Needs, Test, Version};
use kernrig_kernels::manifest::PayloadEntry;

/// The test that a payload is.
///
/// The catalog's words are static, and a payload is there for as long as the process: it is never given back.
#[must_use]
pub fn payload_test(entry: &PayloadEntry) -> &'static Test {
    let text = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let texts = |texts: &[String]| -> &'static [&'static str] { Vec::leak(texts.iter().map(|t| text(t)).collect()) };
    let option = |any: &Vec<String>| Kconfig { any: texts(any), since: Version(0, 0, 0), until: None };
    let kconfig: Vec<Kconfig> = entry.needs.kconfig.iter().map(option).collect();
    Box::leak(Box::new(Test {
        name: text(&format!("{PAYLOAD_GROUP}{}", entry.name)),
        purpose: text(&entry.purpose),
        needs: Needs {
            since: entry.needs.since.unwrap_or(Version(0, 0, 0)),
            until: entry.needs.until,
            kconfig: Vec::leak(kconfig),
            modules: texts(&entry.needs.modules),
            cmdline: entry.needs.cmdline.as_deref().map(text),
        },
        deadline_s: entry.deadline_s,
        selftest: false,
        // Nobody knows what it leaves behind.
        uses_netns: true,
        own_boot: entry.own_boot,
        params: &[],
        oddities: &[],
        mutants: &[],
    }))
}
