//! A suite: every selected test for one kernel under one variant, each with the decision to run or skip it.

use std::sync::Arc;

use kernrig_catalog::Test;
use kernrig_events::CellId;
use kernrig_kernels::Kernel;
use kernrig_kernels::manifest::VariantNeeds;

use crate::{Selection, needs};

/// Stands for the boot of a kernel; every suite has this cell.
pub const BOOT: &str = "vm::boot";

/// Stands for what showed after a test had ended; a suite has this cell only if something did.
pub const END: &str = "vm::end";

/// A named kernel command line and machine shape.
#[derive(Clone, Debug, Default)]
pub struct Variant {
    /// Name; `default` where none was asked for.
    pub name: String,
    /// Words added to the kernel command line, those of `--append` included.
    pub cmdline: String,
    /// Virtual CPUs.
    pub cpus: u32,
    /// RAM of the guest in MiB.
    pub memory_mib: u32,
    /// What a kernel must have for the variant to mean something.
    pub needs: VariantNeeds,
    /// Tests that mean nothing under it, and why.
    pub leave_out: Option<(Selection, String)>,
}

/// Whether a cell runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It runs.
    Run,
    /// It does not, since the kernel lacks this.
    Skip(String),
}

/// A cell: one test on one kernel under one variant.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The test.
    pub test: &'static Test,
    /// Whether it runs.
    pub decision: Decision,
    /// Numbers that the user gave it; of others it takes its defaults.
    pub params: Vec<(&'static str, u64)>,
    /// Seconds that it has with these numbers, on a host with hardware acceleration.
    pub deadline_s: u32,
}

impl Cell {
    /// A test that runs as the catalog has it.
    #[must_use]
    pub fn plain(test: &'static Test) -> Self {
        Self { test, decision: Decision::Run, params: Vec::new(), deadline_s: test.deadline_s }
    }
}

/// Every selected test for one kernel under one variant.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The kernel.
    pub kernel: Arc<Kernel>,
    /// The variant.
    pub variant: Variant,
    /// Cells in the order in which they run.
    pub cells: Vec<Cell>,
    /// No build options are known: the guest finds out by trying what the kernel has, and says so.
    pub probe: bool,
}

impl Suite {
    /// Lays the needs of the selected tests over a kernel and a variant.
    #[must_use]
    pub fn plan(kernel: Arc<Kernel>, variant: Variant, selection: &Selection) -> Self {
        let senseless = needs::variant_unmet(&variant, &kernel);
        let cell = |test: &'static Test| {
            let reason = senseless.clone().or_else(|| variant.leaves_out(test));
            let reason = reason.or_else(|| needs::unmet(test, &kernel, &variant.cmdline));
            let decision = reason.map_or(Decision::Run, Decision::Skip);
            let params = selection.params();
            Cell { test, decision, params: params.of(test), deadline_s: params.deadline_s(test) }
        };
        let cells = selection.tests().map(cell).collect();
        let probe = kernel.config.is_none();
        Self { kernel, variant, cells, probe }
    }

    /// The same, with those tests run all the same that are only left out because the kernel is older than what they
    /// need: a bug that makes them unsafe there may be what is looked for. Gives what is said against each too.
    #[must_use]
    pub fn insist(mut self) -> (Self, Vec<String>) {
        let mut against = Vec::new();
        let senseless = needs::variant_unmet(&self.variant, &self.kernel);
        for cell in self.cells.iter_mut().filter(|cell| cell.decision != Decision::Run) {
            let Some(reason) = needs::too_old(cell.test, &self.kernel) else { continue };
            let other = senseless.clone().or_else(|| self.variant.leaves_out(cell.test));
            let other = other.or_else(|| needs::unmet_but_age(cell.test, &self.kernel, &self.variant.cmdline));
            cell.decision = other.map_or(Decision::Run, Decision::Skip);
            if cell.decision == Decision::Run {
                against.push(format!("{} {reason}", cell.test.name));
            }
        }
        (self, against)
    }

    /// The identity of a test in this suite.
    #[must_use]
    pub fn id(&self, test: &str) -> CellId {
        CellId { kernel: self.kernel.name.clone(), variant: self.variant.name.clone(), test: test.to_owned() }
    }
}

