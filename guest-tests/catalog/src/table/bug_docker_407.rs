//! docker#407: exec by a thread of a PID namespace's init frees the namespace's own proc mount, from 2.6.24 to 3.7.

use crate::flags::clone;
use crate::mutant::Mutant;
use crate::nr;
use crate::options::{IPC_NS, NET_NS, PID_NS, UTS_NS};
use crate::test::{Param, Test, test};

/// With one worker the freed mount often stays as it was and nothing shows: others have to make use of the memory.
const PARAMS: &[Param] = &[
    Param { name: "iterations", default: 24, min: 1, max: 10_000_000 },
    Param { name: "workers", default: 8, min: 1, max: 16 },
    Param { name: "seconds", default: 0, min: 0, max: 86_400 },
    Param { name: "seed", default: 1, min: 0, max: u64::MAX },
];

/// So many that 2.6.32.69 showed it each time: of 24 rounds, one run in four came through.
const SURE: &[Param] = &[
    Param { name: "iterations", default: 96, min: 1, max: 10_000_000 },
    Param { name: "workers", default: 8, min: 1, max: 16 },
    Param { name: "seconds", default: 0, min: 0, max: 86_400 },
    Param { name: "seed", default: 1, min: 0, max: u64::MAX },
];

/// A container takes as long as tens of inits do.
const WHOLE: &[Param] = &[
    Param { name: "iterations", default: 12, min: 1, max: 10_000_000 },
    Param { name: "workers", default: 4, min: 1, max: 16 },
    Param { name: "seconds", default: 0, min: 0, max: 86_400 },
    Param { name: "seed", default: 1, min: 0, max: u64::MAX },
];

const NO_PID: Mutant = Mutant::lose("no new PID namespace", nr::CLONE, 0, clone::NEWPID);

const fn inits(name: &'static str, purpose: &'static str) -> Test {
    // pid_namespaces(7): 2.6.24. Not of 3.8, the repair: who lacks it is to be caught.
    test(name, purpose).since(2, 6, 24).kconfig(&[PID_NS, UTS_NS]).params(PARAMS).deadline(30).mutants(&[NO_PID])
}

pub(super) const TESTS: &[Test] = &[
    inits(
        "bug::docker_407::reaping_after_exec",
        "a program that a thread of init became reaps its children, by several inits at once",
    )
    .params(SURE),
    inits("bug::docker_407::own_proc", "a program that a thread of init became ends as PID 1 over a proc of its own")
        .mutants(&[NO_PID, Mutant::ignore_when("a proc that is not mounted", nr::MOUNT, 3, 0)]),
    inits(
        "bug::docker_407::containers",
        "whole containers whose init execs by a thread end, whether their engine waits or is killed",
    )
    // 2.6.29: as the namespaces of network_namespaces(7).
    .since(2, 6, 29)
    .kconfig(&[PID_NS, UTS_NS, IPC_NS, NET_NS])
    // Whichever the kernel has; there is a root without any of them.
    .modules(&["aufs", "overlayfs", "overlay"])
    .params(WHOLE)
    .leaves_netns()
    .mutants(&[NO_PID, Mutant::lose("no new mount namespace", nr::CLONE, 0, clone::NEWNS)]),
    inits(
        "bug::docker_407::exec_by_leader",
        "a program that the first of init's threads became reaps its children: never harmful",
    ),
    inits("bug::docker_407::no_exec", "an init with two threads that execs nothing reaps its children: never harmful"),
    inits("bug::docker_407::orphan_storm", "orphans by the dozen end in PID namespaces without an exec: never harmful"),
];
