//! `kernrig list`: the tests, one a line.

use kernrig_catalog::{Kconfig, Param, TESTS, Test, Version};

use crate::args::{Global, ListArgs};
use crate::failure::Failure;
use crate::matrix::manifest;
use crate::payloads::Payloads;
use crate::stdout;

pub(crate) fn list(global: &Global, args: &ListArgs) -> Result<u8, Failure> {
    let all = args.tests.is_empty();
    let payloads = Payloads::declared(&manifest(global)?.1)?;
    let selection = payloads.select(&args.tests).map_err(|e| Failure::new(e.to_string().replace("--test ", "")))?;
    for test in TESTS.iter().chain(payloads.tests()).filter(|test| all || selection.has(test)) {
        stdout::line(test.name);
        if args.long {
            stdout::line(format!("    {}", test.purpose));
            stdout::line(format!("    needs {}", needs(test)));
            for param in test.params {
                let Param { name, default, min, max } = param;
                stdout::line(format!("    --param {name}={default} ({min} to {max})"));
            }
        }
    }
    Ok(0)
}

/// What a test needs of a kernel, in one line.
fn needs(test: &Test) -> String {
    let needs = &test.needs;
    let any = needs.since == Version(0, 0, 0);
    let mut words = vec![if any { "any Linux".to_owned() } else { format!("Linux {}", version(needs.since)) }];
    words.extend(needs.until.map(|until| format!("before {}", version(until))));
    words.extend(needs.kconfig.iter().map(option));
    if !needs.modules.is_empty() {
        words.push(format!("module {}", needs.modules.join(" ")));
    }
    words.extend(needs.cmdline.map(|word| format!("command line {word}")));
    if test.selftest {
        words.push("to be named: it breaks the kernel on purpose".to_owned());
    }
    words.join(", ")
}

fn option(option: &Kconfig) -> String {
    let names: Vec<String> = option.any.iter().map(|name| format!("CONFIG_{name}")).collect();
    let from =
        if option.since > Version(2, 6, 19) { format!(" (from {})", version(option.since)) } else { String::new() };
    let until = option.until.map_or_else(String::new, |until| format!(" (before {})", version(until)));
    format!("{}{from}{until}", names.join(" or "))
}

fn version(Version(major, minor, patch): Version) -> String {
    if patch == 0 { format!("{major}.{minor}") } else { format!("{major}.{minor}.{patch}") }
}