impl Variant {
    fn leaves_out(&self, test: &Test) -> Option<String> {
        let (_, why) = self.leave_out.as_ref().filter(|(tests, _)| tests.has(test))?;
        Some(format!("not under variant {}: {why}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use kernrig_kernels::{Config, KernelVersion};

    use super::*;

    fn kernel(release: &str, config: Option<&str>) -> Arc<Kernel> {
        Arc::new(Kernel {
            name: "k".to_owned(),
            release: release.to_owned(),
            version: KernelVersion::parse(release).unwrap(),
            image: "bzImage".into(),
            config: config.map(Config::parse),
            system_map: None,
            modules: Vec::new(),
            packages: Vec::new(),
            notes: Vec::new(),
            lease: kernrig_kernels::cache::Lease::none(),
        })
    }

    fn plan(variant: &Variant, kernel: Arc<Kernel>, test: &str) -> Vec<Decision> {
        let selection = Selection::new(&[test.to_owned()]).unwrap();
        Suite::plan(kernel, variant.clone(), &selection).cells.into_iter().map(|cell| cell.decision).collect()
    }

    #[test]
    fn a_variant_is_skipped_where_it_means_nothing() {
        let parse = |text| KernelVersion::parse(text).unwrap();
        let variant = Variant {
            name: "v".to_owned(),
            needs: VariantNeeds {
                since: Some(parse("4.5")),
                until: Some(parse("7.0")),
                kconfig: vec![vec!["MEMCG".to_owned(), "CGROUP_MEM_RES_CTLR".to_owned()], vec!["SMP".to_owned()]],
            },
            ..Variant::default()
        };
        let on = "CONFIG_CGROUP_MEM_RES_CTLR=y\nCONFIG_SMP=y\nCONFIG_UTS_NS=y";
        for (release, config, words) in [
            ("4.4.9", Some(on), "variant v needs Linux 4.5, this is 4.4.9"),
            ("7.0-rc1", Some(on), "variant v is for kernels before Linux 7.0, this is 7.0-rc1"),
            (
                "6.1",
                Some("CONFIG_SMP=y"),
                "variant v needs CONFIG_MEMCG or CONFIG_CGROUP_MEM_RES_CTLR, which this kernel was built without",
            ),
            ("6.1", Some("CONFIG_MEMCG=y"), "variant v needs CONFIG_SMP, which"),
        ] {
            let decisions = plan(&variant, kernel(release, config), "ns::uts::*");
            assert!(!decisions.is_empty());
            for decision in decisions {
                assert!(matches!(&decision, Decision::Skip(reason) if reason.starts_with(words)), "{decision:?}");
            }
        }
        for config in [Some(on), None] {
            assert!(
                plan(&variant, kernel("4.5", config), "ns::uts::hostname_is_private")
                    .iter()
                    .all(|d| *d == Decision::Run),
                "{config:?}"
            );
        }
    }

    #[test]
    fn one_may_insist_on_a_test_that_a_kernel_is_too_old_for_and_on_nothing_else() {
        let insist = |variant: Variant, config: &str| {
            let selection = Selection::new(&["ns::pid::exec_by_a_thread_keeps_init".to_owned()]).unwrap();
            let suite = Suite::plan(kernel("3.5.0", Some(config)), variant, &selection);
            assert_ne!(suite.cells[0].decision, Decision::Run);
            suite.insist()
        };
        let (suite, against) = insist(Variant::default(), "CONFIG_PID_NS=y");
        assert_eq!(suite.cells[0].decision, Decision::Run);
        assert!(against[0].contains("needs Linux 3.8, this is 3.5.0"), "{against:?}");
        let (suite, against) = insist(Variant::default(), "CONFIG_X=y");
        assert!(matches!(&suite.cells[0].decision, Decision::Skip(why) if why.contains("CONFIG_PID_NS")));
        assert!(against.is_empty());
        let others = Some((Selection::new(&["ns::*".to_owned()]).unwrap(), "x".to_owned()));
        let (suite, _) = insist(Variant { leave_out: others, ..Variant::default() }, "CONFIG_PID_NS=y");
        assert_ne!(suite.cells[0].decision, Decision::Run);
    }

    #[test]
    fn a_variant_leaves_tests_out_with_its_reason() {
        let others = Selection::new(&["cgroup1::*".to_owned()]).unwrap();
        let leave_out = Some((others, "version 2 only".to_owned()));
        let variant = Variant { name: "v2".to_owned(), leave_out, ..Variant::default() };
        let skipped = Decision::Skip("not under variant v2: version 2 only".to_owned());
        assert!(plan(&variant, kernel("6.1", None), "cgroup1::*").iter().all(|d| *d == skipped));
        assert!(plan(&variant, kernel("6.1", None), "cgroup2::*").iter().all(|d| *d != skipped));
    }
}
